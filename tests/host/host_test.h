/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the untrusted half: each result is a line, `ok host/NAME` or `FAIL host/NAME: why`. */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/remove.h"

static int test_failures;
static char test_dir[] = "/tmp/naos-host-test.XXXXXX";

__attribute__((format(printf, 3, 4))) static inline bool test_result(bool is_ok, const char *name,
                                                                     const char *why, ...)
{
    va_list args;
    printf("%s host/%s", is_ok ? "ok" : "FAIL", name);
    if (!is_ok) {
        va_start(args, why);
        printf(": ");
        vprintf(why, args);
        va_end(args);
        test_failures++;
    }
    putchar('\n');
    return is_ok;
}

static inline void test_end(void)
{
    tree_remove(test_dir);
}

/* A folder that goes away at exit. */
static inline void test_begin(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(test_dir)) {
        perror(test_dir);
        exit(1);
    }
    atexit(test_end);
}

/* A path in the test's folder; valid until the fourth call from now. */
static inline const char *test_path(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", test_dir, name);
    return path;
}

static inline void test_file(const char *name, const void *data, size_t size)
{
    int fd = open(test_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        perror(name);
        exit(1);
    }
    close(fd);
}

/* A shell command's exit status. */
__attribute__((format(printf, 1, 2))) static inline int test_command(const char *fmt, ...)
{
    char command[3 * PATH_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}
