/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include "heap/heap.h"
#include "procfs/internal.h"

#define FIRST_CAPACITY 1024

char *text_reserve(struct text *t, size_t size)
{
    size_t wanted = t->size + size + 1;
    if (t->is_failed)
        return NULL;
    if (wanted > t->capacity) {
        size_t capacity = MAX(MAX(t->capacity * 2, wanted), (size_t)FIRST_CAPACITY);
        char *buf = heap_realloc(t->buf, t->capacity, capacity);
        if (!buf) {
            t->is_failed = true;
            return NULL;
        }
        t->buf = buf;
        t->capacity = capacity;
    }
    return t->buf + t->size;
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = format_v(NULL, 0, fmt, args);
    va_end(args);
    char *at = text_reserve(t, (size_t)size);
    if (!at)
        return;
    va_start(args, fmt);
    int written = format_v(at, (size_t)size + 1, fmt, args); /* a name may have grown meanwhile: cut then */
    va_end(args);
    t->size += (size_t)MIN(written, size);
}

void text_add_bytes(struct text *t, const void *bytes, size_t size)
{
    char *at = text_reserve(t, size);
    if (!at)
        return;
    memcpy(at, bytes, size);
    t->size += size;
}

void text_free(struct text *t)
{
    heap_free(t->buf);
    *t = (struct text){0};
}
