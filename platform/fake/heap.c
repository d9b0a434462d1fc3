/* SPDX-License-Identifier: Apache-2.0 */
/* heap.h on malloc: overruns, use after free and leaks are seen. New memory is full of a pattern. */
#include "heap/heap.h"
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include "platform/plat.h"

#define FRESH 0xa5

static uint64_t used, peak;

static void *take(size_t align, size_t size)
{
    if (fake_fault_due(FAKE_FAULT_ALLOC))
        return NULL;
    void *p = NULL;
    if (posix_memalign(&p, align, size))
        fake_die("the test is out of memory");
    memset(p, FRESH, size);
    fake_heap_count++;
    return p;
}

static void give(void *p)
{
    fake_heap_count -= p != NULL;
    free(p);
}

void heap_init(void)
{
}

void *page_alloc(unsigned order)
{
    CHECK(order <= PAGE_ORDER_MAX);
    return take(PAGE_SIZE << order, PAGE_SIZE << order);
}

void *page_alloc_zero(unsigned order)
{
    void *p = page_alloc(order);
    if (p)
        memset(p, 0, PAGE_SIZE << order);
    return p;
}

void page_free(void *pages, unsigned order)
{
    CHECK(pages && malloc_usable_size(pages) >= PAGE_SIZE << order && is_aligned((uintptr_t)pages, PAGE_SIZE << order));
    give(pages);
}

void *heap_alloc(size_t size)
{
    if (size > PAGE_SIZE << PAGE_ORDER_MAX)
        return NULL;
    return size >= PAGE_SIZE ? take(PAGE_SIZE, size) : take(16, MAX(size, 1));
}

void *heap_zalloc(size_t size)
{
    void *p = heap_alloc(size);
    if (p)
        memset(p, 0, size);
    return p;
}

void *heap_realloc(void *ptr, size_t old_size, size_t new_size)
{
    void *moved = heap_alloc(new_size);
    if (moved && ptr) {
        memcpy(moved, ptr, MIN(old_size, new_size));
        give(ptr);
    }
    return moved;
}

void heap_free(void *ptr)
{
    give(ptr);
}

int memory_charge(uint64_t bytes)
{
    if (fake_fault_due(FAKE_FAULT_ALLOC) || used + bytes > plat_info.memory_size)
        return -ENOMEM;
    used += bytes;
    peak = MAX(peak, used);
    return 0;
}

void memory_uncharge(uint64_t bytes)
{
    CHECK(bytes <= used);
    used -= bytes;
}

bool memory_is_short(void)
{
    return used > plat_info.memory_size - plat_info.memory_size / 32;
}

void memory_stats(struct memory_stats *stats)
{
    *stats = (struct memory_stats){.total = plat_info.memory_size, .used = used, .peak = peak, .kernel_used = 0};
}
