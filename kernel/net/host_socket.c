/* SPDX-License-Identifier: Apache-2.0 */
#include "net/host_socket.h"
#include <linux/eventpoll.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"

/* Under hostcall's watch_lock; takes locks of the owner, which are inside of it. */
static void host_socket_ready(struct host_watch *watch, uint32_t events)
{
    struct host_socket *h = container_of(watch, struct host_socket, watch);
    unsigned bits = 0;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        bits |= HOST_IN | HOST_IN_SURE;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        bits |= HOST_OUT;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        bits |= HOST_HUNG_UP;
    host_ready_set(h, bits);
    inet_host_ready(h->owner, events);
}

int host_socket_adopt(struct inet_socket *owner, int fd, bool is_v4)
{
    struct host_socket *h = heap_zalloc(sizeof(*h));
    if (!h) {
        int64_t err = hostcall_close(fd);
        (void)err;
        return -ENOMEM;
    }
    list_init(&h->watch.node);
    h->watch.fd = fd;
    h->watch.ready = host_socket_ready;
    h->owner = owner;
    h->is_v4 = is_v4;
    h->ready = HOST_OUT;
    __atomic_store_n(&owner->host, h, __ATOMIC_RELEASE);
    return 0;
}

int host_socket_open(struct inet_socket *owner, bool is_v4)
{
    unsigned type = inet_is_tcp(owner) ? HOSTCALL_SOCK_STREAM : HOSTCALL_SOCK_DATAGRAM;
    int64_t fd = hostcall_sock_open(is_v4 ? 4 : 6, type);
    return fd < 0 ? (int)fd : host_socket_adopt(owner, (int)fd, is_v4);
}

int host_socket_watch(struct host_socket *h)
{
    int err = host_watch_add(&h->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    h->is_watched = err == 0;
    return err;
}

void host_socket_retire(struct inet_socket *owner)
{
    spin_lock(&owner->s.lock);
    struct host_socket *h = owner->host;
    __atomic_store_n(&owner->host, NULL, __ATOMIC_RELEASE);
    if (h) {
        h->next = owner->retired;
        owner->retired = h;
    }
    spin_unlock(&owner->s.lock);
}

void host_sockets_close(struct inet_socket *owner)
{
    host_socket_retire(owner);
    for (struct host_socket *h = owner->retired, *after; h; h = after) {
        after = h->next;
        if (h->is_watched)
            host_watch_remove(&h->watch);
        int64_t err = hostcall_close(h->watch.fd);
        if (err < 0)
            log_debug("the host could not close a socket: error %d", (int)-err);
        heap_free(h->askers);
        heap_free(h);
    }
    owner->retired = NULL;
}

bool host_is_readable(struct host_socket *h)
{
    unsigned ready = host_ready(h);
    if (ready & (HOST_IN_SURE | HOST_HUNG_UP))
        return true;
    if (!(ready & HOST_IN))
        return false;
    host_ready_clear(h, HOST_IN);
    int64_t now = hostcall_poll(h->watch.fd, EPOLLIN | EPOLLRDHUP);
    if (now == 0)
        return host_ready(h) & HOST_IN;
    host_ready_set(h, HOST_IN);
    return true;
}

bool host_is_writable(struct host_socket *h)
{
    return host_ready(h) & (HOST_OUT | HOST_HUNG_UP);
}

void host_addr_write(const struct endpoint *ep, struct hostcall_addr *addr)
{
    *addr = (struct hostcall_addr){.port = ep->port, .scope = ep->scope};
    memcpy(addr->ip, ep->ip, 16);
}

int host_addr_read(const struct host_socket *h, const struct hostcall_addr *addr, struct endpoint *ep)
{
    if (h->is_v4 && !ip_is_v4(addr->ip))
        return -EIO;
    *ep = (struct endpoint){.port = addr->port, .scope = ip_is_v4(addr->ip) ? 0 : addr->scope};
    memcpy(ep->ip, addr->ip, 16);
    if (ip_is_own(ep->ip))
        ip_set_gateway(ep->ip);
    return 0;
}

/* Options tune; a host that refuses one changes no result. */
void host_option_set(struct inet_socket *i, unsigned option, int value)
{
    int64_t err = i->host ? hostcall_sock_opt_set(i->host->watch.fd, option, value) : 0;
    if (err < 0)
        log_debug("the host refuses socket option %u: error %d", option, (int)-err);
}
