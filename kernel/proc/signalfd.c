/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signalfd(2). Reading takes signals of the reading thread and its process. Watchers hang on the file's own queue, which is
 * told by one process: the one whose thread polled it last.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"

#define UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))
#define EVENTS_IN   (EPOLLIN | EPOLLRDNORM)

struct signalfd {
    uint64_t set;            /* atomic */
    struct spinlock lock;    /* guards waitq; taken inside signals.lock */
    struct waitq waitq;      /* watchers */
    struct mutex teller_lock; /* guards teller */
    struct process *teller;  /* referenced; its signals.waitq has `waiter` */
    struct waiter waiter;
};

static bool signals_told(struct waiter *waiter, uint32_t events)
{
    struct signalfd *s = container_of(waiter, struct signalfd, waiter);
    (void)events;
    spin_lock(&s->lock);
    waitq_wake_all(&s->waitq, EVENTS_IN);
    spin_unlock(&s->lock);
    return true;
}

static void teller_change(struct signalfd *s, struct process *p)
{
    mutex_lock(&s->teller_lock);
    struct process *old = s->teller;
    if (old == p) {
        mutex_unlock(&s->teller_lock);
        return;
    }
    if (old) {
        spin_lock(&old->signals.lock);
        waitq_remove(&old->signals.waitq, &s->waiter);
        spin_unlock(&old->signals.lock);
        process_put(old);
    }
    s->teller = p;
    if (p) {
        process_get(p);
        spin_lock(&p->signals.lock);
        waitq_add(&p->signals.waitq, &s->waiter);
        spin_unlock(&p->signals.lock);
    }
    mutex_unlock(&s->teller_lock);
}

/* Which fields a siginfo has follows from its code, and for the kernel's own from the signal. */
static void info_convert(const siginfo_t *from, struct signalfd_siginfo *to)
{
    *to = (struct signalfd_siginfo){
        .ssi_signo = (uint32_t)from->si_signo, .ssi_errno = from->si_errno, .ssi_code = from->si_code,
        .ssi_pid = (uint32_t)from->si_pid, .ssi_uid = from->si_uid,
    };
    if (from->si_code == SI_TIMER) {
        to->ssi_pid = to->ssi_uid = 0;
        to->ssi_tid = (uint32_t)from->si_tid;
        to->ssi_overrun = (uint32_t)from->si_overrun;
    }
    if (from->si_code < 0 && from->si_code != SI_TKILL) {
        to->ssi_ptr = (uintptr_t)from->si_ptr;
        to->ssi_int = from->si_int;
    } else if (from->si_signo == SIGCHLD && from->si_code > 0) {
        to->ssi_status = from->si_status;
        to->ssi_utime = (uint64_t)from->si_utime;
        to->ssi_stime = (uint64_t)from->si_stime;
    } else if (from->si_code > 0 && from->si_code != SI_KERNEL) {
        to->ssi_pid = to->ssi_uid = 0;
        to->ssi_addr = (uintptr_t)from->si_addr;
    }
}

/* One signal: 1, 0 if there is none (and it may not wait), or -errno. */
static int signal_next(struct signalfd *s, bool waits, siginfo_t *info)
{
    uint64_t set = __atomic_load_n(&s->set, __ATOMIC_RELAXED);
    int signo = waits ? signal_wait(set, NS_NEVER, info) : signal_dequeue(thread_current(), set, info);
    return signo > 0 ? 1 : signo;
}

static int64_t signalfd_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct signalfd_siginfo out;
    siginfo_t info;
    int64_t done = 0;
    (void)off;
    if (to->left < sizeof(out))
        return -EINVAL;
    while (to->left >= sizeof(out)) {
        int n = signal_next(f->data, !nonblock && done == 0, &info);
        if (n <= 0)
            return done ? done : n ? n : -EAGAIN;
        info_convert(&info, &out);
        int64_t copied = iov_copy_to(to, &out, sizeof(out));
        if (copied < (int64_t)sizeof(out))
            return done ? done : -EFAULT;
        done += copied;
    }
    return done;
}

static uint32_t signalfd_poll(struct file *f, struct waiter *waiter)
{
    struct signalfd *s = f->data;
    struct thread *t = thread_current();
    if (waiter) {
        spin_lock(&s->lock);
        waitq_add(&s->waitq, waiter);
        spin_unlock(&s->lock);
        teller_change(s, t->process);
    }
    return signal_pending_set(t) & __atomic_load_n(&s->set, __ATOMIC_RELAXED) ? EVENTS_IN : 0;
}

static void signalfd_unpoll(struct file *f, struct waiter *waiter)
{
    struct signalfd *s = f->data;
    spin_lock(&s->lock);
    waitq_remove(&s->waitq, waiter);
    spin_unlock(&s->lock);
}

static void signalfd_release(struct file *f)
{
    teller_change(f->data, NULL);
    heap_free(f->data);
}

static void signalfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
    struct signalfd *s = f->data;
    format(buf, size, "sigmask:\t%016llx\n", (unsigned long long)s->set);
}

static const struct file_ops signalfd_ops = {
    .name = "[signalfd]",
    .read = signalfd_read,
    .poll = signalfd_poll,
    .unpoll = signalfd_unpoll,
    .release = signalfd_release,
    .show_fdinfo = signalfd_show_fdinfo,
};

int signalfd_create(uint64_t set, unsigned flags, struct file **f)
{
    struct signalfd *s = heap_zalloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->set = set & ~UNBLOCKABLE;
    waitq_init(&s->waitq);
    mutex_init(&s->teller_lock);
    s->waiter.notify = signals_told;
    int err = file_create(&signalfd_ops, s, O_RDWR | (flags & O_NONBLOCK), f);
    if (err)
        heap_free(s);
    return err;
}

int signalfd_change(struct file *f, uint64_t set)
{
    struct signalfd *s = f->data;
    if (f->ops != &signalfd_ops)
        return -EINVAL;
    __atomic_store_n(&s->set, set & ~UNBLOCKABLE, __ATOMIC_RELAXED);
    (void)signals_told(&s->waiter, 0);
    return 0;
}
