/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Urgent data of a stream (MSG_OOB): one byte, and the mark where it was sent. A read ends at the mark, the next one goes on behind
 * it. The byte waits beside the stream for recv(2) with MSG_OOB, or is in it where the reader wants it inline. Only the latest
 * counts: one that was not read when the next comes is gone.
 */
#include <linux/eventpoll.h>
#include "net/stream.h"

static enum stream_urgent urgent_of(const struct stream *st)
{
    return (enum stream_urgent)__atomic_load_n(&st->urgent, __ATOMIC_ACQUIRE);
}

static void mark_set(struct stream *st, enum stream_urgent urgent, uint8_t byte)
{
    mutex_lock(&st->tx);
    spin_lock(&st->lock);
    st->urgent_at = st->ring.head;
    st->urgent_byte = byte;
    __atomic_store_n(&st->urgent, urgent, __ATOMIC_RELEASE);
    spin_unlock(&st->lock);
    mutex_unlock(&st->tx);
}

/* All but the last byte, as if that were all there is. */
static int64_t write_before(struct stream *st, struct message *m, ns_t deadline)
{
    unsigned flags = m->flags;
    m->flags &= ~(unsigned)MSG_OOB;
    m->it->left--;
    int64_t n = m->it->left ? stream_write(st, m, deadline) : 0;
    m->it->left++;
    m->flags = flags;
    return n;
}

static int64_t write_last(struct stream *st, struct message *m, ns_t deadline)
{
    uint8_t byte;
    if (st->owner->oob_inline) {
        mark_set(st, URGENT_INLINE, 0);
        m->flags &= ~(unsigned)MSG_OOB;
        return stream_write(st, m, deadline);
    }
    if (stream_state(st) & (STREAM_BROKEN | STREAM_ENDED))
        return -EPIPE;
    int64_t n = iov_copy_from(m->it, &byte, 1);
    if (n > 0)
        mark_set(st, URGENT_WAITS, byte);
    return n;
}

int64_t stream_write_urgent(struct stream *st, struct message *m, ns_t deadline)
{
    uint64_t size = m->it->left;
    if (size == 0)
        return 0;
    int64_t before = write_before(st, m, deadline);
    if (before < (int64_t)size - 1)
        return before;
    int64_t last = write_last(st, m, deadline);
    if (last > 0)
        stream_announce(st, EPOLLPRI | EPOLLRDBAND);
    return last > 0 ? before + last : before > 0 ? before : last;
}

int64_t stream_read_urgent(struct stream *st, struct message *m)
{
    spin_lock(&st->lock);
    uint8_t byte = st->urgent_byte;
    bool is_there = urgent_of(st) == URGENT_WAITS && !st->owner->oob_inline;
    if (is_there && !(m->flags & MSG_PEEK))
        __atomic_store_n(&st->urgent, URGENT_READ, __ATOMIC_RELEASE);
    spin_unlock(&st->lock);
    if (!is_there)
        return -EINVAL;
    m->out_flags |= m->it->left ? MSG_OOB : MSG_TRUNC;
    return m->it->left ? iov_copy_to(m->it, &byte, 1) : 0;
}

bool stream_is_at_mark(struct stream *st)
{
    spin_lock(&st->lock);
    bool is_there = urgent_of(st) != URGENT_NONE && __atomic_load_n(&st->ring.tail, __ATOMIC_ACQUIRE) == st->urgent_at;
    spin_unlock(&st->lock);
    return is_there;
}

uint32_t stream_urgent_events(struct stream *st)
{
    enum stream_urgent urgent = urgent_of(st);
    return urgent == URGENT_WAITS || urgent == URGENT_INLINE ? EPOLLPRI : 0;
}

bool stream_urgent_limit(struct stream *st, uint64_t pos, uint64_t *limit)
{
    bool is_cut = false;
    if (likely(urgent_of(st) == URGENT_NONE))
        return false;
    spin_lock(&st->lock);
    if (urgent_of(st) != URGENT_NONE && pos < st->urgent_at && *limit > st->urgent_at - pos) {
        *limit = st->urgent_at - pos;
        is_cut = true;
    }
    spin_unlock(&st->lock);
    return is_cut;
}

void stream_urgent_pass(struct stream *st)
{
    if (likely(urgent_of(st) == URGENT_NONE))
        return;
    spin_lock(&st->lock);
    if (st->ring.tail > st->urgent_at)
        __atomic_store_n(&st->urgent, URGENT_NONE, __ATOMIC_RELEASE);
    spin_unlock(&st->lock);
}
