/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spinlock.h"

#define SPINS_BEFORE_YIELD 10000

/* The holder may be on a vCPU that the host does not run: then only the host can help. */
void (*spinlock_yield)(void);

void spinlock_wait(struct spinlock *lock)
{
    for (unsigned spins = 1;; spins++) {
        arch_relax();
        if (!spin_is_held(lock) && spin_take(lock))
            return;
        if (spins % SPINS_BEFORE_YIELD == 0 && spinlock_yield)
            spinlock_yield();
    }
}
