/* SPDX-License-Identifier: Apache-2.0 */
/* A space seen from outside: its areas and their sizes for procfs, and its content for other processes. */
#include "base/string.h"
#include "mm/internal.h"

void vm_for_each(struct vmspace *vm, bool (*visit)(const struct vm_area_info *info, void *arg), void *arg)
{
    mutex_lock(&vm->lock);
    for (struct area *a = area_at_or_after(vm, 0); a; a = area_next(a)) {
        struct vm_area_info info = {
            .start = a->start, .end = a->end, .prot = a->prot, .is_shared = a->is_shared && !a->pages->is_sealed,
            .offset = a->pages ? a->offset : 0,
            .committed = committed_bytes(a->start, a->end),
        };
        if (a->owner)
            a->owner->ops->describe(a->owner, info.path, sizeof(info.path), &info.dev, &info.ino);
        else if (a->name)
            str_copy(info.path, a->name, sizeof(info.path));
        if (!visit(&info, arg))
            break;
    }
    mutex_unlock(&vm->lock);
}

bool vm_is_shared_at(struct vmspace *vm, uaddr_t addr)
{
    mutex_lock(&vm->lock);
    const struct area *a = area_find(vm, addr);
    bool is_shared = a && a->is_shared;
    mutex_unlock(&vm->lock);
    return is_shared;
}

void vm_usage(struct vmspace *vm, struct vm_usage *usage)
{
    *usage = (struct vm_usage){0};
    mutex_lock(&vm->lock);
    for (struct area *a = area_at_or_after(vm, 0); a; a = area_next(a)) {
        uint64_t size = a->end - a->start;
        usage->size += size;
        usage->resident += committed_bytes(a->start, a->end);
        usage->data += (a->prot & VM_WRITE) && !a->is_shared ? size : 0;
        usage->stack += a->is_stack ? size : 0;
        usage->text += (a->prot & VM_EXEC) ? size : 0;
        usage->locked += a->is_locked ? size : 0;
    }
    usage->peak = MAX(usage->size, usage->resident);
    mutex_unlock(&vm->lock);
}

/* ---- other processes' memory ------------------------------------------------------------------------------------------- */

/* What was never touched reads as what it would become. */
static int access_untouched(const struct area *a, uaddr_t addr, char *buf, size_t n)
{
    if (!a->pages) {
        memset(buf, 0, n);
        return 0;
    }
    int64_t got = pagecache_read(a->pages, a->offset + (addr - a->start), buf, n);
    if (got < 0)
        return -EFAULT;
    memset(buf + got, 0, n - (size_t)got);
    return 0;
}

/* One page, where it lies now: aside, in place, or nowhere yet. */
static int access_page(struct vmspace *vm, uaddr_t addr, char *buf, size_t n, bool is_write)
{
    struct area *a = area_find(vm, addr);
    const struct arch_fault f = {.kind = ARCH_FAULT_PAGE, .addr = addr, .is_write = is_write};
    if (!a || !area_allows(a, &f))
        return -EFAULT;
    int err = a->is_shared ? -EAGAIN : content_access(vm, addr, buf, n, is_write);
    if (err != -EAGAIN)
        return err;
    bool is_here = page_is_committed(addr >> PAGE_SHIFT) && (a->is_shared || content_is_mine(vm, addr >> PAGE_SHIFT));
    if (!is_here && !is_write)
        return access_untouched(a, addr, buf, n);
    if (!is_here && !a->is_shared && !vm_is_resident(vm))
        return -EFAULT;
    bool is_open = is_here && (page_prot(addr >> PAGE_SHIFT) & VM_READ);
    if ((!is_open || is_write) && fault_serve(vm, &f))
        return -EFAULT;
    char *at = (char *)addr;
    memcpy(is_write ? at : buf, is_write ? buf : at, n);
    return 0;
}

int vm_access(struct vmspace *vm, uaddr_t addr, void *buf, size_t size, bool is_write)
{
    int err = 0;
    if (addr + size < addr || addr + size > plat_info.user_end)
        return -EFAULT;
    mutex_lock(&vm->lock);
    for (size_t done = 0; done < size && err == 0;) {
        size_t n = MIN(size - done, PAGE_SIZE - ((addr + done) & PAGE_MASK));
        err = access_page(vm, addr + done, (char *)buf + done, n, is_write);
        done += n;
    }
    mutex_unlock(&vm->lock);
    return err;
}
