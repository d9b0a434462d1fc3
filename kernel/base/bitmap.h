/* SPDX-License-Identifier: Apache-2.0 */
/* Bits in an array of 64-bit words. Not atomic. */
#pragma once
#include "base/base.h"

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const uint64_t *map, size_t idx)
{
    return (map[idx / 64] >> (idx % 64)) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t idx)
{
    map[idx / 64] |= 1ULL << (idx % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t idx)
{
    map[idx / 64] &= ~(1ULL << (idx % 64));
}

/* The first set (clear) bit at or after `from`; `count` if there is none. */
size_t bitmap_find_set(const uint64_t *map, size_t count, size_t from);
size_t bitmap_find_clear(const uint64_t *map, size_t count, size_t from);
