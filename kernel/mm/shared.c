/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page of a shared object lets programs do. It lies at one address for all, so it can have one protection only: what
 * any of the areas that show it may do. An object knows its areas; where all may read and write, nothing has to be done.
 *
 * The kernel itself works on pages at home (read(2), write(2), truncate(2)): it pins them, and a page that it may not touch
 * is opened for as long as there are pins. All protections of pages at home change under the object's lock.
 */
#include "base/log.h"
#include "mm/pagecache_internal.h"

#define RW ((unsigned)VM_READ | VM_WRITE)

/* Pages that the medium backs are read by the kernel without further notice. */
static unsigned least(const struct pagecache *pc)
{
    return pc->ops && pc->ops->write ? VM_READ : 0;
}

/* What some area may do at `at`; RW where none is: it is the kernel's then. */
static unsigned allowed_at(const struct pagecache *pc, uaddr_t at)
{
    const struct area *a;
    unsigned prot = 0;
    bool is_any = false;
    list_for_each (a, &pc->areas, shared_node) {
        if (at < a->start || at >= a->end)
            continue;
        is_any = true;
        prot |= a->prot;
    }
    if (!is_any)
        return RW;
    return least(pc) | prot | (prot & VM_WRITE ? VM_READ : 0); /* nothing is writable and not readable */
}

/* Under pc->lock. A page that is not in the table, or not filled, is the kernel's own. */
static int settle(struct pagecache *pc, uaddr_t start, uaddr_t end)
{
    struct page_batch b;
    int err = 0;
    protect_begin(&b);
    for (uaddr_t at = committed_next(start, end); at < end && err == 0; at = committed_next(at + PAGE_SIZE, end)) {
        void **slot = pagecache_slot(pc, (at - pc->home) >> PAGE_SHIFT);
        if (slot && slot_page(*slot) == (void *)at && !slot_is_filling(*slot))
            err = protect_add(&b, at, at + PAGE_SIZE, allowed_at(pc, at));
    }
    int flushed = batch_flush(&b);
    return err ? err : flushed;
}

/* Under pc->lock. The pages that have to be settled once nobody has a pin. */
static void note_open(struct pagecache *pc, uaddr_t start, uaddr_t end)
{
    pc->open_from = pc->open_to ? MIN(pc->open_from, start) : start;
    __atomic_store_n(&pc->open_to, MAX(pc->open_to, end), __ATOMIC_SEQ_CST);
}

/* Under pc->lock: who takes the last pin away comes here too, after it. */
static int settle_open(struct pagecache *pc)
{
    if (!pc->open_to || __atomic_load_n(&pc->pins, __ATOMIC_SEQ_CST) > 0)
        return 0;
    int err = settle(pc, pc->open_from, pc->open_to);
    __atomic_store_n(&pc->open_to, 0, __ATOMIC_RELAXED);
    return err;
}

int shared_settle(struct pagecache *pc, uaddr_t start, uaddr_t end)
{
    if (pc->is_sealed || __atomic_load_n(&pc->limited, __ATOMIC_RELAXED) == 0)
        return 0;
    spin_lock(&pc->lock);
    note_open(pc, start, end);
    int err = settle_open(pc);
    spin_unlock(&pc->lock);
    return err;
}

int shared_widen(struct area *a, uaddr_t page)
{
    struct pagecache *pc = a->pages;
    spin_lock(&pc->lock);
    unsigned prot = pc->is_sealed ? a->prot : allowed_at(pc, page) | (page_prot(page >> PAGE_SHIFT) & RW);
    int err = protect_range(page, page + PAGE_SIZE, prot);
    spin_unlock(&pc->lock);
    return err;
}

/* ---- areas as they come, change and go ------------------------------------------------------------------------------ */

static bool is_limited(const struct area *a)
{
    return (a->prot & (RW | VM_EXEC)) != RW;
}

static void settle_or_say(struct area *a)
{
    if (shared_settle(a->pages, a->start, a->end))
        log_warn("the host did not change the protection of memory");
}

void shared_enter(struct area *a)
{
    struct pagecache *pc = a->pages;
    spin_lock(&pc->lock);
    list_push_back(&pc->areas, &a->shared_node);
    __atomic_fetch_add(&pc->limited, is_limited(a), __ATOMIC_RELAXED);
    spin_unlock(&pc->lock);
    settle_or_say(a);
}

void shared_leave(struct area *a)
{
    struct pagecache *pc = a->pages;
    spin_lock(&pc->lock);
    list_remove(&a->shared_node);
    __atomic_fetch_sub(&pc->limited, is_limited(a), __ATOMIC_RELAXED);
    spin_unlock(&pc->lock);
    settle_or_say(a);
}

void shared_protect(struct area *a, unsigned prot)
{
    struct pagecache *pc = a->pages;
    spin_lock(&pc->lock);
    __atomic_fetch_sub(&pc->limited, is_limited(a), __ATOMIC_RELAXED);
    a->prot = prot;
    __atomic_fetch_add(&pc->limited, is_limited(a), __ATOMIC_RELAXED);
    spin_unlock(&pc->lock);
    settle_or_say(a);
}

void shared_came(struct pagecache *pc, void *page)
{
    if (is_home_page(page) && !pc->is_sealed && __atomic_load_n(&pc->limited, __ATOMIC_RELAXED))
        note_open(pc, (uaddr_t)page, (uaddr_t)page + PAGE_SIZE);
}

/* ---- the kernel's own access, under pc->lock ---------------------------------------------------------------------------- */

int shared_open(struct pagecache *pc, void *page, bool for_write)
{
    uaddr_t at = (uaddr_t)page;
    unsigned needs = for_write ? RW : VM_READ, has = is_home_page(page) ? page_prot(at >> PAGE_SHIFT) : RW;
    if ((has & needs) == needs)
        return 0;
    note_open(pc, at, at + PAGE_SIZE);
    return protect_range(at, at + PAGE_SIZE, RW | has);
}

void shared_close(struct pagecache *pc)
{
    spin_lock(&pc->lock);
    int err = settle_open(pc);
    spin_unlock(&pc->lock);
    if (err)
        log_warn("the host did not change the protection of memory");
}
