/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of system calls: ordinary programs that exit 0 on Linux and in naos alike. */
#pragma once
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: %s: errno %d (%s)\n", __FILE__, __LINE__, #cond, errno, strerror(errno)); \
            _Exit(1); \
        } \
    } while (0)

/* The call fails with this error. */
#define CHECK_ERRNO(call, error) \
    do { \
        errno = 0; \
        CHECK((call) == -1); \
        CHECK(errno == (error)); \
    } while (0)

/* An address where nothing is, that the compiler does not know. */
static void *volatile nowhere __attribute__((unused)) = (void *)8;
