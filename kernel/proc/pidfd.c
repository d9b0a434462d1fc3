/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of processes: readable once the process is gone. */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include "base/string.h"
#include "proc/internal.h"

static uint32_t pidfd_poll(struct file *f, struct waiter *waiter)
{
    struct process *p = f->data;
    spin_lock(&process_tree_lock);
    if (waiter)
        waitq_add(&p->pidfd_waitq, waiter);
    uint32_t events = p->is_zombie ? EPOLLIN | EPOLLRDNORM : 0;
    spin_unlock(&process_tree_lock);
    return events;
}

static void pidfd_unpoll(struct file *f, struct waiter *waiter)
{
    struct process *p = f->data;
    spin_lock(&process_tree_lock);
    waitq_remove(&p->pidfd_waitq, waiter);
    spin_unlock(&process_tree_lock);
}

static void pidfd_release(struct file *f)
{
    process_put(f->data);
}

static void pidfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
    struct process_ids ids;
    process_ids(f->data, &ids);
    int pid = ids.pgid ? ids.pid : -1; /* -1: it was reaped */
    format(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
    .name = "[pidfd]",
    .poll = pidfd_poll,
    .unpoll = pidfd_unpoll,
    .release = pidfd_release,
    .show_fdinfo = pidfd_show_fdinfo,
};

int pidfd_create(struct process *p, unsigned flags, struct file **f)
{
    int err = file_create(&pidfd_ops, p, O_RDWR | (flags & O_NONBLOCK), f);
    if (!err)
        process_get(p);
    return err;
}

static int pidfd_get(const struct file *f, struct process **p)
{
    if (f->ops != &pidfd_ops)
        return -EBADF;
    *p = f->data;
    process_get(*p);
    return 0;
}

int pidfd_or_folder_process(int fd, struct process **p)
{
    struct file *f;
    int err = fd_get(thread_current()->files, fd, &f);
    if (err < 0)
        return err;
    err = pidfd_get(f, p);
    if (err && f->ops->folder_process && !(f->mode & FMODE_PATH))
        err = f->ops->folder_process(f, p);
    file_put(f);
    return err;
}

int pidfd_process(int fd, struct process **p, bool *is_nonblock)
{
    struct file *f;
    int err = fd_get(thread_current()->files, fd, &f);
    if (err < 0)
        return err;
    err = pidfd_get(f, p);
    if (err == 0 && is_nonblock)
        *is_nonblock = file_is_nonblock(f);
    file_put(f);
    return err;
}
