/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that make pipes, event counters, timers and signal queues that are files. */
#include <linux/fcntl.h>
#include <linux/watch_queue.h>
#include "ipc/eventfd.h"
#include "ipc/pipe.h"
#include "ipc/timerfd.h"
#include "proc/process.h"
#include "syscall/fds.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

/* Both ends are the caller's descriptors, or neither. */
static int64_t ends_install(struct file *ends[static 2], unsigned flags, uaddr_t user)
{
    int fds[2];
    fds[0] = fd_new(ends[0], flags);
    if (fds[0] < 0) {
        file_put(ends[1]);
        return fds[0];
    }
    fds[1] = fd_new(ends[1], flags);
    int err = fds[1] < 0 ? fds[1] : copy_to_user(user, fds, sizeof(fds));
    if (err) {
        fd_undo(fds[0]);
        if (fds[1] >= 0)
            fd_undo(fds[1]);
    }
    return err;
}

int64_t sys_pipe2(uaddr_t fds, unsigned flags)
{
    struct file *ends[2];
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_NOTIFICATION_PIPE))
        return -EINVAL;
    if (flags & O_NOTIFICATION_PIPE)
        return -ENOPKG; /* as without CONFIG_WATCH_QUEUE */
    int err = pipe_create(flags, ends);
    return err ? err : ends_install(ends, flags, fds);
}

int64_t sys_pipe(uaddr_t fds)
{
    return sys_pipe2(fds, 0);
}

int64_t sys_eventfd2(unsigned count, unsigned flags)
{
    struct file *f;
    if (flags & ~(unsigned)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int err = eventfd_create(count, flags & EFD_SEMAPHORE, flags, &f);
    return err ? err : fd_new(f, flags);
}

int64_t sys_eventfd(unsigned count)
{
    return sys_eventfd2(count, 0);
}

/* ---- timerfd -------------------------------------------------------------------------------------------------------------- */

int64_t sys_timerfd_create(int clock, unsigned flags)
{
    struct file *f;
    if (flags & ~(unsigned)(TFD_CLOEXEC | TFD_NONBLOCK))
        return -EINVAL;
    int err = timerfd_create(clock, flags, &f);
    return err ? err : fd_new(f, flags);
}

static int value_read(uaddr_t user, struct timerfd_value *value)
{
    int err = timespec_read(user + offsetof(struct __kernel_itimerspec, it_value), &value->next);
    return err ? err : timespec_read(user + offsetof(struct __kernel_itimerspec, it_interval), &value->interval);
}

static int value_write(uaddr_t user, const struct timerfd_value *value)
{
    int err = timespec_write(user + offsetof(struct __kernel_itimerspec, it_value), value->next);
    return err ? err : timespec_write(user + offsetof(struct __kernel_itimerspec, it_interval), value->interval);
}

int64_t sys_timerfd_settime(int fd, unsigned flags, uaddr_t user, uaddr_t user_old)
{
    struct timerfd_value value, old;
    struct file *f;
    int err = value_read(user, &value);
    if (err == 0 && flags & ~(unsigned)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        err = -EINVAL;
    if (err == 0)
        err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = timerfd_set(f, flags, &value, &old);
    file_put(f);
    return err || !user_old ? err : value_write(user_old, &old);
}

int64_t sys_timerfd_gettime(int fd, uaddr_t user)
{
    struct timerfd_value value;
    struct file *f;
    int err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = timerfd_get(f, &value);
    file_put(f);
    return err ? err : value_write(user, &value);
}

/* ---- signalfd --------------------------------------------------------------------------------------------------------------- */

int64_t sys_signalfd4(int fd, uaddr_t mask, uint64_t mask_size, unsigned flags)
{
    uint64_t set;
    struct file *f;
    if (mask_size != sizeof(set))
        return -EINVAL;
    if (copy_from_user(&set, mask, sizeof(set)))
        return -EFAULT;
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int err = fd == -1 ? signalfd_create(set, flags, &f) : fd_get_io(fd, &f);
    if (err)
        return err;
    if (fd == -1)
        return fd_new(f, flags);
    err = signalfd_change(f, set);
    file_put(f);
    return err ? err : fd;
}

int64_t sys_signalfd(int fd, uaddr_t mask, uint64_t mask_size)
{
    return sys_signalfd4(fd, mask, mask_size, 0);
}
