/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dirty pages on their way out, and clean ones that make room. A page is taken out only while nobody has a pin; a page that
 * is being written is pinned, so it is not read again from the medium before it is there.
 *
 * Locks: tracked_lock, then a page cache's lock; shrinking only tries them, since it is called from anywhere.
 */
#include "base/string.h"
#include "heap/heap.h"
#include "mm/pagecache_internal.h"

#define WRITE_PAGES 60  /* at once */
#define SHRINK_STEP 256 /* slots looked at while a lock is held */
#define SHRINK_ROUNDS 16
#define STREAM_PAGES (128UL << 20 >> PAGE_SHIFT) /* beyond it, what was streamed through makes room */

static struct spinlock tracked_lock;
static struct list tracked = LIST_INIT(tracked);
static size_t tracked_count;
static uint64_t cached_pages, limit_pages;

/* ---- dirty pages ----------------------------------------------------------------------------------------------------- */

static bool is_dirty(struct pagecache *pc, uint64_t idx)
{
    spin_lock(&pc->lock);
    void **slot = pagecache_slot(pc, idx);
    bool is = slot && slot_is_dirty(*slot);
    spin_unlock(&pc->lock);
    return is;
}

static void dirty_set(struct pagecache *pc, uint64_t idx, bool is)
{
    spin_lock(&pc->lock);
    void **slot = pagecache_slot(pc, idx);
    if (slot && *slot && slot_is_dirty(*slot) != is) {
        *slot = (void *)((uintptr_t)*slot ^ SLOT_DIRTY);
        pc->dirty += is ? 1 : -1UL;
    }
    spin_unlock(&pc->lock);
}

int pagecache_dirty(struct pagecache *pc, uint64_t idx)
{
    if (!pc->ops || !pc->ops->write || is_dirty(pc, idx))
        return 0;
    int err = pc->ops->reserve(pc, idx);
    if (err == 0)
        dirty_set(pc, idx, true);
    return err;
}

uint64_t page_sum(const void *page)
{
    const uint64_t *word = page;
    uint64_t a = 1, b = 2, c = 3, d = 4;
    for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i += 4) {
        a = (a ^ word[i]) * 0x9e3779b97f4a7c15;
        b = (b ^ word[i + 1]) * 0xc2b2ae3d27d4eb4f;
        c = (c ^ word[i + 2]) * 0x165667b19e3779f9;
        d = (d ^ word[i + 3]) * 0xd6e8feb86659fd93;
        a ^= d >> 32;
        b ^= a >> 29;
        c ^= b >> 31;
        d ^= c >> 30;
    }
    return a ^ b * 3 ^ c * 5 ^ d * 7;
}

/* Mappings write without telling: what lies at home is compared with what it was. */
static int home_look(struct pagecache *pc)
{
    int err = 0;
    uint64_t end = MIN(pc->home_pages, align_up(pc->size, PAGE_SIZE) >> PAGE_SHIFT); /* what a mapping writes behind it is lost */
    for (uint64_t idx = 0; err == 0 && pc->home_sums && idx < end; idx++) {
        spin_lock(&pc->lock);
        void **slot = pagecache_slot(pc, idx);
        void *page = slot ? slot_page(*slot) : NULL;
        bool is_clean_home = page && is_home_page(page) && !slot_is_dirty(*slot) && !slot_is_filling(*slot);
        pc->pins += is_clean_home;
        spin_unlock(&pc->lock);
        if (!is_clean_home) {
            idx |= slot ? 0 : LEAF_PAGES - 1;
            continue;
        }
        if (page_sum(page) != pc->home_sums[idx])
            err = pagecache_dirty(pc, idx);
        pagecache_unpin(pc);
    }
    return err;
}

/* The file system clears what lies behind the end in the last page; who has that mapped may not let it be written. */
static int tail_open(struct pagecache *pc, uint64_t idx, void *page)
{
    return idx == pc->size >> PAGE_SHIFT ? shared_open(pc, page, true) : 0;
}

/* Dirty pages from *idx on that follow each other become clean, and are pinned; *idx is the first. *err: one could not be taken. */
static size_t dirty_take(struct pagecache *pc, uint64_t *idx, void **pages, int *err)
{
    size_t count = 0;
    spin_lock(&pc->lock);
    uint64_t at = *idx, end = pc->leaf_count * LEAF_PAGES;
    for (; at < end && count < WRITE_PAGES && pc->dirty > 0; at++) {
        void **slot = pagecache_slot(pc, at);
        if (slot && slot_is_dirty(*slot)) {
            *err = tail_open(pc, at, slot_page(*slot));
            if (*err)
                break; /* it stays dirty */
            *slot = (void *)((uintptr_t)*slot ^ SLOT_DIRTY);
            pc->dirty--;
            pages[count++] = slot_page(*slot);
        } else if (count > 0) {
            break;
        } else if (!slot) {
            at |= LEAF_PAGES - 1;
        }
    }
    *idx = at - count;
    pc->pins += count > 0;
    spin_unlock(&pc->lock);
    return count;
}

static void sums_note(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    for (size_t i = 0; pc->home_sums && i < count && idx + i < pc->home_pages; i++) {
        if (is_home_page(pages[i]))
            pc->home_sums[idx + i] = page_sum(pages[i]);
    }
}

/* The next dirty pages from *idx on; *count: how many there were. */
static int dirty_write(struct pagecache *pc, uint64_t *idx, size_t *count)
{
    void *pages[WRITE_PAGES];
    int taken = 0;
    *count = dirty_take(pc, idx, pages, &taken);
    if (*count == 0)
        return taken;
    sums_note(pc, *idx, pages, *count); /* before: what changes meanwhile differs from it */
    int err = pc->ops->write(pc, *idx, pages, *count);
    for (size_t i = 0; err && i < *count; i++)
        dirty_set(pc, *idx + i, true);
    pagecache_unpin(pc);
    if (err == 0)
        pagecache_passed(pc, *idx, *idx + *count);
    *idx += *count;
    return err ? err : taken;
}

int pagecache_write_back(struct pagecache *pc)
{
    uint64_t idx = 0;
    size_t count = 1;
    int err = home_look(pc);
    while (err == 0 && count > 0)
        err = dirty_write(pc, &idx, &count);
    return err;
}

int pagecache_write_some(struct pagecache *pc, size_t max)
{
    int err = 0;
    for (size_t count = 1, done = 0; err == 0 && count > 0 && done < max; done += count) {
        err = dirty_write(pc, &pc->write_hand, &count);
        if (count == 0)
            pc->write_hand = 0;
    }
    return err;
}

int pagecache_sync(struct pagecache *pc)
{
    return pc->ops && pc->ops->sync ? pc->ops->sync(pc) : 0;
}

/* ---- making room ------------------------------------------------------------------------------------------------------- */

void pagecache_track(struct pagecache *pc)
{
    spin_lock(&tracked_lock);
    list_push_back(&tracked, &pc->evictable);
    tracked_count++;
    spin_unlock(&tracked_lock);
}

void pagecache_untrack(struct pagecache *pc)
{
    spin_lock(&tracked_lock);
    tracked_count -= !list_is_empty(&pc->evictable);
    list_remove(&pc->evictable);
    spin_unlock(&tracked_lock);
    pagecache_count(pc, -(int64_t)pc->present);
}

uint64_t pagecache_size(void)
{
    return __atomic_load_n(&cached_pages, __ATOMIC_RELAXED) << PAGE_SHIFT;
}

void pagecache_count(struct pagecache *pc, int64_t pages)
{
    if (pc->ops && pc->ops->can_refill)
        __atomic_fetch_add(&cached_pages, (uint64_t)pages, __ATOMIC_RELAXED);
}

void pagecache_set_limit(uint64_t bytes)
{
    limit_pages = bytes >> PAGE_SHIFT;
}

/* A clean page, not at home, leaves its slot for the chain. */
static void slot_clear(struct pagecache *pc, void **slot, void **chain)
{
    void *page = slot_page(*slot);
    *slot = NULL;
    pc->present--;
    *(void **)page = *chain;
    *chain = page;
}

static bool is_evictable(void *slot)
{
    return slot_page(slot) && !slot_is_dirty(slot) && !slot_is_filling(slot) && !is_home_page(slot_page(slot));
}

/* One slot under the hand: a page that was not used since it last came by goes into the chain. */
static bool slot_evict(struct pagecache *pc, void **slot, void **chain)
{
    if (!is_evictable(*slot))
        return false;
    if ((uintptr_t)*slot & SLOT_USED) {
        *slot = slot_page(*slot);
        return false;
    }
    slot_clear(pc, slot, chain);
    return true;
}

/* With its lock: up to SHRINK_STEP slots from the hand on; the pages that went. */
static size_t hand_move(struct pagecache *pc, void **chain)
{
    uint64_t end = pc->leaf_count * LEAF_PAGES;
    size_t count = 0;
    if (pc->pins > 0 || pc->present == 0)
        return 0;
    for (size_t i = 0; i < SHRINK_STEP && end > 0; i++) {
        if (pc->clock_hand >= end)
            pc->clock_hand = 0;
        void **slot = pagecache_slot(pc, pc->clock_hand++);
        if (!slot)
            pc->clock_hand = align_up(pc->clock_hand, LEAF_PAGES);
        else
            count += slot_evict(pc, slot, chain);
    }
    return count;
}

static uint64_t chain_free(void *chain)
{
    uint64_t bytes = 0;
    while (chain) {
        void *page = chain;
        chain = *(void **)page;
        page_free(page, 0);
        bytes += PAGE_SIZE;
    }
    return bytes;
}

/* Each page cache in turn, the list going round: those that were looked at are last. */
static uint64_t shrink_round(size_t turns, uint64_t bytes)
{
    void *chain = NULL;
    uint64_t freed = 0;
    for (; turns > 0 && freed < bytes; turns--) {
        struct pagecache *pc = list_first(&tracked, struct pagecache, evictable);
        list_remove(&pc->evictable);
        list_push_back(&tracked, &pc->evictable);
        if (!spin_trylock(&pc->lock))
            continue;
        size_t count = hand_move(pc, &chain);
        spin_unlock(&pc->lock);
        pagecache_count(pc, -(int64_t)count);
        freed += chain_free(chain);
        chain = NULL;
    }
    return freed;
}

uint64_t pagecache_shrink(uint64_t bytes)
{
    uint64_t freed = 0;
    if (!spin_trylock(&tracked_lock))
        return 0;
    for (int round = 0; round < SHRINK_ROUNDS && freed < bytes; round++)
        freed += shrink_round(tracked_count, bytes - freed);
    spin_unlock(&tracked_lock);
    return freed;
}

static uint64_t cache_limit(void)
{
    return limit_pages ? limit_pages : plat_info.memory_size / 4 >> PAGE_SHIFT;
}

void pagecache_make_room(struct pagecache *pc)
{
    if (pc->ops && pc->ops->can_refill && __atomic_load_n(&cached_pages, __ATOMIC_RELAXED) > cache_limit())
        pagecache_shrink(SHRINK_STEP * PAGE_SIZE);
}

void pagecache_passed(struct pagecache *pc, uint64_t idx, uint64_t end)
{
    if (__atomic_load_n(&cached_pages, __ATOMIC_RELAXED) > MIN(cache_limit() / 2, STREAM_PAGES)) {
        pagecache_forget(pc, idx << PAGE_SHIFT, (end - idx) << PAGE_SHIFT);
        return;
    }
    spin_lock(&pc->lock);
    for (; idx < end; idx++) {
        void **slot = pagecache_slot(pc, idx);
        if (slot)
            *slot = (void *)((uintptr_t)*slot & ~(uintptr_t)SLOT_USED);
    }
    spin_unlock(&pc->lock);
}

void pagecache_forget(struct pagecache *pc, uint64_t off, uint64_t size)
{
    uint64_t idx = align_up(off, PAGE_SIZE) >> PAGE_SHIFT, end = (off + size) >> PAGE_SHIFT;
    if (!pc->ops || !pc->ops->can_refill)
        return;
    while (idx < end && idx < pc->leaf_count * LEAF_PAGES) {
        uint64_t until = MIN(end, align_down(idx, LEAF_PAGES) + LEAF_PAGES);
        void *chain = NULL;
        int64_t count = 0;
        spin_lock(&pc->lock);
        for (void **slot; pc->pins == 0 && idx < until && (slot = pagecache_slot(pc, idx)); idx++) {
            if (is_evictable(*slot)) {
                slot_clear(pc, slot, &chain);
                count++;
            }
        }
        spin_unlock(&pc->lock);
        pagecache_count(pc, -count);
        chain_free(chain);
        idx = until;
    }
}
