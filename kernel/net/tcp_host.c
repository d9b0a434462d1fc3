/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections through the host. It is a network like any other: what comes over it is whatever somebody out there
 * wants it to be, so nothing is believed here but sizes that the rows of hostcall.tab bound.
 */
#include <linux/eventpoll.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/host_socket.h"
#include "net/interface.h"
#include "net/policy.h"

#define PIECE_MAX  65536U
#define SMALL_SIZE 1024U /* goes through the stack */
#define STALLS_MAX 16

static struct inet_socket *of_stream(struct stream *st)
{
    return container_of(st, struct inet_socket, in);
}

/* ---- receiving ---------------------------------------------------------------------------------------------- */

static bool tcp_host_may_have(struct stream *st)
{
    struct host_socket *h = host_of(of_stream(st));
    return h && (host_ready(h) & HOST_IN) && !(stream_state(st) & STREAM_ENDED);
}

static int receive_failed(struct stream *st, int err)
{
    struct inet_socket *i = of_stream(st);
    if (err == -EAGAIN) {
        host_ready_clear(i->host, HOST_HUNG_UP); /* it will say so again */
        return 0;
    }
    if (err == -EINTR) {
        host_ready_set(i->host, HOST_IN);
        return 0;
    }
    __atomic_store_n(&i->is_reset, true, __ATOMIC_RELEASE);
    socket_add_shutdown(&i->s, SOCKET_SHUT_RECEIVE | SOCKET_SHUT_SEND);
    stream_end(st);
    return err;
}

/*
 * A short answer means that there is no more, unless the end is near. What is asked for is little until much has come:
 * most servers offer large buffers and get short requests.
 */
static int tcp_host_fill(struct stream *st, uint64_t want)
{
    struct host_socket *h = of_stream(st)->host;
    uint32_t size;
    int err = ring_grow(&st->ring, h->is_busy ? MIN(MAX(want, (uint64_t)RING_SIZE_MIN), (uint64_t)PIECE_MAX) : RING_SIZE_MIN);
    if (err)
        return err;
    ring_rewind(&st->ring);
    uint8_t *piece = ring_free_piece(&st->ring, &size);
    if (size == 0)
        return 0;
    host_ready_clear(h, HOST_IN | HOST_IN_SURE);
    int64_t n = hostcall_sock_recv(h->watch.fd, 0, piece, size);
    if (n < 0)
        return receive_failed(st, (int)n);
    if (n == 0) {
        socket_add_shutdown(of_stream(st)->in.owner, SOCKET_SHUT_RECEIVE);
        stream_end(st);
        return 0;
    }
    ring_put_done(&st->ring, (uint64_t)n);
    h->is_busy = n >= RING_SIZE_MIN;
    if (n == size || (host_ready(h) & HOST_HUNG_UP))
        host_ready_set(h, HOST_IN);
    return 0;
}

const struct stream_source tcp_host_source = {
    .may_have = tcp_host_may_have,
    .fill = tcp_host_fill,
};

/* ---- sending -------------------------------------------------------------------------------------------------- */

/* Moves it forward over what was sent. */
static void iter_skip(struct iov_iter *it, uint64_t size)
{
    it->left -= size;
    while (size > 0) {
        uint64_t n = MIN(size, it->iov->size - it->skip);
        it->skip += n;
        size -= n;
        if (it->skip < it->iov->size)
            break;
        it->iov++;
        it->count--;
        it->skip = 0;
    }
}

/* What the host takes of one piece; it moves forward by that. */
static int64_t send_piece(struct inet_socket *i, struct iov_iter *it, uint8_t *buf, uint32_t size)
{
    struct iov_iter before = *it;
    int64_t got = iov_copy_from(it, buf, size);
    if (got <= 0)
        return got;
    host_ready_clear(i->host, HOST_OUT);
    int64_t sent = hostcall_sock_send(i->host->watch.fd, 0, buf, (size_t)got);
    if (sent == got || sent == -EINTR)
        host_ready_set(i->host, HOST_OUT);
    if (sent != got) {
        *it = before;
        iter_skip(it, (uint64_t)MAX(sent, 0L));
    }
    return sent == -EINTR ? 0 : sent;
}

static bool is_writable(struct stream *st)
{
    return host_is_writable(of_stream(st)->host);
}

static int wait_writable(struct inet_socket *i, bool nonblock, ns_t deadline)
{
    if (nonblock)
        return is_writable(&i->in) ? 0 : -EAGAIN;
    int err = stream_wait_writable(&i->in, is_writable, deadline);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

static int64_t send_all(struct inet_socket *i, struct message *m, uint8_t *buf, uint32_t buf_size)
{
    ns_t deadline = m->nonblock ? 0 : socket_deadline(i->s.send_timeout);
    int64_t done = 0, n = 0;
    unsigned stalls = 0; /* the host took nothing, and gave no reason to wait */
    while (m->it->left > 0) {
        n = send_piece(i, m->it, buf, (uint32_t)MIN(m->it->left, (uint64_t)buf_size));
        stalls = n == 0 ? stalls + 1 : 0;
        if (stalls == STALLS_MAX)
            n = -EIO;
        if (n > 0)
            done += n;
        if (n == -EAGAIN) {
            host_ready_clear(i->host, HOST_HUNG_UP);
            n = wait_writable(i, m->nonblock, deadline);
        }
        if (n < 0)
            break;
    }
    return done ? done : n;
}

int64_t tcp_host_send(struct inet_socket *i, struct message *m)
{
    uint8_t small[SMALL_SIZE];
    uint32_t size = (uint32_t)MIN(m->it->left, (uint64_t)PIECE_MAX);
    if (size == 0)
        return 0;
    if (size <= sizeof(small))
        return send_all(i, m, small, sizeof(small));
    uint8_t *buf = heap_alloc(size);
    if (!buf)
        return -ENOMEM;
    int64_t n = send_all(i, m, buf, size);
    heap_free(buf);
    return n;
}

/* ---- connecting --------------------------------------------------------------------------------------------------- */

/* What programs see as their own address: eth0's, with the host's port. */
static void set_local(struct inet_socket *i)
{
    struct hostcall_addr addr;
    struct endpoint local = i->local;
    if (ip_is_any(local.ip))
        endpoint_source(&i->remote, local.ip);
    if (!i->is_bound && hostcall_sock_name(i->host->watch.fd, &addr, sizeof(addr)) == sizeof(addr))
        i->local.port = addr.port;
    port_set_ends(i, local.ip, &i->remote);
}

static int connect_begin(struct inet_socket *i, const struct endpoint *to)
{
    struct hostcall_addr addr;
    host_addr_write(to, &addr);
    inet_options_to_host(i);
    host_ready_clear(i->host, HOST_OUT);
    int64_t err = hostcall_sock_connect(i->host->watch.fd, &addr, sizeof(addr));
    if (err < 0 && err != -EINPROGRESS)
        return (int)err;
    port_set_ends(i, NULL, to);
    int watched = i->host->is_watched ? 0 : host_socket_watch(i->host);
    return watched ? watched : (int)err;
}

/* That of a connect that failed serves again, if it is of the right kind. */
static int open_for(struct inet_socket *i, bool is_v4)
{
    if (i->host && i->host->is_v4 == is_v4)
        return 0;
    host_socket_retire(i);
    i->in.keep = RING_SIZE_MIN; /* such connections may be idle for long, and there are many */
    return host_socket_open(i, is_v4);
}

int tcp_host_connect(struct inet_socket *i, const struct endpoint *to)
{
    int err = ip_is_multicast(to->ip) ? -ENETUNREACH : inet_may_leave(i, to);
    if (err == 0)
        err = open_for(i, ip_is_v4(to->ip));
    if (err == 0)
        err = connect_begin(i, to);
    if (err == 0) {
        set_local(i);
        host_ready_set(i->host, HOST_OUT);
    }
    if (err != -EINPROGRESS)
        inet_set_state(i, err ? INET_FRESH : INET_CONNECTED);
    return err;
}

/* in.tx keeps two threads from asking at once: the host says an error only once. */
int tcp_host_connect_finish(struct inet_socket *i)
{
    int64_t err = -EINPROGRESS;
    if (!i->host)
        return -EINPROGRESS;
    mutex_lock(&i->in.tx);
    if (inet_state(i) != INET_CONNECTING) {
        err = inet_state(i) == INET_CONNECTED ? 0 : -ECONNABORTED;
    } else {
        host_ready_clear(i->host, HOST_OUT);
        if (hostcall_poll(i->host->watch.fd, EPOLLOUT) > 0)
            err = -hostcall_sock_opt_get(i->host->watch.fd, HOSTCALL_SOCK_ERROR);
        if (err == 0)
            set_local(i);
        if (err != -EINPROGRESS) {
            host_ready_set(i->host, HOST_OUT);
            inet_set_state(i, err ? INET_CLOSED : INET_CONNECTED);
        }
    }
    mutex_unlock(&i->in.tx);
    return err < -4095 || err > 0 ? -EIO : (int)err;
}

/* ---- listening ------------------------------------------------------------------------------------------------------ */

static int listen_at(struct inet_socket *i, const struct config_publish *p, bool is_v4, int backlog)
{
    struct hostcall_addr addr = {.port = p->host_port};
    memcpy(addr.ip, p->host_addr, sizeof(addr.ip));
    int64_t err = host_socket_open(i, is_v4);
    if (err)
        return (int)err;
    inet_options_to_host(i);
    if (!is_v4)
        host_option_set(i, HOSTCALL_SOCK_V6ONLY, i->options[OPT_V6ONLY]);
    err = hostcall_sock_bind(i->host->watch.fd, &addr, sizeof(addr));
    if (err == 0)
        err = hostcall_sock_listen(i->host->watch.fd, (uint32_t)backlog);
    if (err == 0)
        err = host_socket_watch(i->host);
    if (err)
        host_socket_retire(i);
    return (int)err;
}

/*
 * Only what listens on any address, or on eth0's, is seen from outside: an IPv4 listener at an IPv4 address of the host,
 * an IPv6 one at an IPv6 one, one for both at any.
 */
int tcp_host_listen(struct inet_socket *i, int backlog)
{
    const struct config_publish *p = net_policy_published(IPPROTO_TCP, i->local.port);
    if (!p || ip_is_loopback(i->local.ip))
        return 0;
    bool is_any = ip_is_any(p->host_addr) && !ip_is_v4(p->host_addr);
    bool may_v4 = inet_takes_v4(i) && (is_any || ip_is_v4(p->host_addr));
    bool may_v6 = inet_takes_v6(i) && !ip_is_v4(p->host_addr);
    int err = may_v6 ? listen_at(i, p, false, backlog) : -EAFNOSUPPORT;
    if (err == -EAFNOSUPPORT) /* of the program, the configuration, or the host */
        err = may_v4 ? listen_at(i, p, true, backlog) : 0;
    return err;
}

/* A connection as the host describes it. */
static int accepted_read(struct inet_socket *listener, struct hostcall_accepted *a)
{
    host_ready_clear(listener->host, HOST_IN | HOST_IN_SURE);
    int64_t n = hostcall_sock_accept(listener->host->watch.fd, a, sizeof(*a));
    if (n == -EAGAIN)
        host_ready_clear(listener->host, HOST_HUNG_UP);
    else
        host_ready_set(listener->host, HOST_IN); /* there may be another */
    if (n < 0)
        return n == -EINTR || n == -ECONNABORTED ? -EAGAIN : (int)n;
    return n == sizeof(*a) && a->fd <= 65535 ? 0 : -EIO;
}

static int accepted_take(struct inet_socket *end, const struct inet_socket *listener, const struct hostcall_accepted *a)
{
    int err = host_socket_adopt(end, (int)a->fd, listener->host->is_v4);
    if (err == 0)
        err = host_addr_read(end->host, &a->peer, &end->remote);
    if (err)
        return err;
    end->local = listener->local;
    if (ip_is_any(end->local.ip) && ip_is_v4(end->remote.ip))
        endpoint_source(&end->remote, end->local.ip);
    end->in.keep = RING_SIZE_MIN;
    inet_set_state(end, INET_CONNECTED);
    return host_socket_watch(end->host);
}

int tcp_host_accept(struct inet_socket *listener, struct inet_socket **result)
{
    struct hostcall_accepted a;
    struct inet_socket *end = inet_socket_create(listener->s.family, SOCK_STREAM, IPPROTO_TCP);
    if (!end)
        return -ENOMEM;
    int err = accepted_read(listener, &a);
    if (err == 0) {
        tcp_inherit(end, listener);
        err = accepted_take(end, listener, &a);
    }
    if (err) {
        end->s.ops->close(&end->s);
        socket_put(&end->s);
        return err;
    }
    *result = end;
    return 0;
}
