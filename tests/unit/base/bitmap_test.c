/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bitmap.h"
#include "unit.h"

static void finds_as_one_by_one(void)
{
    uint64_t map[BITMAP_WORDS(200)] = {0};
    for (int round = 0; round < 200; round++) {
        size_t at = fake_random() % 200, from = fake_random() % 201, set = from, clear = from;
        if (fake_random() % 2)
            bitmap_set(map, at);
        else
            bitmap_clear(map, at);
        while (set < 200 && !bitmap_test(map, set))
            set++;
        while (clear < 200 && bitmap_test(map, clear))
            clear++;
        EXPECT_EQ(bitmap_find_set(map, 200, from), set);
        EXPECT_EQ(bitmap_find_clear(map, 200, from), clear);
    }
}

static void full_and_empty(void)
{
    uint64_t map[2] = {0, 0};
    EXPECT_EQ(bitmap_find_set(map, 128, 0), 128);
    map[0] = map[1] = ~0ULL;
    EXPECT_EQ(bitmap_find_clear(map, 128, 0), 128);
    EXPECT_EQ(bitmap_find_set(map, 128, 127), 127);
}

static const struct unit_test tests[] = {
    {"finds_as_one_by_one", finds_as_one_by_one, .seeds = 8},
    {"full_and_empty", full_and_empty},
};
UNIT_MAIN(tests)
