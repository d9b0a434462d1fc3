/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers as files. An interval timer fires once and rests until somebody looks: how often it would have fired since is
 * computed then, so that the shortest interval costs nothing. A timer that was disarmed or moved may fire still; it
 * finds that it is not due.
 */
#include "ipc/timerfd.h"
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "time/clock.h"
#include "time/timer.h"

#define EVENTS_IN (EPOLLIN | EPOLLRDNORM)

struct timerfd {
    struct spinlock lock; /* guards the rest; taken before the timers' own */
    struct waitq waitq;
    struct timer timer;
    int clock;
    unsigned settings;    /* TFD_TIMER_* of the last timerfd_settime */
    ns_t next;            /* monotonic; 0: disarmed */
    ns_t realtime;        /* the point on CLOCK_REALTIME that `next` stands for, if it was named as one */
    ns_t interval;
    uint64_t ticks;       /* not yet read */
    bool is_resting;      /* fired, and not yet armed for the next interval */
    bool is_cancelled;    /* the clock was set */
    struct list node;     /* in all_timerfds */
};

static struct spinlock all_lock; /* guards the list; taken before a timer's lock */
static struct list all_timerfds = LIST_INIT(all_timerfds);

static bool is_realtime(int clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

static void timerfd_fire(struct timer *timer)
{
    struct timerfd *t = container_of(timer, struct timerfd, timer);
    spin_lock(&t->lock);
    if (t->next != 0 && !t->is_resting && t->next <= clock_monotonic()) {
        t->ticks++;
        t->is_resting = true;
        waitq_wake_all(&t->waitq, EVENTS_IN);
    }
    spin_unlock(&t->lock);
}

/* Under the lock: what would have happened since the timer fired. */
static void catch_up(struct timerfd *t)
{
    ns_t now = clock_monotonic();
    if (!t->is_resting)
        return;
    if (t->interval == 0) {
        t->next = 0;
    } else {
        ns_t missed = (now - t->next) / t->interval;
        t->ticks += (uint64_t)missed;
        if (__builtin_add_overflow(t->next, (missed + 1) * t->interval, &t->next))
            t->next = NS_NEVER;
        timer_arm(&t->timer, t->next);
    }
    t->is_resting = false;
}

static int64_t timerfd_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct timerfd *t = f->data;
    uint64_t ticks = 0;
    int err = 0;
    (void)off;
    if (to->left < sizeof(ticks))
        return -EINVAL;
    spin_lock(&t->lock);
    while (err == 0 && t->ticks == 0 && !t->is_cancelled)
        err = nonblock ? -EAGAIN : waitq_sleep(&t->waitq, &t->lock, NS_NEVER);
    if (err == 0 && t->is_cancelled) {
        t->is_cancelled = false;
        t->ticks = 0;
        err = -ECANCELED;
    } else if (err == 0) {
        catch_up(t);
        ticks = t->ticks;
        t->ticks = 0;
    }
    spin_unlock(&t->lock);
    return err ? err : iov_copy_to(to, &ticks, sizeof(ticks));
}

static uint32_t timerfd_poll(struct file *f, struct waiter *waiter)
{
    struct timerfd *t = f->data;
    spin_lock(&t->lock);
    if (waiter)
        waitq_add(&t->waitq, waiter);
    uint32_t events = t->ticks || t->is_cancelled ? EVENTS_IN : 0;
    spin_unlock(&t->lock);
    return events;
}

static void timerfd_unpoll(struct file *f, struct waiter *waiter)
{
    struct timerfd *t = f->data;
    spin_lock(&t->lock);
    waitq_remove(&t->waitq, waiter);
    spin_unlock(&t->lock);
}

static int64_t timerfd_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct timerfd *t = f->data;
    uint64_t ticks;
    if (cmd != TFD_IOC_SET_TICKS)
        return -ENOTTY;
    if (copy_from_user(&ticks, arg, sizeof(ticks)))
        return -EFAULT;
    if (ticks == 0)
        return -EINVAL;
    spin_lock(&t->lock);
    t->ticks = ticks;
    waitq_wake_all(&t->waitq, EVENTS_IN);
    spin_unlock(&t->lock);
    return 0;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *t = f->data;
    spin_lock(&all_lock);
    list_remove(&t->node);
    spin_unlock(&all_lock);
    timer_cancel(&t->timer);
    heap_free(t);
}

/* Under the lock. */
static void value_of(struct timerfd *t, struct timerfd_value *value)
{
    catch_up(t);
    *value = (struct timerfd_value){.interval = t->interval};
    if (t->next)
        value->next = MAX(t->next - clock_monotonic(), 0);
}

static void timerfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
    struct timerfd *t = f->data;
    struct timerfd_value v;
    spin_lock(&t->lock);
    value_of(t, &v);
    format(buf, size, "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%lld, %lld)\nit_interval: (%lld, %lld)\n", t->clock,
           (unsigned long long)t->ticks, t->settings, (long long)(v.next / NS_PER_S), (long long)(v.next % NS_PER_S),
           (long long)(v.interval / NS_PER_S), (long long)(v.interval % NS_PER_S));
    spin_unlock(&t->lock);
}

static const struct file_ops timerfd_ops = {
    .name = "[timerfd]",
    .read = timerfd_read,
    .poll = timerfd_poll,
    .unpoll = timerfd_unpoll,
    .ioctl = timerfd_ioctl,
    .release = timerfd_release,
    .show_fdinfo = timerfd_show_fdinfo,
};

int timerfd_create(int clock, unsigned flags, struct file **f)
{
    bool is_alarm = clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
    if (!is_alarm && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    if (is_alarm && !capable(CAP_WAKE_ALARM))
        return -EPERM;
    struct timerfd *t = heap_zalloc(sizeof(*t));
    if (!t)
        return -ENOMEM;
    waitq_init(&t->waitq);
    timer_init(&t->timer, timerfd_fire);
    t->clock = clock;
    int err = file_create(&timerfd_ops, t, O_RDWR | (flags & O_NONBLOCK), f);
    if (err) {
        heap_free(t);
        return err;
    }
    spin_lock(&all_lock);
    list_push_back(&all_timerfds, &t->node);
    spin_unlock(&all_lock);
    return 0;
}

/* Under the lock: `at` is a point on CLOCK_REALTIME. */
static void arm_realtime(struct timerfd *t)
{
    ns_t at;
    if (__builtin_add_overflow(t->realtime, clock_monotonic() - clock_realtime(), &at))
        at = NS_NEVER;
    t->next = MAX(at, 1);
}

static void arm(struct timerfd *t, unsigned flags, const struct timerfd_value *value)
{
    bool is_point = flags & TFD_TIMER_ABSTIME;
    t->next = t->realtime = 0;
    if (value->next == 0)
        return;
    if (is_point && is_realtime(t->clock)) {
        t->realtime = value->next;
        arm_realtime(t);
    } else if (is_point) {
        t->next = value->next;
    } else if (__builtin_add_overflow(value->next, clock_monotonic(), &t->next)) {
        t->next = NS_NEVER;
    }
    timer_arm(&t->timer, t->next);
}

int timerfd_set(struct file *f, unsigned flags, const struct timerfd_value *value, struct timerfd_value *old)
{
    struct timerfd *t = f->data;
    if (f->ops != &timerfd_ops)
        return -EINVAL;
    spin_lock(&t->lock);
    value_of(t, old);
    t->ticks = 0;
    t->is_resting = t->is_cancelled = false;
    t->interval = value->interval;
    t->settings = flags;
    arm(t, flags, value);
    spin_unlock(&t->lock);
    return 0;
}

int timerfd_get(struct file *f, struct timerfd_value *value)
{
    struct timerfd *t = f->data;
    if (f->ops != &timerfd_ops)
        return -EINVAL;
    spin_lock(&t->lock);
    value_of(t, value);
    spin_unlock(&t->lock);
    return 0;
}

void timerfd_clock_was_set(void)
{
    struct timerfd *t;
    spin_lock(&all_lock);
    list_for_each (t, &all_timerfds, node) {
        spin_lock(&t->lock);
        if (t->realtime && t->next && !t->is_resting) {
            arm_realtime(t);
            timer_arm(&t->timer, t->next);
        }
        if (t->realtime && (t->settings & TFD_TIMER_CANCEL_ON_SET)) {
            t->is_cancelled = true;
            waitq_wake_all(&t->waitq, EVENTS_IN);
        }
        spin_unlock(&t->lock);
    }
    spin_unlock(&all_lock);
}
