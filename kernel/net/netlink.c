/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_NETLINK, as much as getifaddrs(3) and `ip` need to look around: NETLINK_ROUTE answers questions about interface.h's
 * picture and refuses changes; NETLINK_KOBJECT_UEVENT may be listened to, and nothing ever comes.
 * The messages: netlink_route.c.
 */
#include "net/netlink.h"
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/caller.h"

#define REQUEST_MAX 32768U
#define PACKETS_MAX 256

struct netlink_socket {
    struct socket s;
    struct packet_queue queue;
    struct list node; /* in bound_sockets; this and the next two under bound_lock */
    uint32_t port;    /* 0: not bound */
    uint32_t groups;
};

static struct spinlock bound_lock;
static struct list bound_sockets = LIST_INIT(bound_sockets);

static struct netlink_socket *netlink_of(struct socket *s)
{
    return container_of(s, struct netlink_socket, s);
}

/* ---- names -------------------------------------------------------------------------------------------------- */

static bool is_taken(const struct netlink_socket *n, uint32_t port)
{
    const struct netlink_socket *other;
    list_for_each (other, &bound_sockets, node) {
        if (other->port == port && other->s.protocol == n->s.protocol)
            return true;
    }
    return false;
}

/* The process's number if no other socket has it, else a large one, as Linux gives them. */
static uint32_t port_choose(const struct netlink_socket *n)
{
    static uint32_t last = UINT32_MAX - 4096;
    uint32_t port = (uint32_t)caller_ucred().pid;
    while (port == 0 || is_taken(n, port))
        port = --last;
    return port;
}

/* port 0: any. -EADDRINUSE; -EINVAL: it has another already. */
static int port_take(struct netlink_socket *n, uint32_t port)
{
    int err = 0;
    spin_lock(&bound_lock);
    if (n->port)
        err = port && port != n->port ? -EINVAL : 0;
    else if (port && is_taken(n, port))
        err = -EADDRINUSE;
    if (err == 0 && !n->port) {
        n->port = port ? port : port_choose(n);
        list_push_back(&bound_sockets, &n->node);
    }
    spin_unlock(&bound_lock);
    return err;
}

static int addr_read(const struct sock_addr *addr, struct sockaddr_nl *nl)
{
    if (addr->size < sizeof(*nl) || addr->family != AF_NETLINK)
        return -EINVAL;
    memcpy(nl, addr->bytes, sizeof(*nl));
    return 0;
}

static int netlink_bind(struct socket *s, const struct sock_addr *addr)
{
    struct netlink_socket *n = netlink_of(s);
    struct sockaddr_nl nl;
    int err = addr_read(addr, &nl);
    if (err == 0)
        err = port_take(n, nl.nl_pid);
    if (err == 0)
        n->groups = nl.nl_groups;
    return err;
}

static int netlink_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
    struct sockaddr_nl nl;
    (void)nonblock;
    if (addr->family == AF_UNSPEC)
        return 0;
    int err = addr_read(addr, &nl);
    if (err)
        return err;
    return nl.nl_pid || nl.nl_groups ? -EPERM : port_take(netlink_of(s), 0);
}

static int netlink_name(struct socket *s, bool is_peer, struct sock_addr *addr)
{
    const struct netlink_socket *n = netlink_of(s);
    struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
    if (!is_peer) {
        nl.nl_pid = n->port;
        nl.nl_groups = n->groups;
    }
    netlink_addr_write(&nl, addr);
    return 0;
}

void netlink_addr_write(const struct sockaddr_nl *nl, struct sock_addr *addr)
{
    memcpy(addr->bytes, nl, sizeof(*nl));
    addr->size = sizeof(*nl);
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

static int target_check(const struct message *m)
{
    struct sockaddr_nl nl;
    if (!m->name)
        return 0;
    int err = addr_read(m->name, &nl);
    if (err)
        return err;
    return nl.nl_groups ? -EPERM : nl.nl_pid ? -ECONNREFUSED : 0;
}

static int requests_serve(struct netlink_socket *n, const uint8_t *buf, uint32_t size)
{
    uint32_t at = 0;
    int err = 0;
    while (err == 0 && size - at >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr hdr;
        memcpy(&hdr, buf + at, sizeof(hdr));
        if (hdr.nlmsg_len < sizeof(hdr) || hdr.nlmsg_len > size - at)
            break;
        if (n->s.protocol == NETLINK_ROUTE)
            err = netlink_route_serve(&n->queue, n->port, &hdr, buf + at + sizeof(hdr));
        at += MIN((uint32_t)align_up(hdr.nlmsg_len, NLMSG_ALIGNTO), size - at);
    }
    return err;
}

static int64_t netlink_send(struct socket *s, struct message *m)
{
    struct netlink_socket *n = netlink_of(s);
    uint32_t size = (uint32_t)m->it->left;
    int err = m->it->left > REQUEST_MAX ? -EMSGSIZE : target_check(m);
    if (err == 0)
        err = port_take(n, 0);
    if (err)
        return err;
    uint8_t *buf = heap_alloc(MAX(size, 1U));
    if (!buf)
        return -ENOBUFS;
    err = iov_copy_from(m->it, buf, size) == (int64_t)size ? 0 : -EFAULT;
    if (err == 0)
        err = requests_serve(n, buf, size);
    heap_free(buf);
    return err ? err : (int64_t)size;
}

static int64_t netlink_receive(struct socket *s, struct message *m)
{
    return packet_receive(&netlink_of(s)->queue, m, m->nonblock ? 0 : socket_deadline(s->receive_timeout));
}

/* ---- the rest ------------------------------------------------------------------------------------------------------ */

static uint32_t netlink_poll(struct socket *s)
{
    uint32_t events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
    if (packet_queue_has_any(&netlink_of(s)->queue))
        events |= EPOLLIN | EPOLLRDNORM;
    return events;
}

/* Those that ask for more than there is to tell; the others change what is told, and are refused. */
static int netlink_set_option(struct socket *s, int level, int name, const void *value, uint32_t size)
{
    int number;
    (void)s;
    if (level != SOL_NETLINK)
        return -ENOPROTOOPT;
    int err = option_get_int(value, size, &number);
    if (err)
        return err;
    switch (name) {
    case NETLINK_ADD_MEMBERSHIP:
    case NETLINK_DROP_MEMBERSHIP:
        return number >= 1 && number <= 32 ? 0 : -EINVAL;
    case NETLINK_EXT_ACK:
    case NETLINK_NO_ENOBUFS:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static void netlink_close(struct socket *s)
{
    struct netlink_socket *n = netlink_of(s);
    spin_lock(&bound_lock);
    list_remove(&n->node);
    spin_unlock(&bound_lock);
    packet_queue_close(&n->queue);
}

static void netlink_destroy(struct socket *s)
{
    heap_free(netlink_of(s));
}

static const struct socket_ops netlink_ops = {
    .bind = netlink_bind,
    .connect = netlink_connect,
    .name = netlink_name,
    .send = netlink_send,
    .receive = netlink_receive,
    .poll = netlink_poll,
    .set_option = netlink_set_option,
    .close = netlink_close,
    .destroy = netlink_destroy,
};

bool file_is_netlink(struct file *f)
{
    const struct socket *s = socket_of(f);
    return s && s->ops == &netlink_ops;
}

int netlink_post(struct file *f, const void *data, uint32_t size)
{
    return file_is_netlink(f) ? netlink_push(&netlink_of(socket_of(f))->queue, data, size) : -EINVAL;
}

int netlink_create(unsigned type, unsigned protocol, struct socket **s)
{
    if (type != SOCK_RAW && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != NETLINK_ROUTE && protocol != NETLINK_KOBJECT_UEVENT)
        return -EPROTONOSUPPORT;
    struct netlink_socket *n = heap_zalloc(sizeof(*n));
    if (!n)
        return -ENOMEM;
    socket_init(&n->s, &netlink_ops, AF_NETLINK, type, protocol);
    packet_queue_init(&n->queue, &n->s, PACKETS_MAX);
    list_init(&n->node);
    *s = &n->s;
    return 0;
}
