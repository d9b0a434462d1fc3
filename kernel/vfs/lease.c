/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: the holder of a file is told before others open it in a way that the lease rules out, and they wait until it has
 * given the lease up, or the time for it is over. One lock and one queue for all leases, which are rare.
 */
#include <linux/fcntl.h>
#include <linux/capability.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "proc/process.h"
#include "time/clock.h"
#include "vfs/async.h"
#include "vfs/inode.h"

struct lease {
    struct list node;       /* in all_leases */
    struct file_async *owner;
    struct inode *inode;    /* the file holds the reference */
    int fd;
    int type;               /* F_RDLCK or F_WRLCK */
    int target;             /* what it must become: type, unless it is being broken */
    ns_t deadline;          /* if it is */
};

static struct spinlock lock; /* guards all of this */
static struct list all_leases = LIST_INIT(all_leases);
static struct waitq breakers = {LIST_INIT(breakers.waiters)};
uint32_t lease_count, lease_break_seconds = 45;

/* ---- under lock --------------------------------------------------------------------------------------------------------- */

static void lease_remove(struct lease *l)
{
    list_remove(&l->node);
    __atomic_fetch_sub(&lease_count, 1, __ATOMIC_RELAXED);
    l->owner->lease = NULL;
    heap_free(l);
    waitq_wake_all(&breakers, 0);
}

static void lease_become(struct lease *l, int type)
{
    if (type == F_UNLCK) {
        lease_remove(l);
        return;
    }
    if (l->target == l->type)
        l->target = type; /* else it is being broken, and no less than that will do */
    l->type = type;
    waitq_wake_all(&breakers, 0);
}

/* What time ran out for. */
static void leases_expire(void)
{
    struct lease *l, *after;
    const ns_t now = clock_monotonic();
    list_for_each_safe (l, after, &all_leases, node) {
        if (l->target != l->type && now >= l->deadline)
            lease_become(l, l->target);
    }
}

/* Are there other leases of the inode that rule this one out? */
static bool has_rival(const struct file *f, int type)
{
    const struct lease *l;
    list_for_each (l, &all_leases, node) {
        if (l->inode == f->inode && l->owner->f != f && (type == F_WRLCK || l->type == F_WRLCK || l->target != l->type))
            return true;
    }
    return false;
}

/* Do open files of others rule it out? */
static bool is_open_otherwise(const struct file *f, int type)
{
    const int32_t writers = __atomic_load_n(&f->inode->writers, __ATOMIC_RELAXED);
    const int32_t readers = __atomic_load_n(&f->inode->readers, __ATOMIC_RELAXED);
    const bool writes = f->mode & FMODE_WRITE;
    if (type == F_RDLCK)
        return writers > 0;
    return MAX(writers, 0) != writes || readers != !writes;
}

static int lease_add(struct file_async *a, int fd, int type)
{
    struct lease *l = a->lease;
    if (has_rival(a->f, type) || is_open_otherwise(a->f, type))
        return -EAGAIN;
    if (!l) {
        l = heap_zalloc(sizeof(*l));
        if (!l)
            return -ENOMEM;
        l->owner = a;
        l->inode = a->f->inode;
        list_push_back(&all_leases, &l->node);
        __atomic_fetch_add(&lease_count, 1, __ATOMIC_RELAXED);
        a->lease = l;
    }
    l->fd = fd;
    lease_become(l, type);
    return 0;
}

/* ---- fcntl ---------------------------------------------------------------------------------------------------------------- */

static int lease_check(const struct file *f, int type)
{
    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
        return -EINVAL;
    if (file_type(f) != S_IFREG || !f->inode)
        return -EINVAL;
    bool is_owner = thread_current()->cred->fsuid == f->inode->uid;
    return is_owner || capable(CAP_LEASE) ? 0 : -EACCES;
}

static int lease_change(struct file_async *a, int fd, int type)
{
    leases_expire();
    if (type != F_UNLCK)
        return lease_add(a, fd, type);
    if (!a->lease)
        return -EAGAIN;
    lease_remove(a->lease);
    return 0;
}

int lease_set(struct file *f, int fd, int type)
{
    struct file_async *a;
    int err = lease_check(f, type);
    if (err == 0)
        err = file_async_get(f, &a);
    if (err)
        return err;
    spin_lock(&lock);
    err = lease_change(a, fd, type);
    spin_unlock(&lock);
    if (err == 0 && type != F_UNLCK)
        file_owner_default(a);
    return err;
}

int lease_get(struct file *f)
{
    struct file_async *a = __atomic_load_n(&f->async, __ATOMIC_ACQUIRE);
    spin_lock(&lock);
    leases_expire();
    int type = a && a->lease ? a->lease->target : F_UNLCK;
    spin_unlock(&lock);
    return type;
}

void lease_release(struct file_async *a)
{
    spin_lock(&lock);
    if (a->lease)
        lease_remove(a->lease);
    spin_unlock(&lock);
}

/* ---- breaking --------------------------------------------------------------------------------------------------------------- */

static bool is_in_the_way(const struct lease *l, const struct inode *inode, bool is_write)
{
    return l->inode == inode && (is_write || l->type == F_WRLCK);
}

/* Tells those that do not know yet. True: one is in the way; *deadline: when the first of them is broken at the latest. */
static bool holders_tell(struct inode *inode, bool is_write, ns_t *deadline)
{
    struct lease *l;
    bool is_any = false;
    *deadline = NS_NEVER;
    list_for_each (l, &all_leases, node) {
        if (!is_in_the_way(l, inode, is_write))
            continue;
        const int target = is_write ? F_UNLCK : F_RDLCK;
        const bool is_told = l->target == target || l->target == F_UNLCK;
        is_any = true;
        if (l->target == l->type)
            l->deadline = clock_monotonic() + (ns_t)lease_break_seconds * NS_PER_S;
        if (!is_told) {
            l->target = target;
            file_async_signal(l->owner, l->fd, POLL_MSG);
        }
        *deadline = MIN(*deadline, l->deadline);
    }
    return is_any;
}

int lease_break_slow(struct inode *inode, bool is_write, bool nonblock)
{
    ns_t deadline;
    int err = 0;
    spin_lock(&lock);
    while (err == 0 && holders_tell(inode, is_write, &deadline)) {
        err = nonblock ? -EAGAIN : waitq_sleep(&breakers, &lock, deadline);
        if (err == -ETIMEDOUT)
            err = 0;
        leases_expire();
    }
    spin_unlock(&lock);
    return err;
}
