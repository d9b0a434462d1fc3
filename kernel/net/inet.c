/* SPDX-License-Identifier: Apache-2.0 */
/* Internet sockets: what TCP and UDP share. */
#include "net/inet.h"
#include <linux/eventpoll.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/host_socket.h"
#include "net/policy.h"

#define DATAGRAMS_MAX 65536U /* SO_RCVBUF is the limit that counts */

void inet_any_ip(const struct inet_socket *i, uint8_t ip[16])
{
    memset(ip, 0, 16);
    if (i->s.family == AF_INET)
        ip[10] = ip[11] = 0xff;
}

struct inet_socket *inet_socket_create(unsigned family, unsigned type, unsigned protocol)
{
    struct inet_socket *i = heap_zalloc(sizeof(*i));
    if (!i)
        return NULL;
    socket_init(&i->s, type == SOCK_STREAM ? &tcp_ops : &udp_ops, family, type, protocol);
    list_init(&i->port_node);
    accept_queue_init(&i->accept);
    inet_options_init(i);
    inet_any_ip(i, i->local.ip);
    if (type == SOCK_STREAM) {
        stream_init(&i->in, &i->s);
        i->in.source = &tcp_host_source;
    } else {
        packet_queue_init(&i->queue, &i->s, DATAGRAMS_MAX);
        i->queue.source = &udp_host_source;
    }
    return i;
}

int inet_create(unsigned family, unsigned type, unsigned protocol, struct socket **s)
{
    unsigned natural = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (type == SOCK_RAW) /* no raw packets, whoever asks: CAVEATS */
        return protocol == 0 ? -EPROTONOSUPPORT : -EPERM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != 0 && protocol != natural)
        return -EPROTONOSUPPORT;
    struct inet_socket *i = inet_socket_create(family, type, natural);
    if (!i)
        return -ENOMEM;
    *s = &i->s;
    return 0;
}

void inet_destroy(struct socket *s)
{
    heap_free(inet_of(s));
}

int inet_bind(struct socket *s, const struct sock_addr *addr)
{
    struct inet_socket *i = inet_of(s);
    struct endpoint local;
    int err = endpoint_read(i, addr, &local);
    if (err)
        return err == -ENETUNREACH ? -EINVAL : err;
    if (!ip_is_own(local.ip) && !i->options[OPT_FREEBIND])
        return -EADDRNOTAVAIL;
    if (inet_state(i) != INET_FRESH)
        return -EINVAL;
    err = port_bind(i, &local);
    if (err == 0)
        i->has_address = !ip_is_any(local.ip);
    if (err == 0 && !inet_is_tcp(i)) {
        err = udp_host_publish(i);
        if (err)
            port_unbind(i);
    }
    return err;
}

int inet_name(struct socket *s, bool is_peer, struct sock_addr *addr)
{
    struct inet_socket *i = inet_of(s);
    if (is_peer && (i->remote.port == 0 || (inet_is_tcp(i) && !tcp_is_connected(i))))
        return -ENOTCONN;
    endpoint_write(i, is_peer ? &i->remote : &i->local, addr);
    return 0;
}

int inet_may_leave(const struct inet_socket *i, const struct endpoint *to)
{
    struct in6_addr addr;
    memcpy(&addr, to->ip, sizeof(addr));
    if (!net_policy_has_outside())
        return -ENETUNREACH;
    return net_policy_may_reach(&addr, to->port, i->s.protocol) ? 0 : -EACCES;
}

/* A listener's acceptors, a stream's readers and writers, a queue's readers. */
void inet_host_ready(struct inet_socket *i, uint32_t events)
{
    if (!inet_is_tcp(i)) {
        spin_lock(&i->queue.lock);
        waitq_wake_all(&i->queue.readers, events);
        waitq_wake_all(&i->queue.writers, events);
        spin_unlock(&i->queue.lock);
        socket_wake(&i->s, events);
    } else if (inet_state(i) == INET_LISTENING) {
        accept_wake(&i->s, &i->accept);
    } else {
        stream_announce(&i->in, events);
    }
}
