/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of locks, checked as they are taken: a spinlock of a rank is taken only while all that are held have lower ones
 * (base/lock_order.h); none is held where a task may sleep. Each lock is also where another vCPU may go on.
 */
#include "base/lock_order.h"
#include "fake.h"
#include "sched/sched.h"

#define HELD_MAX 16

static struct held {
    unsigned count;
    struct {
        const void *lock;
        unsigned rank;
    } locks[HELD_MAX];
} held[VCPU_MAX];

static struct held *mine(void)
{
    return &held[fake_vcpu ? fake_vcpu->id : 0];
}

static const char *rank_name(unsigned rank)
{
    static const char *const names[] = {
#define LOCK_RANK_NAME(name) #name,
        LOCK_RANKS(LOCK_RANK_NAME)
    };
    return rank < ARRAY_COUNT(names) ? names[rank] : "?";
}

void arch_lock_wanted(const void *lock, unsigned rank)
{
    struct held *h = mine();
    for (unsigned i = 0; i < h->count; i++) {
        if (h->locks[i].lock == lock)
            fake_die("lock order: a vCPU takes %s twice", rank_name(rank));
        if (rank && h->locks[i].rank >= rank)
            fake_die("lock order: %s is taken with %s held", rank_name(rank), rank_name(h->locks[i].rank));
    }
    fake_vcpu_point();
}

void arch_lock_taken(const void *lock, unsigned rank)
{
    struct held *h = mine();
    if (h->count == HELD_MAX)
        fake_die("lock order: %d locks at a time", HELD_MAX);
    h->locks[h->count].lock = lock;
    h->locks[h->count++].rank = rank;
}

void arch_lock_dropped(const void *lock)
{
    struct held *h = mine();
    for (unsigned i = h->count; i-- > 0;) {
        if (h->locks[i].lock == lock) {
            h->locks[i] = h->locks[--h->count];
            fake_vcpu_point();
            return;
        }
    }
    fake_die("lock order: a vCPU lets go of a lock that it does not hold");
}

void fake_lock_check_none(const char *what)
{
    if (mine()->count)
        fake_die("lock order: %s while %s is held", what, rank_name(mine()->locks[0].rank));
}
