/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A space comes in: the pages in which it differs from what lies in place are exchanged.
 *
 * What two differ in is more than what they use: programs build their tables when they start. Now and then all that had to
 * be exchanged is tried without (changes_freeze): its content goes aside, the page is not accessible, and nobody's. Who
 * touches it gets it back (content_thaw), and the page is left alone for longer after each such failure. An operation on
 * areas finds all pages there (conflict_settle), and so does who holds the lock of its space while another comes in.
 */
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/conflict.h"

#define FREEZE_EVERY 32 /* arrivals */
#define HEAT_MAX     12

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

static int run_protect(struct vmspace *vm, struct page_batch *b, uaddr_t start, uaddr_t end)
{
    const struct area *a = NULL;
    int err = 0;
    for (uaddr_t at = start; at < end && err == 0; at += PAGE_SIZE) {
        if (!a || at >= a->end)
            a = area_find(vm, at);
        CHECK(a); /* what has a frame has an area */
        bool is_shared = frame_is_shared(vm, at >> PAGE_SHIFT);
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

int swap_in(struct vmspace *vm, bool wants_cold)
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

/* One page comes, and is left alone for longer. */
int swap_thaw(struct vmspace *vm, uint64_t page, struct frame *mark)
{
    struct conflict_set *set = vm->set;
    mark->heat = MIN(mark->heat + 1, HEAT_MAX);
    set->changes[0] = page;
    set->change_count = 1;
    set->epoch++;
    return changes_make(vm);
}
