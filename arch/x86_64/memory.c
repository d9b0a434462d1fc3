/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy and its like by the string instructions, which are as fast as any loop on processors with ERMS and FSRM. */
#include "base/string.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t size)
{
    void *d = dst;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(size) : : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t size)
{
    if ((uintptr_t)dst - (uintptr_t)src >= size)
        return memcpy(dst, src, size);
    unsigned char *d = (unsigned char *)dst + size;
    const unsigned char *s = (const unsigned char *)src + size;
    while (size-- > 0)
        *--d = *--s;
    return dst;
}

void *memset(void *dst, int c, size_t size)
{
    void *d = dst;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(c) : "memory");
    return dst;
}
