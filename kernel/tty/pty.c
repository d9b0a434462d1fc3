/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudoterminals: their numbers, and the file of the master. */
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include "base/string.h"
#include "proc/process.h"
#include "tty/internal.h"
#include "vfs/device.h"
#include "vfs/mount.h"

#define CHUNK_SIZE  1024
#define PTY_TTY_GID 5 /* the group tty, as Docker mounts devpts */

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

static struct spinlock ptys_lock; /* guards the table; its pointers are not references */
static struct tty *ptys[PTY_MAX];

int pty_index_alloc(struct tty *t, unsigned *idx)
{
    int err = -ENOSPC;
    spin_lock(&ptys_lock);
    for (unsigned i = 0; i < PTY_MAX && err; i++) {
        if (!ptys[i]) {
            ptys[i] = t;
            *idx = i;
            err = 0;
        }
    }
    spin_unlock(&ptys_lock);
    return err;
}

void pty_index_free(unsigned idx)
{
    spin_lock(&ptys_lock);
    ptys[idx] = NULL;
    spin_unlock(&ptys_lock);
}

struct tty *pty_find(unsigned idx)
{
    struct tty *t = NULL;
    spin_lock(&ptys_lock);
    if (idx < PTY_MAX && ptys[idx] && ref_get_unless_zero(&ptys[idx]->ref))
        t = ptys[idx];
    spin_unlock(&ptys_lock);
    return t;
}

unsigned pty_index_next(unsigned idx)
{
    spin_lock(&ptys_lock);
    while (idx < PTY_MAX && (!ptys[idx] || __atomic_load_n(&ptys[idx]->is_hung_up, __ATOMIC_RELAXED)))
        idx++;
    spin_unlock(&ptys_lock);
    return idx;
}

static void pty_destroy(struct tty *t)
{
    if (t->rdev) /* else it never got a number */
        pty_index_free(MINOR(t->rdev));
}

static const struct tty_ops pty_ops = {.destroy = pty_destroy};

/* ---- reading what the near side wrote --------------------------------------------------------------------------------------- */

/* Under the lock: until there is output or a status. */
static int master_wait(struct tty *t, bool nonblock)
{
    int err = 0;
    while (err == 0 && tty_ring_used(&t->out) == 0 && !(t->is_packet && t->packet_status)) {
        if (t->near_was_closed)
            return -EIO;
        err = nonblock ? -EAGAIN : waitq_sleep(&t->far_waitq, &t->lock, NS_NEVER);
    }
    return err;
}

/* The first byte of a read in packet mode; *is_status: there is no data with it. */
static uint8_t packet_take(struct tty *t, bool *is_status)
{
    uint8_t status = t->packet_status;
    t->packet_status = 0;
    *is_status = status != 0;
    return status ? status : TIOCPKT_DATA;
}

/* One chunk, after a wait if `may_wait`; 0: nothing more is there. */
static int64_t master_read_some(struct tty *t, struct iov_iter *to, bool is_first, bool nonblock)
{
    uint8_t chunk[CHUNK_SIZE];
    size_t n = 0, data;
    bool is_status = false;
    spin_lock(&t->lock);
    int err = is_first ? master_wait(t, nonblock) : 0;
    if (err == 0 && is_first && t->is_packet)
        chunk[n++] = packet_take(t, &is_status);
    if (err == 0 && !is_status) {
        data = tty_ring_peek(&t->out, chunk + n, MIN(to->left - n, sizeof(chunk) - n));
        tty_ring_drop(&t->out, data);
        n += data;
        waitq_wake_all(&t->near_waitq, EPOLLOUT | EPOLLWRNORM);
    }
    spin_unlock(&t->lock);
    return err ? err : iov_copy_to(to, chunk, n);
}

static int64_t master_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct tty *t = f->data;
    int64_t done = 0, n;
    (void)off;
    if (to->left == 0)
        return 0;
    do {
        n = master_read_some(t, to, done == 0, nonblock);
        done += MAX(n, 0);
    } while (n == CHUNK_SIZE && to->left > 0);
    return done ? done : n;
}

/* ---- writing: what is typed ------------------------------------------------------------------------------------------------------ */

static int64_t master_give(struct tty *t, const uint8_t *buf, size_t size, bool nonblock)
{
    uint64_t signals = 0;
    size_t room = 0;
    int err = 0;
    spin_lock(&t->lock);
    while (err == 0 && (room = tty_room(t)) == 0)
        err = nonblock ? -EAGAIN : waitq_sleep(&t->far_waitq, &t->lock, NS_NEVER);
    size = MIN(size, room);
    if (err == 0)
        tty_receive(t, buf, size, &signals);
    spin_unlock(&t->lock);
    tty_signal_set(t, signals);
    return err ? err : (int64_t)size;
}

static int64_t master_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    uint8_t chunk[CHUNK_SIZE];
    int64_t total = 0, n = 0;
    (void)off;
    while (from->left > 0) {
        int64_t size = iov_copy_from(from, chunk, MIN(from->left, sizeof(chunk))), done = 0;
        n = size;
        while (done < size && n > 0) {
            n = master_give(f->data, chunk + done, (size_t)(size - done), nonblock);
            done += MAX(n, 0);
        }
        total += done;
        if (n <= 0)
            break;
    }
    return total > 0 ? total : n;
}

/* ---- the rest of the master ---------------------------------------------------------------------------------------------------------- */

static uint32_t master_poll(struct file *f, struct waiter *waiter)
{
    struct tty *t = f->data;
    uint32_t events = 0;
    spin_lock(&t->lock);
    if (waiter)
        waitq_add(&t->far_waitq, waiter);
    if (tty_ring_used(&t->out) > 0)
        events |= EPOLLIN | EPOLLRDNORM;
    if (t->is_packet && t->packet_status)
        events |= EPOLLIN | EPOLLRDNORM | EPOLLPRI;
    if (tty_room(t) > 0)
        events |= EPOLLOUT | EPOLLWRNORM;
    if (t->near_was_closed)
        events |= EPOLLHUP;
    spin_unlock(&t->lock);
    return events;
}

static void master_unpoll(struct file *f, struct waiter *waiter)
{
    struct tty *t = f->data;
    spin_lock(&t->lock);
    waitq_remove(&t->far_waitq, waiter);
    spin_unlock(&t->lock);
}

static int64_t flag_set(struct tty *t, bool *flag, uaddr_t arg)
{
    int value;
    if (copy_from_user(&value, arg, sizeof(value)))
        return -EFAULT;
    spin_lock(&t->lock);
    *flag = value != 0;
    if (flag == &t->is_packet)
        t->packet_status = 0;
    spin_unlock(&t->lock);
    return 0;
}

/* A descriptor of the near side, through /dev/pts: what is found there must be this very terminal. */
static int64_t peer_open(struct tty *t, unsigned flags)
{
    char name[24];
    struct file *f;
    format(name, sizeof(name), "/dev/pts/%u", MINOR(t->rdev));
    int err = vfs_open(NULL, name, flags & (O_ACCMODE | O_NOCTTY | O_NONBLOCK), 0, 0, &f);
    if (err)
        return err;
    if (f->data != t) {
        file_put(f);
        return -EIO;
    }
    uint64_t limit = process_limit(process_current(), RLIMIT_NOFILE);
    int fd = fd_install(thread_current()->files, f, 0, flags & O_CLOEXEC, limit);
    if (fd < 0)
        file_put(f);
    return fd;
}

static int64_t signal_by_master(struct tty *t, uint64_t signo)
{
    if (signo < 1 || signo > SIGNAL_COUNT)
        return -EINVAL;
    tty_signal_foreground(t, (int)signo);
    return 0;
}

static int64_t master_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct tty *t = f->data;
    switch (cmd) {
    case TIOCGPTN:
        return put_user(arg, MINOR(t->rdev));
    case TIOCSPTLCK:
        return flag_set(t, &t->is_locked, arg);
    case TIOCGPTLCK:
        return put_user(arg, (int)t->is_locked);
    case TIOCPKT:
        return flag_set(t, &t->is_packet, arg);
    case TIOCGPKT:
        return put_user(arg, (int)t->is_packet);
    case TIOCGPTPEER:
        return peer_open(t, (unsigned)arg);
    case TIOCSIG:
        return signal_by_master(t, arg);
    default:
        return tty_ioctl(t, f, true, cmd, arg);
    }
}

static void master_release(struct file *f)
{
    tty_hangup(f->data);
    tty_put(f->data);
}

static const struct file_ops master_ops = {
    .stat_mode = S_IFCHR | 0666,
    .read = master_read,
    .write = master_write,
    .ioctl = master_ioctl,
    .poll = master_poll,
    .unpoll = master_unpoll,
    .release = master_release,
};

int ptmx_open(struct inode *inode, struct file *f)
{
    struct tty *t = tty_create(&pty_ops, 0);
    unsigned idx;
    (void)inode;
    if (!t)
        return -ENOMEM;
    t->is_locked = true;
    int err = pty_index_alloc(t, &idx);
    if (err == 0) {
        t->rdev = MAKEDEV(PTY_MAJOR, idx);
        t->inode = devpts_inode(idx, thread_current()->cred->fsuid, PTY_TTY_GID);
        err = t->inode ? 0 : -ENOMEM;
    }
    if (err) {
        tty_put(t);
        return err;
    }
    f->ops = &master_ops;
    f->data = t;
    return 0;
}
