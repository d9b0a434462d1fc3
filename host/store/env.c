/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's core finds in the kernel, for tools and tests on the host. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/log.h"
#include "base/string.h"
#include "crypto/random.h"
#include "heap/heap.h"

enum log_level log_level = LOG_OFF;

void log_write(enum log_level level, const char *fmt, ...)
{
    va_list args;
    (void)level;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

_Noreturn void check_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: this must hold: %s\n", file, line, cond);
    abort();
}

void *heap_alloc(size_t size)
{
    return malloc(size);
}

void *heap_zalloc(size_t size)
{
    return calloc(1, size);
}

void heap_free(void *ptr)
{
    free(ptr);
}

void random_bytes(void *buf, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)buf + done, size - done, 0);
        if (n < 0)
            abort();
        done += (size_t)n;
    }
}

void mem_wipe(void *buf, size_t size)
{
    explicit_bzero(buf, size);
}

bool mem_equal_ct(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < size; i++)
        diff |= x[i] ^ y[i];
    return diff == 0;
}
