/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/waitq.h"
#include "time/clock.h"
#include "time/timer.h"

/* A sleeper is a waiter that wakes its task. was_woken is written under the object's lock. */
struct sleeper {
    struct waiter waiter;
    struct task *task;
    bool was_woken;
};

struct alarm {
    struct timer timer;
    struct task *task;
    bool has_fired;
};

void waitq_init(struct waitq *wq)
{
    list_init(&wq->waiters);
}

void waitq_add(struct waitq *wq, struct waiter *waiter)
{
    if (waiter->is_exclusive)
        list_push_back(&wq->waiters, &waiter->node);
    else
        list_push_front(&wq->waiters, &waiter->node);
}

void waitq_remove(struct waitq *wq, struct waiter *waiter)
{
    (void)wq;
    if (waiter->node.next)
        list_remove(&waiter->node);
}

static bool sleeper_notify(struct waiter *waiter, uint32_t events)
{
    struct sleeper *s = container_of(waiter, struct sleeper, waiter);
    (void)events;
    s->was_woken = true;
    list_remove(&waiter->node);
    task_wake(s->task);
    return true;
}

static void alarm_fire(struct timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);
    __atomic_store_n(&alarm->has_fired, true, __ATOMIC_RELEASE);
    task_wake(alarm->task);
}

static void alarm_set(struct alarm *alarm, ns_t deadline)
{
    alarm->task = task_current();
    alarm->has_fired = false;
    if (deadline == NS_NEVER)
        return;
    timer_init(&alarm->timer, alarm_fire);
    timer_arm(&alarm->timer, deadline);
}

static void alarm_clear(struct alarm *alarm, ns_t deadline)
{
    if (deadline != NS_NEVER)
        timer_cancel(&alarm->timer);
}

static int wait_common(struct waitq *wq, struct spinlock *lock, ns_t deadline, bool is_interruptible)
{
    struct task *task = task_current();
    struct sleeper s = {.waiter = {.notify = sleeper_notify, .is_exclusive = true}, .task = task};
    struct alarm alarm;
    if (is_interruptible && __atomic_load_n(&task->is_interrupted, __ATOMIC_SEQ_CST))
        return -EINTR;
    if (deadline != NS_NEVER && deadline <= clock_monotonic())
        return -ETIMEDOUT;
    waitq_add(wq, &s.waiter);
    task_sleep_begin(is_interruptible);
    spin_unlock(lock);
    alarm_set(&alarm, deadline);
    task_sleep();
    alarm_clear(&alarm, deadline);
    spin_lock(lock);
    list_remove(&s.waiter.node);
    if (s.was_woken)
        return 0;
    if (__atomic_load_n(&alarm.has_fired, __ATOMIC_ACQUIRE))
        return -ETIMEDOUT;
    return is_interruptible && __atomic_load_n(&task->is_interrupted, __ATOMIC_SEQ_CST) ? -EINTR : 0;
}

int waitq_sleep(struct waitq *wq, struct spinlock *lock, ns_t deadline)
{
    return wait_common(wq, lock, deadline, true);
}

int waitq_sleep_uninterruptible(struct waitq *wq, struct spinlock *lock, ns_t deadline)
{
    return wait_common(wq, lock, deadline, false);
}

/* Waiters may leave the list while they are told; the next one is known before. */
void waitq_wake_all(struct waitq *wq, uint32_t events)
{
    struct waiter *waiter, *after;
    list_for_each_safe (waiter, after, &wq->waiters, node)
        waiter->notify(waiter, events);
}

void waitq_wake_one(struct waitq *wq, uint32_t events)
{
    struct waiter *waiter, *after;
    list_for_each_safe (waiter, after, &wq->waiters, node) {
        bool is_exclusive = waiter->is_exclusive; /* asked before: a sleeper is gone once it is told */
        if (waiter->notify(waiter, events) && is_exclusive)
            break;
    }
}

int sleep_until(ns_t deadline)
{
    struct spinlock lock = SPINLOCK_INIT;
    struct waitq wq;
    int err = 0;
    waitq_init(&wq);
    spin_lock(&lock);
    while (err == 0)
        err = waitq_sleep(&wq, &lock, deadline);
    spin_unlock(&lock);
    return err == -ETIMEDOUT ? 0 : err;
}
