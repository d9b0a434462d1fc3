/* SPDX-License-Identifier: Apache-2.0 */
/* What pagecache.c and writeback.c share: a slot holds a page's address and, in its low bits, its state. */
#pragma once
#include "mm/internal.h"

#define LEAF_PAGES 512

/* FILLING: its content is on the way, nobody but who brings it touches the page. */
enum { SLOT_DIRTY = 1, SLOT_USED = 2, SLOT_FILLING = 4, SLOT_FLAGS = 7 };

static inline void *slot_page(void *slot)
{
    return (void *)((uintptr_t)slot & ~(uintptr_t)SLOT_FLAGS);
}

static inline bool slot_is_dirty(void *slot)
{
    return (uintptr_t)slot & SLOT_DIRTY;
}

static inline bool slot_is_filling(void *slot)
{
    return (uintptr_t)slot & SLOT_FILLING;
}

static inline void *slot_used(void *slot)
{
    return (void *)((uintptr_t)slot | SLOT_USED);
}

/* The same state at another address. */
static inline void *slot_at(void *slot, void *page)
{
    return (void *)((uintptr_t)page | ((uintptr_t)slot & SLOT_FLAGS));
}

/* Under the lock; NULL: there is no leaf for it. */
static inline void **pagecache_slot(const struct pagecache *pc, uint64_t idx)
{
    uint64_t leaf = idx / LEAF_PAGES;
    return leaf < pc->leaf_count && pc->leaves[leaf] ? &pc->leaves[leaf][idx % LEAF_PAGES] : NULL;
}

static inline bool is_home_page(const void *page)
{
    return (uaddr_t)page < plat_info.user_end;
}

/* Missing pages from idx on, before `end`, up to the first that is there or on its way. */
nodiscard int pagecache_fill_run(struct pagecache *pc, uint64_t idx, uint64_t end);

/* readahead.c: a file is read in order, and pages from idx on will be wanted. */
void readahead_open(struct pagecache *pc, uint64_t idx);
void readahead_close(struct pagecache *pc); /* it is not, after all */
void readahead_reached(struct pagecache *pc, uint64_t idx); /* a reader came to the window's mark */
/* Brings some of what will be wanted, while somebody else brings what is wanted now. False: there is nothing left to do. */
bool readahead_help(struct pagecache *pc);

/* Tells whether a page changed since; not a matter of trust. */
uint64_t page_sum(const void *page);

/* A page is about to be written to; pinned. What ops->reserve says. */
nodiscard int pagecache_dirty(struct pagecache *pc, uint64_t idx);

/* shared.c. Under pc->lock: the kernel may touch the page, that it has pinned, until shared_close. */
nodiscard int shared_open(struct pagecache *pc, void *page, bool for_write);
void shared_came(struct pagecache *pc, void *page); /* under pc->lock: new in the table, and still open */
void shared_close(struct pagecache *pc); /* after the last pin: as areas have it again */

/* The count of pages that can be filled again, and keeping it below the limit. */
void pagecache_track(struct pagecache *pc);
void pagecache_untrack(struct pagecache *pc);
void pagecache_count(struct pagecache *pc, int64_t pages);
void pagecache_make_room(struct pagecache *pc);
/* A stream went by these: they are the first to go, at once if much is cached. Fresh memory costs more than reading again. */
void pagecache_passed(struct pagecache *pc, uint64_t idx, uint64_t end);
