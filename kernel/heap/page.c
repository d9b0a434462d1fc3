/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages: a buddy allocator over the kernel range, that grows by committing. A table of one byte for each page says the
 * order of a block and whether it is free. Whole largest blocks that are free go back when memory is short, and are holes until the heap
 * grows again. In front of it each vCPU has a few single pages of its own.
 *
 * Lock: page_lock guards the free lists and the table. A vCPU's own pages need none: kernel code is not preempted.
 */
#include "heap/heap.h"
#include "base/list.h"
#include "base/spinlock.h"
#include "base/string.h"
#include "heap/page_internal.h"
#include "platform/plat.h"
#include "sched/sched.h"

#define GROW_SIZE  (PAGE_SIZE << PAGE_ORDER_MAX) /* 4 MiB: one largest block */
#define CACHE_PAGES 64

enum { PAGE_ORDER_MASK = 15, PAGE_IS_FREE = 16, PAGE_IS_HEAD = 32, PAGE_IS_HOLE = 64 };

static struct spinlock page_lock = SPINLOCK(LOCK_PAGE);
static struct list free_lists[PAGE_ORDER_MAX + 1];
static uint8_t *page_table; /* indexed by page number in the kernel range */
static uintptr_t range_start, first_block, grown_to;
static uintptr_t table_to, owners_to; /* committed of the tables */
struct page_owner *page_owners;

static struct page_cache {
    unsigned count;
    void *pages[CACHE_PAGES];
} caches[VCPU_MAX];

/* ---- the budget -------------------------------------------------------------------------------------- */

static uint64_t memory_used, memory_peak, kernel_used;
static uint64_t kernel_free; /* of kernel_used, in free_lists; written under page_lock */
static unsigned hole_count;  /* blocks below grown_to that were given back */

static void heap_trim(void);

static bool try_charge(uint64_t bytes, uint64_t *used)
{
    *used = __atomic_add_fetch(&memory_used, bytes, __ATOMIC_RELAXED);
    if (*used <= plat_info.memory_size)
        return true;
    __atomic_fetch_sub(&memory_used, bytes, __ATOMIC_RELAXED);
    return false;
}

/* What gives memory back, cheapest first: then it is tried again. */
static int charge(uint64_t bytes, bool may_trim)
{
    uint64_t used;
    bool is_charged = try_charge(bytes, &used);
    if (!is_charged) {
        memory_ops.reclaim();
        is_charged = try_charge(bytes, &used);
    }
    if (!is_charged && may_trim) {
        heap_trim();
        is_charged = try_charge(bytes, &used);
    }
    if (!is_charged)
        return -ENOMEM;
    if (used > __atomic_load_n(&memory_peak, __ATOMIC_RELAXED))
        __atomic_store_n(&memory_peak, used, __ATOMIC_RELAXED);
    return 0;
}

int memory_charge(uint64_t bytes)
{
    return charge(bytes, true);
}

void memory_uncharge(uint64_t bytes)
{
    __atomic_fetch_sub(&memory_used, bytes, __ATOMIC_RELAXED);
}

/* The heap's free pages are as good as free memory: it can have them, and whole blocks of them go back (heap_trim). */
static bool is_nearly_full(void)
{
    uint64_t used = __atomic_load_n(&memory_used, __ATOMIC_RELAXED) - __atomic_load_n(&kernel_free, __ATOMIC_RELAXED);
    return used > plat_info.memory_size - plat_info.memory_size / 32;
}

bool memory_is_short(void)
{
    if (!is_nearly_full())
        return false;
    memory_ops.reclaim();
    return is_nearly_full();
}

void memory_stats(struct memory_stats *stats)
{
    stats->total = plat_info.memory_size;
    stats->used = __atomic_load_n(&memory_used, __ATOMIC_RELAXED);
    stats->peak = __atomic_load_n(&memory_peak, __ATOMIC_RELAXED);
    stats->kernel_used = kernel_used;
}

/* ---- growing -------------------------------------------------------------------------------------------- */

static int commit(uintptr_t addr, size_t size)
{
    const struct plat_range range = {addr, size, PLAT_PROT_READ | PLAT_PROT_WRITE, 0};
    int err = charge(size, false); /* under page_lock, and nothing is there to trim where the heap grows */
    if (err)
        return err;
    err = plat_mem_commit(&range, 1);
    if (err)
        memory_uncharge(size);
    else
        kernel_used += size;
    return err;
}

size_t page_index(const void *page)
{
    return ((uintptr_t)page - range_start) >> PAGE_SHIFT;
}

static void block_insert(void *block, unsigned order)
{
    page_table[page_index(block)] = (uint8_t)(PAGE_IS_FREE | PAGE_IS_HEAD | order);
    list_push_front(&free_lists[order], (struct list *)block);
}

static int table_commit(uintptr_t *to, const void *end)
{
    uintptr_t want = align_up((uintptr_t)end, PAGE_SIZE);
    int err = want > *to ? commit(*to, want - *to) : 0;
    *to = err ? *to : MAX(*to, want);
    return err;
}

/* The block of the first hole, or 0. */
static uintptr_t hole_find(void)
{
    uintptr_t at = first_block;
    while (at < grown_to && page_table[page_index((void *)at)] != PAGE_IS_HOLE)
        at += GROW_SIZE;
    return at < grown_to ? at : 0;
}

static int hole_fill(void)
{
    uintptr_t at = hole_find();
    CHECK(at);
    int err = commit(at, GROW_SIZE);
    if (err)
        return err;
    hole_count--;
    block_insert((void *)at, PAGE_ORDER_MAX);
    kernel_free += GROW_SIZE;
    return 0;
}

/* Whole blocks that are free go back, so that programs can have the memory. */
static void heap_trim(void)
{
    spin_lock(&page_lock);
    while (!list_is_empty(&free_lists[PAGE_ORDER_MAX])) {
        struct list *block = free_lists[PAGE_ORDER_MAX].next;
        const struct plat_range range = {(uintptr_t)block, GROW_SIZE, PLAT_PROT_NONE, 0};
        list_remove(block);
        page_table[page_index(block)] = PAGE_IS_HOLE;
        plat_mem_release(&range, 1);
        memory_uncharge(GROW_SIZE);
        kernel_used -= GROW_SIZE;
        kernel_free -= GROW_SIZE;
        hole_count++;
    }
    spin_unlock(&page_lock);
}

static int grow(void)
{
    if (hole_count)
        return hole_fill();
    size_t end = page_index((void *)(grown_to + GROW_SIZE));
    if (grown_to + GROW_SIZE > plat_info.kernel_end)
        return -ENOMEM;
    int err = table_commit(&table_to, page_table + end);
    if (err == 0)
        err = table_commit(&owners_to, page_owners + end);
    if (err == 0)
        err = commit(grown_to, GROW_SIZE);
    if (err)
        return err;
    block_insert((void *)grown_to, PAGE_ORDER_MAX);
    kernel_free += GROW_SIZE;
    grown_to += GROW_SIZE;
    return 0;
}

/* The tables come first, with room for all memory and for themselves: a byte and an owner a page. Their own pages come as the heap grows. */
void heap_init(void)
{
    size_t pages = (plat_info.kernel_end - plat_info.kernel_start) >> PAGE_SHIFT, memory = plat_info.memory_size >> PAGE_SHIFT;
    pages = MIN(pages, memory + memory / 128 + 2 * (GROW_SIZE >> PAGE_SHIFT));
    size_t table = align_up(pages, PAGE_SIZE), owners = align_up(pages * sizeof(struct page_owner), PAGE_SIZE);
    for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++)
        list_init(&free_lists[i]);
    range_start = plat_info.kernel_start;
    page_table = (uint8_t *)range_start;
    page_owners = (struct page_owner *)(range_start + table);
    first_block = grown_to = align_up(range_start + table + owners, GROW_SIZE);
    table_to = align_down((uintptr_t)&page_table[page_index((void *)grown_to)], PAGE_SIZE);
    owners_to = align_down((uintptr_t)&page_owners[page_index((void *)grown_to)], PAGE_SIZE);
}

/* ---- buddies -------------------------------------------------------------------------------------------- */

static void *block_take(unsigned order)
{
    unsigned from = order;
    while (from <= PAGE_ORDER_MAX && list_is_empty(&free_lists[from]))
        from++;
    if (from > PAGE_ORDER_MAX)
        return NULL;
    char *block = (char *)free_lists[from].next;
    list_remove((struct list *)block);
    while (from > order) {
        from--;
        block_insert(block + (PAGE_SIZE << from), from);
    }
    page_table[page_index(block)] = (uint8_t)(PAGE_IS_HEAD | order);
    return block;
}

static void *block_alloc(unsigned order)
{
    spin_lock(&page_lock);
    void *block = block_take(order);
    if (!block && grow() == 0)
        block = block_take(order);
    if (block)
        kernel_free -= PAGE_SIZE << order;
    spin_unlock(&page_lock);
    return block;
}

static void block_free(void *block, unsigned order)
{
    spin_lock(&page_lock);
    CHECK(page_table[page_index(block)] == (PAGE_IS_HEAD | order));
    kernel_free += PAGE_SIZE << order;
    uintptr_t addr = (uintptr_t)block;
    page_table[page_index(block)] = 0;
    while (order < PAGE_ORDER_MAX) {
        uintptr_t buddy = addr ^ (PAGE_SIZE << order);
        if (buddy < align_up((uintptr_t)page_owners, GROW_SIZE) || buddy >= grown_to ||
            page_table[page_index((void *)buddy)] != (PAGE_IS_FREE | PAGE_IS_HEAD | order))
            break;
        list_remove((struct list *)buddy);
        page_table[page_index((void *)buddy)] = 0;
        addr = MIN(addr, buddy);
        order++;
    }
    block_insert((void *)addr, order);
    spin_unlock(&page_lock);
}

/* ---- the interface ------------------------------------------------------------------------------------- */

static struct page_cache *cache_mine(void)
{
    struct vcpu *vcpu = arch_vcpu();
    return vcpu ? &caches[vcpu->id] : &caches[0];
}

void *page_alloc(unsigned order)
{
    CHECK(order <= PAGE_ORDER_MAX);
    struct page_cache *cache = cache_mine();
    if (order == 0 && cache->count > 0)
        return cache->pages[--cache->count];
    return block_alloc(order);
}

void *page_alloc_zero(unsigned order)
{
    void *page = page_alloc(order);
    if (page)
        memset(page, 0, PAGE_SIZE << order);
    return page;
}

void page_free(void *pages, unsigned order)
{
    struct page_cache *cache = cache_mine();
    page_owners[page_index(pages)].slab = NULL;
    if (order == 0 && cache->count < CACHE_PAGES)
        cache->pages[cache->count++] = pages;
    else
        block_free(pages, order);
}
