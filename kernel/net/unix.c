/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets: life, and connections of streams and seqpackets. */
#include "net/unix.h"
#include <linux/eventpoll.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/caller.h"

#define PACKETS_MAX 512

struct unix_socket *unix_socket_create(unsigned type)
{
    struct unix_socket *u = heap_zalloc(sizeof(*u));
    if (!u)
        return NULL;
    socket_init(&u->s, type == SOCK_STREAM ? &unix_stream_ops : &unix_packet_ops, AF_UNIX, type, 0);
    list_init(&u->name_node);
    list_init(&u->sender.node);
    accept_queue_init(&u->accept);
    if (type == SOCK_STREAM)
        stream_init(&u->in, &u->s);
    else
        packet_queue_init(&u->queue, &u->s, PACKETS_MAX);
    return u;
}

int unix_create(unsigned type, unsigned protocol, struct socket **s)
{
    if (protocol != 0 && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type == SOCK_RAW) /* as Linux has it */
        type = SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    struct unix_socket *u = unix_socket_create(type);
    if (!u)
        return -ENOMEM;
    *s = &u->s;
    return 0;
}

void unix_destroy(struct socket *s)
{
    struct unix_socket *u = unix_of(s);
    unix_name_put(u->name);
    heap_free(u);
}

/* ---- connections ---------------------------------------------------------------------------------------------- */

/* to is where u sends from now on. Its reference is the caller's to give. */
static void link_to(struct unix_socket *u, struct unix_socket *to)
{
    u->peer = to;
    if (u->s.type != SOCK_STREAM) {
        packet_sender_add(&to->queue, &u->sender, &u->s);
        return;
    }
    to->in.ring.max = u->s.send_size;
    to->in.writer = &u->s;
}

static void unlink_from(struct unix_socket *u)
{
    struct unix_socket *to = u->peer;
    if (!to)
        return;
    if (u->s.type != SOCK_STREAM)
        packet_sender_remove(&to->queue, &u->sender);
    u->peer = NULL;
    socket_put(&to->s);
}

int unix_pair(struct socket *sa, struct socket *sb)
{
    struct unix_socket *a = unix_of(sa), *b = unix_of(sb);
    socket_get(sa);
    socket_get(sb);
    link_to(a, b);
    link_to(b, a);
    sa->peer_cred = sb->peer_cred = caller_ucred();
    __atomic_store_n(&a->state, UNIX_CONNECTED, __ATOMIC_RELEASE);
    __atomic_store_n(&b->state, UNIX_CONNECTED, __ATOMIC_RELEASE);
    return 0;
}

int unix_listen(struct socket *s, int backlog)
{
    struct unix_socket *u = unix_of(s);
    if (s->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    spin_lock(&s->lock);
    int err = !u->name || (u->state != UNIX_FRESH && u->state != UNIX_LISTENING) ? -EINVAL : 0;
    if (err == 0) {
        s->peer_cred = caller_ucred(); /* what those who connect will see */
        u->accept.max = (unsigned)backlog + 1;
        waitq_wake_all(&u->accept.connectors, EPOLLOUT);
        __atomic_store_n(&u->state, UNIX_LISTENING, __ATOMIC_RELEASE);
    }
    spin_unlock(&s->lock);
    return err;
}

int unix_accept(struct socket *s, bool nonblock, struct socket **result)
{
    struct unix_socket *u = unix_of(s);
    ns_t deadline = socket_deadline(s->receive_timeout);
    int err = 0;
    if (s->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    while (err == 0) {
        *result = accept_take(s, &u->accept);
        if (*result)
            break;
        err = accept_wait(s, &u->accept, NULL, nonblock, deadline);
    }
    return err;
}

static int connect_begin(struct unix_socket *u)
{
    spin_lock(&u->s.lock);
    int err = u->state == UNIX_FRESH ? 0 : u->state == UNIX_CONNECTED ? -EISCONN : u->state == UNIX_CONNECTING ? -EALREADY : -EINVAL;
    if (err == 0)
        u->state = UNIX_CONNECTING;
    spin_unlock(&u->s.lock);
    return err;
}

/* The other end, connected to u but not yet known to anyone. */
static struct unix_socket *other_end_create(struct unix_socket *u, struct unix_socket *listener)
{
    struct unix_socket *end = unix_socket_create(u->s.type);
    if (!end)
        return NULL;
    end->name = listener->name;
    unix_name_get(end->name);
    end->s.peer_cred = caller_ucred();
    end->s.pass_cred = listener->s.pass_cred;
    end->state = UNIX_CONNECTED;
    socket_get(&u->s);
    socket_get(&end->s);
    link_to(end, u);
    link_to(u, end);
    return end;
}

static int connect_to(struct unix_socket *u, struct unix_socket *listener, bool nonblock)
{
    struct unix_socket *end = other_end_create(u, listener);
    if (!end)
        return -ENOMEM;
    u->s.peer_cred = listener->s.peer_cred;
    int err = accept_push(&listener->s, &listener->accept, &end->s, nonblock, socket_deadline(u->s.send_timeout));
    if (err) {
        unlink_from(u);
        unlink_from(end);
        if (u->s.type == SOCK_STREAM)
            u->in.writer = NULL;
        socket_put(&end->s);
    }
    return err;
}

int unix_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
    struct unix_socket *u = unix_of(s), *listener;
    int err = connect_begin(u);
    if (err)
        return err;
    err = unix_find(addr, s->type, &listener);
    if (err == 0) {
        err = connect_to(u, listener, nonblock);
        socket_put(&listener->s);
    }
    __atomic_store_n(&u->state, err ? UNIX_FRESH : UNIX_CONNECTED, __ATOMIC_RELEASE);
    if (err == 0)
        socket_wake(s, EPOLLOUT | EPOLLWRNORM);
    return err;
}

/* ---- ends ---------------------------------------------------------------------------------------------------------- */

/* u receives no more. */
static void receive_end(struct unix_socket *u)
{
    socket_add_shutdown(&u->s, SOCKET_SHUT_RECEIVE);
    if (u->s.type == SOCK_STREAM)
        stream_end(&u->in);
    else
        packet_queue_wake(&u->queue, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP);
}

/* What u sends, nobody will read. */
static void send_end(struct unix_socket *u)
{
    socket_add_shutdown(&u->s, SOCKET_SHUT_SEND);
    if (u->s.type == SOCK_STREAM && u->peer)
        stream_break(&u->peer->in);
    socket_wake(&u->s, EPOLLOUT | EPOLLHUP);
}

int unix_shutdown(struct socket *s, int how)
{
    struct unix_socket *u = unix_of(s);
    struct unix_socket *peer = u->s.type != SOCK_DGRAM && unix_state(u) == UNIX_CONNECTED ? u->peer : NULL;
    if (how != SHUT_WR) {
        receive_end(u);
        if (peer)
            send_end(peer);
    }
    if (how != SHUT_RD) {
        send_end(u);
        if (peer)
            receive_end(peer);
    }
    return 0;
}

/* Data that were not read are lost to the peer: it learns of it. */
static bool has_unread(struct unix_socket *u)
{
    return u->s.type == SOCK_STREAM ? ring_used(&u->in.ring) > 0 : packet_queue_bytes(&u->queue) > 0;
}

static void connection_close(struct unix_socket *u)
{
    struct unix_socket *peer = u->peer;
    if (has_unread(u) || u->s.is_abandoned)
        socket_set_error(&peer->s, ECONNRESET);
    socket_add_shutdown(&peer->s, SOCKET_SHUT_SEND | SOCKET_SHUT_RECEIVE);
    send_end(peer);
    receive_end(peer);
}

void unix_close(struct socket *s)
{
    struct unix_socket *u = unix_of(s);
    unix_unbind(u);
    socket_add_shutdown(s, SOCKET_SHUT_SEND | SOCKET_SHUT_RECEIVE);
    if (s->type != SOCK_DGRAM) {
        accept_queue_close(s, &u->accept);
        if (u->peer)
            connection_close(u);
    }
    if (s->type == SOCK_STREAM) {
        stream_break(&u->in);
        stream_fini(&u->in);
    } else {
        packet_queue_close(&u->queue);
    }
    unlink_from(u);
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */

uint32_t unix_poll_common(struct unix_socket *u)
{
    unsigned shut = socket_shutdown_bits(&u->s);
    uint32_t events = u->s.error ? EPOLLERR : 0;
    if (shut == (SOCKET_SHUT_RECEIVE | SOCKET_SHUT_SEND))
        events |= EPOLLHUP;
    if (shut & SOCKET_SHUT_RECEIVE)
        events |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (unix_state(u) == UNIX_LISTENING && u->accept.count > 0)
        events |= EPOLLIN | EPOLLRDNORM;
    if (u->s.type != SOCK_DGRAM && unix_state(u) == UNIX_FRESH)
        events |= EPOLLHUP;
    return events;
}

void unix_option_changed(struct socket *s, int level, int name)
{
    struct unix_socket *u = unix_of(s);
    if (level == SOL_SOCKET && name == SO_SNDBUF && s->type == SOCK_STREAM && unix_state(u) == UNIX_CONNECTED)
        __atomic_store_n(&u->peer->in.ring.max, s->send_size, __ATOMIC_RELAXED);
}

int unix_get_option(struct socket *s, int level, int name, void *value, uint32_t *size)
{
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (name == SO_ACCEPTCONN)
        return option_put_int(value, size, unix_state(unix_of(s)) == UNIX_LISTENING);
    return -ENOPROTOOPT;
}

void unix_fill_cred(struct unix_socket *u, struct unix_socket *to, struct message *m)
{
    if (m->scm.has_cred || (likely(!u->s.pass_cred) && likely(!to->s.pass_cred)))
        return;
    m->scm.cred = caller_ucred();
    m->scm.has_cred = true;
}
