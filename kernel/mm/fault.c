/* SPDX-License-Identifier: Apache-2.0 */
/* Page faults: how much comes in at once, stacks that grow, and pages whose protection was withheld. */
#include "base/string.h"
#include "mm/internal.h"
#include "sched/sched.h"

#define FAULT_MAX (2UL << 20)
#define FILE_FAULT_MAX (1UL << 20)
#define UNSHARE_MAX (64UL << 10)

/* The stack grows down to the fault if nothing is in the way. */
static struct area *stack_grow(struct vmspace *vm, uaddr_t addr)
{
    struct area *a = area_at_or_after(vm, addr);
    if (!a || !a->is_stack || a->end - addr > a->grow_limit)
        return NULL;
    uaddr_t start = align_down(addr, PAGE_SIZE);
    struct area *below = area_prev(a);
    if (below && below->end > start)
        return NULL;
    if (content_claim(vm, start, a->start) || stale_forbid(start, a->start))
        return NULL;
    vm->size += a->start - start;
    a->start = start;
    return a;
}

#define FILE_FAULTS_EACH 8 /* of a size, before it doubles */

/*
 * How much to bring in: a cluster around the page. More if the faults follow each other in memory; of a file, more and more the
 * oftener there is one, for a program of which many parts were used most often uses nearly all.
 */
static uint64_t fault_size(struct vmspace *vm, struct area *a, uaddr_t page)
{
    if (a->pages && !a->is_shared)
        return MIN(CLUSTER << MIN(a->faults++ / FILE_FAULTS_EACH, 5u), FILE_FAULT_MAX);
    return page == vm->fault_next && !a->pages ? MIN(vm->fault_size * 2, FAULT_MAX) : CLUSTER;
}

static bool is_cached(const struct area *a, uaddr_t at)
{
    return pagecache_has(a->pages, (a->offset + (at - a->start)) >> PAGE_SHIFT);
}

/* Beyond the cluster only what need not be read: that would cost more than the faults. */
static void file_cluster_choose(const struct area *a, uaddr_t page, uint64_t size, uaddr_t *start, uaddr_t *end)
{
    uaddr_t first = MAX(a->start, align_down(page, size)), last = MIN(a->end, align_down(page, size) + size);
    *start = MAX(a->start, align_down(page, CLUSTER));
    *end = MIN(a->end, align_down(page, CLUSTER) + CLUSTER);
    while (*start > first && is_cached(a, *start - PAGE_SIZE))
        *start -= PAGE_SIZE;
    while (*end < last && is_cached(a, *end))
        *end += PAGE_SIZE;
}

static void cluster_choose(struct vmspace *vm, struct area *a, uaddr_t page, uaddr_t *start, uaddr_t *end)
{
    vm->fault_size = fault_size(vm, a, page);
    *start = MAX(a->start, align_down(page, CLUSTER));
    *end = MIN(a->end, align_down(page, CLUSTER) + vm->fault_size);
    if (a->pages && !a->is_shared)
        file_cluster_choose(a, page, vm->fault_size, start, end);
    while (*start < page && page_is_committed(*start >> PAGE_SHIFT))
        *start += PAGE_SIZE;
    for (uaddr_t at = *start; at < *end; at += PAGE_SIZE) {
        if (!page_is_committed(at >> PAGE_SHIFT))
            continue;
        if (at > page)
            *end = at;
        else
            *start = at + PAGE_SIZE;
    }
    vm->fault_next = *end;
}

bool area_allows(const struct area *a, const struct arch_fault *f)
{
    if (f->is_write)
        return a->prot & VM_WRITE;
    return f->is_exec ? a->prot & VM_EXEC : a->prot != 0;
}

/* It was forked, and is alone again: what is written until it forks again is let go page by page at first, then by more and more. */
static int access_restore(struct vmspace *vm, const struct area *a, uaddr_t page)
{
    uint64_t size = vm->widen_size ? vm->widen_size : FAULT_MAX;
    uaddr_t start = MAX(a->start, align_down(page, size)), end = MIN(a->end, align_down(page, size) + size);
    vm->widen_size = vm->widen_size ? MIN(2 * size, FAULT_MAX) : 0;
    content_written(vm, page >> PAGE_SHIFT);
    return protect_range(start, end, a->prot);
}

/*
 * The page is there, with less than its area allows: shared after fork, or left so when that ended. Writes that follow
 * each other unshare more and more at once; single ones one page, for each page apart costs time in every swap.
 */
static int access_widen(struct vmspace *vm, struct area *a, uaddr_t page)
{
    uaddr_t start = page, end = page + PAGE_SIZE;
    if (a->is_shared)
        return shared_widen(a, page);
    if (!vm->set)
        return access_restore(vm, a, page);
    content_written(vm, page >> PAGE_SHIFT);
    vm->unshare_size = page == vm->unshare_next ? MIN(vm->unshare_size * 2, UNSHARE_MAX) : PAGE_SIZE;
    end = MIN(a->end, start + vm->unshare_size);
    vm->unshare_next = end;
    content_thaw(vm, start, end);
    int err = a->prot & VM_WRITE ? content_unshare(vm, start, end) : 0;
    return err ? err : protect_range(start, end, a->prot);
}

int fault_serve(struct vmspace *vm, const struct arch_fault *f)
{
    uaddr_t page = align_down(f->addr, PAGE_SIZE), start, end;
    struct area *a = area_find(vm, page);
    if (!a)
        a = stack_grow(vm, page);
    if (!a)
        return -EFAULT;
    if (!area_allows(a, f))
        return -EACCES;
    content_thaw(vm, page, page + PAGE_SIZE);
    if (page_is_committed(page >> PAGE_SHIFT))
        return access_widen(vm, a, page);
    cluster_choose(vm, a, page, &start, &end);
    int err = area_fill(vm, a, start, end, page);
    if (err && page_is_committed(page >> PAGE_SHIFT))
        return 0; /* what was asked for is there; its neighbours can wait */
    return err && end - start > PAGE_SIZE ? area_fill(vm, a, page, page + PAGE_SIZE, page) : err;
}

int vm_fault(struct vmspace *vm, const struct arch_fault *f)
{
    if (f->addr >= plat_info.user_end)
        return -EFAULT;
    if (mutex_is_mine(&vm->lock))
        return -EFAULT; /* the kernel touched user memory with the space locked: the access fails */
    mutex_lock(&vm->lock);
    vm_make_resident(vm);
    conflict_end(vm);
    int err = vm->is_lost ? -ENOMEM : fault_serve(vm, f);
    mutex_unlock(&vm->lock);
    return err;
}
