/* SPDX-License-Identifier: Apache-2.0 */
/* Core files, as the enclave gives them: plain ELF, or encrypted (naos/core.h). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "serve_internal.h"

static struct {
    int fd; /* 0: none; -1: it cannot be written */
    char path[PATH_MAX];
} core;

static void core_fail(void)
{
    error_report("%s: %s", core.path, strerror(errno));
    if (core.fd > 0) {
        close(core.fd);
        unlink(core.path);
    }
    core.fd = -1;
}

/* "DIR/core.NAME.PID": the name is the program's choice. */
static void core_begin(const char *dir, int64_t pid, const char *name, size_t size)
{
    char clean[17];
    size_t len = 0;
    for (; len < size && len < sizeof(clean) - 1; len++)
        clean[len] = isalnum((unsigned char)name[len]) || (len > 0 && strchr("._-", name[len])) ? name[len] : '_';
    clean[len] = 0;
    snprintf(core.path, sizeof(core.path), "%s/core.%s.%d", dir, clean, (int)pid);
    core.fd = open(core.path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (core.fd < 0)
        core_fail();
}

static void core_end(int64_t size, const char *why, size_t why_size)
{
    if (core.fd > 0 && size > 0 && ftruncate(core.fd, size) == 0 && close(core.fd) == 0) {
        error_report("core file: %s", core.path);
    } else if (core.fd > 0 && size == 0) {
        error_report("%.*s", (int)why_size, why);
        close(core.fd);
        unlink(core.path);
    } else if (core.fd > 0) {
        core_fail();
    }
    core.fd = 0;
}

void core_take(const char *dir, uint32_t kind, int64_t value, const void *bytes, size_t size)
{
    if (kind == REPLY_CORE_BEGIN && dir && core.fd == 0)
        core_begin(dir, value, bytes, size);
    else if (kind == REPLY_CORE_PART && core.fd > 0 && pwrite(core.fd, bytes, size, value) != (ssize_t)size)
        core_fail();
    else if (kind == REPLY_CORE_END)
        core_end(value, bytes, size);
}
