/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/mutex.h"

/* A zeroed mutex has an empty queue; its list is made at the first wait. */
static void waitq_ready(struct waitq *wq)
{
    if (!wq->waiters.next)
        waitq_init(wq);
}

/* Sleeps until woken; only then can err be 0, as nothing else ends this wait. */
static void wait(struct waitq *wq, struct spinlock *lock)
{
    int err = waitq_sleep_uninterruptible(wq, lock, NS_NEVER);
    CHECK(err == 0);
}

static void wake_all(struct waitq *wq)
{
    if (wq->waiters.next)
        waitq_wake_all(wq, 0);
}

void mutex_init(struct mutex *mutex)
{
    *mutex = (struct mutex){0};
    waitq_init(&mutex->waiters);
}

void mutex_lock(struct mutex *mutex)
{
    spin_lock(&mutex->lock);
    CHECK(mutex->holder != task_current());
    waitq_ready(&mutex->waiters);
    while (mutex->holder)
        wait(&mutex->waiters, &mutex->lock);
    mutex->holder = task_current();
    spin_unlock(&mutex->lock);
}

bool mutex_trylock(struct mutex *mutex)
{
    spin_lock(&mutex->lock);
    bool is_free = !mutex->holder;
    if (is_free)
        mutex->holder = task_current();
    spin_unlock(&mutex->lock);
    return is_free;
}

void mutex_unlock(struct mutex *mutex)
{
    spin_lock(&mutex->lock);
    CHECK(mutex->holder == task_current());
    mutex->holder = NULL;
    if (mutex->waiters.waiters.next)
        waitq_wake_one(&mutex->waiters, 0);
    spin_unlock(&mutex->lock);
}

bool mutex_is_locked(const struct mutex *mutex)
{
    return __atomic_load_n(&mutex->holder, __ATOMIC_RELAXED) != NULL;
}

bool mutex_is_mine(const struct mutex *mutex)
{
    return mutex->holder == task_current();
}

void rwlock_init(struct rwlock *rw)
{
    *rw = (struct rwlock){0};
    waitq_init(&rw->waiters);
}

void rwlock_lock_read(struct rwlock *rw)
{
    spin_lock(&rw->lock);
    waitq_ready(&rw->waiters);
    while (rw->writer || rw->writers_waiting)
        wait(&rw->waiters, &rw->lock);
    rw->readers++;
    spin_unlock(&rw->lock);
}

void rwlock_unlock_read(struct rwlock *rw)
{
    spin_lock(&rw->lock);
    CHECK(rw->readers > 0);
    if (--rw->readers == 0)
        wake_all(&rw->waiters);
    spin_unlock(&rw->lock);
}

void rwlock_lock_write(struct rwlock *rw)
{
    spin_lock(&rw->lock);
    waitq_ready(&rw->waiters);
    rw->writers_waiting++;
    while (rw->writer || rw->readers)
        wait(&rw->waiters, &rw->lock);
    rw->writers_waiting--;
    rw->writer = task_current();
    spin_unlock(&rw->lock);
}

void rwlock_unlock_write(struct rwlock *rw)
{
    spin_lock(&rw->lock);
    CHECK(rw->writer == task_current());
    rw->writer = NULL;
    wake_all(&rw->waiters);
    spin_unlock(&rw->lock);
}
