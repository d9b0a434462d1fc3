/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP. A datagram to one of the enclave's own addresses is queued at its receiver; all others leave by udp_host.c. As on
 * Linux, one that finds its receiver's queue full is lost, and one that finds nobody is an error to a connected sender.
 */
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include "base/string.h"
#include "net/host_socket.h"

#define SHUT_BOTH    (SOCKET_SHUT_SEND | SOCKET_SHUT_RECEIVE)
#define DATAGRAM_MAX 65507U

/* ---- connecting --------------------------------------------------------------------------------------------- */

static int bind_any(struct inet_socket *i)
{
    struct endpoint any = {.port = 0};
    memcpy(any.ip, i->local.ip, sizeof(any.ip));
    int err = i->is_bound ? 0 : port_bind(i, &any);
    if (err == -EINVAL) /* another thread was first */
        return 0;
    return err == -EADDRINUSE ? -EAGAIN : err;
}

static void disconnect(struct inet_socket *i)
{
    const struct endpoint none = {.port = 0};
    uint8_t any[16];
    inet_any_ip(i, any);
    udp_host_disconnect(i);
    port_set_ends(i, i->has_address ? NULL : any, &none);
    inet_set_state(i, INET_FRESH);
}

static int udp_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
    struct inet_socket *i = inet_of(s);
    struct endpoint to;
    uint8_t from[16];
    (void)nonblock;
    if (addr->family == AF_UNSPEC) {
        disconnect(i);
        return 0;
    }
    int err = endpoint_read(i, addr, &to);
    if (err == 0)
        err = bind_any(i);
    if (err)
        return err;
    endpoint_resolve_any(&to);
    if (!ip_is_own(to.ip)) {
        err = udp_host_connect(i, &to);
        if (err)
            return err;
    }
    memcpy(from, i->local.ip, sizeof(from));
    if (!i->has_address)
        endpoint_source(&to, from);
    port_set_ends(i, from, &to);
    inet_set_state(i, INET_CONNECTED);
    return 0;
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

/* Nobody is there: what ICMP tells a connected sender, at his next call. */
static void refuse(struct inet_socket *i, const struct endpoint *to)
{
    if (inet_state(i) != INET_CONNECTED || !ip_is_equal(to->ip, i->remote.ip) || to->port != i->remote.port)
        return;
    socket_set_error(&i->s, ECONNREFUSED);
    packet_queue_wake(&i->queue, EPOLLERR);
}

static void deliver(struct inet_socket *to, const struct endpoint *from, const struct endpoint *dest, struct packet *p)
{
    endpoint_write(to, from, &p->from);
    if (to->options[OPT_PKTINFO] || to->options[OPT_V6_PKTINFO])
        endpoint_write(to, dest, &p->to);
    if (packet_push(&to->queue, p, to->s.receive_size))
        packet_put(p);
}

static int64_t send_inside(struct inet_socket *i, struct endpoint *to, struct message *m)
{
    struct endpoint from = i->local;
    struct packet *p;
    int64_t size = (int64_t)m->it->left;
    endpoint_resolve_any(to);
    if (ip_is_any(from.ip))
        endpoint_source(to, from.ip);
    int err = packet_make(m, &p);
    if (err)
        return err;
    struct inet_socket *receiver = port_find(false, to, &from);
    if (receiver) {
        deliver(receiver, &from, to, p);
        socket_put(&receiver->s);
    } else {
        packet_put(p);
        refuse(i, to);
    }
    return size;
}

static int target_read(struct inet_socket *i, const struct message *m, struct endpoint *to)
{
    if (!m->name) {
        *to = i->remote;
        return to->port || inet_state(i) == INET_CONNECTED ? 0 : -EDESTADDRREQ;
    }
    int err = endpoint_read(i, m->name, to);
    return err ? err : to->port ? 0 : -EINVAL;
}

static int64_t udp_send(struct socket *s, struct message *m)
{
    struct inet_socket *i = inet_of(s);
    struct endpoint to;
    if (m->it->left > DATAGRAM_MAX)
        return -EMSGSIZE;
    int err = target_read(i, m, &to);
    if (err == 0)
        err = socket_take_error(s);
    if (err == 0)
        err = bind_any(i);
    if (err)
        return err;
    if (ip_is_broadcast(to.ip) && !s->broadcast)
        return -EACCES;
    return ip_is_own(to.ip) ? send_inside(i, &to, m) : udp_host_send(i, &to, m);
}

static int64_t udp_receive(struct socket *s, struct message *m)
{
    return packet_receive(&inet_of(s)->queue, m, m->nonblock ? 0 : socket_deadline(s->receive_timeout));
}

/* ---- ends --------------------------------------------------------------------------------------------------------- */

static int udp_shutdown(struct socket *s, int how)
{
    struct inet_socket *i = inet_of(s);
    if (inet_state(i) != INET_CONNECTED)
        return -ENOTCONN;
    socket_add_shutdown(s, how == SHUT_RD ? SOCKET_SHUT_RECEIVE : how == SHUT_WR ? SOCKET_SHUT_SEND : SHUT_BOTH);
    packet_queue_wake(&i->queue, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
    return 0;
}

static void udp_close(struct socket *s)
{
    struct inet_socket *i = inet_of(s);
    port_unbind(i);
    socket_add_shutdown(s, SHUT_BOTH);
    host_sockets_close(i);
    packet_queue_close(&i->queue);
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */

static uint32_t udp_poll(struct socket *s)
{
    struct inet_socket *i = inet_of(s);
    unsigned shut = socket_shutdown_bits(s);
    uint32_t events = 0;
    udp_host_fetch(i);
    if (__atomic_load_n(&s->error, __ATOMIC_RELAXED))
        events |= EPOLLERR;
    if (shut == SHUT_BOTH)
        events |= EPOLLHUP;
    if (shut & SOCKET_SHUT_RECEIVE)
        events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
    if (packet_queue_has_any(&i->queue))
        events |= EPOLLIN | EPOLLRDNORM;
    if (!i->host || host_is_writable(i->host))
        events |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    return events;
}

static int64_t udp_ioctl(struct socket *s, unsigned cmd, uint64_t arg)
{
    struct inet_socket *i = inet_of(s);
    switch (cmd) {
    case SIOCINQ:
        udp_host_fetch(i);
        return put_user(arg, (int)packet_queue_first_size(&i->queue));
    case SIOCOUTQ:
        return put_user(arg, 0);
    default:
        return -ENOTTY;
    }
}

const struct socket_ops udp_ops = {
    .bind = inet_bind,
    .connect = udp_connect,
    .name = inet_name,
    .send = udp_send,
    .receive = udp_receive,
    .shutdown = udp_shutdown,
    .poll = udp_poll,
    .ioctl = udp_ioctl,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .option_changed = inet_option_changed,
    .close = udp_close,
    .destroy = inet_destroy,
};
