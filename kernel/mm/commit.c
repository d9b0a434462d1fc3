/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host has mapped in the user range: a byte a page, in tables of a unit each, made at first use. All changes go
 * through here, gathered into as few host calls as can be. Neighbours in one call are merged.
 *
 * A page that nobody needs any more is not given back at once: it becomes stale, for giving back and getting again costs
 * twenty times what clearing does. Stale pages are counted as used; when memory is short they go. What a running program lets
 * go of has no access any more; what a program leaves that ended keeps its protection, since the next run of it most
 * often wants the same, but none stays accessible in an area that is mapped over it (stale_forbid).
 * Those marked as kept still have the content of a text that may be mapped again (park.c).
 * Live pages of a range change only under the lock of the space that has it; stale ones by compare-and-swap, since
 * reclaiming takes them from anybody.
 */
#include "base/spinlock.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/internal.h"

enum { PAGE_PROT = 7, PAGE_KEPT = 8, PAGE_BUSY = 0x10, PAGE_UNCLEAN = 0x20, PAGE_STALE = 0x40, PAGE_COMMITTED = 0x80 };
#define PAGE_SEALED PAGE_BUSY /* of a live page: PLAT_PROT_SEALED, or maybe so */
#define PAGE_UNSURE PAGE_KEPT /* of a live page: a change of its protection failed, so any of the two may hold */
#define PROT_UNSURE PLAT_PROT_EXEC /* the same of a stale page: programs may be able to touch it, and no area is protected so */

#define HOST_RW     (PLAT_PROT_READ | PLAT_PROT_WRITE)
#define STALE_SHARE 8 /* at most one part in so many of memory */

static uint8_t **tables; /* of the units of the user range */
static uint64_t table_count;
static struct spinlock table_lock = SPINLOCK(LOCK_COMMIT);
static uint64_t stale_bytes;

void commit_init(void)
{
    table_count = plat_info.user_end >> UNIT_SHIFT;
    tables = heap_zalloc(table_count * sizeof(*tables));
    if (!tables)
        plat_panic("no memory for the table of the address space");
}

static uint8_t *entry_of(uint64_t page)
{
    uint8_t *table = __atomic_load_n(&tables[page / UNIT_PAGES], __ATOMIC_ACQUIRE);
    return table ? &table[page % UNIT_PAGES] : NULL;
}

static int table_make(uint64_t unit)
{
    if (__atomic_load_n(&tables[unit], __ATOMIC_ACQUIRE))
        return 0;
    uint8_t *table = heap_zalloc(UNIT_PAGES);
    if (!table)
        return -ENOMEM;
    spin_lock(&table_lock);
    if (tables[unit]) {
        heap_free(table);
    } else {
        __atomic_store_n(&tables[unit], table, __ATOMIC_RELEASE);
    }
    spin_unlock(&table_lock);
    return 0;
}

static bool is_live(uint8_t e)
{
    return (e & (PAGE_COMMITTED | PAGE_STALE)) == PAGE_COMMITTED;
}

bool page_is_committed(uint64_t page)
{
    const uint8_t *e = entry_of(page);
    return e && is_live(*e);
}

unsigned page_prot(uint64_t page)
{
    const uint8_t *e = entry_of(page);
    return e ? *e & PAGE_PROT : 0;
}

bool vm_is_given(uaddr_t addr)
{
    return addr < plat_info.user_end && page_is_committed(addr >> PAGE_SHIFT) && (page_prot(addr >> PAGE_SHIFT) & VM_WRITE);
}

/* Entries are looked at eight at a time: areas are large, and most of them is not there. */
#define EIGHT      (8 * PAGE_SIZE)
#define EACH(byte) ((byte) * 0x0101010101010101ULL)

/* Bit 7 of each byte: live or not. NULL: there is no table. */
static uint64_t live_of(const uint8_t *eight)
{
    uint64_t e = eight ? *(const uint64_t *)eight : 0;
    return e & EACH(PAGE_COMMITTED) & ~((e & EACH(PAGE_STALE)) << 1);
}

/* The next live page in [at, end), or end. Units without a table are passed over. */
uaddr_t committed_next(uaddr_t at, uaddr_t end)
{
    for (uaddr_t first = align_down(at, EIGHT); first < end; first += EIGHT) {
        const uint8_t *eight = entry_of(first >> PAGE_SHIFT);
        uint64_t live = live_of(eight);
        if (at > first)
            live &= UINT64_MAX << (at - first) / PAGE_SIZE * 8;
        if (live)
            return MIN(first + (unsigned)__builtin_ctzll(live) / 8 * PAGE_SIZE, end);
        if (!eight)
            first |= UNIT_SIZE - EIGHT;
    }
    return end;
}

uint64_t committed_bytes(uaddr_t start, uaddr_t end)
{
    uint64_t count = 0;
    uaddr_t at = committed_next(start, end);
    for (; at < end && at % EIGHT; at = committed_next(at + PAGE_SIZE, end))
        count++;
    for (; at < end && end - at >= EIGHT; at += EIGHT) {
        const uint8_t *eight = entry_of(at >> PAGE_SHIFT);
        count += (live_of(eight) >> 7) * EACH(1) >> 56; /* the sum of the bytes */
        if (!eight)
            at |= UNIT_SIZE - EIGHT;
    }
    for (at = at < end ? committed_next(at, end) : end; at < end; at = committed_next(at + PAGE_SIZE, end))
        count++;
    return count * PAGE_SIZE;
}

/* ---- batches ------------------------------------------------------------------------------------------------ */

int batch_flush(struct page_batch *b)
{
    int err = b->count ? b->apply(b->ranges, b->count) : 0;
    b->count = 0;
    return err;
}

static int batch_add(struct page_batch *b, uint64_t addr, unsigned prot)
{
    struct plat_range *last = b->count ? &b->ranges[b->count - 1] : NULL;
    int err = 0;
    b->bytes += PAGE_SIZE;
    if (last && last->addr + last->size == addr && last->prot == prot) {
        last->size += PAGE_SIZE;
        return 0;
    }
    if (b->count == PLAT_RANGE_MAX)
        err = batch_flush(b);
    b->ranges[b->count++] = (struct plat_range){addr, PAGE_SIZE, prot, 0};
    return err;
}

/* The host has no more: the table must not say that it gave. */
static int commit_apply(const struct plat_range *ranges, size_t count)
{
    int err = plat_mem_commit(ranges, count);
    for (size_t i = 0; err && i < count; i++) {
        for (uint64_t off = 0; off < ranges[i].size; off += PAGE_SIZE)
            *entry_of((ranges[i].addr + off) >> PAGE_SHIFT) = 0;
        memory_uncharge(ranges[i].size);
    }
    return err;
}

static void entry_make_unsure(uint8_t *e)
{
    *e = (uint8_t)((*e & ~PAGE_PROT) | PAGE_UNSURE | PAGE_SEALED);
}

/* The host refused, or says so: nothing is sure of these pages but that they are there. Whoever needs one asks again. */
static int protect_apply(const struct plat_range *ranges, size_t count)
{
    int err = plat_mem_protect(ranges, count);
    for (size_t i = 0; err && i < count; i++) {
        for (uint64_t off = 0; off < ranges[i].size; off += PAGE_SIZE)
            entry_make_unsure(entry_of((ranges[i].addr + off) >> PAGE_SHIFT));
    }
    return err;
}

static int release_apply(const struct plat_range *ranges, size_t count)
{
    plat_mem_release(ranges, count);
    return 0;
}

/* ---- committing ----------------------------------------------------------------------------------------------- */

/* A stale page is the caller's now; false: it was reclaimed. */
static bool stale_take(uint8_t *e, unsigned prot, unsigned *old_prot)
{
    uint8_t was = __atomic_load_n(e, __ATOMIC_ACQUIRE);
    while ((was & (PAGE_BUSY | PAGE_STALE)) == (PAGE_BUSY | PAGE_STALE)) {
        arch_relax();
        was = __atomic_load_n(e, __ATOMIC_ACQUIRE);
    }
    if (!(was & PAGE_STALE) ||
        !__atomic_compare_exchange_n(e, &was, (uint8_t)(PAGE_COMMITTED | PAGE_UNCLEAN | prot), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    __atomic_fetch_sub(&stale_bytes, PAGE_SIZE, __ATOMIC_RELAXED);
    *old_prot = was & PAGE_PROT;
    return true;
}

struct commit {
    struct page_batch fresh, reused;
    unsigned prot;
    bool wants_zero, only_stale;
    bool has_reused;
};

static int commit_page(struct commit *c, uaddr_t at)
{
    int err = table_make(at >> UNIT_SHIFT);
    uint8_t *e = err ? NULL : entry_of(at >> PAGE_SHIFT);
    if (!e || is_live(*e))
        return err;
    unsigned prot = c->wants_zero ? c->prot | HOST_RW : c->prot, old_prot;
    if ((*e & PAGE_STALE) && stale_take(e, prot, &old_prot)) {
        c->has_reused = true;
        unsigned unseal = (prot & ~old_prot) & PLAT_PROT_WRITE ? PLAT_PROT_UNSEAL : 0; /* what it was before is forgotten */
        return prot == old_prot ? 0 : batch_add(&c->reused, at, prot | unseal);
    }
    if (c->only_stale)
        return 0;
    err = memory_charge(PAGE_SIZE);
    if (err)
        return err;
    *e = (uint8_t)(PAGE_COMMITTED | c->prot);
    return batch_add(&c->fresh, at, c->prot);
}

/*
 * The host did not let all of them be used again, or says so. Some may have access by now, with somebody's old content: it is taken away, or
 * they go.
 */
static void unclean_give_back(uaddr_t start, uaddr_t end)
{
    for (uaddr_t at = start; at < end; at += PAGE_SIZE) {
        uint8_t *e = entry_of(at >> PAGE_SHIFT);
        if (!e || !(*e & PAGE_UNCLEAN))
            continue;
        *e = PAGE_COMMITTED | HOST_RW;
        retire_range(at, at + PAGE_SIZE);
    }
}

/* Reused pages have somebody's old content. */
static void clear_unclean(uaddr_t start, uaddr_t end, bool wants_zero)
{
    for (uaddr_t at = start; at < end; at += PAGE_SIZE) {
        uint8_t *e = entry_of(at >> PAGE_SHIFT);
        if (!e || !(*e & PAGE_UNCLEAN))
            continue;
        if (wants_zero)
            memset((void *)at, 0, PAGE_SIZE);
        *e &= (uint8_t)~PAGE_UNCLEAN;
    }
}

static int commit_all(uaddr_t start, uaddr_t end, unsigned prot, bool wants_zero, bool only_stale)
{
    struct commit c = {.fresh = {.apply = commit_apply}, .reused = {.apply = protect_apply}, .prot = prot,
                       .wants_zero = wants_zero, .only_stale = only_stale};
    int err = 0;
    for (uaddr_t at = start; at < end && err == 0; at += PAGE_SIZE)
        err = commit_page(&c, at);
    int fresh = batch_flush(&c.fresh), reused = batch_flush(&c.reused);
    err = err ? err : fresh ? fresh : reused;
    if (!c.has_reused)
        return err;
    if (err) { /* of any batch: which pages can be touched is not sure */
        unclean_give_back(start, end);
        return err;
    }
    clear_unclean(start, end, wants_zero);
    return protect_range(start, end, prot);
}

int commit_range(uaddr_t start, uaddr_t end, unsigned prot)
{
    return commit_all(start, end, prot, true, false);
}

int commit_range_dirty(uaddr_t start, uaddr_t end)
{
    return commit_all(start, end, HOST_RW, false, false);
}

int commit_range_stale(uaddr_t start, uaddr_t end, unsigned prot)
{
    return commit_all(start, end, prot, true, true);
}

/* ---- protecting ------------------------------------------------------------------------------------------------ */

void protect_begin(struct page_batch *b)
{
    b->apply = protect_apply;
    b->count = 0;
    b->bytes = 0;
}

int protect_add(struct page_batch *b, uaddr_t start, uaddr_t end, unsigned prot)
{
    const unsigned bits = prot & PAGE_PROT;
    int err = 0;
    for (uaddr_t at = committed_next(start, end); at < end && err == 0; at = committed_next(at + PAGE_SIZE, end)) {
        uint8_t *e = entry_of(at >> PAGE_SHIFT);
        bool is_sealed = *e & PAGE_SEALED;
        if ((*e & (PAGE_PROT | PAGE_UNSURE)) == bits && (is_sealed || !(prot & PLAT_PROT_SEALED)))
            continue;
        err = batch_add(b, at, is_sealed && (prot & PLAT_PROT_WRITE) ? prot | PLAT_PROT_UNSEAL : prot);
        is_sealed = (is_sealed || (prot & PLAT_PROT_SEALED)) && !(prot & PLAT_PROT_WRITE);
        *e = (uint8_t)((*e & ~(PAGE_PROT | PAGE_UNSURE | PAGE_SEALED)) | bits | (is_sealed ? PAGE_SEALED : 0));
    }
    return err;
}

int protect_range(uaddr_t start, uaddr_t end, unsigned prot)
{
    struct page_batch b;
    protect_begin(&b);
    int err = protect_add(&b, start, end, prot);
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

/* ---- letting go --------------------------------------------------------------------------------------------------- */

void release_range(uaddr_t start, uaddr_t end)
{
    struct page_batch b = {.apply = release_apply};
    int err = 0;
    for (uaddr_t at = committed_next(start, end); at < end; at = committed_next(at + PAGE_SIZE, end)) {
        err |= batch_add(&b, at, 0);
        *entry_of(at >> PAGE_SHIFT) = 0;
    }
    err |= batch_flush(&b);
    CHECK(err == 0);
    memory_uncharge(b.bytes);
}

bool stale_has_room(uint64_t bytes)
{
    struct memory_stats memory;
    memory_stats(&memory);
    return __atomic_load_n(&stale_bytes, __ATOMIC_RELAXED) + bytes <= memory.total / STALE_SHARE && memory.used <= memory.total / 4 * 3;
}

void stale_mark(uaddr_t start, uaddr_t end, bool is_kept)
{
    const uint8_t stale = PAGE_COMMITTED | PAGE_STALE | (is_kept ? PAGE_KEPT : 0);
    uint64_t bytes = 0;
    for (uaddr_t at = committed_next(start, end); at < end; at = committed_next(at + PAGE_SIZE, end)) {
        uint8_t *e = entry_of(at >> PAGE_SHIFT);
        __atomic_store_n(e, (uint8_t)(stale | (*e & PAGE_UNSURE ? PROT_UNSURE : *e & PAGE_PROT)), __ATOMIC_RELEASE);
        bytes += PAGE_SIZE;
    }
    __atomic_fetch_add(&stale_bytes, bytes, __ATOMIC_RELAXED);
}

static void retire(uaddr_t start, uaddr_t end, bool is_kept)
{
    struct page_batch b;
    protect_begin(&b);
    if (!stale_has_room(committed_bytes(start, end)) || protect_add(&b, start, end, PLAT_PROT_NONE) || batch_flush(&b))
        release_range(start, end);
    else
        stale_mark(start, end, is_kept);
}

void retire_range(uaddr_t start, uaddr_t end)
{
    retire(start, end, false);
}

void retire_range_kept(uaddr_t start, uaddr_t end)
{
    retire(start, end, true);
}

static bool is_kept(uaddr_t at)
{
    const uint8_t *e = entry_of(at >> PAGE_SHIFT);
    return e && (__atomic_load_n(e, __ATOMIC_ACQUIRE) & ~PAGE_PROT) == (PAGE_COMMITTED | PAGE_STALE | PAGE_KEPT);
}

bool revive_range(uaddr_t start, uaddr_t end, unsigned prot, bool wants_all)
{
    struct page_batch b;
    bool is_all = true;
    for (uaddr_t at = start; wants_all && is_all && at < end; at += PAGE_SIZE)
        is_all = is_kept(at);
    if (!is_all)
        return false;
    protect_begin(&b);
    for (uaddr_t at = start; at < end; at += PAGE_SIZE) {
        unsigned old_prot;
        if (!is_kept(at) || !stale_take(entry_of(at >> PAGE_SHIFT), PLAT_PROT_NONE, &old_prot)) {
            is_all = false;
            continue;
        }
        *entry_of(at >> PAGE_SHIFT) = (uint8_t)(PAGE_COMMITTED | old_prot | (old_prot & PLAT_PROT_WRITE ? 0 : PAGE_SEALED));
    }
    bool is_done = protect_add(&b, start, end, prot) == 0 && batch_flush(&b) == 0;
    if (is_done && (is_all || !wants_all))
        return true;
    retire_range(start, end); /* reclaimed in between: none, then */
    return false;
}

/* Takes a stale page away from whoever would use it. */
static bool stale_lock(uint8_t *e)
{
    uint8_t was = __atomic_load_n(e, __ATOMIC_RELAXED);
    return (was & (PAGE_STALE | PAGE_BUSY)) == PAGE_STALE &&
           __atomic_compare_exchange_n(e, &was, (uint8_t)(was | PAGE_BUSY), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The next stale page in [at, end) that the host lets programs touch, or end. */
static uaddr_t stale_open_next(uaddr_t at, uaddr_t end)
{
    for (; at < end; at += PAGE_SIZE) {
        const uint8_t *e = entry_of(at >> PAGE_SHIFT);
        if (!e)
            at |= UNIT_SIZE - PAGE_SIZE;
        else if (at % EIGHT == 0 && !(*(const uint64_t *)e & EACH(PAGE_STALE)))
            at += EIGHT - PAGE_SIZE;
        else if ((*e & PAGE_STALE) && (*e & PAGE_PROT))
            return at;
    }
    return end;
}

uaddr_t stale_open_run(uaddr_t *at, uaddr_t end)
{
    uaddr_t stop = *at = stale_open_next(*at, end);
    while (stop < end && stale_open_next(stop, stop + PAGE_SIZE) == stop)
        stop += PAGE_SIZE;
    return stop;
}

static int forbid_apply(const struct plat_range *ranges, size_t count)
{
    int err = plat_mem_protect(ranges, count);
    for (size_t i = 0; i < count; i++) {
        for (uint64_t off = 0; off < ranges[i].size; off += PAGE_SIZE) {
            uint8_t *e = entry_of((ranges[i].addr + off) >> PAGE_SHIFT);
            __atomic_store_n(e, (uint8_t)((*e & ~(PAGE_BUSY | PAGE_PROT)) | (err ? PROT_UNSURE : 0)), __ATOMIC_RELEASE);
        }
    }
    return err;
}

int stale_forbid(uaddr_t start, uaddr_t end)
{
    struct page_batch b = {.apply = forbid_apply};
    int err = 0;
    for (uaddr_t at = stale_open_next(start, end); at < end && err == 0; at = stale_open_next(at + PAGE_SIZE, end)) {
        if (stale_lock(entry_of(at >> PAGE_SHIFT)))
            err = batch_add(&b, at, PLAT_PROT_NONE);
    }
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

/* Pages that were locked are nobody's only when the host has them. */
static int release_stale_apply(const struct plat_range *ranges, size_t count)
{
    plat_mem_release(ranges, count);
    for (size_t i = 0; i < count; i++) {
        for (uint64_t off = 0; off < ranges[i].size; off += PAGE_SIZE)
            __atomic_store_n(entry_of((ranges[i].addr + off) >> PAGE_SHIFT), 0, __ATOMIC_RELEASE);
    }
    return 0;
}

/* Stale pages of [start, end) go back to the host, whoever left them. */
void release_stale(uaddr_t start, uaddr_t end)
{
    struct page_batch b = {.apply = release_stale_apply};
    int err = 0;
    for (uaddr_t at = start; at < end; at += PAGE_SIZE) {
        uint8_t *e = entry_of(at >> PAGE_SHIFT);
        if (!e)
            at |= UNIT_SIZE - PAGE_SIZE;
        else if (stale_lock(e))
            err |= batch_add(&b, at, 0);
    }
    err |= batch_flush(&b);
    CHECK(err == 0);
    memory_uncharge(b.bytes);
    __atomic_fetch_sub(&stale_bytes, b.bytes, __ATOMIC_RELAXED);
}

/* Memory is short: all stale pages go. Holds no lock, allocates nothing. */
static void stale_reclaim(void)
{
    for (uint64_t unit = 0; unit < table_count && __atomic_load_n(&stale_bytes, __ATOMIC_RELAXED); unit++) {
        if (__atomic_load_n(&tables[unit], __ATOMIC_ACQUIRE))
            release_stale(unit << UNIT_SHIFT, (unit + 1) << UNIT_SHIFT);
    }
}

const struct memory_ops memory_ops = {.reclaim = stale_reclaim};
