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
#include "proc/futex.h"

#define BUCKET_COUNT 256

static struct futex_bucket buckets[BUCKET_COUNT];

struct futex_bucket *futex_bucket_of(uaddr_t addr)
{
    uint64_t hash = (addr >> 2) * 0x9e3779b97f4a7c15ULL;
    return &buckets[hash >> 56];
}

void futex_bucket_lock(struct futex_bucket *b)
{
    spin_lock(&b->lock);
    if (unlikely(!b->waiters.next))
        list_init(&b->waiters);
}

void futex_bucket_add(struct futex_bucket *b, struct futex_waiter *w)
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

bool futex_waiter_remove(struct futex_waiter *w)
{
    for (;;) {
        struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);
        if (!b)
            return false;
        futex_bucket_lock(b);
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

/* ---- waking ------------------------------------------------------------------------------------------------- */

void futex_wake_flush(struct futex_wake_batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        task_wake(&batch->threads[i]->task);
        thread_put(batch->threads[i]);
    }
    batch->count = 0;
}

/* Under the bucket's lock. After the store of NULL the waiter's stack frame may be gone. */
void futex_waiter_release(struct futex_bucket *b, struct futex_waiter *w, struct futex_wake_batch *batch)
{
    bucket_remove(b, w);
    thread_get(w->thread);
    batch->threads[batch->count++] = w->thread;
    __atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
}

static bool key_matches(const struct futex_waiter *w, const struct futex_key *key)
{
    return w->addr == key->addr && w->is_private == key->is_private && !w->wants_lock && (!key->is_private || w->vm == key->vm);
}

/* Under the lock: one batch. *count goes down by the waiters of our own memory. True: there may be more. */
static bool wake_some(struct futex_bucket *b, const struct futex_key *key, int *count, uint32_t bitset, struct futex_wake_batch *batch)
{
    struct futex_waiter *w, *after;
    list_for_each_safe (w, after, &b->waiters, node) {
        bool is_foreign = w->vm != key->vm;
        if (!key_matches(w, key) || !(w->bitset & bitset) || (*count <= 0 && !is_foreign))
            continue;
        if (batch->count == FUTEX_WAKE_BATCH)
            return true;
        futex_waiter_release(b, w, batch);
        if (!is_foreign)
            --*count;
        if (*count <= 0 && key->is_private)
            return false;
    }
    return false;
}

int futex_wake(uaddr_t addr, bool is_private, int count, uint32_t bitset)
{
    struct futex_bucket *b = futex_bucket_of(addr);
    struct futex_key key = {addr, is_private, process_current()->vm};
    struct futex_wake_batch batch = {.count = 0};
    int left = count, woken = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&b->count, __ATOMIC_RELAXED) == 0 || count <= 0)
        return 0;
    for (bool has_more = true; has_more;) {
        futex_bucket_lock(b);
        has_more = wake_some(b, &key, &left, bitset, &batch);
        spin_unlock(&b->lock);
        woken += (int)batch.count;
        futex_wake_flush(&batch);
    }
    return MIN(woken, count);
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static void waiter_timeout(struct timer *timer)
{
    struct futex_waiter *w = container_of(timer, struct futex_waiter, timer);
    __atomic_store_n(&w->is_timed_out, true, __ATOMIC_RELEASE);
    task_wake(&w->thread->task);
}

static bool is_any_woken(const struct futex_waiter *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!__atomic_load_n(&w[i].bucket, __ATOMIC_ACQUIRE))
            return true;
    }
    return false;
}

static int waiters_sleep(struct futex_waiter *w, unsigned count)
{
    struct task *task = &w->thread->task;
    for (;;) {
        task_sleep_begin(true);
        int result = 1;
        if (is_any_woken(w, count))
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

int futex_waiters_sleep(struct futex_waiter *w, unsigned count, ns_t deadline)
{
    if (deadline == NS_NEVER)
        return waiters_sleep(w, count);
    timer_init(&w->timer, waiter_timeout);
    timer_arm(&w->timer, deadline);
    int err = waiters_sleep(w, count);
    timer_cancel(&w->timer);
    return err;
}

/* -EAGAIN: the word has another value. */
static int word_check(const struct futex_wait *wait)
{
    uint32_t value;
    int err = load_user_u32(wait->addr, &value);
    return err < 0 ? err : value == wait->expected ? 0 : -EAGAIN;
}

static void waiter_enter(struct futex_waiter *w, const struct futex_wait *wait)
{
    struct futex_bucket *b = futex_bucket_of(wait->addr);
    w->thread = thread_current();
    w->vm = w->thread->process->vm;
    w->addr = wait->addr;
    w->bitset = wait->bitset;
    w->is_private = wait->is_private;
    futex_bucket_lock(b);
    futex_bucket_add(b, w);
    spin_unlock(&b->lock);
}

int futex_wait(const struct futex_wait *wait)
{
    struct futex_waiter w = {0};
    int err = word_check(wait); /* brings the page in, before we stand in a queue */
    if (err < 0)
        return err;
    waiter_enter(&w, wait);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    err = word_check(wait);
    if (!err)
        err = futex_waiters_sleep(&w, 1, wait->deadline);
    return futex_waiter_remove(&w) ? err : 0; /* who was woken must not pass it over */
}

static int words_check(const struct futex_wait *waits, unsigned count)
{
    int err = 0;
    for (unsigned i = 0; i < count && !err; i++)
        err = word_check(&waits[i]);
    return err;
}

int futex_wait_any(const struct futex_wait *waits, unsigned count, ns_t deadline)
{
    int woken = -1, err = words_check(waits, count);
    if (err < 0)
        return err;
    struct futex_waiter *w = heap_zalloc(count * sizeof(*w)); /* 128 at most */
    if (!w)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++)
        waiter_enter(&w[i], &waits[i]);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    err = words_check(waits, count);
    if (!err)
        err = futex_waiters_sleep(w, count, deadline);
    for (unsigned i = 0; i < count; i++) {
        if (!futex_waiter_remove(&w[i]))
            woken = (int)i;
    }
    heap_free(w);
    return woken >= 0 ? woken : err;
}

/* ---- requeueing --------------------------------------------------------------------------------------------- */

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    futex_bucket_lock(a < b ? a : b);
    if (a != b)
        futex_bucket_lock(a < b ? b : a);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static int move_some(struct futex_bucket *from, struct futex_bucket *to, const struct futex_key *key, uaddr_t to_addr, int count)
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
        futex_bucket_add(to, w);
    }
    return moved;
}

int futex_requeue(uaddr_t addr, uaddr_t to_addr, bool is_private, int wake, int move)
{
    struct futex_bucket *from = futex_bucket_of(addr), *to = futex_bucket_of(to_addr);
    struct futex_key key = {addr, is_private, process_current()->vm};
    int woken = futex_wake(addr, is_private, wake, ~0U);
    if (move <= 0 || addr == to_addr)
        return woken;
    lock_two(from, to);
    int moved = move_some(from, to, &key, to_addr, move);
    unlock_two(from, to);
    return woken + moved;
}
