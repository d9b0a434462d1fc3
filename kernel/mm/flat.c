/* SPDX-License-Identifier: Apache-2.0 */
/* vmspace.h where there are no page tables: areas of one address space that all processes share. */
#include <linux/mman.h>
#include "base/string.h"
#include "crypto/random.h"
#include "heap/heap.h"
#include "mm/internal.h"
#include "sched/sched.h"

#define POPULATE_MAX (2UL << 20)
#define REUSE_MAX (2UL << 20) /* of a new area, at once */

void space_begin(struct vmspace *vm)
{
    ref_init(&vm->ref, 1);
    mutex_init(&vm->lock);
    list_init(&vm->set_node);
    vm->layout.limit_as = vm->layout.limit_data = UINT64_MAX;
    space_register(vm);
}

int vmspace_create(struct vmspace **result)
{
    struct vmspace *vm = heap_zalloc(sizeof(*vm));
    if (!vm)
        return -ENOMEM;
    space_begin(vm);
    *result = vm;
    return 0;
}

void vmspace_get(struct vmspace *vm)
{
    ref_get(&vm->ref);
}

struct vm_layout *vm_layout(struct vmspace *vm)
{
    return &vm->layout;
}

static void space_destroy(struct vmspace *vm, bool was_in_set)
{
    struct area *a;
    while ((a = area_at_or_after(vm, 0))) {
        if (!a->is_shared && !was_in_set)
            release_range(a->start, a->end);
        area_remove(vm, a);
    }
    space_unregister(vm);
    unit_release_all(vm);
    space_ghosts_drop(vm);
    heap_free(vm);
}

void vmspace_put(struct vmspace *vm)
{
    if (!ref_put(&vm->ref))
        return;
    conflict_leave_begin();
    bool was_in_set = conflict_leave(vm);
    if (was_in_set || !space_park(vm))
        space_destroy(vm, was_in_set);
    conflict_leave_end();
}

/* ---- fork ------------------------------------------------------------------------------------------------------ */

static int areas_copy(struct vmspace *from, struct vmspace *to)
{
    int err = 0;
    for (struct area *a = area_at_or_after(from, 0); a && err == 0; a = area_next(a)) {
        if (!a->no_fork)
            err = area_insert(to, a, NULL);
    }
    return err;
}

/* It has nothing of its own: what lies in its areas is the parent's, and stays. */
static void child_forget(struct vmspace *vm)
{
    struct area *a;
    while (!vm->set && (a = area_at_or_after(vm, 0)))
        area_remove(vm, a);
    vmspace_put(vm);
}

int vmspace_fork(struct vmspace *parent, struct vmspace **child)
{
    struct vmspace *vm;
    int err = vmspace_create(&vm);
    if (err)
        return err;
    mutex_lock(&parent->lock);
    vm->layout = parent->layout;
    vm->brk_start = parent->brk_start;
    vm->brk = parent->brk;
    err = unit_copy(parent, vm);
    if (err == 0)
        err = areas_copy(parent, vm);
    if (err == 0)
        err = conflict_fork(parent, vm);
    mutex_unlock(&parent->lock);
    if (err)
        child_forget(vm);
    else
        *child = vm;
    return err;
}

/* ---- mapping ----------------------------------------------------------------------------------------------------- */

static int range_check(uaddr_t addr, uint64_t *size)
{
    if (addr & PAGE_MASK || *size == 0)
        return -EINVAL;
    if (*size > plat_info.user_end)
        return -ENOMEM;
    *size = align_up(*size, PAGE_SIZE);
    return addr > plat_info.user_end - *size ? -ENOMEM : 0; /* no sum: it could wrap */
}

static int area_content_discard(struct vmspace *vm, const struct area *a)
{
    if (vm->set || !ghost_keeps(vm, a))
        return content_discard(vm, a->start, a->end);
    retire_range_kept(a->start, a->end);
    return 0;
}

static int area_unmap(struct vmspace *vm, struct area *a)
{
    int err = a->is_shared ? 0 : area_content_discard(vm, a);
    if (err == 0)
        area_remove(vm, a);
    return err;
}

static int unmap_locked(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = area_isolate(vm, start, end);
    if (err)
        return err;
    struct area *a = area_at_or_after(vm, start);
    while (a && a->start < end && err == 0) {
        struct area *next = area_next(a);
        err = area_unmap(vm, a);
        a = next;
    }
    return err;
}

/* Another space that holds these units is in conflict with this one from now on. */
static int conflicts_find(struct vmspace *vm, uaddr_t addr, uint64_t size)
{
    bool is_held = false;
    for (uint64_t u = addr >> UNIT_SHIFT; u <= (addr + size - 1) >> UNIT_SHIFT; u++)
        is_held |= unit_is_held_by_others((uint32_t)u);
    return is_held ? space_conflicts_join(vm) : 0;
}

static int place_fixed(struct vmspace *vm, const struct vm_map_request *req, uint64_t size)
{
    uaddr_t end = req->addr + size;
    if (req->addr < plat_info.user_start)
        return -EPERM;
    struct area *a = area_at_or_after(vm, req->addr);
    if (req->no_replace && a && a->start < end)
        return -EEXIST;
    int err = unit_hold(vm, req->addr, size);
    if (err == 0)
        err = conflicts_find(vm, req->addr, size);
    if (err == 0)
        err = unmap_locked(vm, req->addr, end);
    return err;
}

static bool is_hint_free(struct vmspace *vm, uaddr_t addr, uint64_t size)
{
    if (addr < plat_info.user_start || addr & PAGE_MASK || addr + size > plat_info.user_end || addr + size < addr)
        return false;
    struct area *a = area_at_or_after(vm, addr);
    if (a && a->start < addr + size)
        return false;
    for (uint64_t u = addr >> UNIT_SHIFT; u <= (addr + size - 1) >> UNIT_SHIFT; u++) {
        if (!unit_is_mine_or_free(vm, (uint32_t)u))
            return false;
    }
    return true;
}

/* A shared object can be at its home only. */
static int place_shared(const struct vm_map_request *req, uint64_t size, uaddr_t *at)
{
    int err = pagecache_make_home(req->pages, (req->offset + size) >> PAGE_SHIFT);
    if (err)
        return err;
    *at = req->pages->home + req->offset;
    return req->is_fixed && req->addr != *at ? -ENOMEM : 0;
}

/*
 * A program may map an object several times; all its mappings are at the one address. They are counted, have all that any of them
 * may do, and the last munmap(2) ends them.
 */
static int shared_replace(struct vmspace *vm, struct area *shape, bool is_again)
{
    for (struct area *a = area_at_or_after(vm, shape->start); a && a->start < shape->end && is_again; a = area_next(a)) {
        if (a->pages != shape->pages)
            continue;
        shape->again = MAX(shape->again, a->again + 1);
        shape->prot |= a->prot;
    }
    return unmap_locked(vm, shape->start, shape->end);
}

/* Of the areas in [start, end), those that were mapped once. */
static int unmap_once(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = area_isolate(vm, start, end);
    for (struct area *a = area_at_or_after(vm, start), *next; err == 0 && a && a->start < end; a = next) {
        next = area_next(a);
        if (a->again)
            a->again--;
        else
            err = area_unmap(vm, a);
    }
    return err;
}

static int place(struct vmspace *vm, const struct vm_map_request *req, uint64_t size, uaddr_t *at)
{
    if (req->is_shared)
        return place_shared(req, size, at);
    *at = req->addr;
    if (req->is_fixed)
        return place_fixed(vm, req, size);
    if (req->addr && is_hint_free(vm, req->addr, size))
        return unit_hold(vm, req->addr, size);
    return area_find_gap(vm, size, PAGE_SIZE, 0, at);
}

/* Areas that go on where this one begins or ends, in all respects, become one with it. */
static bool can_merge(const struct area *a, const struct area *b)
{
    return a->end == b->start && a->prot == b->prot && !a->is_shared && !b->is_shared && !a->pages && !b->pages &&
           a->is_stack == b->is_stack && a->no_fork == b->no_fork && a->wipe_on_fork == b->wipe_on_fork && a->is_locked == b->is_locked && a->name == b->name && !a->is_stack &&
           a->was_writable == b->was_writable && !a->trampolines && !b->trampolines;
}

static void merge(struct vmspace *vm, struct area *a)
{
    struct area *next = area_next(a), *prev = area_prev(a);
    if (next && can_merge(a, next)) {
        uaddr_t end = next->end;
        area_remove(vm, next);
        vm->size += end - a->end;
        a->end = end;
    }
    if (prev && can_merge(prev, a)) {
        uaddr_t end = a->end;
        area_remove(vm, a);
        vm->size += end - prev->end;
        prev->end = end;
    }
}

/* As far as that goes: what cannot come now says so when it is touched. */
static void area_populate(struct vmspace *vm, struct area *a)
{
    for (uaddr_t at = a->start; at < a->end && a->prot;) {
        uaddr_t end = committed_next(at, MIN(a->end, at + CLUSTER)); /* a run that is missing */
        if (at < end && area_fill(vm, a, at, end, at))
            return;
        at = MAX(end, at + PAGE_SIZE);
    }
}

/* What the last run of the program wrote is filled anew: it will be touched again. What does not work out faults in. */
static void content_refill(struct vmspace *vm, struct area *a)
{
    uaddr_t at = a->start, limit = MIN(a->end, a->start + REUSE_MAX), end;
    while ((end = stale_open_run(&at, limit)) > at) {
        if (area_fill(vm, a, at, end, at))
            return;
        at = end;
    }
}

static int anon_reuse(struct vmspace *vm, const struct area *a)
{
    uint64_t size = MIN(a->end - a->start, REUSE_MAX);
    uaddr_t start = a->is_stack ? a->end - size : a->start; /* used from there on */
    return content_commit_stale(vm, start, start + size, a->prot);
}

/*
 * Pages that lie there ready save the faults that would ask for them. After it, no page can be touched in the area but those
 * that it has.
 */
static int content_reuse(struct vmspace *vm, struct area *a, bool is_span)
{
    int err = 0;
    if (is_span)
        return 0;
    if (a->pages)
        ghost_revive(vm, a);
    if ((a->prot & VM_EXEC) && a->owner && !a->trampolines)
        err = area_trampolines(vm, a);
    if (err == 0 && !a->is_shared && (a->prot & VM_WRITE)) {
        if (a->pages)
            content_refill(vm, a);
        else
            err = anon_reuse(vm, a);
    }
    return err ? err : stale_forbid(a->start, a->end);
}

static bool is_data(const struct area *a)
{
    return (a->prot & VM_WRITE) && !a->is_shared && !a->is_stack;
}

/* RLIMIT_DATA counts what is private and writable, the heap by brk(2) apart. */
static bool data_has_room(struct vmspace *vm, const struct vm_map_request *req, uint64_t size)
{
    if (vm->layout.limit_data == UINT64_MAX || req->is_shared || req->is_stack || !(req->prot & VM_WRITE))
        return true;
    for (struct area *a = area_at_or_after(vm, 0); a; a = area_next(a))
        size += is_data(a) ? a->end - a->start : 0;
    return size <= vm->layout.limit_data;
}

static uint64_t locked_in(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    uint64_t bytes = 0;
    for (struct area *a = area_at_or_after(vm, start); a && a->start < end; a = area_next(a))
        bytes += a->is_locked ? MIN(a->end, end) - MAX(a->start, start) : 0;
    return bytes;
}

uint64_t vm_locked(struct vmspace *vm, uaddr_t addr, uint64_t size)
{
    mutex_lock(&vm->lock);
    uint64_t bytes = locked_in(vm, addr, addr + size < addr ? UINT64_MAX : addr + size);
    mutex_unlock(&vm->lock);
    return bytes;
}

static int map_locked(struct vmspace *vm, const struct vm_map_request *req, uint64_t size, uaddr_t *at)
{
    if (vm->size + size > vm->layout.limit_as || !data_has_room(vm, req, size))
        return -ENOMEM;
    if (req->has_lock_limit && (req->locked || vm->locks_new) && locked_in(vm, 0, plat_info.user_end) + size > req->lock_limit)
        return -EAGAIN;
    int err = place(vm, req, size, at);
    if (err)
        return err;
    struct area shape = {
        .start = *at, .end = *at + size, .prot = req->prot, .is_shared = req->is_shared, .no_write = req->no_write, .is_stack = req->is_stack,
        .no_fork = req->no_fork, .was_writable = !req->pages || (req->prot & VM_WRITE), .grow_limit = req->grow_limit,
        .pages = req->pages, .offset = req->offset, .owner = req->owner, .name = req->name, .is_locked = vm->locks_new || req->locked,
    };
    struct area *a;
    if (shape.owner) /* what is mapped again must not lose its last mapping in between */
        shape.owner->ops->get(shape.owner);
    err = shape.is_shared ? shared_replace(vm, &shape, !req->is_fixed) : content_claim(vm, shape.start, shape.end);
    if (err == 0)
        err = area_insert(vm, &shape, &a);
    if (shape.owner)
        shape.owner->ops->put(shape.owner);
    if (err == 0)
        err = content_reuse(vm, a, req->is_span);
    if (err == 0 && req->populate)
        err = area_fill(vm, a, a->start, MIN(a->end, a->start + POPULATE_MAX), a->start) == -ENOMEM ? -ENOMEM : 0;
    if (err == 0 && a->is_locked)
        area_populate(vm, a);
    if (err == 0)
        merge(vm, a);
    return err;
}

int vm_map(struct vmspace *vm, const struct vm_map_request *request, uaddr_t *at)
{
    struct vm_map_request req = *request;
    struct pagecache *fresh = NULL;
    uint64_t size = req.size;
    int err = range_check(req.is_fixed ? req.addr : 0, &size);
    if (err == 0 && req.is_shared && !req.pages) {
        err = pagecache_create(NULL, NULL, size, &fresh);
        req.pages = fresh;
    }
    if (err)
        return err;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    err = map_locked(vm, &req, size, at);
    mutex_unlock(&vm->lock);
    if (err == 0 && req.owner && (req.prot & VM_EXEC))
        text_mapped(req.owner, *at, req.offset);
    if (fresh)
        pagecache_put(fresh);
    return err;
}

int vm_unmap(struct vmspace *vm, uaddr_t addr, uint64_t size)
{
    if (range_check(addr, &size))
        return -EINVAL;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    int err = unmap_once(vm, addr, addr + size);
    mutex_unlock(&vm->lock);
    return err;
}

int vm_find_free(struct vmspace *vm, uint64_t size, uint64_t align, uaddr_t *at)
{
    mutex_lock(&vm->lock);
    int err = area_find_gap(vm, align_up(size, PAGE_SIZE), MAX(align, PAGE_SIZE), 0, at);
    mutex_unlock(&vm->lock);
    return err;
}

/* ---- changing ------------------------------------------------------------------------------------------------------ */

/* No hole in [start, end)? */
static bool is_covered(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    for (struct area *a = area_find(vm, start); a; a = area_next(a)) {
        if (a->start > start)
            return false;
        if (a->end >= end)
            return true;
        start = a->end;
    }
    return false;
}

/* Others that share pages keep them as they are. */
static int private_protect(struct vmspace *vm, const struct area *a, unsigned prot)
{
    int err = content_unshare(vm, a->start, a->end);
    return err ? err : protect_range(a->start, a->end, prot);
}

/* Up to the first hole, as Linux. */
static int protect_locked(struct vmspace *vm, uaddr_t start, uaddr_t end, unsigned prot)
{
    uaddr_t covered = start;
    int err = area_isolate(vm, start, end);
    for (struct area *a = area_find(vm, start); a && a->start < end && a->start <= covered && err == 0; a = area_next(a)) {
        covered = a->end;
        if (a->no_write && (prot & VM_WRITE)) {
            err = -EACCES;
            break;
        }
        a->was_writable |= (prot & VM_WRITE) != 0;
        if (a->is_shared) {
            shared_protect(a, prot);
            continue;
        }
        a->prot = prot;
        err = private_protect(vm, a, prot);
    }
    struct area *first = area_find(vm, start);
    if (err == 0 && first)
        merge(vm, first);
    return err == 0 && covered < end ? -ENOMEM : err;
}

int vm_protect(struct vmspace *vm, uaddr_t addr, uint64_t size, unsigned prot)
{
    if (addr & PAGE_MASK)
        return -EINVAL;
    if (size == 0)
        return 0;
    int err = range_check(addr, &size);
    if (err)
        return -ENOMEM;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    err = protect_locked(vm, addr, addr + size, prot);
    mutex_unlock(&vm->lock);
    return err;
}

int vm_protect_growing(struct vmspace *vm, uaddr_t addr, uint64_t size, unsigned prot, bool up)
{
    if (addr & PAGE_MASK)
        return -EINVAL;
    if (size == 0)
        return 0;
    if (range_check(addr, &size))
        return -ENOMEM;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    struct area *a = area_at_or_after(vm, addr);
    int err = !a || a->start >= addr + size ? -ENOMEM : up || !a->is_stack ? -EINVAL : 0;
    if (err == 0)
        err = protect_locked(vm, a->start, addr + size, prot);
    mutex_unlock(&vm->lock);
    return err;
}

static int grow_in_place(struct vmspace *vm, struct area *a, uint64_t more)
{
    struct area *next = area_next(a);
    if ((next && next->start < a->end + more) || !is_hint_free(vm, a->end, more))
        return -ENOMEM;
    if (a->is_shared && ((a->end + more - a->pages->home) >> PAGE_SHIFT) > a->pages->home_pages)
        return -ENOMEM;
    int err = a->is_shared ? 0 : unit_hold(vm, a->end, more);
    if (err)
        return err;
    err = a->is_shared ? 0 : content_claim(vm, a->end, a->end + more);
    if (err == 0)
        err = stale_forbid(a->end, a->end + more);
    if (err)
        return err;
    a->end += more;
    vm->size += more;
    return a->is_shared ? shared_settle(a->pages, a->end - more, a->end) : 0;
}

/* The content of committed pages goes along; the rest is brought in at its new place when it is touched. */
static int content_move(struct vmspace *vm, const struct area *to, uaddr_t from, uint64_t size)
{
    int err = 0;
    for (uaddr_t at = committed_next(from, from + size); at < from + size && err == 0; at = committed_next(at + PAGE_SIZE, from + size)) {
        uaddr_t dst = to->start + (at - from);
        if (!(page_prot(at >> PAGE_SHIFT) & VM_READ))
            err = protect_range(at, at + PAGE_SIZE, VM_READ);
        if (err == 0)
            err = content_commit_dirty(vm, dst, dst + PAGE_SIZE);
        if (err == 0)
            memcpy((void *)dst, (const void *)at, PAGE_SIZE);
    }
    return err ? err : protect_range(to->start, to->end, to->prot);
}

static int move(struct vmspace *vm, struct area *a, uaddr_t old, uint64_t old_size, uint64_t new_size, bool is_fixed,
                uaddr_t new_addr, bool keeps_old, uaddr_t *at)
{
    struct vm_map_request req = {
        .addr = is_fixed ? new_addr : 0, .size = new_size, .prot = a->prot, .is_fixed = is_fixed, .pages = a->pages,
        .offset = a->offset + (old - a->start), .owner = a->owner, .name = a->name, .no_fork = a->no_fork,
    };
    if (a->is_shared)
        return -ENOMEM; /* its home is where it is */
    int err = map_locked(vm, &req, new_size, at);
    if (err)
        return err;
    struct area *to = area_find(vm, *at);
    to->was_writable = true;
    err = content_move(vm, &(struct area){.start = *at, .end = *at + new_size, .prot = to->prot}, old, MIN(old_size, new_size));
    if (err)
        return err;
    if (!keeps_old)
        return unmap_locked(vm, old, old + old_size);
    return content_discard(vm, old, old + old_size);
}

static int remap_locked(struct vmspace *vm, uaddr_t old, uint64_t old_size, uint64_t new_size, unsigned flags,
                        uaddr_t new_addr, uaddr_t *at)
{
    bool is_fixed = flags & MREMAP_FIXED;
    struct area *a = area_find(vm, old);
    if (!a || a->end < old + old_size)
        return -EFAULT;
    *at = old;
    if (!is_fixed && !(flags & MREMAP_DONTUNMAP)) {
        if (new_size <= old_size)
            return new_size < old_size ? unmap_locked(vm, old + new_size, old + old_size) : 0;
        if (a->end == old + old_size && grow_in_place(vm, a, new_size - old_size) == 0)
            return 0;
    }
    if (!(flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    return move(vm, a, old, old_size, new_size, is_fixed, new_addr, flags & MREMAP_DONTUNMAP, at);
}

int vm_remap(struct vmspace *vm, uaddr_t old, uint64_t old_size, uint64_t new_size, unsigned flags, uaddr_t new_addr,
             uaddr_t *at)
{
    if (old >= plat_info.user_end && !(old & PAGE_MASK) && new_size && old_size)
        return -EFAULT;
    if (flags & ~(unsigned)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || range_check(old, &old_size) ||
        range_check(flags & MREMAP_FIXED ? new_addr : 0, &new_size))
        return -EINVAL;
    bool overlaps = (flags & MREMAP_FIXED) && new_addr < old + old_size && old < new_addr + new_size;
    if (((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE)) || overlaps)
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && old_size != new_size)
        return -EINVAL;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    int err = remap_locked(vm, old, old_size, new_size, flags, new_addr, at);
    mutex_unlock(&vm->lock);
    return err;
}

/* Page by page as a program would touch them. */
static int populate_range(struct vmspace *vm, struct area *a, uaddr_t start, uaddr_t end, bool for_write)
{
    int err = 0;
    for (uaddr_t at = start; at < end && err == 0; at += PAGE_SIZE) {
        const struct arch_fault f = {.kind = ARCH_FAULT_PAGE, .addr = at, .is_write = for_write};
        unsigned wants = for_write ? VM_WRITE : VM_READ;
        err = !area_allows(a, &f) ? -EINVAL : (page_prot(at >> PAGE_SHIFT) & wants) ? 0 : fault_serve(vm, &f);
    }
    return err == -EIO || err == -EACCES ? -EFAULT : err;
}

static int advise_area(struct vmspace *vm, struct area *a, uaddr_t start, uaddr_t end, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
        if ((advice == MADV_FREE && (a->pages || a->is_shared)) || (a->is_locked && advice != MADV_DONTNEED_LOCKED))
            return -EINVAL;
        return a->is_shared ? 0 : content_discard(vm, start, end);
    case MADV_COLD:
    case MADV_PAGEOUT:
        return a->is_locked ? -EINVAL : 0;
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        return populate_range(vm, a, start, end, advice == MADV_POPULATE_WRITE);
    case MADV_REMOVE:
        if (a->is_locked)
            return -EINVAL;
        if (!a->is_shared)
            return a->pages ? -EACCES : -EINVAL;
        pagecache_punch(a->pages, a->offset + (start - a->start), end - start);
        return 0;
    case MADV_DONTFORK:
    case MADV_DOFORK:
        a->no_fork = advice == MADV_DONTFORK;
        return 0;
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
        if (advice == MADV_WIPEONFORK && (a->pages || a->is_shared))
            return -EINVAL;
        a->wipe_on_fork = advice == MADV_WIPEONFORK;
        return 0;
    default:
        return 0;
    }
}

static bool is_advice_known(int advice)
{
    return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || (advice >= MADV_FREE && advice <= MADV_KEEPONFORK) ||
           (advice >= MADV_COLD && advice <= MADV_DONTNEED_LOCKED);
}

int vm_advise(struct vmspace *vm, uaddr_t addr, uint64_t size, int advice)
{
    if (addr & PAGE_MASK || !is_advice_known(advice))
        return -EINVAL;
    if (size == 0)
        return 0;
    if (range_check(addr, &size))
        return addr + size < addr || align_up(size, PAGE_SIZE) < size ? -EINVAL : -ENOMEM;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    bool changes_area = advice == MADV_DONTFORK || advice == MADV_DOFORK || advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK;
    int err = changes_area ? area_isolate(vm, addr, addr + size) : 0;
    bool has_holes = !is_covered(vm, addr, addr + size);
    for (struct area *a = area_at_or_after(vm, addr); a && a->start < addr + size && err == 0; a = area_next(a))
        err = advise_area(vm, a, MAX(a->start, addr), MIN(a->end, addr + size), advice);
    mutex_unlock(&vm->lock);
    return err ? err : has_holes ? -ENOMEM : 0;
}

/* What the next shared area shows, referenced: writing it back takes locks under which others fault. *at: behind the area. */
static struct pagecache *shared_pages_from(struct vmspace *vm, uaddr_t *at, uaddr_t end)
{
    struct pagecache *pages = NULL;
    mutex_lock(&vm->lock);
    struct area *a = area_at_or_after(vm, *at);
    while (a && a->start < end && !a->is_shared)
        a = area_next(a);
    if (a && a->start < end) {
        pages = a->pages;
        pagecache_get(pages);
    }
    *at = pages ? a->end : end;
    mutex_unlock(&vm->lock);
    return pages;
}

int vm_sync(struct vmspace *vm, uaddr_t addr, uint64_t size, int flags)
{
    if (addr & PAGE_MASK || flags & ~(MS_ASYNC | MS_SYNC | MS_INVALIDATE) || (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (size == 0)
        return 0;
    if (range_check(addr, &size))
        return -ENOMEM;
    mutex_lock(&vm->lock);
    int err = is_covered(vm, addr, addr + size) ? 0 : -ENOMEM;
    if (err == 0 && (flags & MS_INVALIDATE) && locked_in(vm, addr, addr + size))
        err = -EBUSY;
    mutex_unlock(&vm->lock);
    for (uaddr_t at = addr; at < addr + size && err == 0 && (flags & MS_SYNC);) {
        struct pagecache *pages = shared_pages_from(vm, &at, addr + size);
        if (pages) {
            err = pagecache_sync(pages);
            pagecache_put(pages);
        }
    }
    return err;
}

int vm_lock(struct vmspace *vm, uaddr_t addr, uint64_t size, bool is_locked)
{
    uaddr_t start = align_down(addr, PAGE_SIZE), end = align_up(addr + size, PAGE_SIZE);
    if (end < start)
        return -EINVAL;
    if (start == end)
        return 0;
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    int err = is_covered(vm, start, end) ? area_isolate(vm, start, end) : -ENOMEM;
    for (struct area *a = area_find(vm, start); a && a->start < end && err == 0; a = area_next(a)) {
        a->is_locked = is_locked;
        if (is_locked)
            area_populate(vm, a);
    }
    mutex_unlock(&vm->lock);
    return err;
}

void vm_lock_all(struct vmspace *vm, bool is_locked, bool future)
{
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    vm->locks_new = future;
    for (struct area *a = area_at_or_after(vm, 0); a; a = area_next(a)) {
        a->is_locked = is_locked;
        if (is_locked && !a->is_stack)
            area_populate(vm, a);
    }
    mutex_unlock(&vm->lock);
}

int vm_mincore(struct vmspace *vm, uaddr_t addr, uint64_t size, uint8_t *vec)
{
    mutex_lock(&vm->lock);
    int err = is_covered(vm, addr, addr + size) ? 0 : -ENOMEM;
    for (uint64_t i = 0; i < size >> PAGE_SHIFT && err == 0; i++)
        vec[i] = page_is_committed((addr >> PAGE_SHIFT) + i);
    mutex_unlock(&vm->lock);
    return err;
}

/* ---- the heap -------------------------------------------------------------------------------------------------------- */

void vm_set_brk(struct vmspace *vm, uaddr_t start)
{
    vm->brk_start = vm->brk = start;
    vm->layout.brk_start = start;
}

static int brk_move(struct vmspace *vm, uaddr_t old_end, uaddr_t new_end)
{
    if (new_end < old_end)
        return unmap_locked(vm, new_end, old_end);
    struct area *next = area_at_or_after(vm, old_end);
    if ((next && next->start < new_end + PAGE_SIZE) || !is_hint_free(vm, old_end, new_end - old_end))
        return -ENOMEM;
    const struct vm_map_request req = {.addr = old_end, .prot = VM_READ | VM_WRITE, .is_fixed = true, .name = "[heap]"};
    uaddr_t at;
    return map_locked(vm, &req, new_end - old_end, &at);
}

uaddr_t vm_brk(struct vmspace *vm, uaddr_t new_brk)
{
    mutex_lock(&vm->lock);
    conflict_settle(vm);
    uaddr_t old_end = align_up(vm->brk, PAGE_SIZE), new_end = align_up(new_brk, PAGE_SIZE);
    bool is_ok = new_brk >= vm->brk_start && new_brk < plat_info.user_end &&
                 new_brk - vm->brk_start <= vm->layout.limit_data;
    if (is_ok && (new_end == old_end || brk_move(vm, old_end, new_end) == 0))
        vm->brk = new_brk;
    uaddr_t brk = vm->brk;
    mutex_unlock(&vm->lock);
    return brk;
}

void vm_init(void)
{
    unit_init();
    commit_init();
}
