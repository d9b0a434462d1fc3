/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): the child shares its parent's frames, but for the pages that both will write soon. */
#include "base/string.h"
#include "heap/heap.h"
#include "mm/conflict.h"
#include "sched/sched.h"

#define HOT_FORKS 16 /* then what is hot must show again that it is: each page apart costs time in every swap */

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
        if (addr >= at && addr < next && !frame_is_shared(vm, hot->pages[i]))
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
