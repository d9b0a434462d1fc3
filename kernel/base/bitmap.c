/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bitmap.h"

/* The first bit at or after `from` in the words, each turned over by `flip`. */
static size_t find(const uint64_t *map, size_t count, size_t from, uint64_t flip)
{
    while (from < count) {
        uint64_t word = (map[from / 64] ^ flip) >> (from % 64);
        if (word)
            return MIN(count, from + (size_t)__builtin_ctzll(word));
        from = (from / 64 + 1) * 64;
    }
    return count;
}

size_t bitmap_find_set(const uint64_t *map, size_t count, size_t from)
{
    return find(map, count, from, 0);
}

size_t bitmap_find_clear(const uint64_t *map, size_t count, size_t from)
{
    return find(map, count, from, ~0ULL);
}
