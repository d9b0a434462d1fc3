/* SPDX-License-Identifier: Apache-2.0 */
/* process_vm_readv(2), process_vm_writev(2): through a page of the kernel's, since the other's memory may lie aside. */
#include <linux/uio.h>
#include "base/string.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "mm/vmspace.h"
#include "proc/process.h"
#include "syscall/fds.h"
#include "syscall_gen.h"

struct transfer {
    struct vmspace *vm;
    struct iov_iter local;
    struct iov *remote;
    uint64_t remote_count;
    char *page;
    bool is_write;
};

static int64_t piece_move(struct transfer *t, uaddr_t addr, size_t n)
{
    if (t->is_write) {
        int64_t got = iov_copy_from(&t->local, t->page, n);
        if (got <= 0)
            return got;
        int err = vm_access(t->vm, addr, t->page, (size_t)got, true);
        return err ? err : got;
    }
    int err = vm_access(t->vm, addr, t->page, n, false);
    return err ? err : iov_copy_to(&t->local, t->page, n);
}

/* Of one remote piece, page by page; what was moved before a fault counts. */
static int64_t remote_move(struct transfer *t, const struct iov *remote)
{
    uint64_t done = 0;
    while (done < remote->size && t->local.left > 0) {
        uaddr_t at = remote->base + done;
        size_t n = MIN(MIN(remote->size - done, t->local.left), PAGE_SIZE - (at & PAGE_MASK));
        int64_t moved = piece_move(t, at, n);
        if (moved <= 0)
            return done ? (int64_t)done : moved;
        done += (uint64_t)moved;
    }
    return (int64_t)done;
}

static int64_t transfer_run(struct transfer *t)
{
    int64_t total = 0;
    for (uint64_t i = 0; i < t->remote_count && t->local.left > 0; i++) {
        int64_t moved = remote_move(t, &t->remote[i]);
        if (moved < 0)
            return total ? total : moved;
        total += moved;
        if ((uint64_t)moved < t->remote[i].size)
            break;
    }
    return total;
}

static int remote_take(uaddr_t user, uint64_t count, struct iov **result)
{
    if (count > UIO_MAXIOV)
        return -EINVAL;
    struct iov *iov = heap_alloc(MAX(count, 1UL) * sizeof(*iov));
    if (!iov)
        return -ENOMEM;
    int err = copy_from_user(iov, user, count * sizeof(*iov));
    for (uint64_t i = 0; i < count && err == 0; i++)
        err = (int64_t)iov[i].size < 0 ? -EINVAL : 0;
    if (err)
        heap_free(iov);
    else
        *result = iov;
    return err;
}

static int64_t process_transfer(int32_t pid, struct transfer *t)
{
    struct process *p = process_find(pid);
    int64_t result = -EPERM;
    if (!p)
        return -ESRCH;
    if (process_may_inspect(p)) {
        t->vm = process_vm(p);
        result = t->vm ? transfer_run(t) : -ESRCH;
        if (t->vm)
            vmspace_put(t->vm);
    }
    process_put(p);
    return result;
}

static int64_t process_vm_move(int32_t pid, uaddr_t local, uint64_t local_count, uaddr_t remote, uint64_t remote_count,
                               uint64_t flags, bool is_write)
{
    struct transfer t = {.remote_count = remote_count, .is_write = is_write};
    struct iov *iov;
    int64_t result = -ENOMEM;
    if (flags)
        return -EINVAL;
    int err = iov_from_user(local, local_count, &iov);
    if (err)
        return err;
    err = remote_take(remote, remote_count, &t.remote);
    if (err) {
        heap_free(iov);
        return err;
    }
    iov_iter_vec(&t.local, iov, local_count);
    t.page = heap_alloc(PAGE_SIZE);
    if (t.page)
        result = process_transfer(pid, &t);
    heap_free(t.page);
    heap_free(t.remote);
    heap_free(iov);
    return result;
}

int64_t sys_process_vm_readv(int32_t pid, uaddr_t local, uint64_t local_count, uaddr_t remote, uint64_t remote_count, uint64_t flags)
{
    return process_vm_move(pid, local, local_count, remote, remote_count, flags, false);
}

int64_t sys_process_vm_writev(int32_t pid, uaddr_t local, uint64_t local_count, uaddr_t remote, uint64_t remote_count, uint64_t flags)
{
    return process_vm_move(pid, local, local_count, remote, remote_count, flags, true);
}
