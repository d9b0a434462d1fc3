/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes. Waiters hang in buckets by the hash of their address. With one address space for all,
 * shared memory has the same address in every process, so the address is the key of shared words; a
 * private word's key is (memory, address). A word that is not marked private may still lie in
 * private memory, at an address that a forked relative uses too: such a foreign waiter is woken in
 * addition and never counted, since a futex may wake for no reason but must not lose a wake.
 *
 * No wake is lost although the word may fault: the waiter enters the bucket first and looks at the
 * word then, the waker changes the word first and looks at the bucket then; a full barrier stands
 * between on both sides.
 *
 * Locks: one per bucket; two are taken in the order of their addresses. Nothing else is taken under
 * them but the task's own lock.
 */
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "proc/internal.h"
#include "time/timer.h"

#define BUCKET_COUNT     256
#define ROBUST_LIMIT     2048 /* ROBUST_LIST_LIMIT of Linux */
#define FUTEX_WAITERS    0x80000000U
#define FUTEX_OWNER_DIED 0x40000000U
#define FUTEX_TID_MASK   0x3fffffffU

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

static struct futex_bucket buckets[BUCKET_COUNT];

static struct futex_bucket *bucket_of(uaddr_t addr)
{
    uint64_t hash = (addr >> 2) * 0x9e3779b97f4a7c15ULL;
    return &buckets[hash >> 56];
}

static void bucket_lock(struct futex_bucket *b)
{
    spin_lock(&b->lock);
    if (unlikely(!b->waiters.next))
        list_init(&b->waiters);
}

static void bucket_add(struct futex_bucket *b, struct futex_waiter *w)
{
    list_push_back(&b->waiters, &w->node);
    __atomic_store_n(&b->count, b->count + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&w->bucket, b, __ATOMIC_RELAXED);
}

static void bucket_remove(struct futex_bucket *b, struct futex_waiter *w)
{
    list_remove(&w->node);
    __atomic_store_n(&b->count, b->count - 1, __ATOMIC_RELAXED);
}

/* Takes the waiter off whatever bucket it is in. False: it was woken before. */
static bool waiter_remove(struct futex_waiter *w)
{
    for (;;) {
        struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);
        if (!b)
            return false;
        bucket_lock(b);
        bool is_here = w->bucket == b; /* it may have been moved */
        if (is_here) {
            bucket_remove(b, w);
            w->bucket = NULL;
        }
        spin_unlock(&b->lock);
        if (is_here)
            return true;
    }
}

/* ---- waking
 * ----------------------------------------------------------------------------------------- */

/* Threads to be woken once the bucket is free; the reference keeps a thread that runs away at once.
 */
#define WAKE_BATCH 16
struct wake_batch {
    struct thread *threads[WAKE_BATCH];
    unsigned count;
};

static void wake_batch_flush(struct wake_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        task_wake(&batch->threads[i]->task);
        thread_put(batch->threads[i]);
    }
    batch->count = 0;
}

/* Under the bucket's lock. After the store of NULL the waiter's stack frame may be gone. */
static void waiter_release(struct futex_bucket *b, struct futex_waiter *w, struct wake_batch *batch)
{
    bucket_remove(b, w);
    thread_get(w->thread);
    batch->threads[batch->count++] = w->thread;
    __atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
}

struct futex_key {
    uaddr_t addr;
    bool is_private;
    struct vmspace *vm;
};

static bool key_matches(const struct futex_waiter *w, const struct futex_key *key)
{
    return w->addr == key->addr && w->is_private == key->is_private && !w->wants_lock &&
           (!key->is_private || w->vm == key->vm);
}

/* Under the lock: one batch. *count goes down by the waiters of our own memory. True: there may be
 * more. */
static bool wake_some(struct futex_bucket *b, const struct futex_key *key, int *count,
                      uint32_t bitset, struct wake_batch *batch)
{
    struct futex_waiter *w, *after;
    list_for_each_safe (w, after, &b->waiters, node) {
        bool is_foreign = w->vm != key->vm;
        if (!key_matches(w, key) || !(w->bitset & bitset) || (*count <= 0 && !is_foreign))
            continue;
        if (batch->count == WAKE_BATCH)
            return true;
        waiter_release(b, w, batch);
        if (!is_foreign)
            --*count;
        if (*count <= 0 && key->is_private)
            return false;
    }
    return false;
}

int futex_wake(uaddr_t addr, bool is_private, int count, uint32_t bitset)
{
    struct futex_bucket *b = bucket_of(addr);
    struct futex_key key = {addr, is_private, process_current()->vm};
    struct wake_batch batch = {.count = 0};
    int left = count, woken = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&b->count, __ATOMIC_RELAXED) == 0 || count <= 0)
        return 0;
    for (bool has_more = true; has_more;) {
        bucket_lock(b);
        has_more = wake_some(b, &key, &left, bitset, &batch);
        spin_unlock(&b->lock);
        woken += (int)batch.count;
        wake_batch_flush(&batch);
    }
    return MIN(woken, count);
}

/* ---- waiting
 * ---------------------------------------------------------------------------------------- */

static void waiter_timeout(struct timer *timer)
{
    struct futex_waiter *w = container_of(timer, struct futex_waiter, timer);
    __atomic_store_n(&w->is_timed_out, true, __ATOMIC_RELEASE);
    task_wake(&w->thread->task);
}

static int waiter_sleep(struct futex_waiter *w)
{
    struct task *task = &w->thread->task;
    for (;;) {
        task_sleep_begin(true);
        int result = 1;
        if (!__atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE))
            result = 0;
        else if (__atomic_load_n(&w->is_timed_out, __ATOMIC_ACQUIRE))
            result = -ETIMEDOUT;
        else if (__atomic_load_n(&task->is_interrupted, __ATOMIC_SEQ_CST))
            result = -EINTR;
        if (result <= 0) {
            task_sleep_cancel();
            return result;
        }
        task_sleep();
    }
}

static int waiter_sleep_until(struct futex_waiter *w, ns_t deadline)
{
    if (deadline == NS_NEVER)
        return waiter_sleep(w);
    timer_init(&w->timer, waiter_timeout);
    timer_arm(&w->timer, deadline);
    int err = waiter_sleep(w);
    timer_cancel(&w->timer);
    return err;
}

/* In the bucket already: sleeps, unless the word has changed before we got there. */
static int waiter_wait(struct futex_waiter *w, const struct futex_wait *wait)
{
    uint32_t value;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    int err = load_user_u32(wait->addr, &value);
    if (err < 0)
        return err;
    return value == wait->expected ? waiter_sleep_until(w, wait->deadline) : -EAGAIN;
}

int futex_wait(const struct futex_wait *wait)
{
    uint32_t value;
    int err =
        load_user_u32(wait->addr, &value); /* brings the page in, before we stand in a queue */
    if (err < 0)
        return err;
    if (value != wait->expected)
        return -EAGAIN;
    struct thread *t = thread_current();
    struct futex_waiter w = {
        .thread = t,
        .vm = t->process->vm,
        .addr = wait->addr,
        .bitset = wait->bitset,
        .is_private = wait->is_private,
    };
    struct futex_bucket *b = bucket_of(wait->addr);
    bucket_lock(b);
    bucket_add(b, &w);
    spin_unlock(&b->lock);
    err = waiter_wait(&w, wait);
    return waiter_remove(&w) ? err : 0; /* who was woken must not pass it over */
}

/* ---- requeueing
 * ------------------------------------------------------------------------------------- */

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    bucket_lock(a < b ? a : b);
    if (a != b)
        bucket_lock(a < b ? b : a);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static int move_some(struct futex_bucket *from, struct futex_bucket *to,
                     const struct futex_key *key, uaddr_t to_addr, int count)
{
    struct futex_waiter *w, *after;
    int moved = 0;
    struct list batch = LIST_INIT(batch);
    list_for_each_safe (w, after, &from->waiters, node) {
        if (moved >= count)
            break;
        if (!key_matches(w, key) || w->vm != key->vm)
            continue;
        bucket_remove(from, w);
        w->addr = to_addr;
        list_push_back(&batch, &w->node);
        moved++;
    }
    while (!list_is_empty(&batch)) { /* second pass: from and to may be the same */
        w = list_first(&batch, struct futex_waiter, node);
        list_remove(&w->node);
        bucket_add(to, w);
    }
    return moved;
}

int futex_requeue(uaddr_t addr, uaddr_t to_addr, bool is_private, int wake, int move)
{
    struct futex_bucket *from = bucket_of(addr), *to = bucket_of(to_addr);
    struct futex_key key = {addr, is_private, process_current()->vm};
    int woken = futex_wake(addr, is_private, wake, ~0U);
    if (move <= 0 || addr == to_addr)
        return woken;
    lock_two(from, to);
    int moved = move_some(from, to, &key, to_addr, move);
    unlock_two(from, to);
    return woken + moved;
}

/* ---- locks that are handed over: FUTEX_LOCK_PI and its like --------------------------------------------------------------
 *
 * The word holds the owner's tid. Who finds it taken sets FUTEX_WAITERS, and the owner's unlock comes here and hands the lock to the
 * one that waits longest. (Its priority is not inherited: there is one class of tasks.) That the word's waiters and the bucket agree is
 * kept by lock_serial: taking and handing over one at a time, for the word may fault, and then no spinlock may be held.
 */
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
    struct futex_waiter w = {.thread = t, .vm = lock_memory(addr, is_private), .addr = addr, .bitset = ~0U, .is_private = is_private, .wants_lock = true};
    struct futex_bucket *b = bucket_of(addr);
    mutex_lock(&lock_serial);
    int err = lock_try(addr, may_wait);
    if (err == -EAGAIN && may_wait) {
        bucket_lock(b);
        bucket_add(b, &w);
        spin_unlock(&b->lock);
    }
    mutex_unlock(&lock_serial);
    if (err != -EAGAIN || !may_wait)
        return err;
    err = waiter_sleep_until(&w, deadline);
    return waiter_remove(&w) ? err : 0; /* it was handed over */
}

/* Under lock_serial. What the word says once its owner is gone; its first waiter, if there is one, is *next. */
static uint32_t lock_heir(struct futex_bucket *b, const struct futex_key *key, uint32_t flags, struct futex_waiter **next)
{
    bool has_more;
    bucket_lock(b);
    struct futex_waiter *w = lock_waiter_first(b, key, &has_more);
    uint32_t word = w ? (uint32_t)w->thread->tid | (has_more ? FUTEX_WAITERS : 0) : 0;
    spin_unlock(&b->lock);
    *next = w;
    return word | flags;
}

/* It may have given up meanwhile: false. Its frame is touched only if it still is in the bucket. */
static bool lock_heir_wake(struct futex_bucket *b, const struct futex_key *key, struct futex_waiter *w, struct wake_batch *batch)
{
    bool has_more;
    bucket_lock(b);
    bool is_here = lock_waiter_first(b, key, &has_more) == w;
    if (is_here)
        waiter_release(b, w, batch);
    spin_unlock(&b->lock);
    return is_here;
}

/* Under lock_serial. From the owner with this tid (0: one that died) to who waits longest. flags: FUTEX_OWNER_DIED. */
static int lock_hand_over(const struct futex_key *key, uint32_t owner, uint32_t flags, struct wake_batch *batch)
{
    struct futex_bucket *b = bucket_of(key->addr);
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
    struct wake_batch batch = {.count = 0};
    mutex_lock(&lock_serial);
    int err = lock_hand_over(&key, owner, flags, &batch);
    mutex_unlock(&lock_serial);
    wake_batch_flush(&batch);
    return err;
}

int futex_unlock(uaddr_t addr, bool is_private)
{
    return lock_release(addr, is_private, (uint32_t)thread_current()->tid, 0);
}

/* ---- robust lists: what a thread that dies still held
 * ----------------------------------------------------- */

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
    for (unsigned i = 0; i < ROBUST_LIMIT && entry != at; i++) {
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
