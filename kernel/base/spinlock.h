/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks for a few instructions. Kernel code is not preempted by our scheduler, but the host may stop a
 * vCPU that holds one: the waiter spins, then yields to the host. A holder does not sleep, and does not
 * touch user memory. A zeroed spinlock is free.
 */
#pragma once
#include "arch/arch.h"
#include "base/base.h"
#include "base/lock_order.h"

struct spinlock {
    uint8_t held;
    uint8_t rank; /* enum lock_rank */
};

#define SPINLOCK_INIT     {0}
#define SPINLOCK(of_rank) {.rank = (of_rank)}

/* Lets the host run others; set by init. */
extern void (*spinlock_yield)(void);
void spinlock_wait(struct spinlock *lock); /* the slow path of spin_lock */

static inline nodiscard bool spin_take(struct spinlock *lock)
{
    return __atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline nodiscard bool spin_trylock(struct spinlock *lock)
{
    bool is_mine = spin_take(lock);
    if (is_mine)
        arch_lock_taken(lock, lock->rank);
    return is_mine;
}

static inline void spin_lock(struct spinlock *lock)
{
    arch_lock_wanted(lock, lock->rank);
    if (unlikely(!spin_take(lock)))
        spinlock_wait(lock);
    arch_lock_taken(lock, lock->rank);
}

static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
    arch_lock_dropped(lock);
}

static inline bool spin_is_held(const struct spinlock *lock)
{
    return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0;
}
