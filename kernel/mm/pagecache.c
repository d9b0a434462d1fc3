/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a page takes the lock for a few instructions and counts a pin; the copy then runs without any lock, and may
 * fault. Who takes pages out (truncate, moving home) drops them from the table first, waits until nobody has a pin, and
 * frees them then.
 *
 * A page that is brought in is in the table before its content is (SLOT_FILLING): others wait for it, so that no page is brought twice,
 * and what is brought never is older than what was written meanwhile. Who takes such a page out leaves freeing it to who brings it.
 */
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/internal.h"
#include "mm/pagecache_internal.h"
#include "mm/usercopy.h"
#include "sched/sched.h"

#define FILL_PAGES 16 /* brought in at once, where the file system says nothing else */
#define FILL_MAX   64
#define LEAVES_MOST ((PAGE_SIZE << PAGE_ORDER_MAX) / sizeof(void **)) /* that the heap gives room for: a file of 1 TiB */
#define FILL_SPIN  2000 /* pauses: some 50 us */
#define HOME_ROOM  (16UL << 20)

static const uint8_t zero_page[PAGE_SIZE] aligned_to(PAGE_SIZE);

int pagecache_create(const struct pagecache_ops *ops, void *owner, uint64_t size, struct pagecache **result)
{
    struct pagecache *pc = heap_zalloc(sizeof(*pc));
    if (!pc)
        return -ENOMEM;
    pc->ops = ops;
    pc->owner = owner;
    pc->size = size;
    ref_init(&pc->ref, 1);
    list_init(&pc->evictable);
    list_init(&pc->areas);
    waitq_init(&pc->filled);
    list_init(&pc->window_node);
    if (ops && ops->can_refill)
        pagecache_track(pc);
    *result = pc;
    return 0;
}

void pagecache_get(struct pagecache *pc)
{
    ref_get(&pc->ref);
}

/* ---- the table, under the lock ------------------------------------------------------------------------------- */

static void *lookup(const struct pagecache *pc, uint64_t idx)
{
    void **slot = pagecache_slot(pc, idx);
    return slot ? slot_page(*slot) : NULL;
}

static int leaf_make(struct pagecache *pc, uint64_t leaf)
{
    if (leaf >= pc->leaf_count) {
        size_t count = MAX(leaf + 1, MIN(pc->leaf_count * 2, LEAVES_MOST));
        void ***grown = heap_realloc(pc->leaves, pc->leaf_count * sizeof(*grown), count * sizeof(*grown));
        if (!grown)
            return leaf > UINT32_MAX / 8 ? -EFBIG : -ENOMEM;
        memset(grown + pc->leaf_count, 0, (count - pc->leaf_count) * sizeof(*grown));
        pc->leaves = grown;
        pc->leaf_count = count;
    }
    if (!pc->leaves[leaf])
        pc->leaves[leaf] = page_alloc_zero(0);
    return pc->leaves[leaf] ? 0 : -ENOMEM;
}

static int quota_take(struct page_quota *q)
{
    if (!q)
        return 0;
    if (memory_is_short())
        return -ENOSPC;
    uint64_t used = __atomic_add_fetch(&q->used, 1, __ATOMIC_RELAXED);
    if (!q->limit || used <= q->limit)
        return 0;
    __atomic_fetch_sub(&q->used, 1, __ATOMIC_RELAXED);
    return -ENOSPC;
}

static void quota_give(struct page_quota *q, uint64_t pages)
{
    if (q)
        __atomic_fetch_sub(&q->used, pages, __ATOMIC_RELAXED);
}

/* Another may have been faster: then its page stays, and the caller keeps its own. */
static int insert(struct pagecache *pc, uint64_t idx, void *page, void **winner)
{
    int err = leaf_make(pc, idx / LEAF_PAGES);
    if (err)
        return err;
    void **slot = &pc->leaves[idx / LEAF_PAGES][idx % LEAF_PAGES];
    if (!*slot) {
        err = quota_take(pc->quota);
        if (err)
            return err;
        *slot = page;
        pc->present++;
        pagecache_count(pc, 1);
        shared_came(pc, page);
    }
    *winner = slot_page(*slot);
    return 0;
}

static void pins_wait(struct pagecache *pc)
{
    while (__atomic_load_n(&pc->pins, __ATOMIC_ACQUIRE))
        task_yield();
}

static void slot_clear(struct pagecache *pc, void **slot)
{
    *slot = NULL;
    pc->present--;
    quota_give(pc->quota, 1);
    pagecache_count(pc, -1);
}

/*
 * Behind the end of the file nothing is left to reach: who touches it has a SIGBUS. A hole's page stays, as mappings, old or new, must
 * not bring back by a fault what the medium still has: all zero, as it will be there. So does one that the kernel works on.
 */
static void home_empty(struct pagecache *pc, uint64_t idx, void **slot)
{
    uaddr_t at = (uaddr_t)slot_page(*slot);
    bool is_behind = idx >= align_up(pc->size, PAGE_SIZE) >> PAGE_SHIFT && __atomic_load_n(&pc->pins, __ATOMIC_SEQ_CST) == 0;
    if (is_behind) {
        slot_clear(pc, slot);
        release_range(at, at + PAGE_SIZE);
        return;
    }
    if (shared_open(pc, (void *)at, true)) {
        log_warn("the host did not change the protection of memory");
        return;
    }
    memset((void *)at, 0, PAGE_SIZE);
    *slot = (void *)at;
    if (pc->home_sums)
        pc->home_sums[idx] = page_sum(*slot);
}

/*
 * Takes out all pages from *idx on into a chain (each page's first word links); those at home are emptied. False: one at *idx, at
 * home, is on its way, where it can be seen already.
 */
static bool take_out(struct pagecache *pc, uint64_t *idx, uint64_t to, void **chain)
{
    for (; *idx < to && *idx / LEAF_PAGES < pc->leaf_count; ++*idx) {
        void **slot = pagecache_slot(pc, *idx);
        void *page = slot ? slot_page(*slot) : NULL;
        bool is_filling = page && slot_is_filling(*slot);
        if (!page) {
            *idx |= slot ? 0 : LEAF_PAGES - 1;
            continue;
        }
        if (is_filling && is_home_page(page))
            return false;
        pc->dirty -= slot_is_dirty(*slot);
        if (is_home_page(page)) {
            home_empty(pc, *idx, slot);
            continue;
        }
        slot_clear(pc, slot);
        if (is_filling)
            continue;
        *(void **)page = *chain;
        *chain = page;
    }
    return true;
}

/* Under the lock, which it lets go of meanwhile: until some fill ends. Most take less than a sleep would. */
static void fill_wait(struct pagecache *pc)
{
    uint32_t seen = pc->fills_done;
    spin_unlock(&pc->lock);
    for (unsigned i = 0; i < FILL_SPIN && __atomic_load_n(&pc->fills_done, __ATOMIC_ACQUIRE) == seen; i++)
        arch_relax();
    spin_lock(&pc->lock);
    while (pc->filling > 0 && pc->fills_done == seen) {
        int err = waitq_sleep_uninterruptible(&pc->filled, &pc->lock, NS_NEVER);
        CHECK(err == 0);
    }
}

static void chain_free(void *chain)
{
    while (chain) {
        void *page = chain;
        chain = *(void **)page;
        page_free(page, 0);
    }
}

void pagecache_put(struct pagecache *pc)
{
    if (!ref_put(&pc->ref))
        return;
    pagecache_untrack(pc);
    for (size_t i = 0; i < pc->leaf_count; i++) {
        for (size_t k = 0; pc->leaves[i] && k < LEAF_PAGES; k++) {
            void *page = slot_page(pc->leaves[i][k]);
            if (page && !is_home_page(page))
                page_free(page, 0);
        }
        if (pc->leaves[i])
            page_free(pc->leaves[i], 0);
    }
    quota_give(pc->quota, pc->present);
    if (pc->home)
        home_release(pc->home, pc->home_pages);
    heap_free(pc->home_sums);
    heap_free(pc->leaves);
    heap_free(pc);
}

/* ---- bringing pages in ----------------------------------------------------------------------------------------- */

static int page_new(struct pagecache *pc, uint64_t idx, void **page)
{
    void *fresh = NULL;
    if (pc->home && idx < pc->home_pages) {
        uaddr_t at = pc->home + (idx << PAGE_SHIFT);
        int err = commit_range(at, at + PAGE_SIZE, PLAT_PROT_READ | PLAT_PROT_WRITE);
        if (err)
            return err;
        fresh = (void *)at;
    } else {
        pagecache_make_room(pc);
        fresh = page_alloc(0);
        if (!fresh && pagecache_shrink(FILL_MAX * PAGE_SIZE) > 0)
            fresh = page_alloc(0);
    }
    if (!fresh)
        return -ENOMEM;
    *page = fresh;
    return 0;
}

static void page_drop(void *page)
{
    if (!is_home_page(page))
        page_free(page, 0);
}

static bool has_home(const struct pagecache *pc, uint64_t idx)
{
    return pc->home && idx < pc->home_pages;
}

static int fill_zero(struct pagecache *pc, uint64_t idx)
{
    void *page, *winner = NULL;
    int err = page_new(pc, idx, &page);
    if (err)
        return err;
    memset(page, 0, PAGE_SIZE);
    spin_lock(&pc->lock);
    if (has_home(pc, idx) == is_home_page(page)) /* else it came home meanwhile: once more */
        err = insert(pc, idx, page, &winner);
    spin_unlock(&pc->lock);
    if (winner != page)
        page_drop(page);
    return err;
}

/* How many pages from idx on are missing, up to the first that is there. */
static size_t run_missing(struct pagecache *pc, uint64_t idx, uint64_t end)
{
    size_t count = 0;
    spin_lock(&pc->lock);
    while (idx + count < end && count < FILL_MAX && !lookup(pc, idx + count))
        count++;
    spin_unlock(&pc->lock);
    return count;
}

static int run_new(struct pagecache *pc, uint64_t idx, void **pages, size_t *count)
{
    int err = 0;
    for (size_t i = 0; i < *count; i++) {
        err = page_new(pc, idx + i, &pages[i]);
        if (err) {
            *count = i;
            break;
        }
    }
    return *count > 0 ? 0 : err;
}

/*
 * They are in the table from here on, without their content. *count: up to the first that another brought, or that lies beyond the
 * end by now.
 */
static int run_claim(struct pagecache *pc, uint64_t idx, void *const *pages, size_t *count)
{
    size_t n = 0;
    int err = 0;
    spin_lock(&pc->lock);
    for (; n < *count && has_home(pc, idx + n) == is_home_page(pages[n]); n++) {
        void *winner = NULL, **slot;
        if ((idx + n) << PAGE_SHIFT >= pc->size)
            break;
        err = insert(pc, idx + n, pages[n], &winner);
        if (winner != pages[n])
            break;
        slot = pagecache_slot(pc, idx + n);
        *slot = (void *)((uintptr_t)*slot | SLOT_FILLING);
    }
    pc->filling += n;
    spin_unlock(&pc->lock);
    *count = n;
    return n > 0 ? 0 : err;
}

/* The content is there, or will not come. A page that was taken out meanwhile is ours to free: NULL stays for the others. */
static void run_publish(struct pagecache *pc, uint64_t idx, void **pages, size_t count, bool is_good)
{
    spin_lock(&pc->lock);
    for (size_t i = 0; i < count; i++) {
        void **slot = pagecache_slot(pc, idx + i);
        if (slot_page(*slot) != pages[i])
            continue;
        if (is_good) {
            *slot = (void *)((uintptr_t)*slot & ~(uintptr_t)SLOT_FILLING);
            shared_came(pc, pages[i]);
            pages[i] = NULL;
        } else {
            slot_clear(pc, slot);
        }
    }
    pc->filling -= count;
    __atomic_store_n(&pc->fills_done, pc->fills_done + 1, __ATOMIC_RELEASE);
    if (waitq_has_waiters(&pc->filled))
        waitq_wake_all(&pc->filled, 0);
    spin_unlock(&pc->lock);
}

static void pages_drop(void *const *pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pages[i])
            page_drop(pages[i]);
    }
}

/* What they were on the medium, for those that a mapping may write to. */
static void run_sums(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    for (size_t i = 0; i < count && pc->home_sums; i++) {
        if (is_home_page(pages[i]) && idx + i < pc->home_pages)
            pc->home_sums[idx + i] = page_sum(pages[i]);
    }
}

int pagecache_fill_run(struct pagecache *pc, uint64_t idx, uint64_t end)
{
    void *pages[FILL_MAX];
    size_t made = run_missing(pc, idx, end), count;
    int err = made > 0 ? run_new(pc, idx, pages, &made) : 0;
    if (err || made == 0)
        return err;
    count = made;
    err = run_claim(pc, idx, pages, &count);
    pages_drop(pages + count, made - count);
    if (err || count == 0)
        return err;
    err = pc->ops->fill(pc, idx, pages, count);
    if (err == 0)
        run_sums(pc, idx, pages, count);
    run_publish(pc, idx, pages, count, err == 0);
    pages_drop(pages, count);
    return err;
}

/* Others brought what lies between, or are about to. */
static bool is_in_window(const struct pagecache *pc, uint64_t idx)
{
    return pc->window_mark && idx > pc->ahead_end && idx <= pc->window_end;
}

/*
 * Where a fill that needs idx ends: with idx's aligned cluster; for a file system that wants read-ahead, after one page, or
 * more and more as long as they are asked for in order.
 */
static uint64_t fill_end(struct pagecache *pc, uint64_t idx)
{
    if (!pc->ops->wants_read_ahead)
        return align_down(idx, FILL_PAGES) + FILL_PAGES;
    bool is_next = idx == __atomic_load_n(&pc->ahead_end, __ATOMIC_RELAXED) || is_in_window(pc, idx);
    uint32_t window = is_next ? MIN(pc->ahead * 2 + 4, FILL_MAX) : 1;
    pc->ahead = window;
    if (window == FILL_MAX && idx >= 2 * FILL_MAX)
        pagecache_passed(pc, idx - 2 * FILL_MAX, idx - FILL_MAX);
    __atomic_store_n(&pc->ahead_end, idx + window, __ATOMIC_RELAXED);
    if (window == FILL_MAX)
        readahead_open(pc, idx + window);
    else if (!is_next && pc->window_mark)
        readahead_close(pc);
    return idx + window;
}

/* As far as the file goes; a bad page behind the one that is needed must not spoil it. */
static int fill_cluster(struct pagecache *pc, uint64_t idx)
{
    uint64_t last = align_up(pc->size, PAGE_SIZE) >> PAGE_SHIFT, end = fill_end(pc, idx);
    end = MIN(end, last);
    int err = pagecache_fill_run(pc, idx, end);
    return err == -EIO && end > idx + 1 ? pagecache_fill_run(pc, idx, idx + 1) : err;
}

static int page_bring(struct pagecache *pc, uint64_t idx)
{
    bool has_source = pc->ops && pc->ops->fill && idx << PAGE_SHIFT < pc->size;
    return has_source ? fill_cluster(pc, idx) : fill_zero(pc, idx);
}

bool pagecache_has(struct pagecache *pc, uint64_t idx)
{
    spin_lock(&pc->lock);
    void **slot = pagecache_slot(pc, idx);
    bool has = slot && slot_page(*slot) && !slot_is_filling(*slot);
    spin_unlock(&pc->lock);
    return has;
}

/* Somebody brings it. */
static void page_await(struct pagecache *pc, uint64_t idx)
{
    if (readahead_help(pc))
        return;
    spin_lock(&pc->lock);
    void **slot = pagecache_slot(pc, idx);
    if (slot_is_filling(*slot))
        fill_wait(pc);
    spin_unlock(&pc->lock);
}

int pagecache_pin(struct pagecache *pc, uint64_t idx, bool for_write, void **page)
{
    for (;;) {
        spin_lock(&pc->lock);
        void **slot = pagecache_slot(pc, idx);
        *page = slot ? slot_page(*slot) : NULL;
        bool is_coming = *page && slot_is_filling(*slot);
        int err = *page && !is_coming ? shared_open(pc, *page, for_write) : 0;
        if (*page && !is_coming && err == 0) {
            *slot = slot_used(*slot);
            pc->pins++;
        }
        spin_unlock(&pc->lock);
        if (is_coming) {
            page_await(pc, idx);
            continue;
        }
        if (*page || err)
            return err;
        if (!for_write && !(pc->ops && pc->ops->fill)) {
            __atomic_fetch_add(&pc->pins, 1, __ATOMIC_ACQUIRE);
            *page = (void *)(uintptr_t)zero_page;
            return 0;
        }
        err = page_bring(pc, idx);
        if (err)
            return err;
    }
}

void pagecache_unpin(struct pagecache *pc)
{
    if (__atomic_sub_fetch(&pc->pins, 1, __ATOMIC_SEQ_CST) == 0 && unlikely(__atomic_load_n(&pc->open_to, __ATOMIC_SEQ_CST)))
        shared_close(pc);
}

/* ---- reading and writing ------------------------------------------------------------------------------------------ */

int64_t pagecache_read_iter(struct pagecache *pc, uint64_t off, struct iov_iter *to)
{
    int64_t done = 0;
    while (to->left > 0) {
        uint64_t size = __atomic_load_n(&pc->size, __ATOMIC_ACQUIRE), at = off + (uint64_t)done;
        if (at >= size)
            break;
        void *page;
        size_t n = MIN(MIN(to->left, size - at), PAGE_SIZE - (at & PAGE_MASK));
        if (unlikely(pc->window_mark && at >> PAGE_SHIFT == pc->window_mark))
            readahead_reached(pc, at >> PAGE_SHIFT);
        int err = pagecache_pin(pc, at >> PAGE_SHIFT, false, &page);
        if (err)
            return done ? done : err;
        int64_t moved = iov_copy_to(to, (char *)page + (at & PAGE_MASK), n);
        pagecache_unpin(pc);
        if (moved < 0)
            return done ? done : moved;
        done += moved;
        if ((size_t)moved < n)
            break;
    }
    return done;
}

static void size_grow(struct pagecache *pc, uint64_t size)
{
    spin_lock(&pc->lock);
    if (size > pc->size)
        __atomic_store_n(&pc->size, size, __ATOMIC_RELEASE);
    spin_unlock(&pc->lock);
}

int64_t pagecache_write_iter(struct pagecache *pc, uint64_t off, struct iov_iter *from)
{
    int64_t done = 0;
    while (from->left > 0) {
        uint64_t at = off + (uint64_t)done;
        void *page;
        size_t n = MIN(from->left, PAGE_SIZE - (at & PAGE_MASK));
        int err = pagecache_pin(pc, at >> PAGE_SHIFT, true, &page);
        if (err)
            return done ? done : err;
        err = pagecache_dirty(pc, at >> PAGE_SHIFT);
        int64_t moved = err ? err : iov_copy_from(from, (char *)page + (at & PAGE_MASK), n);
        pagecache_unpin(pc);
        if (moved < 0)
            return done ? done : moved;
        done += moved;
        size_grow(pc, at + (uint64_t)moved);
        if ((size_t)moved < n)
            break;
    }
    return done;
}

int64_t pagecache_read(struct pagecache *pc, uint64_t off, void *buf, size_t size)
{
    struct iov_iter to;
    iov_iter_kernel(&to, buf, size);
    return pagecache_read_iter(pc, off, &to);
}

int64_t pagecache_write(struct pagecache *pc, uint64_t off, const void *buf, size_t size)
{
    struct iov_iter from;
    iov_iter_kernel(&from, (void *)(uintptr_t)buf, size);
    return pagecache_write_iter(pc, off, &from);
}

/* ---- cutting -------------------------------------------------------------------------------------------------------- */

static void zero_part(struct pagecache *pc, uint64_t off, uint64_t size)
{
    void **slot;
    spin_lock(&pc->lock);
    while ((slot = pagecache_slot(pc, off >> PAGE_SHIFT)) && slot_is_filling(*slot))
        fill_wait(pc);
    char *page = lookup(pc, off >> PAGE_SHIFT);
    int err = page ? shared_open(pc, page, true) : 0;
    if (page && err == 0)
        memset(page + (off & PAGE_MASK), 0, size);
    spin_unlock(&pc->lock);
    if (err)
        log_warn("the host did not change the protection of memory");
    shared_close(pc);
}

static void drop_pages(struct pagecache *pc, uint64_t from, uint64_t to)
{
    void *chain = NULL;
    spin_lock(&pc->lock);
    while (!take_out(pc, &from, to, &chain))
        fill_wait(pc);
    spin_unlock(&pc->lock);
    shared_close(pc);
    if (chain) {
        pins_wait(pc);
        chain_free(chain);
    }
}

int pagecache_truncate(struct pagecache *pc, uint64_t size)
{
    spin_lock(&pc->lock);
    uint64_t old = pc->size;
    __atomic_store_n(&pc->size, size, __ATOMIC_RELEASE);
    spin_unlock(&pc->lock);
    if (size >= old)
        return 0;
    if (size & PAGE_MASK)
        zero_part(pc, size, PAGE_SIZE - (size & PAGE_MASK));
    drop_pages(pc, align_up(size, PAGE_SIZE) >> PAGE_SHIFT, UINT64_MAX);
    return 0;
}

void pagecache_punch(struct pagecache *pc, uint64_t off, uint64_t size)
{
    uint64_t end = off + size, first = align_up(off, PAGE_SIZE), last = align_down(end, PAGE_SIZE);
    if (first > last) {
        zero_part(pc, off, size);
        return;
    }
    if (off < first)
        zero_part(pc, off, first - off);
    if (last < end)
        zero_part(pc, last, end - last);
    drop_pages(pc, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
}

/* The first page from idx on that is there, or is not; `end` if there is none. Where there is no leaf is no page. */
static uint64_t seek_page(const struct pagecache *pc, uint64_t idx, uint64_t end, bool for_data)
{
    while (idx < end && (lookup(pc, idx) != NULL) != for_data) {
        if (idx / LEAF_PAGES >= pc->leaf_count)
            return end;
        idx = pagecache_slot(pc, idx) ? idx + 1 : (idx / LEAF_PAGES + 1) * LEAF_PAGES;
    }
    return MIN(idx, end);
}

int pagecache_seek(struct pagecache *pc, uint64_t off, bool for_data, uint64_t *at)
{
    int err = 0;
    spin_lock(&pc->lock);
    uint64_t size = pc->size;
    if (off >= size) {
        err = -ENXIO;
    } else if (pc->ops && pc->ops->fill) {
        *at = for_data ? off : size;
    } else {
        uint64_t end = align_up(size, PAGE_SIZE) >> PAGE_SHIFT, idx = seek_page(pc, off >> PAGE_SHIFT, end, for_data);
        *at = MAX(off, MIN(idx << PAGE_SHIFT, size));
        if (for_data && idx >= end)
            err = -ENXIO;
    }
    spin_unlock(&pc->lock);
    return err;
}

/* ---- homes ---------------------------------------------------------------------------------------------------------- */

static int page_move_home(struct pagecache *pc, uint64_t idx, void **chain)
{
    uaddr_t at = pc->home + (idx << PAGE_SHIFT);
    void *page = lookup(pc, idx);
    if (!page || is_home_page(page))
        return 0;
    int err = commit_range(at, at + PAGE_SIZE, PLAT_PROT_READ | PLAT_PROT_WRITE);
    if (err)
        return err;
    memcpy((void *)at, page, PAGE_SIZE);
    void **slot = pagecache_slot(pc, idx);
    if (pc->home_sums && !slot_is_dirty(*slot))
        pc->home_sums[idx] = page_sum(page);
    *slot = slot_at(*slot, (void *)at);
    *(void **)page = *chain;
    *chain = page;
    return 0;
}

int pagecache_make_home(struct pagecache *pc, uint64_t pages)
{
    void *chain = NULL;
    int err = 0;
    if (pc->home)
        return pages <= pc->home_pages ? 0 : -ENOMEM;
    uint64_t room = MAX(pages * 4, HOME_ROOM >> PAGE_SHIFT); /* a home cannot move while somebody has it mapped: files grow */
    uaddr_t home;
    uint64_t *sums = pc->ops && pc->ops->write ? heap_zalloc(room * sizeof(*sums)) : NULL;
    if (pc->ops && pc->ops->write && !sums)
        return -ENOMEM;
    err = home_alloc(room, &home);
    if (err) {
        heap_free(sums);
        return err;
    }
    pins_wait(pc);
    spin_lock(&pc->lock);
    while (pc->filling > 0)
        fill_wait(pc);
    pc->home = home;
    pc->home_pages = room;
    pc->home_sums = sums;
    for (uint64_t idx = 0; idx < room && err == 0; idx++)
        err = page_move_home(pc, idx, &chain);
    spin_unlock(&pc->lock);
    pins_wait(pc);
    chain_free(chain);
    return err;
}

int pagecache_home_page(struct pagecache *pc, uint64_t idx)
{
    void *page;
    int err = pagecache_pin(pc, idx, true, &page);
    if (err == 0)
        pagecache_unpin(pc);
    return err;
}
