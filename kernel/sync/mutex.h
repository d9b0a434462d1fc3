/* SPDX-License-Identifier: Apache-2.0 */
/* A lock whose waiters sleep; its holder may. Deaf to signals: held for bounded work only. Zeroed is free. */
#pragma once
#include "sync/waitq.h"

struct mutex {
    struct spinlock lock;
    struct task *holder;
    struct waitq waiters;
};

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
nodiscard bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
bool mutex_is_mine(const struct mutex *mutex);
bool mutex_is_locked(const struct mutex *mutex); /* by anybody; a hint */

/* Many readers or one writer; a waiting writer goes before new readers. */
struct rwlock {
    struct spinlock lock;
    unsigned readers;
    unsigned writers_waiting;
    struct task *writer;
    struct waitq waiters;
};

void rwlock_init(struct rwlock *rw);
void rwlock_lock_read(struct rwlock *rw);
void rwlock_unlock_read(struct rwlock *rw);
void rwlock_lock_write(struct rwlock *rw);
void rwlock_unlock_write(struct rwlock *rw);
