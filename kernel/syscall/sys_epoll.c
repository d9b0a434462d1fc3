/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of epoll(7). */
#include "ipc/epoll.h"
#include "syscall/fds.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

#define EVENTS_MAX (INT32_MAX / (int)sizeof(struct epoll_event))

int64_t sys_epoll_create1(unsigned flags)
{
    struct file *f;
    if (flags & ~(unsigned)EPOLL_CLOEXEC)
        return -EINVAL;
    int err = epoll_create(&f);
    return err ? err : fd_new(f, flags);
}

int64_t sys_epoll_create(int size)
{
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

int64_t sys_epoll_ctl(int set, int op, int fd, uaddr_t user_event)
{
    struct epoll_event event;
    struct file *set_file, *f;
    if (op != EPOLL_CTL_DEL && copy_from_user(&event, user_event, sizeof(event)))
        return -EFAULT;
    int err = fd_get_io(set, &set_file);
    if (err)
        return err;
    err = fd_get_io(fd, &f);
    if (err == 0) {
        err = epoll_ctl(set_file, op, fd, f, &event);
        file_put(f);
    }
    file_put(set_file);
    return err;
}

static int64_t wait_until(int set, uaddr_t events, int count, ns_t deadline)
{
    struct file *f;
    if (count <= 0 || count > EVENTS_MAX)
        return -EINVAL;
    if (!user_range_ok(events, (uint64_t)count * sizeof(struct epoll_event)))
        return -EFAULT;
    int err = fd_get_io(set, &f);
    if (err)
        return err;
    int64_t n = epoll_wait(f, events, (size_t)count, deadline);
    file_put(f);
    return n;
}

static ns_t deadline_of_ms(int timeout)
{
    return timeout < 0 ? NS_NEVER : timeout == 0 ? 0 : deadline_after(timeout * NS_PER_MS);
}

int64_t sys_epoll_wait(int set, uaddr_t events, int count, int timeout)
{
    return wait_until(set, events, count, deadline_of_ms(timeout));
}

int64_t sys_epoll_pwait(int set, uaddr_t events, int count, int timeout, uaddr_t mask, uint64_t mask_size)
{
    int err = signal_set_temporary_mask(mask, mask_size);
    return err ? err : wait_until(set, events, count, deadline_of_ms(timeout));
}

int64_t sys_epoll_pwait2(int set, uaddr_t events, int count, uaddr_t timeout, uaddr_t mask, uint64_t mask_size)
{
    ns_t deadline = NS_NEVER;
    int err = timeout ? timeout_read(timeout, &deadline) : 0;
    if (err == 0)
        err = signal_set_temporary_mask(mask, mask_size);
    return err ? err : wait_until(set, events, count, deadline);
}
