/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/net: the tables of sockets, interfaces and routes, in the form that netstat(8), ss(8) and libraries read. What a line says of a
 * socket is read without its locks: it may be half of one moment and half of the next, as on Linux.
 */
#include <asm/byteorder.h>
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "net/inet.h"
#include "net/interface.h"
#include "net/unix.h"
#include "procfs/internal.h"

/* As Linux numbers them. */
enum { SHOWN_ESTABLISHED = 1, SHOWN_SYN_SENT = 2, SHOWN_FIN_WAIT2 = 5, SHOWN_CLOSED = 7, SHOWN_CLOSE_WAIT = 8, SHOWN_LISTENING = 10 };

typedef bool show_socket(struct socket *s, unsigned idx, struct text *t); /* was it one of those that are shown? */

static int sockets_show(struct text *t, unsigned family, unsigned type, show_socket *show)
{
    struct socket **list;
    size_t count;
    unsigned idx = 0;
    int err = socket_list(&list, &count);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = list[i]->family == family && (type == 0 || list[i]->type == type);
        idx += is_wanted && show(list[i], idx, t);
        socket_put(list[i]);
    }
    heap_free(list);
    return 0;
}

/* ---- TCP and UDP ------------------------------------------------------------------------------------------------------ */

/* Four bytes at a time, each as a number of this machine. */
static void endpoint_show(struct text *t, bool is_v6, const struct endpoint *ep)
{
    uint32_t words[4];
    memcpy(words, ep->ip, sizeof(words));
    if (is_v6)
        text_add(t, " %08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3], ep->port);
    else
        text_add(t, " %08X:%04X", words[3], ep->port);
}

/* Nothing waits to be sent: it lies at the receiver, or at the host. */
static void line_show(struct socket *s, unsigned idx, unsigned state, uint64_t receiving, struct text *t)
{
    const struct inet_socket *i = inet_of(s);
    bool is_v6 = s->family == AF_INET6;
    text_add(t, is_v6 || s->type == SOCK_STREAM ? "%4u:" : "%5u:", idx);
    endpoint_show(t, is_v6, &i->local);
    endpoint_show(t, is_v6, &i->remote);
    text_add(t, " %02X %08X:%08X 00:00000000 00000000 %5u        0 %llu %u 0000000000000000", state, 0u, (unsigned)receiving, s->uid,
             (unsigned long long)file_own_ino(s), (unsigned)s->ref.count - 1);
}

static unsigned tcp_state_shown(struct inet_socket *i)
{
    bool has_ended = stream_state(&i->in) & STREAM_ENDED, is_shut = socket_shutdown_bits(&i->s) & SOCKET_SHUT_SEND;
    switch (inet_state(i)) {
    case INET_LISTENING: return SHOWN_LISTENING;
    case INET_CONNECTING: return SHOWN_SYN_SENT;
    case INET_CONNECTED: break;
    default: return SHOWN_CLOSED;
    }
    if (!tcp_is_connected(i) || (has_ended && is_shut))
        return SHOWN_CLOSED;
    return has_ended ? SHOWN_CLOSE_WAIT : is_shut ? SHOWN_FIN_WAIT2 : SHOWN_ESTABLISHED;
}

static bool tcp_show(struct socket *s, unsigned idx, struct text *t)
{
    struct inet_socket *i = inet_of(s);
    unsigned state = tcp_state_shown(i);
    bool is_listening = state == SHOWN_LISTENING;
    if (state == SHOWN_CLOSED)
        return false;
    line_show(s, idx, state, is_listening ? i->accept.count : ring_used(&i->in.ring), t);
    text_add(t, " 100 0 0 10 0\n");
    return true;
}

static bool udp_show(struct socket *s, unsigned idx, struct text *t)
{
    struct inet_socket *i = inet_of(s);
    if (!i->is_bound)
        return false;
    line_show(s, idx, i->remote.port ? SHOWN_ESTABLISHED : SHOWN_CLOSED, packet_queue_bytes(&i->queue), t);
    text_add(t, " 0\n");
    return true;
}

#define TITLE_V4 "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define TITLE_V6 \
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define TITLE_UDP "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"

static int show_tcp(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, TITLE_V4);
    return sockets_show(t, AF_INET, SOCK_STREAM, tcp_show);
}

static int show_tcp6(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, TITLE_V6);
    return sockets_show(t, AF_INET6, SOCK_STREAM, tcp_show);
}

static int show_udp(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, TITLE_UDP);
    return sockets_show(t, AF_INET, SOCK_DGRAM, udp_show);
}

static int show_udp6(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, TITLE_V6);
    return sockets_show(t, AF_INET6, SOCK_DGRAM, udp_show);
}

/* ---- Unix sockets ------------------------------------------------------------------------------------------------------- */

/* Abstract names have an "@" for each zero. */
static void unix_name_show(struct unix_socket *u, struct text *t)
{
    const size_t path_off = offsetof(struct linux_sockaddr_un, path);
    spin_lock(&u->s.lock);
    struct unix_name *name = u->name;
    unix_name_get(name);
    spin_unlock(&u->s.lock);
    if (!name)
        return;
    bool is_abstract = !name->addr.un.path[0];
    size_t len = name->addr.size - path_off - !is_abstract;
    text_add(t, " ");
    for (size_t i = 0; i < len; i++)
        text_add(t, "%c", name->addr.un.path[i] ? name->addr.un.path[i] : '@');
    unix_name_put(name);
}

static bool unix_show(struct socket *s, unsigned idx, struct text *t)
{
    struct unix_socket *u = unix_of(s);
    unsigned state = unix_state(u);
    bool is_connected = state == UNIX_CONNECTED || (s->type == SOCK_DGRAM && u->peer);
    (void)idx;
    text_add(t, "0000000000000000: %08X 00000000 %08X %04X %02X %5llu", (unsigned)s->ref.count, state == UNIX_LISTENING ? 0x10000u : 0, s->type,
             is_connected ? 3 : state == UNIX_CONNECTING ? 2 : 1, (unsigned long long)file_own_ino(s));
    unix_name_show(u, t);
    text_add(t, "\n");
    return true;
}

static int show_unix(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "Num               RefCount Protocol Flags    Type St Inode Path\n");
    return sockets_show(t, AF_UNIX, 0, unix_show);
}

static bool netlink_show(struct socket *s, unsigned idx, struct text *t)
{
    (void)idx;
    text_add(t, "0000000000000000 %-3u %-10u %08x %-8d %-8d %d     %-8d %-8u %llu\n", s->protocol, 0u, 0u, 0, 0, 0, (int)s->ref.count, 0u,
             (unsigned long long)file_own_ino(s));
    return true;
}

static int show_netlink(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
    return sockets_show(t, AF_NETLINK, 0, netlink_show);
}

/* ---- interfaces and routes ------------------------------------------------------------------------------------------------ */

/* What went through the host counts for eth0, a call as a packet; lo counts nothing: what stays inside has no packets. */
static void interface_line(const struct net_interface *i, struct text *t)
{
    bool is_outside = i->index != 1;
    unsigned long long in = is_outside ? hostcall_bytes[HOSTCALL_SOCK_RECV] : 0, out = is_outside ? hostcall_bytes[HOSTCALL_SOCK_SEND] : 0;
    unsigned long long received = is_outside ? hostcall_counts[HOSTCALL_SOCK_RECV] : 0, sent = is_outside ? hostcall_counts[HOSTCALL_SOCK_SEND] : 0;
    text_add(t, "%6s: %7llu %7llu    0    0    0     0          0         0 %8llu %7llu    0    0    0     0       0          0\n", i->name, in,
             received, out, sent);
}

static int show_dev(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "Inter-|   Receive                                                |  Transmit\n"
                " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n");
    for (unsigned i = 0; i < interface_count(); i++)
        interface_line(interface_at(i), t);
    return 0;
}

static uint32_t address_word(uint32_t addr)
{
    return __cpu_to_be32(addr);
}

/* Up, and by a gateway: RTF_UP 1, RTF_GATEWAY 2. */
static int show_route(const struct proc_node *n, struct text *t)
{
    const struct net_interface *eth0 = interface_at(1);
    (void)n;
    text_add(t, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n");
    if (!eth0)
        return 0;
    uint32_t mask = ~(uint32_t)(UINT32_MAX >> eth0->prefix);
    text_add(t, "%s\t00000000\t%08X\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", eth0->name, address_word(ETH0_GATEWAY));
    text_add(t, "%s\t%08X\t00000000\t0001\t0\t0\t0\t%08X\t0\t0\t0\n", eth0->name, address_word(ETH0_ADDRESS & mask), address_word(mask));
    return 0;
}

static int show_if_inet6(const struct proc_node *n, struct text *t)
{
    (void)n;
    for (unsigned i = 0; i < interface_count(); i++) {
        const struct net_interface *f = interface_at(i);
        if (f->has_ipv6_loopback)
            text_add(t, "00000000000000000000000000000001 %02x 80 10 80 %8s\n", f->index, f->name);
    }
    return 0;
}

static int show_ipv6_route(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000001 00000000 "
                "80200001       lo\n");
    return 0;
}

const struct proc_entry proc_net_entries[PROC_NET_ENTRY_COUNT] = {
    PROC_TEXT("arp", "IP address       HW type     Flags       HW address            Mask     Device\n"),
    PROC_FILE("dev", show_dev),
    PROC_FILE("if_inet6", show_if_inet6),
    PROC_FILE("ipv6_route", show_ipv6_route),
    PROC_FILE("netlink", show_netlink),
    PROC_FILE("route", show_route),
    PROC_FILE("tcp", show_tcp),
    PROC_FILE("tcp6", show_tcp6),
    PROC_FILE("udp", show_udp),
    PROC_FILE("udp6", show_udp6),
    PROC_FILE("unix", show_unix),
};
