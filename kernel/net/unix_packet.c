/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets of types SOCK_DGRAM and SOCK_SEQPACKET. A datagram socket's peer may change; s.lock guards it. */
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include "net/caller.h"
#include "net/unix.h"

/* ---- the peer of a datagram socket ---------------------------------------------------------------------------- */

static struct unix_socket *peer_get(struct unix_socket *u)
{
    spin_lock(&u->s.lock);
    struct unix_socket *peer = u->peer;
    if (peer)
        socket_get(&peer->s);
    spin_unlock(&u->s.lock);
    return peer;
}

/* Takes the caller's reference of to; NULL: no peer. expected: change it only if it is this one; NULL: any. */
static void peer_set(struct unix_socket *u, struct unix_socket *to, const struct unix_socket *expected)
{
    spin_lock(&u->s.lock);
    struct unix_socket *old = u->peer;
    if (expected && old != expected)
        old = NULL;
    else
        u->peer = to;
    spin_unlock(&u->s.lock);
    if (old) {
        packet_sender_remove(&old->queue, &u->sender);
        socket_put(&old->s);
    }
    if (to)
        packet_sender_add(&to->queue, &u->sender, &u->s);
}

/* A socket that is connected takes datagrams from its peer only. */
static bool may_send_to(const struct unix_socket *u, const struct unix_socket *to)
{
    const struct unix_socket *peer = __atomic_load_n(&to->peer, __ATOMIC_RELAXED);
    return !peer || peer == u || to->s.type != SOCK_DGRAM;
}

static int unix_packet_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
    struct unix_socket *u = unix_of(s), *to;
    if (s->type != SOCK_DGRAM)
        return unix_connect(s, addr, nonblock);
    if (addr->family == AF_UNSPEC) {
        peer_set(u, NULL, NULL);
        return 0;
    }
    int err = unix_find(addr, s->type, &to);
    if (err)
        return err;
    if (!may_send_to(u, to)) {
        socket_put(&to->s);
        return -EPERM;
    }
    s->peer_cred = (struct linux_ucred){0};
    peer_set(u, to, NULL);
    socket_wake(s, EPOLLOUT | EPOLLWRNORM);
    return 0;
}

/* ---- sending ------------------------------------------------------------------------------------------------------ */

static int target_get(struct unix_socket *u, const struct sock_addr *name, struct unix_socket **to)
{
    if (u->s.type == SOCK_DGRAM && name) {
        int err = unix_find(name, SOCK_DGRAM, to);
        if (err == 0 && !may_send_to(u, *to)) {
            socket_put(&(*to)->s);
            err = -EPERM;
        }
        return err;
    }
    *to = u->s.type == SOCK_DGRAM || unix_state(u) == UNIX_CONNECTED ? peer_get(u) : NULL;
    return *to ? 0 : -ENOTCONN;
}

static int64_t send_to(struct unix_socket *u, struct unix_socket *to, struct message *m)
{
    ns_t deadline = m->nonblock ? 0 : socket_deadline(u->s.send_timeout);
    uint64_t size = m->it->left;
    struct packet *p;
    unix_fill_cred(u, to, m);
    int err = packet_make(m, &p);
    if (err)
        return err;
    if (u->name)
        p->from = u->name->addr;
    for (;;) {
        err = packet_push(&to->queue, p, u->s.send_size);
        if (err != -EAGAIN || m->nonblock)
            break;
        err = packet_wait_room(&to->queue, p, u->s.send_size, deadline);
        if (err)
            break;
    }
    if (err)
        packet_put(p);
    if (err == -EAGAIN && packet_queue_has_room(&to->queue, u->s.send_size, &u->sender))
        socket_wake(&u->s, EPOLLOUT); /* room came meanwhile: watchers would wait for ever */
    return err ? err : (int64_t)size;
}

static int64_t unix_packet_send(struct socket *s, struct message *m)
{
    struct unix_socket *u = unix_of(s), *to;
    if (m->it->left > s->send_size - 32)
        return -EMSGSIZE;
    int64_t n = socket_take_error(s);
    if (n == 0)
        n = target_get(u, m->name, &to);
    if (n)
        return n;
    n = send_to(u, to, m);
    if (n == -ECONNREFUSED && s->type == SOCK_DGRAM && !m->name)
        peer_set(u, NULL, to);
    if (n == -ECONNREFUSED && s->type == SOCK_SEQPACKET)
        n = -EPIPE;
    socket_put(&to->s);
    return n;
}

static int64_t unix_packet_receive(struct socket *s, struct message *m)
{
    struct unix_socket *u = unix_of(s);
    if (s->type == SOCK_SEQPACKET && unix_state(u) != UNIX_CONNECTED)
        return -ENOTCONN;
    return packet_receive(&u->queue, m, m->nonblock ? 0 : socket_deadline(s->receive_timeout));
}

/* ---- the rest ------------------------------------------------------------------------------------------------------- */

static bool is_writable(struct unix_socket *u)
{
    struct unix_socket *peer = peer_get(u);
    if (!peer)
        return true;
    bool has_room = !may_send_to(u, peer) || packet_queue_has_room(&peer->queue, u->s.send_size, &u->sender);
    socket_put(&peer->s);
    return has_room;
}

static uint32_t unix_packet_poll(struct socket *s)
{
    struct unix_socket *u = unix_of(s);
    uint32_t events = unix_poll_common(u);
    if (packet_queue_has_any(&u->queue))
        events |= EPOLLIN | EPOLLRDNORM;
    if (unix_state(u) != UNIX_LISTENING && is_writable(u))
        events |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    return events;
}

static int64_t unix_packet_ioctl(struct socket *s, unsigned cmd, uint64_t arg)
{
    struct unix_socket *u = unix_of(s);
    switch (cmd) {
    case SIOCINQ:
        return put_user(arg, s->type == SOCK_DGRAM ? (int)packet_queue_first_size(&u->queue)
                                                   : (int)packet_queue_bytes(&u->queue));
    case SIOCOUTQ:
        return put_user(arg, 0);
    default:
        return -ENOTTY;
    }
}

const struct socket_ops unix_packet_ops = {
    .bind = unix_bind,
    .listen = unix_listen,
    .connect = unix_packet_connect,
    .accept = unix_accept,
    .pair = unix_pair,
    .name = unix_socket_name,
    .send = unix_packet_send,
    .receive = unix_packet_receive,
    .shutdown = unix_shutdown,
    .poll = unix_packet_poll,
    .ioctl = unix_packet_ioctl,
    .get_option = unix_get_option,
    .option_changed = unix_option_changed,
    .close = unix_close,
    .destroy = unix_destroy,
};
