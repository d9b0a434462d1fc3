/* SPDX-License-Identifier: Apache-2.0 */
#include "ld_cache.h"
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "base/program.h"

#define LDCONFIG "/sbin/ldconfig" /* often not in the PATH of users */

void ld_cache_make(const char *image)
{
    char *const argv[] = {LDCONFIG, "-X", "-i", "-r", (char *)image, NULL}; /* links are left alone */
    char linker[PATH_MAX];
    struct error ignored;
    snprintf(linker, sizeof(linker), "%s/lib64/ld-linux-x86-64.so.2", image);
    if (access(linker, F_OK) == 0 && access(LDCONFIG, X_OK) == 0 && program_run(argv, "no cache of libraries", &ignored) < 0)
        fprintf(stderr, "naos add: warning: %s\n", ignored.text);
}
