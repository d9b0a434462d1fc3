/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own page allocator, on memory that the platform commits. */
#include "base/string.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "unit.h"

#define BLOCKS 300

static struct block {
    unsigned char *at;
    unsigned order;
    unsigned char mark;
} blocks[BLOCKS];

static void block_check(const struct block *b)
{
    EXPECT(is_aligned((uintptr_t)b->at, PAGE_SIZE << b->order));
    for (size_t off = 0; off < PAGE_SIZE << b->order; off += 512)
        EXPECT_EQ(b->at[off], b->mark);
}

static void toggle(struct block *b)
{
    if (b->at) {
        block_check(b);
        page_free(b->at, b->order);
        b->at = NULL;
        return;
    }
    b->order = (unsigned)(fake_random() % (fake_random() % 8 ? 3 : 7));
    b->mark = (unsigned char)fake_random();
    b->at = page_alloc(b->order);
    if (b->at)
        memset(b->at, b->mark, PAGE_SIZE << b->order);
}

/* Blocks do not overlap: each still holds its own mark. */
static void random_use(void)
{
    for (int round = 0; round < 4000; round++)
        toggle(&blocks[fake_random() % BLOCKS]);
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (blocks[i].at)
            toggle(&blocks[i]);
    }
    void *whole = page_alloc(PAGE_ORDER_MAX);
    EXPECT(whole);
    page_free(whole, PAGE_ORDER_MAX);
}

static void ends_with_null(void)
{
    unsigned count = 0;
    while (page_alloc(PAGE_ORDER_MAX))
        count++;
    EXPECT(count >= 8 && count <= 64 / 4);
    while (page_alloc(0))
        count++;
    EXPECT(page_alloc(0) == NULL && page_alloc_zero(1) == NULL && heap_alloc(PAGE_SIZE) == NULL);
}

/* What the heap does not use any more, programs can have, and then the heap again. */
static void gives_back(void)
{
    static void *all[64];
    for (int round = 0; round < 5; round++) {
        unsigned count = 0;
        while ((all[count] = page_alloc(PAGE_ORDER_MAX)))
            memset(all[count++], round, 4096);
        struct memory_stats m;
        memory_stats(&m);
        EXPECT(count >= 8);
        EXPECT_EQ(memory_charge(m.total - m.used + PAGE_SIZE), -ENOMEM);
        for (unsigned i = 0; i < count; i++)
            page_free(all[i], PAGE_ORDER_MAX);
        EXPECT(!memory_is_short());
        uint64_t size = m.total - m.used + ((uint64_t)count - 1) * (PAGE_SIZE << PAGE_ORDER_MAX);
        EXPECT_EQ(memory_charge(size), 0);
        EXPECT(memory_is_short());
        memory_uncharge(size);
        random_use();
    }
}

static void host_gives_none(void)
{
    struct memory_stats before, after;
    memory_stats(&before);
    fake_fail(FAKE_FAULT_COMMIT, 1, true);
    while (page_alloc(4))
        ;
    EXPECT(fake_has_failed(FAKE_FAULT_COMMIT));
    memory_stats(&after);
    EXPECT_EQ(after.used, before.used); /* what was not given is not charged */
    fake_fail(FAKE_FAULT_COMMIT, 0, false);
    EXPECT(page_alloc(PAGE_ORDER_MAX));
}

static const struct unit_test tests[] = {
    {"random_use", random_use, .seeds = 10},
    {"gives_back", gives_back},
    {"ends_with_null", ends_with_null},
    {"host_gives_none", host_gives_none},
};
UNIT_MAIN(tests)
