/* SPDX-License-Identifier: Apache-2.0 */
/* See async.h. O_ASYNC leaves a waiter on the file's queues, as poll does: what it is told of becomes a signal. */
#include "vfs/async.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/inode.h"

#define EVENTS_IN   (EPOLLIN | EPOLLRDNORM)
#define EVENTS_OUT  (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
#define EVENTS_HUP  (EPOLLHUP | EPOLLERR)

static bool owner_told(struct waiter *waiter, uint32_t events);

int file_async_get(struct file *f, struct file_async **result)
{
    struct file_async *a = __atomic_load_n(&f->async, __ATOMIC_ACQUIRE), *none = NULL;
    if (!a) {
        a = heap_zalloc(sizeof(*a));
        if (!a)
            return -ENOMEM;
        mutex_init(&a->mutex);
        a->f = f;
        a->waiter.notify = owner_told;
        if (!__atomic_compare_exchange_n(&f->async, &none, a, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            heap_free(a);
            a = none;
        }
    }
    *result = a;
    return 0;
}

/* ---- the owner ------------------------------------------------------------------------------------------------------ */

static bool owner_exists(const struct f_owner_ex *owner)
{
    if (owner->type == F_OWNER_PGRP)
        return process_group_sid(owner->pid) != 0;
    struct thread *t = owner->type == F_OWNER_TID ? thread_find(owner->pid) : NULL;
    struct process *p = owner->type == F_OWNER_PID ? process_find(owner->pid) : NULL;
    bool is_there = t || p;
    if (t)
        thread_put(t);
    if (p)
        process_put(p);
    return is_there;
}

static void owner_store(struct file_async *a, int type, int32_t id)
{
    const struct cred *cred = thread_current()->cred;
    spin_lock(&a->lock);
    a->type = type;
    a->id = id;
    a->uid = cred->uid;
    a->euid = cred->euid;
    spin_unlock(&a->lock);
}

int file_owner_set(struct file *f, const struct f_owner_ex *owner)
{
    struct file_async *a;
    if (owner->type < F_OWNER_TID || owner->type > F_OWNER_PGRP)
        return -EINVAL;
    if (owner->pid && !owner_exists(owner))
        return -ESRCH;
    int err = file_async_get(f, &a);
    if (err == 0)
        owner_store(a, owner->type, owner->pid);
    return err;
}

void file_owner_default(struct file_async *a)
{
    if (!a->id)
        owner_store(a, F_OWNER_PID, process_current()->pid);
}

void file_owner_get(struct file *f, struct f_owner_ex *owner)
{
    struct file_async *a = __atomic_load_n(&f->async, __ATOMIC_ACQUIRE);
    *owner = (struct f_owner_ex){.type = F_OWNER_TID};
    if (!a)
        return;
    spin_lock(&a->lock);
    *owner = (struct f_owner_ex){.type = a->type, .pid = a->id};
    spin_unlock(&a->lock);
}

int file_signal_set(struct file *f, int signo)
{
    struct file_async *a;
    if (signo < 0 || signo > SIGNAL_COUNT)
        return -EINVAL;
    int err = file_async_get(f, &a);
    if (err == 0)
        __atomic_store_n(&a->signo, signo, __ATOMIC_RELAXED);
    return err;
}

int file_signal_get(struct file *f)
{
    struct file_async *a = __atomic_load_n(&f->async, __ATOMIC_ACQUIRE);
    return a ? __atomic_load_n(&a->signo, __ATOMIC_RELAXED) : 0;
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */

/* May who set the owner send it a signal? */
static bool may_signal(const struct file_async *who, struct process *p)
{
    struct cred *other = process_cred(p);
    if (!other)
        return false; /* a zombie */
    bool may = who->euid == 0 || who->euid == other->suid || who->euid == other->uid || who->uid == other->suid ||
               who->uid == other->uid;
    cred_put(other);
    return may;
}

static void send_to_process(const struct file_async *who, int32_t pid, const siginfo_t *info)
{
    struct process *p = process_find(pid);
    if (!p)
        return;
    int err = may_signal(who, p) ? signal_send_process(p, info->si_signo, info) : 0;
    (void)err; /* there is nobody to tell that it did not arrive, on Linux neither */
    process_put(p);
}

static void send_to_thread(const struct file_async *who, int32_t tid, const siginfo_t *info)
{
    struct thread *t = thread_find(tid);
    if (!t)
        return;
    int err = may_signal(who, t->process) ? signal_send_thread(t, info->si_signo, info) : 0;
    (void)err; /* as above */
    thread_put(t);
}

static void send_to_group(int32_t pgid, const siginfo_t *info)
{
    int err = signal_send_group(pgid, info->si_signo, info);
    (void)err; /* as above */
}

void file_async_signal(struct file_async *a, int fd, int reason)
{
    static const uint32_t bands[] = {[POLL_IN - POLL_IN] = EVENTS_IN, [POLL_OUT - POLL_IN] = EVENTS_OUT, [POLL_MSG - POLL_IN] = EVENTS_IN,
                                     [POLL_ERR - POLL_IN] = EPOLLERR, [POLL_PRI - POLL_IN] = EPOLLPRI, [POLL_HUP - POLL_IN] = EVENTS_HUP};
    spin_lock(&a->lock);
    const struct file_async who = {.type = a->type, .id = a->id, .uid = a->uid, .euid = a->euid};
    spin_unlock(&a->lock);
    const int signo = __atomic_load_n(&a->signo, __ATOMIC_RELAXED);
    siginfo_t info = {.si_signo = signo ? signo : SIGIO, .si_code = signo ? reason : SI_KERNEL};
    if (signo) {
        info.si_band = bands[reason - POLL_IN];
        info.si_fd = fd;
    }
    if (who.id && who.type == F_OWNER_PGRP)
        send_to_group(who.id, &info);
    else if (who.id && who.type == F_OWNER_PID)
        send_to_process(&who, who.id, &info);
    else if (who.id)
        send_to_thread(&who, who.id, &info);
}

/* Under the lock of the file's object. */
static bool owner_told(struct waiter *waiter, uint32_t events)
{
    struct file_async *a = container_of(waiter, struct file_async, waiter);
    const bool reads = a->f->mode & FMODE_READ;
    if (!events || (events & EVENTS_IN && reads))
        file_async_signal(a, a->fd, POLL_IN);
    else if (events & EVENTS_OUT && a->f->mode & FMODE_WRITE)
        file_async_signal(a, a->fd, POLL_OUT);
    else if (events & EVENTS_HUP)
        file_async_signal(a, a->fd, POLL_HUP);
    return false; /* nobody is kept from hearing of it too */
}

/* ---- O_ASYNC ---------------------------------------------------------------------------------------------------------- */

/* Who is told takes process_tree_lock, under the lock of the file's object. A terminal's is taken inside of it: not those. */
bool file_has_async(const struct file *f)
{
    const unsigned type = file_type(f);
    return f->ops->poll && f->ops->unpoll && (type == S_IFIFO || type == S_IFSOCK);
}

int file_async_switch(struct file *f, int fd, bool is_on)
{
    struct file_async *a;
    int err = file_async_get(f, &a);
    if (err)
        return err;
    mutex_lock(&a->mutex);
    if (is_on && !a->is_on) {
        a->fd = fd;
        (void)f->ops->poll(f, &a->waiter); /* what is there already is no news */
    } else if (!is_on && a->is_on) {
        f->ops->unpoll(f, &a->waiter);
    }
    a->is_on = is_on;
    mutex_unlock(&a->mutex);
    return 0;
}

void file_async_release(struct file *f)
{
    struct file_async *a = f->async;
    if (!a)
        return;
    if (a->is_on)
        f->ops->unpoll(f, &a->waiter);
    lease_release(a);
    dnotify_release(a);
    heap_free(a);
    f->async = NULL;
}
