/* SPDX-License-Identifier: Apache-2.0 */
#include "net/packet.h"
#include <linux/eventpoll.h>
#include "base/string.h"
#include "heap/heap.h"

#define PACKET_COST 768U /* what Linux charges for an empty one */

void packet_queue_init(struct packet_queue *q, struct socket *owner, uint32_t count_max)
{
    *q = (struct packet_queue){.owner = owner, .count_max = count_max};
    list_init(&q->packets);
    list_init(&q->senders);
    waitq_init(&q->readers);
    waitq_init(&q->writers);
}

/* ---- packets ------------------------------------------------------------------------------------------------- */

int packet_alloc(uint32_t size, struct packet **result)
{
    struct packet *p = heap_alloc(sizeof(*p) + size);
    if (!p)
        return -ENOBUFS;
    list_init(&p->node);
    ref_init(&p->ref, 1);
    p->size = size;
    p->from.size = p->to.size = 0;
    p->scm = (struct scm){0};
    *result = p;
    return 0;
}

void packet_put(struct packet *p)
{
    if (!ref_put(&p->ref))
        return;
    scm_drop(&p->scm);
    heap_free(p);
}

int packet_make(struct message *m, struct packet **result)
{
    struct packet *p;
    uint32_t size = (uint32_t)m->it->left;
    int err = packet_alloc(size, &p);
    if (err)
        return err;
    if (iov_copy_from(m->it, p->data, size) != (int64_t)size) {
        packet_put(p);
        return -EFAULT;
    }
    p->scm = m->scm;
    m->scm.rights = NULL;
    *result = p;
    return 0;
}

/* ---- the queue ------------------------------------------------------------------------------------------------- */

/* Everything is dropped outside of the lock: files in flight may close more sockets. */
void packet_queue_close(struct packet_queue *q)
{
    struct list old = LIST_INIT(old);
    struct packet *p, *after;
    spin_lock(&q->lock);
    q->is_closed = true;
    list_splice(&old, &q->packets);
    q->count = 0;
    q->bytes = 0;
    spin_unlock(&q->lock);
    packet_queue_wake(q, EPOLLIN | EPOLLOUT | EPOLLHUP);
    list_for_each_safe (p, after, &old, node) {
        list_remove(&p->node);
        packet_put(p);
    }
}

static void senders_wake(struct packet_queue *q, uint32_t events, bool is_forced)
{
    struct packet_sender *sender;
    q->wants_room = false;
    list_for_each (sender, &q->senders, node) {
        if (!sender->wants_room && !is_forced)
            continue;
        sender->wants_room = false;
        socket_wake(sender->socket, events);
    }
}

void packet_queue_wake(struct packet_queue *q, uint32_t events)
{
    spin_lock(&q->lock);
    waitq_wake_all(&q->readers, events);
    waitq_wake_all(&q->writers, events);
    senders_wake(q, events, true);
    spin_unlock(&q->lock);
    socket_wake(q->owner, events);
}

static bool is_full(const struct packet_queue *q, uint64_t more, uint64_t bytes_max)
{
    return q->count > 0 && (q->count >= q->count_max || q->bytes + more > bytes_max);
}

int packet_push(struct packet_queue *q, struct packet *p, uint64_t bytes_max)
{
    int err = 0;
    spin_lock(&q->lock);
    if (q->is_closed)
        err = -ECONNREFUSED;
    else if (socket_shutdown_bits(q->owner) & SOCKET_SHUT_RECEIVE)
        err = -EPIPE;
    else if (is_full(q, PACKET_COST + p->size, bytes_max))
        err = -EAGAIN;
    if (err == 0) {
        list_push_back(&q->packets, &p->node);
        q->count++;
        q->bytes += PACKET_COST + p->size;
        waitq_wake_one(&q->readers, EPOLLIN);
    }
    spin_unlock(&q->lock);
    if (err == 0)
        socket_wake(q->owner, EPOLLIN | EPOLLRDNORM);
    return err;
}

int packet_wait_room(struct packet_queue *q, const struct packet *p, uint64_t bytes_max, ns_t deadline)
{
    int err = 0;
    spin_lock(&q->lock);
    if (!q->is_closed && is_full(q, PACKET_COST + p->size, bytes_max) &&
        !(socket_shutdown_bits(q->owner) & SOCKET_SHUT_RECEIVE))
        err = waitq_sleep(&q->writers, &q->lock, deadline);
    spin_unlock(&q->lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

/* ---- receiving ---------------------------------------------------------------------------------------------------- */

static bool source_has(struct packet_queue *q)
{
    return q->source && q->source->may_have(q);
}

/* With the lock held: 0 if there is a packet now, 1 if none will come. */
static int wait_packet(struct packet_queue *q, struct message *m, ns_t deadline)
{
    int err = 0;
    while (err == 0 && list_is_empty(&q->packets)) {
        err = socket_take_error(q->owner);
        if (err) {
            break;
        } else if (socket_shutdown_bits(q->owner) & SOCKET_SHUT_RECEIVE) {
            err = 1;
        } else if (source_has(q)) {
            spin_unlock(&q->lock);
            err = q->source->fill(q);
            spin_lock(&q->lock);
        } else {
            err = m->nonblock ? -EAGAIN : waitq_sleep(&q->readers, &q->lock, deadline);
        }
    }
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

static void room_tell(struct packet_queue *q)
{
    if (is_full(q, PACKET_COST, UINT64_MAX))
        return;
    waitq_wake_all(&q->writers, EPOLLOUT);
    if (q->wants_room)
        senders_wake(q, EPOLLOUT | EPOLLWRNORM, false);
}

/* With the lock held: the first packet is the caller's now, or he may look at it. */
static int packet_take(struct packet_queue *q, struct message *m, struct packet **result)
{
    struct packet *p = list_first(&q->packets, struct packet, node);
    m->scm.cred = p->scm.cred;
    m->scm.has_cred = p->scm.has_cred;
    if (m->flags & MSG_PEEK) {
        int err = p->scm.rights ? scm_files_copy(p->scm.rights, &m->scm.rights) : 0;
        if (err)
            return err;
        ref_get(&p->ref);
    } else {
        m->scm.rights = p->scm.rights;
        p->scm.rights = NULL;
        list_remove(&p->node);
        q->count--;
        q->bytes -= PACKET_COST + p->size;
        room_tell(q);
    }
    *result = p;
    return 0;
}

static int64_t packet_deliver(struct packet *p, struct message *m)
{
    uint64_t want = MIN(m->it->left, (uint64_t)p->size);
    int64_t n = iov_copy_to(m->it, p->data, want);
    if (n != (int64_t)want)
        return -EFAULT;
    if (want < p->size)
        m->out_flags |= MSG_TRUNC;
    if (m->name)
        *m->name = p->from;
    m->local = p->to;
    return m->flags & MSG_TRUNC ? (int64_t)p->size : n;
}

int64_t packet_receive(struct packet_queue *q, struct message *m, ns_t deadline)
{
    struct packet *p = NULL;
    spin_lock(&q->lock);
    int64_t n = wait_packet(q, m, deadline);
    if (n == 0)
        n = packet_take(q, m, &p);
    spin_unlock(&q->lock);
    if (n == 1 && m->name)
        m->name->size = 0;
    if (n != 0)
        return n == 1 ? 0 : n;
    n = packet_deliver(p, m);
    packet_put(p);
    return n;
}

/* ---- what poll and ioctl ask ---------------------------------------------------------------------------------------- */

bool packet_queue_has_any(struct packet_queue *q)
{
    return __atomic_load_n(&q->count, __ATOMIC_ACQUIRE) > 0;
}

bool packet_queue_has_room(struct packet_queue *q, uint64_t bytes_max, struct packet_sender *sender)
{
    spin_lock(&q->lock);
    bool has_room = q->is_closed || !is_full(q, bytes_max / 2, bytes_max);
    if (!has_room) {
        sender->wants_room = true;
        q->wants_room = true;
    }
    spin_unlock(&q->lock);
    return has_room;
}

uint32_t packet_queue_first_size(struct packet_queue *q)
{
    spin_lock(&q->lock);
    struct packet *p = list_first(&q->packets, struct packet, node);
    uint32_t size = p ? p->size : 0;
    spin_unlock(&q->lock);
    return size;
}

uint64_t packet_queue_bytes(struct packet_queue *q)
{
    spin_lock(&q->lock);
    uint64_t bytes = q->bytes - (uint64_t)q->count * PACKET_COST;
    spin_unlock(&q->lock);
    return bytes;
}

void packet_sender_add(struct packet_queue *q, struct packet_sender *sender, struct socket *s)
{
    spin_lock(&q->lock);
    sender->socket = s;
    sender->wants_room = false;
    list_push_back(&q->senders, &sender->node);
    spin_unlock(&q->lock);
}

void packet_sender_remove(struct packet_queue *q, struct packet_sender *sender)
{
    spin_lock(&q->lock);
    list_remove(&sender->node);
    spin_unlock(&q->lock);
}
