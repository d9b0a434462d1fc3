/* SPDX-License-Identifier: Apache-2.0 */
/* What futex.c (wait, wake, requeue) and futex_lock.c (locks that are handed over, robust lists) share. */
#pragma once
#include "proc/internal.h"
#include "time/timer.h"

struct futex_bucket {
    struct spinlock lock;
    uint32_t count; /* read without the lock as well */
    struct list waiters;
} aligned_to(64);

struct futex_waiter {
    struct list node;
    struct thread *thread;
    struct vmspace *vm;
    uaddr_t addr;
    uint32_t bitset;
    bool is_private;
    bool is_timed_out;
    bool wants_lock;             /* FUTEX_LOCK_PI: is woken as the owner */
    struct futex_bucket *bucket; /* NULL: woken */
    struct timer timer;
};

struct futex_key {
    uaddr_t addr;
    bool is_private;
    struct vmspace *vm;
};

/* Threads to be woken once the bucket is free; the reference keeps a thread that runs away at once. */
#define FUTEX_WAKE_BATCH 16
struct futex_wake_batch {
    struct thread *threads[FUTEX_WAKE_BATCH];
    unsigned count;
};

struct futex_bucket *futex_bucket_of(uaddr_t addr);
void futex_bucket_lock(struct futex_bucket *b); /* spin_unlock(&b->lock) ends it */
void futex_bucket_add(struct futex_bucket *b, struct futex_waiter *w); /* under its lock */
/* Takes the waiter off whatever bucket it is in. False: it was woken before. */
bool futex_waiter_remove(struct futex_waiter *w);
/* Until one of them is woken (0), the deadline (-ETIMEDOUT) or a signal (-EINTR); the waiters, the caller's, are in buckets already. May block. */
nodiscard int futex_waiters_sleep(struct futex_waiter *w, unsigned count, ns_t deadline);
/* Under the bucket's lock: off the bucket and into the batch. The waiter's stack frame may be gone when it returns. */
void futex_waiter_release(struct futex_bucket *b, struct futex_waiter *w, struct futex_wake_batch *batch);
void futex_wake_flush(struct futex_wake_batch *batch); /* outside the lock */
