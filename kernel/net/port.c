/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports of TCP and UDP: who has which, and who is meant by an address. Sockets that were accepted share their
 * listener's and are not here. There is no TIME_WAIT: a port is free once its socket is closed.
 *
 * port_lock is outside of every socket.lock.
 */
#include <linux/capability.h>
#include "base/string.h"
#include "crypto/random.h"
#include "net/caller.h"
#include "net/inet.h"

#define PORT_BUCKETS    1024
#define EPHEMERAL_FIRST 32768U
#define EPHEMERAL_COUNT 28232U /* to 60999 */
#define PRIVILEGED_END  1024U

static struct spinlock port_lock;
static struct list ports[2][PORT_BUCKETS];

static struct list *bucket_of(bool is_tcp, uint16_t port)
{
    struct list *bucket = &ports[is_tcp][port % PORT_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

/* ---- conflicts ------------------------------------------------------------------------------------------------ */

bool inet_takes_v4(const struct inet_socket *i)
{
    return ip_is_v4(i->local.ip) || (ip_is_any(i->local.ip) && !i->options[OPT_V6ONLY]);
}

bool inet_takes_v6(const struct inet_socket *i)
{
    return !ip_is_v4(i->local.ip);
}

/* Is there an address that both would take? */
static bool overlaps(const struct inet_socket *a, const struct inet_socket *b)
{
    if (!(inet_takes_v4(a) && inet_takes_v4(b)) && !(inet_takes_v6(a) && inet_takes_v6(b)))
        return false;
    return ip_is_any(a->local.ip) || ip_is_any(b->local.ip) || ip_is_equal(a->local.ip, b->local.ip);
}

static bool may_share(const struct inet_socket *a, const struct inet_socket *b)
{
    if (a->s.reuse_port && b->s.reuse_port)
        return true;
    if (!a->s.reuse_addr || !b->s.reuse_addr)
        return false;
    return !inet_is_tcp(a) || (inet_state(a) != INET_LISTENING && inet_state(b) != INET_LISTENING);
}

static bool is_free(const struct inet_socket *i, bool is_shareable)
{
    struct inet_socket *other;
    list_for_each (other, bucket_of(inet_is_tcp(i), i->local.port), port_node) {
        if (other != i && other->local.port == i->local.port && overlaps(i, other) &&
            !(is_shareable && may_share(i, other)))
            return false;
    }
    return true;
}

/* ---- binding ---------------------------------------------------------------------------------------------------- */

/* A port that nobody has at all, else one that nobody minds sharing. */
static int choose_port(struct inet_socket *i)
{
    uint32_t start = random_u32() % EPHEMERAL_COUNT;
    for (uint32_t k = 0; k < 2 * EPHEMERAL_COUNT; k++) {
        i->local.port = (uint16_t)(EPHEMERAL_FIRST + (start + k) % EPHEMERAL_COUNT);
        if (is_free(i, k >= EPHEMERAL_COUNT))
            return 0;
    }
    return -EADDRINUSE;
}

int port_bind(struct inet_socket *i, const struct endpoint *local)
{
    if (local->port && local->port < PRIVILEGED_END && !caller_is_capable(CAP_NET_BIND_SERVICE))
        return -EACCES;
    spin_lock(&port_lock);
    if (i->is_bound) {
        spin_unlock(&port_lock);
        return -EINVAL;
    }
    struct endpoint before = i->local;
    i->local = *local;
    int err = local->port == 0 ? choose_port(i) : is_free(i, true) ? 0 : -EADDRINUSE;
    if (err) {
        i->local = before;
    } else {
        i->is_bound = true;
        list_push_back(bucket_of(inet_is_tcp(i), i->local.port), &i->port_node);
    }
    spin_unlock(&port_lock);
    return err;
}

void port_unbind(struct inet_socket *i)
{
    spin_lock(&port_lock);
    list_remove(&i->port_node);
    i->is_bound = false;
    spin_unlock(&port_lock);
}

void port_set_ends(struct inet_socket *i, const uint8_t ip[16], const struct endpoint *remote)
{
    spin_lock(&port_lock);
    if (ip)
        memcpy(i->local.ip, ip, 16);
    i->remote = *remote;
    spin_unlock(&port_lock);
}

int port_listen(struct inet_socket *i)
{
    spin_lock(&port_lock);
    unsigned before = inet_state(i);
    inet_set_state(i, INET_LISTENING);
    int err = is_free(i, true) ? 0 : -EADDRINUSE;
    if (err)
        inet_set_state(i, before);
    spin_unlock(&port_lock);
    return err;
}

/* ---- finding ------------------------------------------------------------------------------------------------------ */

/* How well a socket fits, 0: not at all. A connected one before a bound one before one for any address. */
static unsigned fit(const struct inet_socket *i, const struct endpoint *to, const struct endpoint *from)
{
    bool is_v4 = ip_is_v4(to->ip), is_any = ip_is_any(i->local.ip);
    if (i->local.port != to->port || !(is_v4 ? inet_takes_v4(i) : inet_takes_v6(i)))
        return 0;
    if (!is_any && !ip_is_equal(i->local.ip, to->ip))
        return 0;
    if (inet_is_tcp(i))
        return inet_state(i) != INET_LISTENING ? 0 : (is_any ? 2 : 4) + (is_v4 == ip_is_v4(i->local.ip));
    if (i->remote.port == 0)
        return (is_any ? 2 : 4) + (is_v4 == ip_is_v4(i->local.ip));
    return i->remote.port == from->port && ip_is_equal(i->remote.ip, from->ip) ? 8 : 0;
}

/* Of several that fit alike (SO_REUSEPORT) each is as likely. */
struct inet_socket *port_find(bool is_tcp, const struct endpoint *to, const struct endpoint *from)
{
    struct inet_socket *i, *best = NULL;
    unsigned best_fit = 0, alike = 0;
    spin_lock(&port_lock);
    list_for_each (i, bucket_of(is_tcp, to->port), port_node) {
        unsigned f = fit(i, to, from);
        if (f == 0 || f < best_fit)
            continue;
        alike = f > best_fit ? 1 : alike + 1;
        best_fit = f;
        if (alike == 1 || random_u32() % alike == 0)
            best = i;
    }
    if (best && !ref_get_unless_zero(&best->s.ref))
        best = NULL;
    spin_unlock(&port_lock);
    return best;
}
