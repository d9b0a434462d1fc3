/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own memory. Pages come from the kernel range of the platform and are committed by need;
 * small objects come from slabs of one size each. Nothing here sleeps. NULL where memory is out: every
 * caller has an answer to that (-ENOMEM).
 */
#pragma once
#include "base/base.h"

void heap_init(void);

/* 2^order adjacent pages, aligned to their size, content unspecified. order <= PAGE_ORDER_MAX. */
#define PAGE_ORDER_MAX 10
void *page_alloc(unsigned order);
void *page_alloc_zero(unsigned order);
void page_free(void *pages, unsigned order);

/* Any size; 16-byte aligned, page aligned from PAGE_SIZE on. heap_alloc's content is unspecified. */
void *heap_alloc(size_t size);
void *heap_zalloc(size_t size);
/* The content moves along; NULL leaves the old block as it was. */
void *heap_realloc(void *ptr, size_t old_size, size_t new_size);
void heap_free(void *ptr); /* NULL is fine */

/*
 * Memory that may be committed is one budget for the kernel's pages and the users'. heap and mm both
 * charge before they commit. -ENOMEM when the measured size is reached.
 */
nodiscard int memory_charge(uint64_t bytes);
void memory_uncharge(uint64_t bytes);
/*
 * The last of it (1/32) is kept for what is there already: pages that programs touch, names that are removed. What only asks for
 * more (processes, threads, open files, content of files in memory) looks here first, and is refused.
 */
nodiscard bool memory_is_short(void);

/* Filled by mm: gives back what is kept only for speed, by memory_uncharge. Takes no lock and allocates nothing. */
struct memory_ops {
    void (*reclaim)(void);
};
extern const struct memory_ops memory_ops;

struct memory_stats {
    uint64_t total, used, peak; /* bytes */
    uint64_t kernel_used;
};
void memory_stats(struct memory_stats *stats);
