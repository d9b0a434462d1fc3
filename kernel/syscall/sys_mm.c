/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on memory: arguments to vm_map_request and back. */
#include <linux/capability.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include "base/string.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "mm/vmspace.h"
#include "proc/process.h"
#include "syscall_gen.h"

#ifndef MAP_32BIT
#define MAP_32BIT 0 /* x86 alone has it */
#endif
#define MAP_FLAGS_OLD /* that MAP_SHARED_VALIDATE lets pass: all that Linux had before it */                                 \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | \
     MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_FIXED_NOREPLACE)
#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC)

static struct vmspace *vm_mine(void)
{
    return process_current()->vm;
}

/* The file behind a mapping has its say: what backs it, and whether it may be written through. */
static int file_request(struct vm_map_request *req, int fd, struct file **f)
{
    int err = fd_get(thread_current()->files, fd, f);
    if (err)
        return err;
    bool needs_write = req->is_shared && (req->prot & VM_WRITE);
    if ((*f)->mode & FMODE_PATH)
        err = -EBADF;
    else if (!((*f)->mode & FMODE_READ) || (needs_write && !((*f)->mode & FMODE_WRITE)))
        err = -EACCES;
    else
        err = (*f)->ops->mmap ? (*f)->ops->mmap(*f, req) : -ENODEV;
    req->no_write |= req->is_shared && !((*f)->mode & FMODE_WRITE);
    if (err) {
        file_put(*f);
        *f = NULL;
    }
    return err;
}

/* Enclave pages are never swapped by us, and whether the host pages them is not ours to say: locking brings them in. */
static uint64_t lock_limit(void)
{
    return capable(CAP_IPC_LOCK) ? UINT64_MAX : process_limit(process_current(), RLIMIT_MEMLOCK);
}

static int flags_to_request(struct vm_map_request *req, unsigned flags)
{
    unsigned type = flags & MAP_TYPE;
    if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && (flags & MAP_ANONYMOUS))
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE && flags & ~MAP_FLAGS_OLD)
        return -EOPNOTSUPP; /* what the caller wants to be told of: MAP_SYNC */
    if (type != MAP_PRIVATE && (flags & MAP_GROWSDOWN))
        return -EINVAL;
    if (flags & MAP_HUGETLB)
        return -ENOMEM; /* there are no huge pages */
    req->is_shared = type != MAP_PRIVATE;
    req->is_fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    req->no_replace = flags & MAP_FIXED_NOREPLACE;
    req->is_stack = flags & MAP_GROWSDOWN;
    req->grow_limit = req->is_stack ? process_limit(process_current(), RLIMIT_STACK) : 0;
    req->populate = flags & (MAP_POPULATE | MAP_LOCKED);
    req->locked = flags & MAP_LOCKED;
    req->lock_limit = lock_limit();
    req->has_lock_limit = req->lock_limit != UINT64_MAX;
    return req->locked && req->lock_limit == 0 ? -EPERM : 0;
}

int64_t sys_mmap(uaddr_t addr, uint64_t size, unsigned prot, unsigned flags, int fd, int64_t off)
{
    struct vm_map_request req = {.addr = addr, .size = size, .prot = prot & PROT_KNOWN, .offset = (uint64_t)off};
    struct file *f = NULL;
    uaddr_t at;
    int err = flags_to_request(&req, flags);
    if (err)
        return err;
    if (size == 0 || (uint64_t)off & PAGE_MASK || (req.is_fixed && addr & PAGE_MASK))
        return -EINVAL;
    if ((uint64_t)off + size < (uint64_t)off)
        return -EOVERFLOW;
    if (!req.is_fixed)
        req.addr = align_down(addr, PAGE_SIZE);
    if (flags & MAP_ANONYMOUS)
        req.offset = 0;
    else
        err = file_request(&req, fd, &f);
    if (err == 0)
        err = vm_map(vm_mine(), &req, &at);
    if (f)
        file_put(f);
    return err ? err : (int64_t)at;
}

int64_t sys_munmap(uaddr_t addr, uint64_t size)
{
    return vm_unmap(vm_mine(), addr, size);
}

int64_t sys_mprotect(uaddr_t addr, uint64_t size, unsigned prot)
{
    if (prot & ~(unsigned)(PROT_KNOWN | PROT_GROWSDOWN | PROT_GROWSUP | PROT_SEM))
        return -EINVAL;
    bool grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows && (prot & PROT_GROWSDOWN) && (prot & PROT_GROWSUP))
        return -EINVAL;
    return grows ? vm_protect_growing(vm_mine(), addr, size, prot & PROT_KNOWN, prot & PROT_GROWSUP)
                 : vm_protect(vm_mine(), addr, size, prot & PROT_KNOWN);
}

int64_t sys_mremap(uaddr_t addr, uint64_t old_size, uint64_t new_size, unsigned flags, uaddr_t new_addr)
{
    uaddr_t at;
    int err = vm_remap(vm_mine(), addr, old_size, new_size, flags, new_addr, &at);
    return err ? err : (int64_t)at;
}

int64_t sys_madvise(uaddr_t addr, uint64_t size, int advice)
{
    return vm_advise(vm_mine(), addr, size, advice);
}

int64_t sys_msync(uaddr_t addr, uint64_t size, int flags)
{
    return vm_sync(vm_mine(), addr, size, flags);
}

int64_t sys_mincore(uaddr_t addr, uint64_t size, uaddr_t vec)
{
    uint8_t present[512];
    if (addr & PAGE_MASK)
        return -EINVAL;
    if (!user_range_ok(addr, size))
        return -ENOMEM;
    uint64_t pages = align_up(size, PAGE_SIZE) >> PAGE_SHIFT;
    for (uint64_t done = 0; done < pages;) {
        uint64_t n = MIN(pages - done, sizeof(present));
        int err = vm_mincore(vm_mine(), addr + (done << PAGE_SHIFT), n << PAGE_SHIFT, present);
        if (err == 0)
            err = copy_to_user(vec + done, present, n);
        if (err)
            return err;
        done += n;
    }
    return 0;
}

int64_t sys_brk(uaddr_t addr)
{
    return (int64_t)vm_brk(vm_mine(), addr);
}

static int lock_allowed(uint64_t size)
{
    struct vm_usage usage;
    uint64_t limit = lock_limit();
    if (limit == UINT64_MAX)
        return 0;
    if (limit == 0)
        return -EPERM;
    vm_usage(vm_mine(), &usage);
    return usage.locked + size > limit ? -ENOMEM : 0;
}

int64_t sys_mlock(uaddr_t addr, uint64_t size)
{
    uint64_t pages = align_up((addr & PAGE_MASK) + size, PAGE_SIZE);
    uint64_t already = vm_locked(vm_mine(), align_down(addr, PAGE_SIZE), pages);
    int err = lock_allowed(pages > already ? pages - already : 0);
    return err ? err : vm_lock(vm_mine(), addr, size, true);
}

int64_t sys_mlock2(uaddr_t addr, uint64_t size, unsigned flags)
{
    return flags & ~(unsigned)MLOCK_ONFAULT ? -EINVAL : sys_mlock(addr, size);
}

int64_t sys_munlock(uaddr_t addr, uint64_t size)
{
    return vm_lock(vm_mine(), addr, size, false);
}

int64_t sys_mlockall(int flags)
{
    struct vm_usage usage;
    if (flags == 0 || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    vm_usage(vm_mine(), &usage);
    int err = lock_allowed(flags & MCL_CURRENT ? usage.size - usage.locked : 0);
    if (err == 0)
        vm_lock_all(vm_mine(), flags & MCL_CURRENT, flags & MCL_FUTURE);
    return err;
}

int64_t sys_munlockall(void)
{
    vm_lock_all(vm_mine(), false, false);
    return 0;
}
