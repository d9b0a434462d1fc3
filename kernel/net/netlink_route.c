/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_ROUTE: links, addresses and routes of the interfaces that interface.h paints. rtnetlink(7). */
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include "base/string.h"
#include "net/interface.h"
#include "net/netlink.h"

#define ANSWER_SIZE 4096
#define OPER_UP      6 /* IF_OPER_UP, IF_OPER_UNKNOWN of linux/if.h, which wants a C library */
#define OPER_UNKNOWN 0

/* An answer in the making: messages one after the other. It is sized for the longest, which our own table bounds. */
struct answer {
    uint32_t size, message; /* bytes so far; where the present message begins */
    uint32_t seq, port, flags;
    uint8_t buf[ANSWER_SIZE];
};

/* ---- building ----------------------------------------------------------------------------------------------- */

static void put(struct answer *a, const void *data, uint32_t size)
{
    uint32_t padded = (uint32_t)align_up(size, NLMSG_ALIGNTO);
    CHECK(padded <= ANSWER_SIZE - a->size);
    memcpy(a->buf + a->size, data, size);
    memset(a->buf + a->size + size, 0, padded - size);
    a->size += padded;
}

static void message_begin(struct answer *a, uint16_t type, const void *body, uint32_t size)
{
    struct nlmsghdr hdr = {0, type, (uint16_t)a->flags, a->seq, a->port};
    a->message = a->size;
    put(a, &hdr, sizeof(hdr));
    put(a, body, size);
}

static void message_end(struct answer *a)
{
    uint32_t len = a->size - a->message;
    memcpy(a->buf + a->message + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

static void attribute(struct answer *a, uint16_t type, const void *data, uint32_t size)
{
    struct rtattr attr = {(uint16_t)(sizeof(attr) + size), type};
    put(a, &attr, sizeof(attr));
    put(a, data, size);
}

static void attribute_u32(struct answer *a, uint16_t type, uint32_t value)
{
    attribute(a, type, &value, sizeof(value));
}

static void attribute_string(struct answer *a, uint16_t type, const char *text)
{
    attribute(a, type, text, (uint32_t)strlen(text) + 1);
}

/* ---- what there is ------------------------------------------------------------------------------------------------ */

static void link_put(struct answer *a, const struct net_interface *n)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[6];
    bool is_loopback = n->flags & IFF_LOOPBACK;
    const struct ifinfomsg info = {.ifi_type = (uint16_t)n->type, .ifi_index = (int)n->index, .ifi_flags = n->flags};
    uint8_t state = is_loopback ? OPER_UNKNOWN : OPER_UP;
    message_begin(a, RTM_NEWLINK, &info, sizeof(info));
    attribute_string(a, IFLA_IFNAME, n->name);
    attribute_u32(a, IFLA_TXQLEN, 1000);
    attribute(a, IFLA_OPERSTATE, &state, sizeof(state));
    attribute_u32(a, IFLA_MTU, n->mtu);
    attribute(a, IFLA_ADDRESS, n->mac, sizeof(n->mac));
    attribute(a, IFLA_BROADCAST, is_loopback ? nobody : everybody, 6);
    attribute_string(a, IFLA_QDISC, "noqueue");
    message_end(a);
}

static void address_v4_put(struct answer *a, const struct net_interface *n)
{
    bool is_loopback = n->flags & IFF_LOOPBACK;
    const struct ifaddrmsg info = {AF_INET, n->prefix, IFA_F_PERMANENT, is_loopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE, n->index};
    uint8_t broadcast[4] = {n->addr[0], n->addr[1], n->addr[2], 255};
    message_begin(a, RTM_NEWADDR, &info, sizeof(info));
    attribute(a, IFA_ADDRESS, n->addr, 4);
    attribute(a, IFA_LOCAL, n->addr, 4);
    if (!is_loopback)
        attribute(a, IFA_BROADCAST, broadcast, 4);
    attribute_string(a, IFA_LABEL, n->name);
    message_end(a);
}

static void address_v6_put(struct answer *a, const struct net_interface *n)
{
    static const uint8_t loopback[16] = {[15] = 1};
    const struct ifaddrmsg info = {AF_INET6, 128, IFA_F_PERMANENT, RT_SCOPE_HOST, n->index};
    message_begin(a, RTM_NEWADDR, &info, sizeof(info));
    attribute(a, IFA_ADDRESS, loopback, sizeof(loopback));
    message_end(a);
}

static void route_put(struct answer *a, const struct net_interface *n, bool is_default)
{
    const uint8_t gateway[4] = {ETH0_GATEWAY >> 24, ETH0_GATEWAY >> 16 & 255, ETH0_GATEWAY >> 8 & 255, ETH0_GATEWAY & 255};
    const uint8_t net[4] = {n->addr[0], n->addr[1], n->addr[2], 0};
    const struct rtmsg info = {.rtm_family = AF_INET, .rtm_dst_len = is_default ? 0 : n->prefix, .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = is_default ? RTPROT_BOOT : RTPROT_KERNEL,
                               .rtm_scope = is_default ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
    message_begin(a, RTM_NEWROUTE, &info, sizeof(info));
    attribute_u32(a, RTA_TABLE, RT_TABLE_MAIN);
    if (is_default) {
        attribute(a, RTA_GATEWAY, gateway, 4);
    } else {
        attribute(a, RTA_DST, net, 4);
        attribute(a, RTA_PREFSRC, n->addr, 4);
    }
    attribute_u32(a, RTA_OIF, n->index);
    message_end(a);
}

/* ---- answering ----------------------------------------------------------------------------------------------------- */

static void links_put(struct answer *a, unsigned family)
{
    (void)family;
    for (unsigned i = 0; i < interface_count(); i++)
        link_put(a, interface_at(i));
}

static void addresses_put(struct answer *a, unsigned family)
{
    for (unsigned i = 0; i < interface_count(); i++) {
        const struct net_interface *n = interface_at(i);
        if (family == AF_UNSPEC || family == AF_INET)
            address_v4_put(a, n);
        if ((family == AF_UNSPEC || family == AF_INET6) && n->has_ipv6_loopback)
            address_v6_put(a, n);
    }
}

static void routes_put(struct answer *a, unsigned family)
{
    if (family == AF_INET6)
        return;
    for (unsigned i = 1; i < interface_count(); i++) {
        route_put(a, interface_at(i), true);
        route_put(a, interface_at(i), false);
    }
}

static void nothing_put(struct answer *a, unsigned family)
{
    (void)a;
    (void)family;
}

static const struct {
    uint16_t type;
    void (*dump)(struct answer *a, unsigned family);
} dumps[] = {
    {RTM_GETLINK, links_put}, {RTM_GETADDR, addresses_put}, {RTM_GETROUTE, routes_put},
    {RTM_GETNEIGH, nothing_put}, {RTM_GETRULE, nothing_put}, {RTM_GETQDISC, nothing_put},
};

static void dump(struct answer *a, uint16_t type, unsigned family)
{
    const int done = 0;
    a->flags = NLM_F_MULTI;
    for (size_t i = 0; i < ARRAY_COUNT(dumps); i++) {
        if (dumps[i].type == type)
            dumps[i].dump(a, family);
    }
    message_begin(a, NLMSG_DONE, &done, sizeof(done));
    message_end(a);
}

/* The outcome of a request that is no question, or that went wrong. */
static void outcome(struct answer *a, const struct nlmsghdr *hdr, int err)
{
    const struct nlmsgerr body = {err, *hdr};
    a->flags = 0;
    message_begin(a, NLMSG_ERROR, &body, sizeof(body));
    message_end(a);
}

/* One link: by index, or by an IFLA_IFNAME behind the header. */
static const struct net_interface *link_asked(const struct nlmsghdr *hdr, const uint8_t *body)
{
    struct ifinfomsg info;
    struct rtattr attr;
    uint32_t size = hdr->nlmsg_len - (uint32_t)sizeof(*hdr), at = sizeof(info);
    if (size < sizeof(info))
        return NULL;
    memcpy(&info, body, sizeof(info));
    if (info.ifi_index > 0)
        return interface_by_index((unsigned)info.ifi_index);
    for (; size - at >= sizeof(attr); at += MIN((uint32_t)align_up(attr.rta_len, RTA_ALIGNTO), size - at)) {
        memcpy(&attr, body + at, sizeof(attr));
        if (attr.rta_len < sizeof(attr) || attr.rta_len > size - at)
            break;
        char name[16] = {0};
        memcpy(name, body + at + sizeof(attr), MIN(attr.rta_len - sizeof(attr), sizeof(name) - 1));
        if (attr.rta_type == IFLA_IFNAME)
            return interface_by_name(name);
    }
    return NULL;
}

static bool is_question(uint16_t type)
{
    return type >= RTM_BASE && (type & 3) == 2; /* RTM_GET...: each kind has NEW, DEL, GET, SET */
}

int netlink_push(struct packet_queue *q, const void *data, uint32_t size)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct packet *p;
    int err = packet_alloc(size, &p);
    if (err)
        return err;
    memcpy(p->data, data, size);
    netlink_addr_write(&kernel, &p->from);
    if (packet_push(q, p, q->owner->receive_size)) {
        packet_put(p);
        return -ENOBUFS;
    }
    return 0;
}

static void answer(struct answer *a, const struct nlmsghdr *hdr, const uint8_t *body)
{
    unsigned family = hdr->nlmsg_len > sizeof(*hdr) ? body[0] : AF_UNSPEC;
    if (!is_question(hdr->nlmsg_type)) {
        outcome(a, hdr, hdr->nlmsg_type < RTM_BASE ? 0 : -EPERM);
    } else if (hdr->nlmsg_flags & NLM_F_DUMP) {
        dump(a, hdr->nlmsg_type, family);
    } else {
        const struct net_interface *n = hdr->nlmsg_type == RTM_GETLINK ? link_asked(hdr, body) : NULL;
        if (n)
            link_put(a, n);
        else
            outcome(a, hdr, hdr->nlmsg_type == RTM_GETLINK ? -ENODEV : -EOPNOTSUPP);
    }
}

int netlink_route_serve(struct packet_queue *q, uint32_t port, const struct nlmsghdr *hdr, const uint8_t *body)
{
    static struct mutex answer_lock; /* guards the buffer: too large for the stack */
    static struct answer a;
    if (!(hdr->nlmsg_flags & NLM_F_REQUEST) || (hdr->nlmsg_type < RTM_BASE && !(hdr->nlmsg_flags & NLM_F_ACK)))
        return 0;
    mutex_lock(&answer_lock);
    a.size = a.flags = 0;
    a.seq = hdr->nlmsg_seq;
    a.port = port;
    answer(&a, hdr, body);
    int err = netlink_push(q, a.buf, a.size);
    mutex_unlock(&answer_lock);
    return err;
}
