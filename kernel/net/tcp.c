/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP. Between two programs of the enclave a connection is two rings; there are no segments, no handshake and no
 * TIME_WAIT, and connect ends at once. What programs can see is as on Linux: half close, reset when data are left unread or
 * SO_LINGER says so, ECONNREFUSED, EPIPE. Connections through the host: tcp_host.c.
 */
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include "base/string.h"
#include "net/host_socket.h"

#define SHUT_BOTH (SOCKET_SHUT_SEND | SOCKET_SHUT_RECEIVE)

/* ---- listening ---------------------------------------------------------------------------------------------- */

static int bind_any(struct inet_socket *i)
{
    struct endpoint any = i->local;
    any.port = 0;
    return i->is_bound ? 0 : port_bind(i, &any);
}

/* Connecting never waits for room, as with SYN cookies: up to SOMAXCONN wait to be accepted, whatever was asked. */
static void accept_open(struct inet_socket *i)
{
    spin_lock(&i->s.lock);
    i->accept.max = SOMAXCONN;
    spin_unlock(&i->s.lock);
}

static int tcp_listen(struct socket *s, int backlog)
{
    struct inet_socket *i = inet_of(s);
    if (inet_state(i) == INET_LISTENING)
        return 0;
    if (inet_state(i) != INET_FRESH)
        return -EINVAL;
    int err = bind_any(i);
    if (err == 0)
        err = port_listen(i);
    if (err)
        return err;
    accept_open(i);
    err = tcp_host_listen(i, backlog);
    if (err) {
        accept_queue_close(s, &i->accept);
        inet_set_state(i, INET_FRESH);
    }
    return err;
}

static bool host_may_have(struct socket *s)
{
    struct host_socket *h = host_of(inet_of(s));
    return h && (host_ready(h) & HOST_IN);
}

static int tcp_accept(struct socket *s, bool nonblock, struct socket **result)
{
    struct inet_socket *i = inet_of(s), *end;
    ns_t deadline = socket_deadline(s->receive_timeout);
    int err = inet_state(i) == INET_LISTENING ? 0 : -EINVAL;
    while (err == 0) {
        *result = accept_take(s, &i->accept);
        if (*result)
            return 0;
        if (host_may_have(s)) {
            err = tcp_host_accept(i, &end);
            if (err == 0) {
                *result = &end->s;
                return 0;
            }
            if (err != -EAGAIN)
                break;
        }
        err = accept_wait(s, &i->accept, host_may_have, nonblock, deadline);
    }
    return err;
}

/* ---- connecting inside ---------------------------------------------------------------------------------------- */

static int take_local(struct inet_socket *i, const struct endpoint *to)
{
    struct endpoint local = i->local;
    if (ip_is_any(local.ip))
        endpoint_source(to, local.ip);
    local.port = 0;
    int err = i->is_bound ? 0 : port_bind(i, &local);
    if (err == 0)
        port_set_ends(i, local.ip, to);
    return err == -EADDRINUSE ? -EADDRNOTAVAIL : err;
}

static void link_to(struct inet_socket *i, struct inet_socket *to)
{
    socket_get(&to->s);
    i->peer = to;
    to->in.ring.max = i->s.send_size;
    to->in.writer = &i->s;
}

static void unlink_from(struct inet_socket *i)
{
    struct inet_socket *to = i->peer;
    i->peer = NULL;
    if (to)
        socket_put(&to->s);
}

void tcp_inherit(struct inet_socket *i, const struct inet_socket *listener)
{
    memcpy(i->options, listener->options, sizeof(i->options));
    i->s.keep_alive = listener->s.keep_alive;
    i->s.linger_on = listener->s.linger_on;
    i->s.linger_seconds = listener->s.linger_seconds;
    i->s.send_size = listener->s.send_size;
    i->s.receive_size = listener->s.receive_size;
    i->s.reuse_addr = listener->s.reuse_addr;
    i->s.reuse_port = listener->s.reuse_port;
    i->shares_port = true;
}

static struct inet_socket *other_end_create(struct inet_socket *i, const struct inet_socket *listener)
{
    struct inet_socket *end = inet_socket_create(listener->s.family, SOCK_STREAM, IPPROTO_TCP);
    if (!end)
        return NULL;
    tcp_inherit(end, listener);
    end->local = i->remote;
    end->remote = i->local;
    link_to(i, end);
    link_to(end, i);
    inet_set_state(end, INET_CONNECTED);
    return end;
}

static int connect_to(struct inet_socket *i, struct inet_socket *listener)
{
    struct inet_socket *end = other_end_create(i, listener);
    if (!end)
        return -ENOMEM;
    int err = accept_push(&listener->s, &listener->accept, &end->s, true, 0);
    if (err) {
        unlink_from(i);
        unlink_from(end);
        i->in.writer = NULL;
        socket_put(&end->s);
    }
    return err == -EAGAIN ? -ECONNREFUSED : err;
}

static int connect_inside(struct inet_socket *i, struct endpoint *to)
{
    endpoint_resolve_any(to);
    int err = take_local(i, to);
    if (err)
        return err;
    struct inet_socket *listener = port_find(true, to, &i->local);
    if (!listener)
        return -ECONNREFUSED;
    err = connect_to(i, listener);
    socket_put(&listener->s);
    return err;
}

static int connect_begin(struct inet_socket *i)
{
    unsigned fresh = INET_FRESH;
    if (__atomic_compare_exchange_n(&i->state, &fresh, INET_CONNECTING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return 0;
    switch (fresh) {
    case INET_CONNECTING:
        return -EALREADY;
    case INET_CLOSED: { /* a connect that failed: said once, then the socket is fresh */
        int err = socket_take_error(&i->s);
        inet_set_state(i, INET_FRESH);
        return err ? err : -ECONNABORTED;
    }
    default:
        return -EISCONN;
    }
}

/* ---- connecting at all ------------------------------------------------------------------------------------------ */

static bool is_host_writable(struct stream *st)
{
    struct inet_socket *i = container_of(st, struct inet_socket, in);
    return host_ready(host_of(i)) & HOST_OUT;
}

/* Until a connection through the host stands or has failed. */
static int connect_wait(struct inet_socket *i, bool nonblock)
{
    ns_t deadline = socket_deadline(i->s.send_timeout);
    int err = tcp_host_connect_finish(i);
    while (err == -EINPROGRESS && !nonblock) {
        err = stream_wait_writable(&i->in, is_host_writable, deadline);
        if (err)
            return err == -ETIMEDOUT ? -EINPROGRESS : err;
        err = tcp_host_connect_finish(i);
    }
    return err;
}

static int connect_new(struct inet_socket *i, struct endpoint *to, bool nonblock)
{
    if (!ip_is_own(to->ip)) {
        int err = tcp_host_connect(i, to);
        return err == -EINPROGRESS && !nonblock ? connect_wait(i, false) : err;
    }
    host_socket_retire(i);
    int err = connect_inside(i, to);
    inet_set_state(i, err ? INET_FRESH : INET_CONNECTED);
    if (err)
        return err;
    socket_wake(&i->s, EPOLLOUT | EPOLLWRNORM);
    __atomic_store_n(&i->was_in_progress, nonblock, __ATOMIC_RELAXED);
    return nonblock ? -EINPROGRESS : 0; /* Linux never has the answer so soon, and there are programs that count on it */
}

static int tcp_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
    struct inet_socket *i = inet_of(s);
    struct endpoint to;
    if (addr->family == AF_UNSPEC)
        return inet_state(i) == INET_FRESH ? 0 : -EOPNOTSUPP; /* Linux would disconnect */
    int err = endpoint_read(i, addr, &to);
    if (err)
        return err;
    err = connect_begin(i);
    if (err == -EISCONN && __atomic_exchange_n(&i->was_in_progress, false, __ATOMIC_RELAXED))
        return 0;
    if (err == -EALREADY && i->host) {
        err = connect_wait(i, nonblock);
        return err == -EINPROGRESS ? -EALREADY : err;
    }
    return err ? err : connect_new(i, &to, nonblock);
}

/* ---- data ----------------------------------------------------------------------------------------------------------- */

/* The connection as it is, or why there is none. */
static int connection_check(struct inet_socket *i, bool nonblock, int none)
{
    switch (inet_state(i)) {
    case INET_CONNECTED:
        return 0;
    case INET_CONNECTING: {
        int err = i->host ? connect_wait(i, nonblock) : -EINPROGRESS;
        return err == -EINPROGRESS ? -EAGAIN : err;
    }
    case INET_CLOSED: {
        int err = socket_take_error(&i->s);
        return err ? err : none;
    }
    default:
        return none;
    }
}

/* The peer's answer is a reset: this is taken, the next try fails. */
static int64_t send_to_nobody(struct inet_socket *i, struct message *m)
{
    int64_t size = (int64_t)m->it->left;
    socket_set_error(&i->s, EPIPE);
    socket_add_shutdown(&i->s, SHUT_BOTH);
    stream_end(&i->in);
    return size;
}

static int64_t tcp_send(struct socket *s, struct message *m)
{
    struct inet_socket *i = inet_of(s);
    if (m->flags & MSG_FASTOPEN)
        return -EOPNOTSUPP;
    int err = connection_check(i, m->nonblock, -EPIPE);
    if (err == 0)
        err = socket_take_error(s);
    if (err)
        return err;
    if (unlikely(i->host))
        return m->flags & MSG_OOB ? -EOPNOTSUPP : tcp_host_send(i, m);
    if (unlikely(__atomic_load_n(&i->is_peer_gone, __ATOMIC_ACQUIRE)))
        return send_to_nobody(i, m);
    int64_t n = stream_write(&i->peer->in, m, m->nonblock ? 0 : socket_deadline(s->send_timeout));
    if (n == -EPIPE) {
        err = socket_take_error(s);
        n = err ? err : n;
    }
    return n;
}

static int64_t tcp_receive(struct socket *s, struct message *m)
{
    struct inet_socket *i = inet_of(s);
    int err = inet_state(i) == INET_CLOSED ? 0 : connection_check(i, m->nonblock, -ENOTCONN);
    if (err)
        return err;
    if (m->name)
        m->name->size = 0;
    return stream_read(&i->in, m, m->nonblock ? 0 : socket_deadline(s->receive_timeout));
}

/* ---- ends ------------------------------------------------------------------------------------------------------------- */

static void finish_sending(struct inet_socket *i)
{
    if (i->host) {
        int64_t err = hostcall_sock_shutdown(i->host->watch.fd, SHUT_WR);
        (void)err; /* the host's socket may have died before: the reader learns why */
    } else if (i->peer) {
        socket_add_shutdown(&i->peer->s, SOCKET_SHUT_RECEIVE);
        stream_end(&i->peer->in);
    }
}

static void stop_listening(struct inet_socket *i)
{
    int64_t err = i->host ? hostcall_sock_shutdown(i->host->watch.fd, SHUT_RDWR) : 0;
    (void)err;
    host_socket_retire(i);
    inet_set_state(i, INET_FRESH);
    accept_queue_close(&i->s, &i->accept);
    socket_wake(&i->s, EPOLLIN | EPOLLHUP);
}

static int tcp_shutdown(struct socket *s, int how)
{
    struct inet_socket *i = inet_of(s);
    if (inet_state(i) == INET_LISTENING && how != SHUT_WR) {
        stop_listening(i);
        return 0;
    }
    if (!tcp_is_connected(i))
        return -ENOTCONN;
    if (how != SHUT_WR) {
        socket_add_shutdown(s, SOCKET_SHUT_RECEIVE);
        stream_announce(&i->in, EPOLLIN | EPOLLRDHUP);
    }
    if (how != SHUT_RD) {
        socket_add_shutdown(s, SOCKET_SHUT_SEND);
        finish_sending(i);
        socket_wake(s, EPOLLOUT | EPOLLHUP);
    }
    return 0;
}

/* Data left unread, or lingering for no time: the other end is told that something was lost. */
static void connection_close(struct inet_socket *i)
{
    struct inet_socket *peer = i->peer;
    bool is_reset = ring_used(&i->in.ring) > 0 || i->s.is_abandoned || (i->s.linger_on && i->s.linger_seconds == 0);
    __atomic_store_n(&peer->is_peer_gone, true, __ATOMIC_RELEASE);
    if (is_reset) {
        socket_set_error(&peer->s, ECONNRESET);
        __atomic_store_n(&peer->is_reset, true, __ATOMIC_RELEASE);
        socket_add_shutdown(&peer->s, SHUT_BOTH);
    }
    socket_add_shutdown(&peer->s, SOCKET_SHUT_RECEIVE);
    stream_end(&peer->in);
    stream_break(&i->in);
}

static void tcp_close(struct socket *s)
{
    struct inet_socket *i = inet_of(s);
    port_unbind(i);
    accept_queue_close(s, &i->accept);
    socket_add_shutdown(s, SHUT_BOTH);
    if (i->peer)
        connection_close(i);
    host_sockets_close(i);
    stream_fini(&i->in);
    unlink_from(i);
}

/* ---- the rest ----------------------------------------------------------------------------------------------------------- */

static uint32_t poll_connecting(struct inet_socket *i)
{
    struct host_socket *h = host_of(i);
    if (!h || !(host_ready(h) & HOST_OUT))
        return 0;
    int64_t now = hostcall_poll(h->watch.fd, EPOLLOUT);
    return now > 0 ? (uint32_t)now & (EPOLLOUT | EPOLLERR | EPOLLHUP) : 0;
}

static bool is_readable(struct inet_socket *i)
{
    if (!i->host)
        return stream_is_readable(&i->in);
    return ring_used(&i->in.ring) > 0 || (stream_state(&i->in) & STREAM_ENDED) || host_is_readable(i->host);
}

static bool is_writable(struct inet_socket *i)
{
    if (i->host)
        return host_is_writable(i->host);
    return __atomic_load_n(&i->is_peer_gone, __ATOMIC_ACQUIRE) || stream_is_writable(&i->peer->in);
}

static uint32_t poll_connected(struct inet_socket *i, unsigned shut)
{
    uint32_t events = 0;
    if (is_readable(i))
        events |= EPOLLIN | EPOLLRDNORM;
    if ((shut & SOCKET_SHUT_SEND) || is_writable(i))
        events |= EPOLLOUT | EPOLLWRNORM;
    if (i->host && (host_ready(i->host) & HOST_HUNG_UP))
        events |= EPOLLRDHUP;
    return events | stream_urgent_events(&i->in);
}

static bool is_host_readable(struct inet_socket *i)
{
    struct host_socket *h = host_of(i);
    return h && host_is_readable(h);
}

static uint32_t tcp_poll(struct socket *s)
{
    struct inet_socket *i = inet_of(s);
    unsigned state = inet_state(i), shut = socket_shutdown_bits(s);
    uint32_t events = __atomic_load_n(&s->error, __ATOMIC_RELAXED) ? EPOLLERR : 0;
    switch (state) {
    case INET_LISTENING:
        if (i->accept.count > 0 || is_host_readable(i))
            events |= EPOLLIN | EPOLLRDNORM;
        return events;
    case INET_CONNECTING:
        return events | poll_connecting(i);
    case INET_CONNECTED:
        events |= poll_connected(i, shut);
        break;
    default:
        events |= EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
        break;
    }
    if (shut == SHUT_BOTH)
        events |= EPOLLHUP;
    if (shut & SOCKET_SHUT_RECEIVE)
        events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
    return events;
}

static int64_t tcp_ioctl(struct socket *s, unsigned cmd, uint64_t arg)
{
    struct inet_socket *i = inet_of(s);
    switch (cmd) {
    case SIOCINQ:
        if (inet_state(i) == INET_LISTENING)
            return -EINVAL;
        if (stream_fetch(&i->in))
            return put_user(arg, 0); /* the error waits for the next read */
        return put_user(arg, (int)ring_used(&i->in.ring));
    case SIOCOUTQ:
        return put_user(arg, inet_state(i) == INET_CONNECTED && i->peer ? (int)ring_used(&i->peer->in.ring) : 0);
    case SIOCATMARK:
        return put_user(arg, (int)stream_is_at_mark(&i->in));
    default:
        return -ENOTTY;
    }
}

const struct socket_ops tcp_ops = {
    .bind = inet_bind,
    .listen = tcp_listen,
    .connect = tcp_connect,
    .accept = tcp_accept,
    .name = inet_name,
    .send = tcp_send,
    .receive = tcp_receive,
    .shutdown = tcp_shutdown,
    .poll = tcp_poll,
    .ioctl = tcp_ioctl,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .option_changed = inet_option_changed,
    .close = tcp_close,
    .destroy = inet_destroy,
    .has_urgent = true,
};
