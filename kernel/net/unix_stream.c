/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets of type SOCK_STREAM. */
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include "net/unix.h"

static int64_t unix_stream_send(struct socket *s, struct message *m)
{
    struct unix_socket *u = unix_of(s);
    if (unix_state(u) != UNIX_CONNECTED)
        return m->name ? -EOPNOTSUPP : -ENOTCONN;
    if (m->name)
        return -EISCONN;
    int err = socket_take_error(s);
    if (err)
        return err;
    unix_fill_cred(u, u->peer, m);
    return stream_write(&u->peer->in, m, m->nonblock ? 0 : socket_deadline(s->send_timeout));
}

static int64_t unix_stream_receive(struct socket *s, struct message *m)
{
    struct unix_socket *u = unix_of(s);
    if (unix_state(u) != UNIX_CONNECTED)
        return -EINVAL;
    if (m->name)
        m->name->size = 0;
    return stream_read(&u->in, m, m->nonblock ? 0 : socket_deadline(s->receive_timeout));
}

static uint32_t unix_stream_poll(struct socket *s)
{
    struct unix_socket *u = unix_of(s);
    uint32_t events = unix_poll_common(u);
    unsigned state = unix_state(u);
    if (state == UNIX_CONNECTED && stream_is_readable(&u->in))
        events |= EPOLLIN | EPOLLRDNORM;
    if (state == UNIX_LISTENING)
        return events;
    events |= stream_urgent_events(&u->in);
    if (state != UNIX_CONNECTED || stream_is_writable(&u->peer->in))
        events |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    return events;
}

static int64_t unix_stream_ioctl(struct socket *s, unsigned cmd, uint64_t arg)
{
    struct unix_socket *u = unix_of(s);
    bool is_connected = unix_state(u) == UNIX_CONNECTED;
    switch (cmd) {
    case SIOCINQ:
        return unix_state(u) == UNIX_LISTENING ? -EINVAL : put_user(arg, (int)ring_used(&u->in.ring));
    case SIOCOUTQ:
        return put_user(arg, is_connected ? (int)ring_used(&u->peer->in.ring) : 0);
    case SIOCATMARK:
        return put_user(arg, (int)stream_is_at_mark(&u->in));
    default:
        return -ENOTTY;
    }
}

const struct socket_ops unix_stream_ops = {
    .bind = unix_bind,
    .listen = unix_listen,
    .connect = unix_connect,
    .accept = unix_accept,
    .pair = unix_pair,
    .name = unix_socket_name,
    .send = unix_stream_send,
    .receive = unix_stream_receive,
    .shutdown = unix_shutdown,
    .poll = unix_stream_poll,
    .ioctl = unix_stream_ioctl,
    .get_option = unix_get_option,
    .option_changed = unix_option_changed,
    .close = unix_close,
    .destroy = unix_destroy,
    .has_urgent = true,
};
