/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals as objects and as open files of their near side; the device numbers that lead to them. */
#include "tty/tty.h"
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "tty/internal.h"
#include "vfs/device.h"

struct tty *tty_create(const struct tty_ops *ops, uint64_t rdev)
{
    struct tty *t = heap_zalloc(sizeof(*t));
    if (!t)
        return NULL;
    ref_init(&t->ref, 1);
    t->ops = ops;
    t->rdev = rdev;
    waitq_init(&t->near_waitq);
    waitq_init(&t->far_waitq);
    tty_termios_init(&t->termios);
    return t;
}

void tty_get(struct tty *t)
{
    ref_get(&t->ref);
}

void tty_put(struct tty *t)
{
    if (!ref_put(&t->ref))
        return;
    if (t->ops->destroy)
        t->ops->destroy(t);
    inode_put(t->inode);
    heap_free(t);
}

void tty_hangup(struct tty *t)
{
    const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
    spin_lock(&t->lock);
    bool was_hung_up = t->is_hung_up;
    t->is_hung_up = true;
    waitq_wake_all(&t->near_waitq, all);
    waitq_wake_all(&t->far_waitq, all);
    spin_unlock(&t->lock);
    if (!was_hung_up)
        tty_signal_session(t);
}

/* ---- the near side ----------------------------------------------------------------------------------------------------- */

int tty_open_near(struct tty *t, struct file *f)
{
    int err = 0;
    spin_lock(&t->lock);
    if (t->is_hung_up || t->is_locked) {
        err = -EIO;
    } else if (t->is_exclusive && !capable(CAP_SYS_ADMIN)) {
        err = -EBUSY;
    } else {
        t->near_count++;
        t->near_was_closed = false;
    }
    spin_unlock(&t->lock);
    if (err)
        return err;
    tty_get(t);
    f->ops = &tty_file_ops;
    f->data = t;
    return 0;
}

static void near_release(struct file *f)
{
    struct tty *t = f->data;
    spin_lock(&t->lock);
    if (--t->near_count == 0) {
        t->near_was_closed = true;
        t->is_exclusive = false;
        waitq_wake_all(&t->far_waitq, EPOLLHUP | EPOLLIN);
    }
    spin_unlock(&t->lock);
    tty_put(t);
}

static uint32_t near_poll(struct file *f, struct waiter *waiter)
{
    struct tty *t = f->data;
    uint32_t events = 0;
    spin_lock(&t->lock);
    if (waiter)
        waitq_add(&t->near_waitq, waiter);
    if (tty_is_readable(t, true))
        events |= EPOLLIN | EPOLLRDNORM;
    if (tty_has_write_room(t))
        events |= EPOLLOUT | EPOLLWRNORM;
    if (t->is_hung_up)
        events = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLWRNORM;
    spin_unlock(&t->lock);
    return events;
}

static void near_unpoll(struct file *f, struct waiter *waiter)
{
    struct tty *t = f->data;
    spin_lock(&t->lock);
    waitq_remove(&t->near_waitq, waiter);
    spin_unlock(&t->lock);
}

static int64_t near_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct tty *t = f->data;
    if (__atomic_load_n(&t->is_hung_up, __ATOMIC_RELAXED))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    return tty_ioctl(t, f, false, cmd, arg);
}

const struct file_ops tty_file_ops = {
    .stat_mode = S_IFCHR | 0620,
    .read = tty_read,
    .write = tty_write,
    .ioctl = near_ioctl,
    .poll = near_poll,
    .unpoll = near_unpoll,
    .release = near_release,
};

/* ---- device numbers ------------------------------------------------------------------------------------------------------ */

/* Takes over the reference of t. */
static int open_taken(struct tty *t, struct file *f, bool may_control)
{
    int err = tty_open_near(t, f);
    if (err == 0 && may_control)
        tty_become_controlling(t, f);
    tty_put(t);
    return err;
}

static int pts_device_open(struct inode *inode, struct file *f)
{
    struct tty *t = pty_find(MINOR(inode->rdev));
    if (t && __atomic_load_n(&t->is_hung_up, __ATOMIC_RELAXED)) { /* its name is held by who has it open still */
        tty_put(t);
        return -ENOENT;
    }
    return t ? open_taken(t, f, true) : -EIO;
}

static int aux_device_open(struct inode *inode, struct file *f)
{
    struct tty *t;
    switch (MINOR(inode->rdev)) {
    case 0: /* /dev/tty */
        t = tty_of_caller();
        return t ? open_taken(t, f, false) : -ENXIO;
    case 1: /* /dev/console */
        t = console_tty();
        return t ? open_taken(t, f, false) : -ENODEV;
    case 2:
        return ptmx_open(inode, f);
    default:
        return -ENXIO;
    }
}

void tty_init(void)
{
    struct superblock *sb;
    CHECK(devpts_mount(&sb) == 0); /* at boot there is memory for it; it stays for good */
    device_register(TTY_AUX_MAJOR, aux_device_open);
    device_register(PTY_MAJOR, pts_device_open);
}
