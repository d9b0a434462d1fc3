/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of IPPROTO_TCP, IPPROTO_IP and IPPROTO_IPV6. Inside the enclave most have nothing to tune: they are kept, shown
 * again, and handed to the host's socket where there is one.
 */
#include <linux/tcp.h>
#include "base/string.h"
#include "net/host_socket.h"

#define NO_HOST 0 /* HOSTCALL_SOCK_ERROR is no option to set */

static const struct {
    int level, name, initial, min, max;
    unsigned host; /* enum hostcall_sock_option */
} table[OPT_COUNT] = {
    [OPT_NODELAY] = {SOL_TCP, TCP_NODELAY, 0, INT32_MIN, INT32_MAX, HOSTCALL_SOCK_NODELAY},
    [OPT_CORK] = {SOL_TCP, TCP_CORK, 0, INT32_MIN, INT32_MAX, HOSTCALL_SOCK_CORK},
    [OPT_KEEPIDLE] = {SOL_TCP, TCP_KEEPIDLE, 7200, 1, 32767, HOSTCALL_SOCK_KEEPIDLE},
    [OPT_KEEPINTVL] = {SOL_TCP, TCP_KEEPINTVL, 75, 1, 32767, HOSTCALL_SOCK_KEEPINTVL},
    [OPT_KEEPCNT] = {SOL_TCP, TCP_KEEPCNT, 9, 1, 127, HOSTCALL_SOCK_KEEPCNT},
    [OPT_SYNCNT] = {SOL_TCP, TCP_SYNCNT, 6, 1, 127, NO_HOST},
    [OPT_LINGER2] = {SOL_TCP, TCP_LINGER2, 60, -1, 120, NO_HOST},
    [OPT_DEFER_ACCEPT] = {SOL_TCP, TCP_DEFER_ACCEPT, 0, 0, INT32_MAX, NO_HOST},
    [OPT_QUICKACK] = {SOL_TCP, TCP_QUICKACK, 1, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_USER_TIMEOUT] = {SOL_TCP, TCP_USER_TIMEOUT, 0, 0, INT32_MAX, HOSTCALL_SOCK_USER_TIMEOUT},
    [OPT_FASTOPEN] = {SOL_TCP, TCP_FASTOPEN, 0, 0, INT32_MAX, NO_HOST},
    [OPT_NOTSENT_LOWAT] = {SOL_TCP, TCP_NOTSENT_LOWAT, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_WINDOW_CLAMP] = {SOL_TCP, TCP_WINDOW_CLAMP, 65535, 0, INT32_MAX, NO_HOST},
    [OPT_TOS] = {SOL_IP, IP_TOS, 0, 0, 255, HOSTCALL_SOCK_TOS},
    [OPT_TTL] = {SOL_IP, IP_TTL, 64, -1, 255, HOSTCALL_SOCK_TTL},
    [OPT_MTU_DISCOVER] = {SOL_IP, IP_MTU_DISCOVER, 1, 0, 5, NO_HOST},
    [OPT_RECVERR] = {SOL_IP, IP_RECVERR, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_PKTINFO] = {SOL_IP, IP_PKTINFO, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_FREEBIND] = {SOL_IP, IP_FREEBIND, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_MULTICAST_TTL] = {SOL_IP, IP_MULTICAST_TTL, 1, -1, 255, NO_HOST},
    [OPT_MULTICAST_LOOP] = {SOL_IP, IP_MULTICAST_LOOP, 1, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_BIND_NO_PORT] = {SOL_IP, IP_BIND_ADDRESS_NO_PORT, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_V6ONLY] = {SOL_IPV6, IPV6_V6ONLY, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_UNICAST_HOPS] = {SOL_IPV6, IPV6_UNICAST_HOPS, 64, -1, 255, NO_HOST},
    [OPT_TCLASS] = {SOL_IPV6, IPV6_TCLASS, 0, -1, 255, NO_HOST},
    [OPT_V6_MTU_DISCOVER] = {SOL_IPV6, IPV6_MTU_DISCOVER, 1, 0, 5, NO_HOST},
    [OPT_V6_RECVERR] = {SOL_IPV6, IPV6_RECVERR, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_V6_PKTINFO] = {SOL_IPV6, IPV6_RECVPKTINFO, 0, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_MULTICAST_HOPS] = {SOL_IPV6, IPV6_MULTICAST_HOPS, 1, -1, 255, NO_HOST},
    [OPT_V6_MULTICAST_LOOP] = {SOL_IPV6, IPV6_MULTICAST_LOOP, 1, INT32_MIN, INT32_MAX, NO_HOST},
    [OPT_AUTOFLOWLABEL] = {SOL_IPV6, IPV6_AUTOFLOWLABEL, 0, INT32_MIN, INT32_MAX, NO_HOST},
};

void inet_options_init(struct inet_socket *i)
{
    for (unsigned o = 0; o < OPT_COUNT; o++)
        i->options[o] = table[o].initial;
}

static bool is_bool(unsigned o)
{
    return table[o].min == INT32_MIN && o != OPT_NOTSENT_LOWAT;
}

/* Which one; OPT_COUNT: none of this socket's. */
static unsigned option_find(const struct inet_socket *i, int level, int name)
{
    if ((level == SOL_TCP && !inet_is_tcp(i)) || (level == SOL_IPV6 && i->s.family != AF_INET6))
        return OPT_COUNT;
    unsigned o = 0;
    while (o < OPT_COUNT && (table[o].level != level || table[o].name != name))
        o++;
    return o;
}

static int set_congestion(const void *value, uint32_t size)
{
    char name[17] = {0};
    memcpy(name, value, MIN(size, 16U));
    return strcmp(name, "cubic") == 0 || strcmp(name, "reno") == 0 ? 0 : -ENOENT;
}

/* What has no number in the table. */
static int set_other(struct inet_socket *i, int level, int name, const void *value, uint32_t size)
{
    if (level == SOL_TCP && name == TCP_CONGESTION && inet_is_tcp(i))
        return set_congestion(value, size);
    if (level == SOL_TCP && name == TCP_MAXSEG && inet_is_tcp(i))
        return 0; /* a hint */
    if (level == SOL_IP && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP))
        return -ENODEV; /* no interface does multicast */
    if (level == SOL_IPV6 && (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP))
        return -ENODEV;
    return -ENOPROTOOPT;
}

static int number_read(const void *value, uint32_t size, int level, int *number)
{
    if (size < sizeof(int) && size > 0 && level == SOL_IP) { /* ip(7) takes a byte as well */
        *number = *(const uint8_t *)value;
        return 0;
    }
    return option_get_int(value, size, number);
}

int inet_set_option(struct socket *s, int level, int name, const void *value, uint32_t size)
{
    struct inet_socket *i = inet_of(s);
    unsigned o = option_find(i, level, name);
    int number;
    if (o == OPT_COUNT)
        return set_other(i, level, name, value, size);
    int err = number_read(value, size, level, &number);
    if (err)
        return err;
    if (number < table[o].min || number > table[o].max)
        return -EINVAL;
    if (o == OPT_V6ONLY && i->is_bound)
        return -EINVAL;
    if (number == -1 && table[o].min == -1)
        number = table[o].initial;
    i->options[o] = is_bool(o) ? number != 0 : number;
    return 0;
}

/* ---- getting -------------------------------------------------------------------------------------------------- */

static uint8_t tcp_state_of(struct inet_socket *i)
{
    enum { ESTABLISHED = 1, SYN_SENT = 2, FIN_WAIT2 = 5, CLOSE = 7, CLOSE_WAIT = 8, LAST_ACK = 9, LISTEN = 10 };
    unsigned shut = socket_shutdown_bits(&i->s);
    switch (inet_state(i)) {
    case INET_LISTENING:
        return LISTEN;
    case INET_CONNECTING:
        return SYN_SENT;
    case INET_CONNECTED:
        break;
    default:
        return CLOSE;
    }
    if (shut == (SOCKET_SHUT_SEND | SOCKET_SHUT_RECEIVE))
        return LAST_ACK;
    return shut & SOCKET_SHUT_SEND ? FIN_WAIT2 : shut & SOCKET_SHUT_RECEIVE ? CLOSE_WAIT : ESTABLISHED;
}

/* The path is one copy: no loss, no window but the ring. For a host connection the host knows better, and is not asked. */
static int get_info(struct inet_socket *i, void *value, uint32_t *size)
{
    struct tcp_info info = {
        .tcpi_state = tcp_state_of(i),
        .tcpi_rto = 204000,
        .tcpi_ato = 40000,
        .tcpi_snd_mss = 32768,
        .tcpi_rcv_mss = 32768,
        .tcpi_pmtu = 65536,
        .tcpi_rtt = 10,
        .tcpi_rttvar = 5,
        .tcpi_snd_cwnd = 10,
        .tcpi_advmss = 65483,
        .tcpi_rcv_space = 65536,
    };
    if (inet_state(i) == INET_LISTENING) {
        info.tcpi_unacked = i->accept.count;
        info.tcpi_sacked = i->accept.max;
    }
    return option_put(value, size, &info, sizeof(info));
}

static bool has_level(const struct inet_socket *i, int level)
{
    return level == SOL_IP || (level == SOL_TCP && inet_is_tcp(i)) || (level == SOL_IPV6 && i->s.family == AF_INET6);
}

static int get_other(struct inet_socket *i, int level, int name, void *value, uint32_t *size)
{
    if (level == SOL_TCP && inet_is_tcp(i) && name == TCP_INFO)
        return get_info(i, value, size);
    if (level == SOL_TCP && inet_is_tcp(i) && name == TCP_MAXSEG)
        return option_put_int(value, size, inet_state(i) == INET_CONNECTED ? 32768 : 536);
    if (level == SOL_TCP && inet_is_tcp(i) && name == TCP_CONGESTION)
        return option_put(value, size, "cubic\0\0\0\0\0\0\0\0\0\0", 16);
    if ((level == SOL_IP && name == IP_MTU) || (level == SOL_IPV6 && name == IPV6_MTU))
        return i->remote.port ? option_put_int(value, size, 65536) : -ENOTCONN;
    return has_level(i, level) ? -ENOPROTOOPT : -EOPNOTSUPP;
}

static int get_base(struct inet_socket *i, int name, void *value, uint32_t *size)
{
    if (name == SO_ACCEPTCONN)
        return option_put_int(value, size, inet_state(i) == INET_LISTENING);
    if (name == SO_ERROR && inet_state(i) == INET_CONNECTING) {
        int err = tcp_host_connect_finish(i);
        return option_put_int(value, size, err == -EINPROGRESS ? 0 : -err);
    }
    return -ENOPROTOOPT;
}

int inet_get_option(struct socket *s, int level, int name, void *value, uint32_t *size)
{
    struct inet_socket *i = inet_of(s);
    if (level == SOL_SOCKET)
        return get_base(i, name, value, size);
    unsigned o = option_find(i, level, name);
    return o == OPT_COUNT ? get_other(i, level, name, value, size) : option_put_int(value, size, i->options[o]);
}

/* ---- the host's socket ------------------------------------------------------------------------------------------- */

static int linger_of(const struct socket *s)
{
    return s->linger_on ? s->linger_seconds : -1;
}

void inet_option_changed(struct socket *s, int level, int name)
{
    struct inet_socket *i = inet_of(s);
    unsigned o = option_find(i, level, name);
    if (o != OPT_COUNT && table[o].host != NO_HOST)
        host_option_set(i, table[o].host, i->options[o]);
    if (level != SOL_SOCKET)
        return;
    if (name == SO_KEEPALIVE)
        host_option_set(i, HOSTCALL_SOCK_KEEPALIVE, s->keep_alive);
    else if (name == SO_LINGER)
        host_option_set(i, HOSTCALL_SOCK_LINGER, linger_of(s));
    else if (name == SO_BROADCAST)
        host_option_set(i, HOSTCALL_SOCK_BROADCAST, s->broadcast);
    else if (name == SO_SNDBUF && inet_is_tcp(i) && inet_state(i) == INET_CONNECTED && i->peer)
        __atomic_store_n(&i->peer->in.ring.max, s->send_size, __ATOMIC_RELAXED);
}

void inet_options_to_host(struct inet_socket *i)
{
    for (unsigned o = 0; o < OPT_COUNT; o++) {
        if (table[o].host != NO_HOST && i->options[o] != table[o].initial)
            host_option_set(i, table[o].host, i->options[o]);
    }
    if (i->s.keep_alive)
        host_option_set(i, HOSTCALL_SOCK_KEEPALIVE, 1);
    if (i->s.linger_on)
        host_option_set(i, HOSTCALL_SOCK_LINGER, linger_of(&i->s));
    if (i->s.broadcast)
        host_option_set(i, HOSTCALL_SOCK_BROADCAST, 1);
    if (i->s.reuse_port)
        host_option_set(i, HOSTCALL_SOCK_REUSEPORT, 1);
}
