/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spaces that hold the same units (DESIGN D4) form a set. Each has its private pages as frames (shadow.c); `place` says
 * which frame lies in place at a page. A space is resident if all its frames do. Making it resident exchanges only the
 * pages in which it differs from what lies there: after fork, what one of the two has written since. For that, frames that
 * several spaces share are write-protected, and a write makes the writer one of its own (content_unshare).
 *
 * What two differ in is more than what they use: programs build their tables when they start. Now and then all that had to
 * be exchanged is tried without (changes_freeze): its content goes aside, the page is not accessible, and nobody's. Who
 * touches it gets it back (content_thaw), and the page is left alone for longer after each such failure. An operation on
 * areas finds all pages there (conflict_settle), and so does who holds the lock of its space while another comes in.
 *
 * set_lock guards membership, frames, tables and residency. A space becomes resident only on a vCPU whose task is of that
 * space, while no other vCPU runs another of the set: vcpu_spaces says who runs where.
 */
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/internal.h"
#include "sched/sched.h"
#include "sync/mutex.h"
#include "time/clock.h"

#define CLAIM_AFTER (20 * NS_PER_MS)
#define FREEZE_EVERY 32 /* arrivals */
#define HEAT_MAX     12
#define HOT_FORKS 16 /* then what is hot must show again that it is: each page apart costs time in every swap */

struct conflict_set {
    struct list members;
    struct shadow place;
    struct vmspace *resident; /* NULL: the one that was is gone */
    unsigned count;
    struct hot_pages hot;
    bool has_cold;            /* `place` may have marks of cold pages */
    uint32_t arrivals;
    bool is_barred;           /* its members must not run: it is joined to another just now */
    struct vmspace *claimant; /* was refused; after CLAIM_AFTER it goes before all others */
    ns_t claimed_at;
    uint64_t *changes;        /* pages in which the space that came in last differed from what lay there */
    size_t change_count, change_room;
    uint64_t epoch, changes_epoch; /* of the tables, when anybody but space_bring changes them; of `changes` */
    const struct vmspace *changes_of[2]; /* who came in then, and who was resident */
};

static struct spinlock set_lock = SPINLOCK(LOCK_CONFLICT);
static struct vmspace *vcpu_spaces[VCPU_MAX];
static const struct conflict_set *vcpu_sets[VCPU_MAX]; /* of those spaces, when they came; only ever compared */

/* All spaces, to find who holds the units that one demands (MAP_FIXED, non-PIE): rare. Under set_lock. */
static struct list all_spaces = LIST_INIT(all_spaces);
static struct rwlock join_lock; /* written by who demands addresses that others hold, read by who goes */

void space_register(struct vmspace *vm)
{
    spin_lock(&set_lock);
    list_push_back(&all_spaces, &vm->all_node);
    spin_unlock(&set_lock);
}

void space_unregister(struct vmspace *vm)
{
    spin_lock(&set_lock);
    list_remove(&vm->all_node);
    spin_unlock(&set_lock);
}

/* ---- frames, under set_lock ------------------------------------------------------------------------------------ */

static struct frame *in_place(const struct vmspace *vm, uint64_t page)
{
    return shadow_get(&vm->set->place, page);
}

/* A page of vm's that lies in place and has no frame yet. */
static int frame_add(struct vmspace *vm, uint64_t page)
{
    struct frame *f = frame_create();
    vm->set->epoch++;
    int err = f ? shadow_set(&vm->set->place, page, f) : -ENOMEM;
    if (err == 0)
        err = shadow_set(&vm->frames, page, f);
    if (err && f) {
        int cleared = shadow_set(&vm->set->place, page, NULL);
        CHECK(cleared == 0); /* clearing allocates nothing */
        heap_free(f);
    }
    return err;
}

static int frames_add(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    for (uaddr_t at = committed_next(start, end); at < end && err == 0; at = committed_next(at + PAGE_SIZE, end)) {
        if (!shadow_get(&vm->frames, at >> PAGE_SHIFT))
            err = frame_add(vm, at >> PAGE_SHIFT);
    }
    return err;
}

static void table_clear(struct shadow *s, uint64_t page)
{
    int err = shadow_set(s, page, NULL);
    CHECK(err == 0); /* clearing allocates nothing */
}

static int page_make_readable(uint64_t page)
{
    uaddr_t at = page << PAGE_SHIFT;
    return page_prot(page) & PLAT_PROT_READ ? 0 : protect_range(at, at + PAGE_SIZE, PLAT_PROT_READ | PLAT_PROT_WRITE);
}

/* The content in place goes aside; the page may be used for another frame. What nobody has (refs 0) is dropped. */
static int frame_evict(struct conflict_set *set, uint64_t page, struct frame *f)
{
    if (f->refs == 0) {
        table_clear(&set->place, page);
        heap_free(f);
        return 0;
    }
    int err = page_make_readable(page);
    if (err)
        return err;
    f->copy = page_alloc(0);
    if (!f->copy)
        return -ENOMEM;
    memcpy(f->copy, (const void *)(page << PAGE_SHIFT), PAGE_SIZE);
    table_clear(&set->place, page);
    return 0;
}

/* vm has no use for its frame any more; what others share goes aside. */
static int frame_drop(struct vmspace *vm, uint64_t page, struct frame *f)
{
    bool is_here = in_place(vm, page) == f;
    vm->set->epoch++;
    if (is_here && f->refs > 1) {
        int err = frame_evict(vm->set, page, f);
        if (err)
            return err;
    }
    table_clear(&vm->frames, page);
    if (frame_put(f) && is_here)
        table_clear(&vm->set->place, page);
    return 0;
}

/* ---- the content of a range, as flat.c wants it ----------------------------------------------------------------- */

/* Pages that a commit brought before it failed: without a frame the next of the set would take them, and what is in them, for its own. */
static void orphans_retire(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    for (uaddr_t at = committed_next(start, end); at < end; at = committed_next(at + PAGE_SIZE, end)) {
        if (!in_place(vm, at >> PAGE_SHIFT))
            retire_range(at, at + PAGE_SIZE);
    }
}

/* What was committed becomes vm's. */
static int content_own(struct vmspace *vm, uaddr_t start, uaddr_t end, int err)
{
    if (!vm->set)
        return err;
    spin_lock(&set_lock);
    if (err == 0)
        err = frames_add(vm, start, end);
    if (err)
        orphans_retire(vm, start, end);
    spin_unlock(&set_lock);
    return err;
}

int content_commit(struct vmspace *vm, uaddr_t start, uaddr_t end, unsigned prot)
{
    return content_own(vm, start, end, vm->is_lost ? -ENOMEM : commit_range(start, end, prot));
}

int content_commit_stale(struct vmspace *vm, uaddr_t start, uaddr_t end, unsigned prot)
{
    return content_own(vm, start, end, vm->is_lost ? -ENOMEM : commit_range_stale(start, end, prot));
}

int content_commit_dirty(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    return content_own(vm, start, end, vm->is_lost ? -ENOMEM : commit_range_dirty(start, end));
}

static int frames_discard(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    for (uint64_t page = start >> PAGE_SHIFT; page < end >> PAGE_SHIFT && err == 0; page++) {
        if (!shadow_leaf(&vm->frames, page / SHADOW_PAGES)) {
            page |= SHADOW_PAGES - 1;
            continue;
        }
        struct frame *f = shadow_get(&vm->frames, page);
        if (f)
            err = frame_drop(vm, page, f);
    }
    return err;
}

int content_discard(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    if (vm->is_lost)
        return -ENOMEM;
    if (vm->set) {
        spin_lock(&set_lock);
        err = frames_discard(vm, start, end);
        spin_unlock(&set_lock);
    }
    if (err == 0)
        retire_range(start, end);
    return err;
}

int content_claim(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    if (vm->is_lost)
        return -ENOMEM;
    if (!vm->set)
        return 0;
    spin_lock(&set_lock);
    vm->set->epoch++;
    for (uint64_t page = start >> PAGE_SHIFT; page < end >> PAGE_SHIFT && err == 0; page++) {
        if (!shadow_leaf(&vm->set->place, page / SHADOW_PAGES)) {
            page |= SHADOW_PAGES - 1;
            continue;
        }
        struct frame *f = in_place(vm, page);
        if (f && shadow_get(&vm->frames, page) != f)
            err = frame_evict(vm->set, page, f);
    }
    spin_unlock(&set_lock);
    if (err == 0)
        retire_range(start, end);
    return err;
}

static bool is_shared_frame(const struct vmspace *vm, uint64_t page)
{
    const struct frame *f = shadow_get(&vm->frames, page);
    return f && f->refs > 1;
}

/* The others get a copy of what lies there, and vm a frame of its own. */
static int frame_unshare(struct vmspace *vm, uint64_t page)
{
    struct frame *f = shadow_get(&vm->frames, page), *own = frame_create();
    int err = own ? frame_evict(vm->set, page, f) : -ENOMEM;
    if (err) {
        heap_free(own);
        return err;
    }
    f->refs--;
    own->heat = f->heat;
    vm->set->epoch++;
    err = shadow_set(&vm->frames, page, own);
    if (err == 0)
        err = shadow_set(&vm->set->place, page, own);
    CHECK(err == 0); /* the tables are there */
    return 0;
}

int content_unshare(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    if (vm->is_lost)
        return -ENOMEM;
    if (!vm->set)
        return 0;
    spin_lock(&set_lock);
    for (uaddr_t at = committed_next(start, end); at < end && err == 0; at = committed_next(at + PAGE_SIZE, end)) {
        if (is_shared_frame(vm, at >> PAGE_SHIFT))
            err = frame_unshare(vm, at >> PAGE_SHIFT);
    }
    spin_unlock(&set_lock);
    return err;
}

static void hot_note(struct hot_pages *hot, uint64_t page)
{
    for (unsigned i = 0; i < hot->count; i++) {
        if (hot->pages[i] == page)
            return;
    }
    hot->pages[hot->next] = page;
    hot->next = (hot->next + 1) % HOT_MAX;
    hot->count = MIN(hot->count + 1, HOT_MAX);
}

void content_written(struct vmspace *vm, uint64_t page)
{
    spin_lock(&set_lock);
    hot_note(vm->set ? &vm->set->hot : &vm->hot, page);
    spin_unlock(&set_lock);
}

/* The same for a frame that does not lie in place. NULL: no memory. */
static struct frame *frame_unshare_aside(struct vmspace *vm, uint64_t page, struct frame *f)
{
    struct frame *own = frame_create();
    void *copy = page_alloc(0);
    if (!own || !copy) {
        if (copy)
            page_free(copy, 0);
        heap_free(own);
        return NULL;
    }
    memcpy(copy, f->copy, PAGE_SIZE);
    own->copy = copy;
    f->refs--;
    vm->set->epoch++;
    int err = shadow_set(&vm->frames, page, own);
    CHECK(err == 0); /* the table is there */
    return own;
}

int content_access(struct vmspace *vm, uaddr_t addr, char *buf, size_t n, bool is_write)
{
    int err = -EAGAIN;
    spin_lock(&set_lock);
    struct frame *f = vm->set ? shadow_get(&vm->frames, addr >> PAGE_SHIFT) : NULL;
    if (f && f->copy && is_write && f->refs > 1)
        f = frame_unshare_aside(vm, addr >> PAGE_SHIFT, f);
    if (f && f->copy) {
        char *at = (char *)f->copy + (addr & PAGE_MASK);
        memcpy(is_write ? at : buf, is_write ? buf : at, n);
        err = 0;
    }
    spin_unlock(&set_lock);
    return err;
}

bool content_is_mine(struct vmspace *vm, uint64_t page)
{
    spin_lock(&set_lock);
    bool is_mine = !vm->set || (in_place(vm, page) && in_place(vm, page) == shadow_get(&vm->frames, page));
    spin_unlock(&set_lock);
    return is_mine;
}

/* ---- coming in, under set_lock ------------------------------------------------------------------------------------- */

static int change_note(struct conflict_set *set, uint64_t page)
{
    if (set->change_count == set->change_room) {
        size_t room = set->change_room * 2;
        uint64_t *grown = heap_realloc(set->changes, set->change_room * sizeof(*grown), room * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        set->changes = grown;
        set->change_room = room;
    }
    set->changes[set->change_count++] = page;
    return 0;
}

/*
 * Another of the set has a page where vm has touched nothing yet. If it would find zeros there, it gets a page of zeros
 * now: exchanging content costs less than changing the protection to and fro.
 */
static struct frame *zero_frame(struct vmspace *vm, uint64_t page)
{
    struct memory_stats memory;
    memory_stats(&memory);
    if (memory.used > memory.total / 4 * 3)
        return NULL; /* it is a luxury */
    const struct area *a = area_find(vm, page << PAGE_SHIFT);
    if (!a || a->is_shared || a->pages || !(a->prot & VM_WRITE))
        return NULL;
    struct frame *f = frame_create();
    if (f)
        f->copy = page_alloc_zero(0);
    if (!f || !f->copy || shadow_set(&vm->frames, page, f)) {
        if (f)
            frame_put(f);
        return NULL;
    }
    return f;
}

static int leaf_compare(struct vmspace *vm, uint64_t no, bool wants_cold)
{
    struct frame **mine = shadow_leaf(&vm->frames, no), **placed = shadow_leaf(&vm->set->place, no); /* zero_frame may add mine */
    bool is_held = unit_is_held_by(vm, (uint32_t)(no * SHADOW_PAGES / UNIT_PAGES));
    int err = 0;
    for (unsigned i = 0; i < SHADOW_PAGES && err == 0; i++) {
        struct frame *f = mine ? mine[i] : NULL, *p = placed ? placed[i] : NULL;
        if (f == p || (!f && !is_held) || (p && p->is_cold && !wants_cold))
            continue;
        if (!f && !p->is_cold)
            zero_frame(vm, no * SHADOW_PAGES + i);
        err = change_note(vm->set, no * SHADOW_PAGES + i);
    }
    return err;
}

/* Two that go to and fro, and change no tables meanwhile, always differ in the same pages. */
static bool are_changes_known(const struct conflict_set *set, const struct vmspace *vm)
{
    return set->epoch == set->changes_epoch && set->changes_of[1] == vm && set->changes_of[0] == set->resident;
}

static int changes_find(struct vmspace *vm, bool wants_cold)
{
    struct conflict_set *set = vm->set;
    uint64_t no = 0;
    int err = 0;
    bool is_known = are_changes_known(set, vm);
    set->changes_of[0] = vm;
    set->changes_of[1] = set->resident;
    if (is_known && !wants_cold)
        return 0;
    set->change_count = 0;
    while (err == 0 && (no = MIN(shadow_next_leaf(&vm->frames, no), shadow_next_leaf(&set->place, no))) != UINT64_MAX)
        err = leaf_compare(vm, no++, wants_cold);
    set->changes_epoch = err || wants_cold ? set->epoch - 1 : set->epoch;
    return err;
}

/* How many changes from i on are of pages that follow each other and that vm has, or has not. */
static size_t run_length(struct vmspace *vm, size_t i)
{
    const struct conflict_set *set = vm->set;
    bool has = shadow_get(&vm->frames, set->changes[i]) != NULL;
    size_t n = 1;
    while (i + n < set->change_count && set->changes[i + n] == set->changes[i] + n &&
           (shadow_get(&vm->frames, set->changes[i + n]) != NULL) == has)
        n++;
    return n;
}

/* Pages of vm's must be there and writable to be filled, those of others readable. */
static int changes_prepare(struct vmspace *vm)
{
    const unsigned rw = PLAT_PROT_READ | PLAT_PROT_WRITE;
    struct conflict_set *set = vm->set;
    struct page_batch b;
    int err = 0;
    protect_begin(&b);
    for (size_t i = 0, n; i < set->change_count && err == 0; i += n) {
        n = run_length(vm, i);
        uaddr_t start = set->changes[i] << PAGE_SHIFT, end = start + n * PAGE_SIZE;
        bool is_mine = shadow_get(&vm->frames, set->changes[i]) != NULL;
        if (is_mine && committed_bytes(start, end) < end - start)
            err = commit_range_dirty(start, end);
        if (err)
            orphans_retire(vm, start, end);
        for (uaddr_t at = start; at < end && err == 0; at += PAGE_SIZE) {
            unsigned needs = is_mine ? rw : PLAT_PROT_READ;
            if ((page_prot(at >> PAGE_SHIFT) & needs) != needs)
                err = protect_add(&b, at, at + PAGE_SIZE, rw);
        }
    }
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

/* What lies there goes to the spare page, what vm has aside comes there, and its page is the next spare. */
static int page_exchange(void *at, struct frame *out, struct frame *in)
{
    static void *spare; /* under set_lock */
    if (!spare)
        spare = page_alloc(0);
    if (!spare)
        return -ENOMEM;
    memcpy(spare, at, PAGE_SIZE);
    memcpy(at, in->copy, PAGE_SIZE);
    out->copy = spare;
    spare = in->copy;
    in->copy = NULL;
    return 0;
}

/* What lies there goes aside, what vm has aside comes there. */
static int change_apply(struct vmspace *vm, uint64_t page)
{
    struct frame *out = in_place(vm, page), *in = shadow_get(&vm->frames, page);
    void *at = (void *)(page << PAGE_SHIFT);
    if (!in)
        return out ? frame_evict(vm->set, page, out) : 0;
    int err = 0;
    in->heat = out ? out->heat : 0;
    if (out && out->refs > 0) {
        err = page_exchange(at, out, in);
        return err ? err : shadow_set(&vm->set->place, page, in);
    }
    if (out)
        err = frame_evict(vm->set, page, out);
    if (err == 0)
        err = shadow_set(&vm->set->place, page, in);
    if (err)
        return err;
    memcpy(at, in->copy, PAGE_SIZE);
    page_free(in->copy, 0);
    in->copy = NULL;
    return 0;
}

/* What relatives share is not written to, whatever the host does: its first write must be seen. */
static unsigned shared_prot(const struct area *a)
{
    return a->prot & VM_WRITE ? (a->prot & ~(unsigned)VM_WRITE) | VM_READ | PLAT_PROT_SEALED : a->prot;
}

static int run_protect(struct vmspace *vm, struct page_batch *b, uaddr_t start, uaddr_t end)
{
    const struct area *a = NULL;
    int err = 0;
    for (uaddr_t at = start; at < end && err == 0; at += PAGE_SIZE) {
        if (!a || at >= a->end)
            a = area_find(vm, at);
        CHECK(a); /* what has a frame has an area */
        bool is_shared = is_shared_frame(vm, at >> PAGE_SHIFT);
        err = protect_add(b, at, at + PAGE_SIZE, is_shared ? shared_prot(a) : a->prot);
    }
    return err;
}

/* Own pages get the protection of their areas, those of others no access. */
static int changes_protect(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    struct page_batch b;
    int err = 0;
    protect_begin(&b);
    for (size_t i = 0, n; i < set->change_count && err == 0; i += n) {
        n = run_length(vm, i);
        uaddr_t start = set->changes[i] << PAGE_SHIFT, end = start + n * PAGE_SIZE;
        if (shadow_get(&vm->frames, set->changes[i]))
            err = run_protect(vm, &b, start, end);
        else
            retire_range(start, end);
    }
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

/*
 * There is no way back from a half-made exchange, but none is needed: `place` is right after each page. What was not exchanged was
 * opened: it gets no access, so that who owns it asks again, and what nobody has there goes.
 */
static void bring_abandon(struct vmspace *vm, size_t done)
{
    struct conflict_set *set = vm->set;
    int err = 0;
    for (size_t i = done; i < set->change_count; i++) {
        uaddr_t at = set->changes[i] << PAGE_SHIFT;
        if (in_place(vm, set->changes[i]))
            err |= protect_range(at, at + PAGE_SIZE, PLAT_PROT_NONE);
        else
            retire_range(at, at + PAGE_SIZE);
    }
    set->change_count = done;
    err |= changes_protect(vm);
    set->resident = NULL;
    set->epoch++;
    set->changes_of[0] = NULL;
    if (err)
        log_warn("the host did not change the protection of memory");
}

static int changes_make(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    size_t done = 0;
    int err = changes_prepare(vm);
    for (; done < set->change_count && err == 0; done += err == 0)
        err = change_apply(vm, set->changes[done]);
    if (err) {
        bring_abandon(vm, done);
        return err;
    }
    return changes_protect(vm);
}

/* ---- what stays away, under set_lock ------------------------------------------------------------------------------------ */

/* A page is tried in one of 2^heat rounds. */
static bool is_ripe(const struct conflict_set *set, const struct frame *f)
{
    return f && f->refs > 0 && ((set->arrivals / FREEZE_EVERY) & ((1U << f->heat) - 1)) == 0;
}

static int page_freeze(struct conflict_set *set, uint64_t page)
{
    struct frame *f = shadow_get(&set->place, page), *mark = frame_create();
    if (!mark)
        return -ENOMEM;
    *mark = (struct frame){.heat = f->heat, .is_cold = true};
    int err = frame_evict(set, page, f);
    if (err) {
        heap_free(mark);
        return err;
    }
    err = shadow_set(&set->place, page, mark);
    CHECK(err == 0); /* the table is there */
    set->has_cold = true;
    return 0;
}

/* What was to be exchanged stays away instead; what is not tried now, or cannot go aside, is left in `changes`. */
static int changes_freeze(struct conflict_set *set)
{
    struct page_batch b;
    size_t left = 0;
    int err = 0;
    protect_begin(&b);
    for (size_t i = 0; i < set->change_count && err == 0; i++) {
        uint64_t page = set->changes[i];
        uaddr_t at = page << PAGE_SHIFT;
        if (!is_ripe(set, shadow_get(&set->place, page)) || page_freeze(set, page))
            set->changes[left++] = page;
        else
            err = protect_add(&b, at, at + PAGE_SIZE, PLAT_PROT_NONE);
    }
    set->change_count = left;
    set->epoch++;
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

static int space_bring(struct vmspace *vm, bool wants_cold)
{
    struct conflict_set *set = vm->set;
    int err = changes_find(vm, wants_cold);
    if (err) {
        set->change_count = 0;
        return err;
    }
    if (!wants_cold && ++set->arrivals % FREEZE_EVERY == 0)
        err = changes_freeze(set);
    if (err == 0)
        err = changes_make(vm);
    if (err == 0) {
        set->resident = vm;
        set->has_cold &= !wants_cold;
    }
    return err;
}

/* ---- sets, under set_lock ------------------------------------------------------------------------------------------- */

static void set_free(struct conflict_set *set)
{
    for (unsigned i = 0; i < set->place.count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            struct frame *f = set->place.leaves[i].frames[k];
            if (f && f->refs == 0)
                heap_free(f);
        }
    }
    shadow_fini(&set->place);
    heap_free(set->changes);
    heap_free(set);
}

/* vm, which is not running or the caller's, gets a set of its own, with frames for what it has in place. */
static int set_create(struct vmspace *vm)
{
    struct conflict_set *set = heap_zalloc(sizeof(*set));
    int err = 0;
    if (!set)
        return -ENOMEM;
    list_init(&set->members);
    list_push_back(&set->members, &vm->set_node);
    set->resident = vm;
    set->count = 1;
    set->is_barred = vm->is_barred;
    set->hot = vm->hot;
    vm->set = set;
    set->changes = heap_alloc(SHADOW_PAGES * sizeof(*set->changes)); /* at least a leaf: leaving cannot fail */
    set->change_room = SHADOW_PAGES;
    if (!set->changes)
        err = -ENOMEM;
    for (struct area *a = area_at_or_after(vm, 0); a && err == 0; a = area_next(a))
        err = a->is_shared ? 0 : frames_add(vm, a->start, a->end);
    return err;
}

static void frames_free(struct vmspace *vm)
{
    for (unsigned i = 0; i < vm->frames.count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            if (vm->frames.leaves[i].frames[k])
                (void)frame_put(vm->frames.leaves[i].frames[k]);
        }
    }
    shadow_fini(&vm->frames);
}

static bool cold_bring(struct vmspace *vm);

/*
 * The only member, resident: nothing has to be kept apart any more. What may not be written stays so until somebody wants
 * to: who forks in a loop writes the same few pages, which are apart already, and the host is not asked at all.
 */
static void set_dissolve(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    if (!cold_bring(vm))
        return;
    list_remove(&vm->set_node);
    vm->set = NULL;
    vm->hot = set->hot;
    vm->widen_size = PAGE_SIZE;
    set_free(set);
    frames_free(vm);
}

/* Their places have no page in common. */
static void set_merge(struct conflict_set *set, struct conflict_set *other, int *err)
{
    struct vmspace *vm, *after;
    list_for_each_safe (vm, after, &other->members, set_node) {
        list_remove(&vm->set_node);
        list_push_back(&set->members, &vm->set_node);
        vm->set = set;
        set->count++;
    }
    set->epoch++;
    set->has_cold |= other->has_cold;
    *err = shadow_merge(&set->place, &other->place);
    shadow_fini(&other->place);
    set_free(other);
}

/* ---- who runs where ------------------------------------------------------------------------------------------------ */

/* The other vCPU that runs another space of vm's set; -1: none. Under set_lock. */
static int set_runner(const struct vmspace *vm)
{
    unsigned me = arch_vcpu()->id;
    for (unsigned i = 0; i < vcpu_count && vm->set; i++) {
        struct vmspace *other = __atomic_load_n(&vcpu_spaces[i], __ATOMIC_SEQ_CST);
        if (i != me && other && other != vm && other->set == vm->set)
            return (int)i;
    }
    return -1;
}

static bool is_barred(const struct vmspace *vm)
{
    return vm->is_barred || (vm->set && vm->set->is_barred);
}

static bool is_claim_due(const struct conflict_set *set)
{
    return set->claimant && clock_monotonic() - set->claimed_at > CLAIM_AFTER;
}

/*
 * Tasks of a set that may run on different vCPUs only never meet in a queue. Who waited long has a claim: the others are
 * refused, and the one that runs is asked to leave. Under set_lock. False: vm is refused.
 */
static bool claim_check(struct vmspace *vm, int runner)
{
    struct conflict_set *set = vm->set;
    bool is_due = is_claim_due(set);
    if (runner < 0 && (!is_due || set->claimant == vm)) {
        set->claimant = set->claimant == vm ? NULL : set->claimant;
        return true;
    }
    if (!set->claimant) {
        set->claimant = vm;
        set->claimed_at = clock_monotonic();
    } else if (is_due && set->claimant == vm && runner >= 0) {
        set->claimed_at += CLAIM_AFTER / 4; /* not at each try */
        __atomic_store_n(&vcpus[runner]->current->needs_resched, true, __ATOMIC_SEQ_CST);
        plat_vcpu_kick((unsigned)runner);
    }
    return false;
}

/* sched: this vCPU goes from `from` to `to`. False: `to` cannot be resident now. */
static bool space_change(struct vmspace *from, struct vmspace *to)
{
    unsigned me = arch_vcpu()->id;
    __atomic_store_n(&vcpu_spaces[me], to, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu_sets[me], to ? to->set : NULL, __ATOMIC_RELAXED);
    if (!to || (!__atomic_load_n(&to->set, __ATOMIC_SEQ_CST) && !__atomic_load_n(&to->is_barred, __ATOMIC_SEQ_CST)))
        return true;
    spin_lock(&set_lock);
    bool may = !is_barred(to) && (!to->set || claim_check(to, set_runner(to)));
    spin_unlock(&set_lock);
    if (!may)
        __atomic_store_n(&vcpu_spaces[me], from, __ATOMIC_SEQ_CST);
    return may;
}

static bool space_is_bound(const struct vmspace *vm, unsigned vcpu)
{
    const struct conflict_set *set = vm ? __atomic_load_n(&vm->set, __ATOMIC_RELAXED) : NULL;
    return set && __atomic_load_n(&vcpu_sets[vcpu], __ATOMIC_RELAXED) == set;
}

/* sched: who keeps vm from being resident. */
static int space_blocker(struct vmspace *vm)
{
    spin_lock(&set_lock);
    int vcpu = set_runner(vm);
    spin_unlock(&set_lock);
    return vcpu;
}

bool vm_is_resident(struct vmspace *vm)
{
    const struct conflict_set *set = __atomic_load_n(&vm->set, __ATOMIC_ACQUIRE);
    return !set || set->resident == vm;
}

static bool has_heir(const struct vmspace *vm, uint64_t page)
{
    const struct vmspace *other;
    list_for_each (other, &vm->set->members, set_node) {
        if (other != vm && shadow_get(&other->frames, page))
            return true;
    }
    return false;
}

/*
 * Content of vm's alone goes. Its page stays, with a frame that nobody has, where others have content for it: they come
 * in without a host call.
 */
static void frame_leave(struct vmspace *vm, uint64_t page, struct frame *f)
{
    struct conflict_set *set = vm->set;
    bool is_wanted = has_heir(vm, page);
    table_clear(&vm->frames, page);
    if (f->refs == 1 && in_place(vm, page) == f && is_wanted) {
        f->refs = 0;
        return;
    }
    bool was_here = in_place(vm, page) == f;
    if (frame_put(f) && was_here)
        table_clear(&set->place, page);
    if (is_wanted || (in_place(vm, page) && in_place(vm, page)->refs > 0))
        return;
    if (in_place(vm, page)) {
        int err = frame_evict(set, page, in_place(vm, page));
        CHECK(err == 0); /* what nobody has is not copied */
    }
    set->changes[set->change_count++] = page;
}

/* Runs of unwanted pages go at once. */
static void unwanted_retire(struct conflict_set *set)
{
    for (size_t i = 0, n; i < set->change_count; i += n) {
        n = 1;
        while (i + n < set->change_count && set->changes[i + n] == set->changes[i] + n)
            n++;
        retire_range(set->changes[i] << PAGE_SHIFT, (set->changes[i] + n) << PAGE_SHIFT);
    }
    set->change_count = 0;
}

static void frames_leave(struct vmspace *vm)
{
    vm->set->change_count = 0;
    vm->set->epoch++;
    for (unsigned i = 0; i < vm->frames.count; i++) {
        const struct shadow_leaf *leaf = &vm->frames.leaves[i];
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            if (leaf->frames[k])
                frame_leave(vm, leaf->no * SHADOW_PAGES + k, leaf->frames[k]);
        }
        unwanted_retire(vm->set);
    }
    shadow_fini(&vm->frames);
}

/* ---- when there is no memory to come in ----------------------------------------------------------------------------- */

static bool has_lost;

bool vm_is_lost(const struct vmspace *vm)
{
    return __atomic_load_n(&vm->is_lost, __ATOMIC_RELAXED);
}

bool vm_has_lost(void)
{
    return __atomic_load_n(&has_lost, __ATOMIC_RELAXED) && __atomic_exchange_n(&has_lost, false, __ATOMIC_ACQ_REL);
}

/* Its content goes now, its process will: proc sees to it when the current task returns to the user. */
static void space_lose(struct vmspace *vm)
{
    log_error("out of memory: a process that was forked is killed; raise memory.size in naos.json");
    frames_leave(vm);
    if (vm->set->resident == vm)
        vm->set->resident = NULL;
    __atomic_store_n(&vm->is_lost, true, __ATOMIC_RELAXED);
    __atomic_store_n(&has_lost, true, __ATOMIC_RELEASE);
}

static size_t frames_count(const struct vmspace *vm)
{
    size_t count = 0;
    for (unsigned i = 0; i < vm->frames.count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            const struct frame *f = vm->frames.leaves[i].frames[k];
            count += f && f->refs == 1;
        }
    }
    return count;
}

/* Whose end gives most back. */
static struct vmspace *victim_choose(struct conflict_set *set)
{
    struct vmspace *vm, *best = NULL;
    size_t most = 0;
    list_for_each (vm, &set->members, set_node) {
        size_t count = frames_count(vm);
        if (count >= most && !vm->is_lost) {
            most = count;
            best = vm;
        }
    }
    return best;
}

/* What stays away comes, if vm is resident. False: it could not, and vm is lost. */
static bool cold_bring(struct vmspace *vm)
{
    if (!vm->set->has_cold || vm->set->resident != vm || space_bring(vm, true) == 0)
        return true;
    space_lose(vm);
    __atomic_store_n(&task_current()->is_interrupted, true, __ATOMIC_RELAXED);
    return false;
}

/* One page comes, and is left alone for longer. */
static int page_thaw(struct vmspace *vm, uint64_t page, struct frame *mark)
{
    struct conflict_set *set = vm->set;
    mark->heat = MIN(mark->heat + 1, HEAT_MAX);
    set->changes[0] = page;
    set->change_count = 1;
    set->epoch++;
    return changes_make(vm);
}

static bool is_cold(const struct vmspace *vm, uint64_t page)
{
    const struct frame *f = vm->set && vm->set->has_cold && vm->set->resident == vm ? in_place(vm, page) : NULL;
    return f && f->is_cold;
}

void content_thaw(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    if (likely(!__atomic_load_n(&vm->set, __ATOMIC_ACQUIRE)))
        return;
    spin_lock(&set_lock);
    for (uint64_t page = start >> PAGE_SHIFT; page < end >> PAGE_SHIFT && err == 0; page++) {
        if (is_cold(vm, page))
            err = page_thaw(vm, page, in_place(vm, page));
    }
    if (err)
        space_lose(vm);
    spin_unlock(&set_lock);
}

/* Under set_lock, which no other of the set runs without. Others are lost until vm can come in, or it is itself. */
static void space_come_in(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    while (!vm->is_lost && set->resident != vm && space_bring(vm, mutex_is_locked(&vm->lock))) {
        struct vmspace *victim = victim_choose(set);
        space_lose(victim ? victim : vm);
    }
}

bool vm_make_resident(struct vmspace *vm)
{
    if (likely(vm_is_resident(vm)))
        return false;
    spin_lock(&set_lock);
    if (vm->set)
        space_come_in(vm);
    spin_unlock(&set_lock);
    if (vm->is_lost || __atomic_load_n(&has_lost, __ATOMIC_RELAXED))
        __atomic_store_n(&task_current()->is_interrupted, true, __ATOMIC_RELAXED);
    return true;
}

static bool is_last(const struct vmspace *vm)
{
    return vm->set && vm->set->count == 1 && vm->set->resident == vm;
}

/* The last of a set stays in it until it faults or changes: who forks in a loop makes the frames of all pages once. */
void conflict_end(struct vmspace *vm)
{
    if (likely(!__atomic_load_n(&vm->set, __ATOMIC_ACQUIRE)))
        return;
    spin_lock(&set_lock);
    if (is_last(vm))
        set_dissolve(vm);
    spin_unlock(&set_lock);
}

void conflict_settle(struct vmspace *vm)
{
    conflict_end(vm);
    if (likely(!__atomic_load_n(&vm->set, __ATOMIC_ACQUIRE)))
        return;
    spin_lock(&set_lock);
    if (vm->set)
        cold_bring(vm);
    spin_unlock(&set_lock);
}

const struct sched_memory_ops sched_memory_ops = {
    .change = space_change,
    .blocker = space_blocker,
    .is_bound = space_is_bound,
    .arrive = vm_make_resident,
};

/* Does a vCPU run vm, or one of its set? vm and its set stay as they are: the caller has the join lock. */
static bool runs_any_of(const struct vmspace *vm, unsigned vcpu)
{
    spin_lock(&set_lock);
    const struct vmspace *runs = __atomic_load_n(&vcpu_spaces[vcpu], __ATOMIC_SEQ_CST);
    bool is_one = runs && (runs == vm || (vm->set && runs->set == vm->set));
    spin_unlock(&set_lock);
    return is_one;
}

/* They are asked to leave, and find that they may not come back while they are barred. */
static void others_leave(struct vmspace *vm)
{
    unsigned me = arch_vcpu()->id;
    for (unsigned i = 0; i < vcpu_count; i++) {
        if (i == me || !runs_any_of(vm, i))
            continue;
        __atomic_store_n(&vcpus[i]->current->needs_resched, true, __ATOMIC_SEQ_CST);
        plat_vcpu_kick(i);
        while (runs_any_of(vm, i))
            arch_relax();
    }
}

/* ---- becoming members ------------------------------------------------------------------------------------------------ */

/* A space that holds a unit of vm's and is not in its set: it and its set are barred. It does not go: the join lock is held. */
static struct vmspace *stranger_find(struct vmspace *vm)
{
    struct vmspace *other, *found = NULL;
    spin_lock(&set_lock);
    list_for_each (other, &all_spaces, all_node) {
        if (other == vm || (vm->set && other->set == vm->set) || !unit_is_shared_by(vm, other))
            continue;
        found = other;
        __atomic_store_n(&other->is_barred, true, __ATOMIC_SEQ_CST);
        if (other->set)
            other->set->is_barred = true;
        break;
    }
    spin_unlock(&set_lock);
    return found;
}

static int stranger_join(struct vmspace *vm, struct vmspace *other)
{
    int err = 0;
    spin_lock(&set_lock);
    if (!vm->set)
        err = set_create(vm);
    if (err == 0 && !other->set)
        err = set_create(other);
    __atomic_store_n(&other->is_barred, false, __ATOMIC_SEQ_CST);
    if (other->set)
        other->set->is_barred = false;
    if (err == 0 && other->set != vm->set)
        set_merge(vm->set, other->set, &err);
    spin_unlock(&set_lock);
    return err;
}

int space_conflicts_join(struct vmspace *vm)
{
    int err = 0;
    struct vmspace *other;
    rwlock_lock_write(&join_lock);
    while (err == 0 && (other = stranger_find(vm))) {
        others_leave(other);
        err = stranger_join(vm, other);
    }
    rwlock_unlock_write(&join_lock);
    return err;
}

/* The child has what the parent has: shares its frames, but those of areas that do not come along. */
static int frames_share(struct vmspace *parent, struct vmspace *child)
{
    const struct area *a = NULL;
    int err = shadow_copy(&child->frames, &parent->frames);
    for (unsigned i = 0; i < child->frames.count; i++) {
        struct shadow_leaf *leaf = &child->frames.leaves[i];
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            struct frame *f = leaf->frames[k];
            if (!f)
                continue;
            uaddr_t at = (leaf->no * SHADOW_PAGES + k) << PAGE_SHIFT;
            if (!a || at < a->start || at >= a->end)
                a = area_find(child, at);
            if (a && !a->wipe_on_fork)
                f->refs++;
            else
                leaf->frames[k] = NULL;
        }
    }
    return err;
}

/* The child's own copy of a page that parent or child will write soon. Without memory for it the two go on sharing. */
static void hot_split(struct vmspace *parent, struct vmspace *child, uint64_t page)
{
    const struct area *a = area_find(child, page << PAGE_SHIFT);
    struct frame *f = shadow_get(&parent->frames, page);
    if (!a || !(a->prot & VM_WRITE) || !f || f->refs != 2 || shadow_get(&child->frames, page) != f || in_place(parent, page) != f ||
        !(page_prot(page) & PLAT_PROT_READ))
        return;
    struct frame *own = frame_create();
    if (!own || !(own->copy = page_alloc(0))) {
        heap_free(own);
        return;
    }
    memcpy(own->copy, (const void *)(page << PAGE_SHIFT), PAGE_SIZE);
    f->refs--;
    int err = shadow_set(&child->frames, page, own);
    CHECK(err == 0); /* the table is there */
}

static void hot_split_all(struct vmspace *parent, struct vmspace *child)
{
    struct hot_pages *hot = &parent->set->hot;
    for (unsigned i = 0; i < hot->count; i++)
        hot_split(parent, child, hot->pages[i]);
    if (++hot->forks == HOT_FORKS)
        *hot = (struct hot_pages){0};
}

/* The next page from at on that vm alone has: one that was taken apart just now. */
static uaddr_t hot_next(const struct vmspace *vm, const struct hot_pages *hot, uaddr_t at, uaddr_t end)
{
    uaddr_t next = end;
    for (unsigned i = 0; i < hot->count; i++) {
        uaddr_t addr = hot->pages[i] << PAGE_SHIFT;
        if (addr >= at && addr < next && !is_shared_frame(vm, hot->pages[i]))
            next = addr;
    }
    return next;
}

/* All but the hot pages that are apart. */
static int writes_forbid(struct vmspace *vm, const struct hot_pages *hot)
{
    struct page_batch b;
    int err = 0;
    protect_begin(&b);
    for (struct area *a = area_at_or_after(vm, 0); a && err == 0; a = area_next(a)) {
        if (a->is_shared || a->no_fork || a->wipe_on_fork || !(a->prot & VM_WRITE))
            continue;
        for (uaddr_t at = a->start, end; at < a->end && err == 0; at = end + PAGE_SIZE) {
            end = hot_next(vm, hot, at, a->end);
            err = protect_add(&b, at, end, shared_prot(a));
        }
    }
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

/*
 * The child is in the set and not yet started; nothing is copied until one of the two writes. The caller gives way to the
 * child: most often it is gone, or another program, before the parent writes.
 */
int conflict_fork(struct vmspace *parent, struct vmspace *child)
{
    struct hot_pages hot;
    int err = 0;
    vm_make_resident(parent);
    if (parent->is_lost)
        return -ENOMEM;
    spin_lock(&set_lock);
    if (!parent->set)
        err = set_create(parent);
    else if (!cold_bring(parent))
        err = -ENOMEM;
    if (err == 0) {
        parent->set->epoch++;
        err = frames_share(parent, child);
    }
    if (err == 0) {
        list_push_back(&parent->set->members, &child->set_node);
        parent->set->count++;
        child->set = parent->set;
        hot = parent->set->hot;
        hot_split_all(parent, child);
        err = writes_forbid(parent, &hot);
    } else {
        frames_free(child);
    }
    spin_unlock(&set_lock);
    task_current()->needs_resched = true;
    return err;
}

void conflict_leave_begin(void)
{
    rwlock_lock_read(&join_lock);
}

void conflict_leave_end(void)
{
    rwlock_unlock_read(&join_lock);
}

bool conflict_leave(struct vmspace *vm)
{
    spin_lock(&set_lock);
    if (is_last(vm))
        set_dissolve(vm);
    struct conflict_set *set = vm->set;
    if (set) {
        frames_leave(vm);
        list_remove(&vm->set_node);
        if (set->resident == vm)
            set->resident = NULL;
        if (set->claimant == vm)
            set->claimant = NULL;
        vm->set = NULL;
        if (--set->count == 0)
            set_free(set);
    }
    spin_unlock(&set_lock);
    return set != NULL;
}
