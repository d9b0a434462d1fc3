/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futex locks that the kernel hands over (FUTEX_LOCK_PI and its like), and robust lists.
 *
 * A lock's word holds the owner's tid. Who finds it taken sets FUTEX_WAITERS, and the owner's unlock comes here and hands the lock to
 * the one that waits longest. (Its priority is not inherited: there is one class of tasks.) That the word's waiters and the bucket
 * agree is kept by lock_serial: taking and handing over one at a time, for the word may fault, and then no spinlock may be held.
 */
#include <linux/futex.h>
#include "mm/usercopy.h"
#include "proc/futex.h"

static struct mutex lock_serial;

static struct futex_waiter *lock_waiter_first(struct futex_bucket *b, const struct futex_key *key, bool *has_more)
{
    struct futex_waiter *w, *first = NULL;
    *has_more = false;
    list_for_each (w, &b->waiters, node) {
        bool is_one = w->wants_lock && w->addr == key->addr && w->is_private == key->is_private && w->vm == key->vm;
        *has_more |= is_one && first;
        first = is_one && !first ? w : first;
    }
    return first;
}

/* Whose memory the word is in; NULL: of all that map it, for shared memory has one address. */
static struct vmspace *lock_memory(uaddr_t addr, bool is_private)
{
    struct vmspace *vm = process_current()->vm;
    return is_private || !vm_is_shared_at(vm, addr) ? vm : NULL;
}

/* Under lock_serial. 0: taken; -EAGAIN: another has it, and will hand it over. */
static int lock_try(uaddr_t addr, bool may_wait)
{
    uint32_t tid = (uint32_t)thread_current()->tid, old, seen;
    int err = load_user_u32(addr, &old);
    for (; err == 0; old = seen) {
        uint32_t owner = old & FUTEX_TID_MASK;
        if (owner == tid)
            return -EDEADLK;
        struct thread *t = owner ? thread_find((int32_t)owner) : NULL;
        if (t)
            thread_put(t);
        if (owner && !t && !(old & FUTEX_OWNER_DIED))
            return -ESRCH;
        bool is_free = !t;
        if (!is_free && !may_wait)
            return -EAGAIN;
        uint32_t fresh = is_free ? tid | (old & (FUTEX_OWNER_DIED | FUTEX_WAITERS)) : old | FUTEX_WAITERS;
        err = cas_user_u32(addr, old, fresh, &seen);
        if (err == 0 && seen == old)
            return is_free ? 0 : -EAGAIN;
    }
    return err;
}

int futex_lock(uaddr_t addr, bool is_private, bool may_wait, ns_t deadline)
{
    struct thread *t = thread_current();
    struct futex_waiter w = {
        .thread = t, .vm = lock_memory(addr, is_private), .addr = addr, .bitset = ~0U, .is_private = is_private, .wants_lock = true};
    struct futex_bucket *b = futex_bucket_of(addr);
    mutex_lock(&lock_serial);
    int err = lock_try(addr, may_wait);
    if (err == -EAGAIN && may_wait) {
        futex_bucket_lock(b);
        futex_bucket_add(b, &w);
        spin_unlock(&b->lock);
    }
    mutex_unlock(&lock_serial);
    if (err != -EAGAIN || !may_wait)
        return err;
    err = futex_waiters_sleep(&w, 1, deadline);
    return futex_waiter_remove(&w) ? err : 0; /* it was handed over */
}

/* Under lock_serial. What the word says once its owner is gone; its first waiter, if there is one, is *next. */
static uint32_t lock_heir(struct futex_bucket *b, const struct futex_key *key, uint32_t flags, struct futex_waiter **next)
{
    bool has_more;
    futex_bucket_lock(b);
    struct futex_waiter *w = lock_waiter_first(b, key, &has_more);
    uint32_t word = w ? (uint32_t)w->thread->tid | (has_more ? FUTEX_WAITERS : 0) : 0;
    spin_unlock(&b->lock);
    *next = w;
    return word | flags;
}

/* It may have given up meanwhile: false. Its frame is touched only if it still is in the bucket. */
static bool lock_heir_wake(struct futex_bucket *b, const struct futex_key *key, struct futex_waiter *w, struct futex_wake_batch *batch)
{
    bool has_more;
    futex_bucket_lock(b);
    bool is_here = lock_waiter_first(b, key, &has_more) == w;
    if (is_here)
        futex_waiter_release(b, w, batch);
    spin_unlock(&b->lock);
    return is_here;
}

/* Under lock_serial. From the owner with this tid (0: one that died) to who waits longest. flags: FUTEX_OWNER_DIED. */
static int lock_hand_over(const struct futex_key *key, uint32_t owner, uint32_t flags, struct futex_wake_batch *batch)
{
    struct futex_bucket *b = futex_bucket_of(key->addr);
    uint32_t old, seen;
    int err = load_user_u32(key->addr, &old);
    while (err == 0) {
        struct futex_waiter *next;
        uint32_t fresh = lock_heir(b, key, flags, &next);
        if ((old & FUTEX_TID_MASK) != owner)
            return -EPERM;
        err = cas_user_u32(key->addr, old, fresh, &seen);
        if (err == 0 && seen != old) {
            old = seen;
        } else if (err == 0) {
            if (!next || lock_heir_wake(b, key, next, batch))
                return 0;
            old = fresh; /* another's turn */
            owner = fresh & FUTEX_TID_MASK;
        }
    }
    return err;
}

static int lock_release(uaddr_t addr, bool is_private, uint32_t owner, uint32_t flags)
{
    const struct futex_key key = {addr, is_private, lock_memory(addr, is_private)};
    struct futex_wake_batch batch = {.count = 0};
    mutex_lock(&lock_serial);
    int err = lock_hand_over(&key, owner, flags, &batch);
    mutex_unlock(&lock_serial);
    futex_wake_flush(&batch);
    return err;
}

int futex_unlock(uaddr_t addr, bool is_private)
{
    return lock_release(addr, is_private, (uint32_t)thread_current()->tid, 0);
}

/* ---- robust lists: what a thread that dies still held ------------------------------------------------------- */

/* is_handed_over: FUTEX_LOCK_PI took it, as the entry's lowest bit says. */
static bool robust_release_one(struct thread *t, uaddr_t word, bool is_handed_over)
{
    uint32_t value, seen;
    if ((word & 3) || load_user_u32(word, &value) < 0)
        return false;
    while ((value & FUTEX_TID_MASK) == (uint32_t)t->tid) {
        if (cas_user_u32(word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen) < 0)
            return false;
        if (seen == value) {
            if ((value & FUTEX_WAITERS) && is_handed_over)
                return lock_release(word, false, 0, FUTEX_OWNER_DIED) == 0;
            if (value & FUTEX_WAITERS)
                futex_wake(word, false, 1, ~0U);
            return true;
        }
        value = seen;
    }
    return true;
}

struct robust_head { /* struct robust_list_head */
    uint64_t next, offset, pending;
};

void futex_release_robust(struct thread *t)
{
    struct robust_head head;
    uaddr_t at = t->robust_list;
    t->robust_list = 0;
    if (!at || copy_from_user(&head, at, sizeof(head)) < 0)
        return;
    uint64_t entry = head.next & ~1ULL;
    bool is_handed_over = head.next & 1;
    for (unsigned i = 0; i < ROBUST_LIST_LIMIT && entry != at; i++) {
        uint64_t next;
        if (copy_from_user(&next, entry, sizeof(next)) < 0)
            return;
        if (entry != (head.pending & ~1ULL) && !robust_release_one(t, entry + head.offset, is_handed_over))
            return;
        entry = next & ~1ULL;
        is_handed_over = next & 1;
    }
    if (head.pending & ~1ULL)
        (void)robust_release_one(t, (head.pending & ~1ULL) + head.offset, head.pending & 1);
}
