/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes from outside. */
#include "base/base.h"
#include "unit.h"

static void overflow(void)
{
    uint64_t r;
    EXPECT(size_add(1, 2, &r) && r == 3);
    EXPECT(size_add(UINT64_MAX - 1, 1, &r) && r == UINT64_MAX);
    EXPECT(!size_add(UINT64_MAX, 1, &r) && !size_add(1ULL << 63, 1ULL << 63, &r));
    EXPECT(size_mul(1ULL << 32, (1ULL << 32) - 1, &r) && !size_mul(1ULL << 32, 1ULL << 32, &r));
    EXPECT(size_mul(0, UINT64_MAX, &r) && r == 0);
}

static void rounding(void)
{
    EXPECT_EQ(align_up(0, 4096), 0);
    EXPECT_EQ(align_up(1, 4096), 4096);
    EXPECT_EQ(align_up(4096, 4096), 4096);
    EXPECT_EQ(align_down(4095, 4096), 0);
    EXPECT(is_aligned(8192, 4096) && !is_aligned(8193, 4096));
}

static void error_pointers(void)
{
    EXPECT(is_err(err_ptr(-ENOMEM)) && ptr_err(err_ptr(-ENOMEM)) == -ENOMEM);
    EXPECT(!is_err(NULL) && !is_err((void *)(intptr_t)-4096) && is_err((void *)(intptr_t)-4095));
}

static const struct unit_test tests[] = {{"overflow", overflow}, {"rounding", rounding}, {"error_pointers", error_pointers}};
UNIT_MAIN(tests)
