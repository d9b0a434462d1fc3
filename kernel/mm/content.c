/* SPDX-License-Identifier: Apache-2.0 */
/* The private pages of a space that is in a conflict set: frames, and the content of ranges as flat.c and fill.c want it. */
#include "base/string.h"
#include "heap/heap.h"
#include "mm/conflict.h"

/* ---- frames, under set_lock ------------------------------------------------------------------------------------ */

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

int frames_add(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    for (uaddr_t at = committed_next(start, end); at < end && err == 0; at = committed_next(at + PAGE_SIZE, end)) {
        if (!shadow_get(&vm->frames, at >> PAGE_SHIFT))
            err = frame_add(vm, at >> PAGE_SHIFT);
    }
    return err;
}

static int page_make_readable(uint64_t page)
{
    uaddr_t at = page << PAGE_SHIFT;
    return page_prot(page) & PLAT_PROT_READ ? 0 : protect_range(at, at + PAGE_SIZE, PLAT_PROT_READ | PLAT_PROT_WRITE);
}

int frame_evict(struct conflict_set *set, uint64_t page, struct frame *f)
{
    if (f->refs == 0) {
        shadow_clear(&set->place, page);
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
    shadow_clear(&set->place, page);
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
    shadow_clear(&vm->frames, page);
    if (frame_put(f) && is_here)
        shadow_clear(&vm->set->place, page);
    return 0;
}

/* ---- the content of a range, as flat.c wants it ----------------------------------------------------------------- */

/* Pages that a commit brought before it failed: without a frame the next of the set would take them, and what is in them, for its own. */
void orphans_retire(struct vmspace *vm, uaddr_t start, uaddr_t end)
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

bool frame_is_shared(const struct vmspace *vm, uint64_t page)
{
    const struct frame *f = shadow_get(&vm->frames, page);
    return f && f->refs > 1;
}

/* What relatives share is not written to, whatever the host does: its first write must be seen. */
unsigned shared_prot(const struct area *a)
{
    return a->prot & VM_WRITE ? (a->prot & ~(unsigned)VM_WRITE) | VM_READ | PLAT_PROT_SEALED : a->prot;
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
        if (frame_is_shared(vm, at >> PAGE_SHIFT))
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
