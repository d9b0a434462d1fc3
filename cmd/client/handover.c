/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that naos does not do itself: naos is linked statically, since loading libraries takes longer than a program in a running
 * enclave does. What needs the disassembler, or OpenSSL with its modules, is naos-build's, which is no
 * command of the user's: it lies in libexec.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "cmd/naos/cmd.h"

static int handover(int argc, char **argv)
{
    static const char *const places[] = {"%s/libexec/naos/naos-build", "%s/../libexec/naos/naos-build"};
    char dir[PATH_MAX], path[PATH_MAX + 32];
    char **full = calloc((size_t)argc + 2, sizeof(*full));
    if (!full)
        return STATUS_NAOS_FAILED;
    full[0] = "naos";
    memcpy(full + 1, argv, (size_t)argc * sizeof(*full));
    exe_dir(dir, sizeof(dir));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), places[i], dir);
        execv(path, full); /* only returns if it failed */
        if (errno != ENOENT)
            break;
    }
    fprintf(stderr, "naos: %s: %s; install naos whole\n", path, strerror(errno));
    return STATUS_NAOS_FAILED;
}

int cmd_build(int argc, char **argv)
{
    return handover(argc, argv);
}

int cmd_sign(int argc, char **argv)
{
    return handover(argc, argv);
}

int cmd_image_build(const char *dir, const char *to, const char *key_file)
{
    char *argv[] = {"image", "build", (char *)dir, (char *)to, key_file ? "--key" : NULL, (char *)key_file, NULL};
    return handover(key_file ? 6 : 4, argv);
}

int cmd_core(int argc, char **argv)
{
    return handover(argc, argv);
}

int cmd_verify(int argc, char **argv)
{
    return handover(argc, argv);
}
