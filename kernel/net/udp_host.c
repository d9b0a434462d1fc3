/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP through the host. A socket gets its host socket when it binds a published port, or with the first datagram to the
 * outside. What comes in is taken if the port is published, or if its sender is one that programs may reach; a connected
 * socket takes its peer's only. Who asked at a published port may be answered: net.outbound is about who begins.
 * The host may say what it likes about who sent a datagram, as any network may.
 */
#include <linux/eventpoll.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/host_socket.h"
#include "net/policy.h"

#define HEAD          sizeof(struct hostcall_datagram)
#define DATAGRAM_ROOM (HEAD + 65536)

static struct inet_socket *of_queue(struct packet_queue *q)
{
    return container_of(q, struct inet_socket, queue);
}

/* ---- receiving ---------------------------------------------------------------------------------------------- */

static bool udp_host_may_have(struct packet_queue *q)
{
    struct host_socket *h = host_of(of_queue(q));
    return h && (host_ready(h) & HOST_IN);
}

static bool is_published(const struct inet_socket *i)
{
    return net_policy_published(IPPROTO_UDP, i->local.port) && !ip_is_loopback(i->local.ip);
}

static bool is_welcome(const struct inet_socket *i, const struct endpoint *from)
{
    struct in6_addr addr;
    if (inet_state(i) == INET_CONNECTED)
        return from->port == i->remote.port && ip_is_equal(from->ip, i->remote.ip);
    memcpy(&addr, from->ip, sizeof(addr));
    return is_published(i) || net_policy_may_reach(&addr, from->port, IPPROTO_UDP);
}

static struct host_asker *asker_find(struct host_socket *h, const struct endpoint *shown)
{
    for (unsigned k = 0; h->askers && k < HOST_ASKERS; k++) {
        if (h->askers[k].shown.port == shown->port && ip_is_equal(h->askers[k].shown.ip, shown->ip))
            return &h->askers[k];
    }
    return NULL;
}

static void asker_remember(struct inet_socket *i, const struct endpoint *shown, const struct hostcall_addr *true_addr)
{
    struct host_socket *h = i->host;
    spin_lock(&i->queue.lock);
    struct host_asker *asker = asker_find(h, shown);
    if (!asker && h->askers)
        asker = &h->askers[h->asker_next++ % HOST_ASKERS];
    if (asker)
        *asker = (struct host_asker){*shown, *true_addr};
    spin_unlock(&i->queue.lock);
}

/* Where a datagram goes on the host; false: nobody there asked. */
static bool asker_get(struct inet_socket *i, const struct endpoint *to, struct hostcall_addr *addr)
{
    struct host_socket *h = host_of(i);
    spin_lock(&i->queue.lock);
    struct host_asker *asker = h ? asker_find(h, to) : NULL;
    if (asker)
        *addr = asker->true_addr;
    spin_unlock(&i->queue.lock);
    return asker;
}

static int push(struct inet_socket *i, const uint8_t *buf, size_t size)
{
    struct hostcall_datagram head;
    struct endpoint from;
    struct packet *p;
    memcpy(&head, buf, HEAD);
    int err = host_addr_read(i->host, &head.addr, &from);
    if (err || !is_welcome(i, &from) || (i->s.family == AF_INET && !ip_is_v4(from.ip)))
        return err;
    err = packet_alloc((uint32_t)(size - HEAD), &p);
    if (err)
        return err;
    memcpy(p->data, buf + HEAD, size - HEAD);
    endpoint_write(i, &from, &p->from);
    asker_remember(i, &from, &head.addr);
    if (packet_push(&i->queue, p, i->s.receive_size))
        packet_put(p);
    return 0;
}

static int udp_host_fill(struct packet_queue *q)
{
    struct inet_socket *i = of_queue(q);
    uint8_t *buf = heap_alloc(DATAGRAM_ROOM);
    if (!buf)
        return -ENOBUFS;
    host_ready_clear(i->host, HOST_IN | HOST_IN_SURE);
    int64_t n = hostcall_sock_recv(i->host->watch.fd, 1, buf, DATAGRAM_ROOM);
    if (n != -EAGAIN)
        host_ready_set(i->host, HOST_IN);
    else
        host_ready_clear(i->host, HOST_HUNG_UP);
    int err = n >= (int64_t)HEAD ? push(i, buf, (size_t)n) : n >= 0 ? -EIO : (int)n;
    heap_free(buf);
    return err == -EAGAIN || err == -EINTR ? 0 : err;
}

const struct packet_source udp_host_source = {
    .may_have = udp_host_may_have,
    .fill = udp_host_fill,
};

void udp_host_fetch(struct inet_socket *i)
{
    while (!packet_queue_has_any(&i->queue) && udp_host_may_have(&i->queue)) {
        int err = udp_host_fill(&i->queue);
        if (err) {
            socket_set_error(&i->s, err);
            break;
        }
    }
}

/* ---- the host socket ------------------------------------------------------------------------------------------------ */

static int open_any(struct inet_socket *i, bool is_v4)
{
    int err = host_socket_open(i, is_v4);
    if (err)
        return err;
    inet_options_to_host(i);
    if (!is_v4)
        host_option_set(i, HOSTCALL_SOCK_V6ONLY, i->options[OPT_V6ONLY]);
    err = host_socket_watch(i->host);
    if (err)
        host_socket_retire(i);
    return err;
}

/* Two threads that send first at once share one. IPv6 sockets of a host without IPv6 do with IPv4. */
static int open_once(struct inet_socket *i, bool needs_v6)
{
    static struct mutex open_lock;
    int err = 0;
    mutex_lock(&open_lock);
    if (!i->host) {
        err = open_any(i, i->s.family == AF_INET);
        if (err == -EAFNOSUPPORT && !needs_v6)
            err = open_any(i, true);
    }
    mutex_unlock(&open_lock);
    return err;
}

int udp_host_publish(struct inet_socket *i)
{
    const struct config_publish *p = net_policy_published(IPPROTO_UDP, i->local.port);
    if (!is_published(i) || !(ip_is_v4(p->host_addr) ? inet_takes_v4(i) : ip_is_any(p->host_addr) || inet_takes_v6(i)))
        return 0;
    struct hostcall_addr addr = {.port = p->host_port};
    memcpy(addr.ip, p->host_addr, sizeof(addr.ip));
    int err = open_once(i, !ip_is_v4(p->host_addr) && !ip_is_any(p->host_addr));
    if (err)
        return err;
    i->host->askers = heap_zalloc(HOST_ASKERS * sizeof(struct host_asker));
    err = i->host->askers ? (int)hostcall_sock_bind(i->host->watch.fd, &addr, sizeof(addr)) : -ENOMEM;
    if (err)
        host_socket_retire(i);
    return err;
}

static int reach(struct inet_socket *i, const struct endpoint *to)
{
    int err = ip_is_multicast(to->ip) && !ip_is_broadcast(to->ip) ? -ENETUNREACH : inet_may_leave(i, to);
    if (err == 0)
        err = open_once(i, !ip_is_v4(to->ip));
    if (err == 0 && i->host->is_v4 && !ip_is_v4(to->ip))
        err = -ENETUNREACH;
    return err;
}

/* Connected on the host too, so that it tells of refusals; a published socket stays open to others in the end. */
int udp_host_connect(struct inet_socket *i, const struct endpoint *to)
{
    struct hostcall_addr addr;
    int err = asker_get(i, to, &addr) ? 0 : reach(i, to);
    if (err || is_published(i))
        return err;
    host_addr_write(to, &addr);
    return (int)hostcall_sock_connect(i->host->watch.fd, &addr, sizeof(addr));
}

void udp_host_disconnect(struct inet_socket *i)
{
    const struct hostcall_addr none = {.port = 0};
    int64_t err = i->host ? hostcall_sock_connect(i->host->watch.fd, &none, sizeof(none)) : 0;
    (void)err; /* it was not connected: as good */
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */

static int wait_writable(struct inet_socket *i, ns_t deadline)
{
    int err = 0;
    spin_lock(&i->queue.lock);
    while (err == 0 && !host_is_writable(i->host))
        err = waitq_sleep(&i->queue.writers, &i->queue.lock, deadline);
    spin_unlock(&i->queue.lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

static int64_t send_waiting(struct inet_socket *i, bool has_addr, const uint8_t *buf, size_t size, bool nonblock)
{
    struct host_socket *h = i->host;
    ns_t deadline = socket_deadline(i->s.send_timeout);
    for (;;) {
        host_ready_clear(h, HOST_OUT);
        int64_t n = hostcall_sock_send(h->watch.fd, has_addr, buf, size);
        if (n != -EAGAIN)
            host_ready_set(h, HOST_OUT);
        if (n != -EAGAIN && n != -EINTR)
            return n;
        if (n == -EAGAIN && nonblock)
            return n;
        int err = n == -EAGAIN ? wait_writable(i, deadline) : 0;
        if (err)
            return err;
    }
}

static bool is_connected_on_host(const struct inet_socket *i, const struct endpoint *to)
{
    return inet_state(i) == INET_CONNECTED && !is_published(i) &&
           to->port == i->remote.port && ip_is_equal(to->ip, i->remote.ip);
}

int64_t udp_host_send(struct inet_socket *i, const struct endpoint *to, struct message *m)
{
    struct hostcall_datagram head = {0};
    size_t size = m->it->left;
    bool has_addr = !is_connected_on_host(i, to);
    int64_t err = asker_get(i, to, &head.addr) ? 0 : reach(i, to);
    if (err)
        return err;
    uint8_t *buf = heap_alloc(HEAD + size);
    if (!buf)
        return -ENOBUFS;
    if (head.addr.port == 0)
        host_addr_write(to, &head.addr);
    memcpy(buf, &head, HEAD);
    err = iov_copy_from(m->it, buf + HEAD, size) == (int64_t)size ? 0 : -EFAULT;
    if (err == 0)
        err = has_addr ? send_waiting(i, true, buf, HEAD + size, m->nonblock)
                       : send_waiting(i, false, buf + HEAD, size, m->nonblock);
    heap_free(buf);
    return err;
}
