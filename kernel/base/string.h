/* SPDX-License-Identifier: Apache-2.0 */
/* The part of <string.h> that the kernel uses, and formatting. */
#pragma once
#include <stdarg.h>
#include "base/base.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t size);
void *memmove(void *dst, const void *src, size_t size);
void *memset(void *dst, int c, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *s, int c, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* Copies at most size - 1 bytes and ends dst with a zero. Returns strlen(src); >= size means cut. */
size_t str_copy(char *dst, const char *src, size_t size);
bool str_has_prefix(const char *s, const char *prefix);
/* Wipes secrets: never optimised away. */
void mem_wipe(void *buf, size_t size);
/* Equal in time that does not depend on the content. */
bool mem_equal_ct(const void *a, const void *b, size_t size);

/*
 * printf to a buffer: %d %i %u %x %X %o %c %s %p %% with l, ll, z, h, width, precision, '-', '0', '#', '+'.
 * Returns what the whole text would take, as snprintf does.
 */
int format_v(char *buf, size_t size, const char *fmt, va_list args);
int format(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);
