/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a condition that a spinlock guards. A queue holds tasks that sleep and watchers that are told
 * (poll, epoll, timers of others). The lock is the object's own: one lock guards the condition and its queue.
 *
 *     spin_lock(&pipe->lock);
 *     while (pipe_is_empty(pipe)) {
 *         int err = waitq_sleep(&pipe->readers, &pipe->lock, NS_NEVER);
 *         if (err) { spin_unlock(&pipe->lock); return err; }
 *     }
 */
#pragma once
#include "base/list.h"
#include "base/spinlock.h"
#include "sched/sched.h"

struct waitq {
    struct list waiters; /* under the object's lock */
};

struct waiter {
    struct list node;
    /* Called with the object's lock held; must not sleep. events: EPOLL* bits that may have become true, 0: any. True:
     * somebody will see to it. */
    bool (*notify)(struct waiter *waiter, uint32_t events);
    bool is_exclusive; /* waitq_wake_one stops after one of these that returns true */
};

void waitq_init(struct waitq *wq);
void waitq_add(struct waitq *wq, struct waiter *waiter);
void waitq_remove(struct waitq *wq, struct waiter *waiter); /* harmless if not on it */

/*
 * Sleeps until woken; lock is let go meanwhile and held again on return. 0: woken, check the condition again.
 * -ETIMEDOUT: deadline (monotonic) reached. -EINTR: a signal awaits, or did already.
 */
nodiscard int waitq_sleep(struct waitq *wq, struct spinlock *lock, ns_t deadline);
/* The same, deaf to signals: for waits that end soon by our own doing. Never -EINTR. */
nodiscard int waitq_sleep_uninterruptible(struct waitq *wq, struct spinlock *lock, ns_t deadline);

/* Under the object's lock. */
void waitq_wake_all(struct waitq *wq, uint32_t events);
void waitq_wake_one(struct waitq *wq, uint32_t events);
static inline bool waitq_has_waiters(const struct waitq *wq)
{
    return !list_is_empty(&wq->waiters);
}

/* Sleeps until deadline or a signal: 0 (deadline reached) or -EINTR. */
nodiscard int sleep_until(ns_t deadline);
