/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"
#include <linux/eventpoll.h>
#include "heap/heap.h"

#define RING_KEEP 65536U

/* Files or credentials that came with the bytes begin..end. A read never crosses from one mark to the next. */
struct stream_mark {
    struct list node;
    uint64_t begin, end;
    struct scm scm;
};

void stream_init(struct stream *st, struct socket *owner)
{
    *st = (struct stream){.owner = owner, .ring = {.max = SOCKET_BUFFER_DEFAULT}, .keep = RING_KEEP};
    mutex_init(&st->tx);
    mutex_init(&st->rx);
    waitq_init(&st->readers);
    waitq_init(&st->writers);
    list_init(&st->marks);
}

static void marks_drop(struct list *marks)
{
    struct stream_mark *mark, *after;
    list_for_each_safe (mark, after, marks, node) {
        list_remove(&mark->node);
        scm_drop(&mark->scm);
        heap_free(mark);
    }
}

void stream_fini(struct stream *st)
{
    struct list marks = LIST_INIT(marks);
    mutex_lock(&st->tx);
    mutex_lock(&st->rx);
    ring_fini(&st->ring);
    spin_lock(&st->lock);
    list_splice(&marks, &st->marks);
    spin_unlock(&st->lock);
    mutex_unlock(&st->rx);
    mutex_unlock(&st->tx);
    marks_drop(&marks);
}

/* ---- states and wakes ----------------------------------------------------------------------------------------- */

static void readers_wake(struct stream *st, uint32_t events)
{
    spin_lock(&st->lock);
    waitq_wake_all(&st->readers, events);
    spin_unlock(&st->lock);
    socket_wake(st->owner, events);
}

static void writers_wake(struct stream *st, uint32_t events)
{
    spin_lock(&st->lock);
    waitq_wake_all(&st->writers, events);
    spin_unlock(&st->lock);
    if (st->writer)
        socket_wake(st->writer, events);
}

void stream_announce(struct stream *st, uint32_t events)
{
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        spin_lock(&st->lock);
        waitq_wake_all(&st->writers, events);
        spin_unlock(&st->lock);
    }
    readers_wake(st, events);
}

void stream_end(struct stream *st)
{
    __atomic_fetch_or(&st->state, STREAM_ENDED, __ATOMIC_SEQ_CST);
    readers_wake(st, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP);
}

void stream_break(struct stream *st)
{
    __atomic_fetch_or(&st->state, STREAM_BROKEN, __ATOMIC_SEQ_CST);
    writers_wake(st, EPOLLOUT | EPOLLWRNORM | EPOLLERR | EPOLLHUP);
}

static bool source_has(struct stream *st)
{
    return st->source && st->source->may_have(st);
}

bool stream_is_readable(struct stream *st)
{
    return ring_used(&st->ring) > 0 || (stream_state(st) & STREAM_ENDED) ||
           source_has(st);
}

static bool has_room(const struct stream *st)
{
    return ring_room(&st->ring) >= st->ring.max / 3;
}

/* Order: wants_room is seen by a reader that moves tail after this, or its tail is seen here. */
bool stream_is_writable(struct stream *st)
{
    if (has_room(st) || (stream_state(st) & STREAM_BROKEN))
        return true;
    __atomic_store_n(&st->wants_room, true, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return has_room(st) || (stream_state(st) & STREAM_BROKEN);
}

/* The reader moved tail. One wake for each time that somebody found the ring full. */
static void room_tell(struct stream *st)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (likely(!__atomic_load_n(&st->wants_room, __ATOMIC_RELAXED)) || !has_room(st))
        return;
    if (__atomic_exchange_n(&st->wants_room, false, __ATOMIC_SEQ_CST))
        writers_wake(st, EPOLLOUT | EPOLLWRNORM);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

/* With tx held: the bytes after head carry this. Merges with the mark before where nothing differs. */
static void mark_add(struct stream *st, struct stream_mark *mark, uint64_t size, struct scm *scm)
{
    struct stream_mark *spare = NULL;
    mark->begin = st->ring.head;
    mark->end = mark->begin + size;
    mark->scm = *scm;
    scm->rights = NULL;
    spin_lock(&st->lock);
    struct stream_mark *last = list_is_empty(&st->marks) ? NULL : list_entry(st->marks.prev, struct stream_mark, node);
    if (last && last->end == mark->begin && !last->scm.rights && !mark->scm.rights &&
        scm_same_cred(&last->scm, &mark->scm)) {
        last->end = mark->end;
        spare = mark;
    } else {
        list_push_back(&st->marks, &mark->node);
    }
    spin_unlock(&st->lock);
    heap_free(spare);
}

static int grow(struct stream *st, uint64_t want)
{
    mutex_lock(&st->rx);
    int err = ring_grow(&st->ring, want);
    mutex_unlock(&st->rx);
    return err;
}

/* With tx held: what fits now. */
static int64_t put_some(struct stream *st, struct message *m)
{
    struct stream_mark *mark = NULL;
    if (stream_state(st) & (STREAM_BROKEN | STREAM_ENDED))
        return -EPIPE;
    if (unlikely(ring_wants_growth(&st->ring, m->it->left))) {
        int err = grow(st, m->it->left);
        if (err)
            return err;
    }
    if (unlikely(m->scm.rights || m->scm.has_cred)) {
        mark = heap_alloc(sizeof(*mark));
        if (!mark)
            return -ENOMEM;
    }
    int64_t n = ring_put(&st->ring, m->it);
    if (n == 0 && ring_used(&st->ring) >= st->ring.size && st->ring.size < st->ring.max)
        n = -ENOMEM; /* it could not grow */
    if (mark && n > 0)
        mark_add(st, mark, (uint64_t)n, &m->scm);
    else
        heap_free(mark);
    if (n > 0)
        ring_put_done(&st->ring, (uint64_t)n);
    return n;
}

/* 0: there is room now. */
static int wait_room(struct stream *st, bool nonblock, ns_t deadline)
{
    int err = 0;
    if (nonblock)
        return stream_is_writable(st) || ring_room(&st->ring) > 0 ? 0 : -EAGAIN;
    spin_lock(&st->lock);
    while (err == 0 && !stream_is_writable(st))
        err = waitq_sleep(&st->writers, &st->lock, deadline);
    spin_unlock(&st->lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

int64_t stream_write(struct stream *st, struct message *m, ns_t deadline)
{
    int64_t done = 0, n = 0;
    if (unlikely(m->flags & MSG_OOB))
        return stream_write_urgent(st, m, deadline);
    while (m->it->left > 0) {
        mutex_lock(&st->tx);
        n = put_some(st, m);
        mutex_unlock(&st->tx);
        if (n > 0) {
            done += n;
            readers_wake(st, EPOLLIN | EPOLLRDNORM);
        }
        if (n == 0)
            n = wait_room(st, m->nonblock, deadline);
        if (n < 0)
            break;
    }
    return done ? done : n;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static int mark_take(struct stream_mark *mark, struct message *m)
{
    m->scm.cred = mark->scm.cred;
    m->scm.has_cred = mark->scm.has_cred;
    if (!mark->scm.rights || m->scm.rights)
        return 0;
    if (m->flags & MSG_PEEK)
        return scm_files_copy(mark->scm.rights, &m->scm.rights);
    m->scm.rights = mark->scm.rights;
    mark->scm.rights = NULL;
    return 0;
}

/* How far a read at pos may go, and what comes along. */
static int mark_limit(struct stream *st, uint64_t pos, struct message *m, uint64_t *limit)
{
    struct stream_mark *mark;
    int err = 0;
    spin_lock(&st->lock);
    list_for_each (mark, &st->marks, node) {
        if (mark->end <= pos)
            continue;
        *limit = MIN(*limit, (mark->begin > pos ? mark->begin : mark->end) - pos);
        if (mark->begin <= pos)
            err = mark_take(mark, m);
        break;
    }
    spin_unlock(&st->lock);
    return err;
}

/* Marks that lie behind tail now. */
static void marks_retire(struct stream *st)
{
    struct list old = LIST_INIT(old);
    struct stream_mark *mark, *after;
    spin_lock(&st->lock);
    list_for_each_safe (mark, after, &st->marks, node) {
        if (mark->end > st->ring.tail)
            break;
        list_remove(&mark->node);
        list_push_back(&old, &mark->node);
    }
    spin_unlock(&st->lock);
    marks_drop(&old);
}

static bool has_marks(const struct stream *st)
{
    return __atomic_load_n(&st->marks.next, __ATOMIC_ACQUIRE) != &st->marks;
}

/* An empty ring that was large for once, with no more to come at once. tx may be busy: then it is not idle. */
static void trim(struct stream *st)
{
    if (likely(st->ring.size <= st->keep) || ring_used(&st->ring) > 0 || source_has(st) ||
        !mutex_trylock(&st->tx))
        return;
    ring_trim(&st->ring, st->keep);
    mutex_unlock(&st->tx);
}

/* With rx held: what is there now, from `skip` on. *stop: a mark ends this read. */
static int64_t get_some(struct stream *st, struct message *m, uint64_t skip, bool *stop)
{
    uint64_t limit = m->it->left;
    if (ring_used(&st->ring) <= skip)
        return 0;
    if (unlikely(has_marks(st))) {
        int err = mark_limit(st, st->ring.tail + skip, m, &limit);
        if (err)
            return err;
        *stop = true;
    }
    *stop |= stream_urgent_limit(st, st->ring.tail + skip, &limit);
    int64_t n = ring_get(&st->ring, skip, limit, m->it);
    if (n > 0 && !(m->flags & MSG_PEEK)) {
        ring_get_done(&st->ring, (uint64_t)n);
        stream_urgent_pass(st);
        if (unlikely(*stop))
            marks_retire(st);
        trim(st);
    }
    return n;
}

/* The host's data are fetched by who wants them. tx is free: nobody else writes this ring. */
static int fill(struct stream *st, uint64_t want)
{
    mutex_lock(&st->tx);
    mutex_lock(&st->rx);
    int err = st->source->may_have(st) ? st->source->fill(st, want) : 0;
    mutex_unlock(&st->rx);
    mutex_unlock(&st->tx);
    return err;
}

/* 0: look again; 1: the end. */
static int wait_data(struct stream *st, struct message *m, uint64_t skip, ns_t deadline)
{
    int err = 0;
    spin_lock(&st->lock);
    while (err == 0 && ring_used(&st->ring) <= skip && !source_has(st)) {
        err = socket_take_error(st->owner);
        if (err == 0 && ((stream_state(st) & STREAM_ENDED) || (socket_shutdown_bits(st->owner) & SOCKET_SHUT_RECEIVE)))
            err = ring_used(&st->ring) > skip ? 0 : 1;
        else if (err == 0 && m->nonblock)
            err = -EAGAIN;
        else if (err == 0)
            err = waitq_sleep(&st->readers, &st->lock, deadline);
    }
    spin_unlock(&st->lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

int stream_fetch(struct stream *st)
{
    return st->source && ring_used(&st->ring) == 0 && st->source->may_have(st) ? fill(st, RING_SIZE_MIN) : 0;
}

static int64_t read_piece(struct stream *st, struct message *m, uint64_t skip, bool *stop)
{
    if (ring_used(&st->ring) <= skip && source_has(st)) {
        int err = fill(st, skip + m->it->left);
        if (err)
            return err;
    }
    mutex_lock(&st->rx);
    int64_t n = get_some(st, m, skip, stop);
    mutex_unlock(&st->rx);
    if (n > 0 && !(m->flags & MSG_PEEK))
        room_tell(st);
    return n;
}

/* A short result tells programs that nothing is left (epoll's edges): so all that the source has comes along. */
int64_t stream_read(struct stream *st, struct message *m, ns_t deadline)
{
    bool is_peek = m->flags & MSG_PEEK, stop = false;
    int64_t done = 0, n = 0;
    if (unlikely(m->flags & MSG_OOB))
        return stream_read_urgent(st, m);
    while (m->it->left > 0 && !stop) {
        n = read_piece(st, m, is_peek ? (uint64_t)done : 0, &stop);
        if (n > 0) {
            done += n;
            if (!(m->flags & MSG_WAITALL) && !source_has(st))
                break;
            continue;
        }
        if (n == 0 && done > 0 && !(m->flags & MSG_WAITALL))
            break;
        if (n == 0)
            n = wait_data(st, m, is_peek ? (uint64_t)done : 0, deadline);
        if (n == 1 || n < 0)
            break;
    }
    return done || n == 1 ? done : n;
}

int stream_wait_writable(struct stream *st, bool (*done)(struct stream *st), ns_t deadline)
{
    int err = 0;
    spin_lock(&st->lock);
    while (err == 0 && !done(st))
        err = waitq_sleep(&st->writers, &st->lock, deadline);
    spin_unlock(&st->lock);
    return err;
}
