/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6, inside kernel/net. What goes to the enclave's own addresses never leaves it: two ends of such a TCP
 * connection are linked like a pair of Unix sockets, a UDP datagram is queued at its receiver. All other addresses are the
 * host's business: host_socket.h. A socket is undecided until it connects or sends.
 */
#pragma once
#include "net/accept.h"
#include "net/packet.h"
#include "net/stream.h"

struct endpoint {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint16_t port;  /* host byte order */
    uint32_t scope;
};

enum inet_state {
    INET_FRESH,
    INET_CONNECTING, /* through the host */
    INET_CONNECTED,
    INET_LISTENING,
    INET_CLOSED,     /* was connected; reset, or failed */
};

/* Options that are a number; inet_option.c has the table. */
enum inet_option {
    OPT_NODELAY, OPT_CORK, OPT_KEEPIDLE, OPT_KEEPINTVL, OPT_KEEPCNT, OPT_SYNCNT, OPT_LINGER2, OPT_DEFER_ACCEPT,
    OPT_QUICKACK, OPT_USER_TIMEOUT, OPT_FASTOPEN, OPT_NOTSENT_LOWAT, OPT_WINDOW_CLAMP,
    OPT_TOS, OPT_TTL, OPT_MTU_DISCOVER, OPT_RECVERR, OPT_PKTINFO, OPT_FREEBIND, OPT_MULTICAST_TTL, OPT_MULTICAST_LOOP,
    OPT_BIND_NO_PORT,
    OPT_V6ONLY, OPT_UNICAST_HOPS, OPT_TCLASS, OPT_V6_MTU_DISCOVER, OPT_V6_RECVERR, OPT_V6_PKTINFO, OPT_MULTICAST_HOPS,
    OPT_V6_MULTICAST_LOOP, OPT_AUTOFLOWLABEL,
    OPT_COUNT,
};

struct host_socket;

struct inet_socket {
    struct socket s;   /* s.lock guards what follows, but for what has its own lock or is atomic */
    unsigned state;    /* enum inet_state; atomic */
    bool is_bound;     /* local.port is its own, in the table of ports */
    bool has_address;  /* bind gave local.ip; else connect chooses it */
    bool shares_port;  /* accepted: its listener's port */
    bool was_in_progress; /* connect(2) said EINPROGRESS, and the next one will say 0; atomic */
    bool is_peer_gone; /* the other end inside is closed: what is sent meets a reset; atomic */
    bool is_reset;     /* by the other end: no peer any more; atomic */
    struct endpoint local, remote; /* remote.port 0: none */
    struct list port_node;         /* under port_lock */
    struct inet_socket *peer;      /* inside; referenced, set once before the state says connected */
    struct host_socket *host;      /* NULL: all is inside */
    struct host_socket *retired;   /* earlier ones: another thread may still use them */
    struct accept_queue accept;
    int options[OPT_COUNT];
    union {
        struct stream in;          /* TCP */
        struct packet_queue queue; /* UDP */
    };
};

static inline struct inet_socket *inet_of(struct socket *s)
{
    return container_of(s, struct inet_socket, s);
}

static inline unsigned inet_state(const struct inet_socket *i)
{
    return __atomic_load_n(&i->state, __ATOMIC_ACQUIRE);
}

static inline void inet_set_state(struct inet_socket *i, unsigned state)
{
    __atomic_store_n(&i->state, state, __ATOMIC_RELEASE);
}

static inline bool inet_is_tcp(const struct inet_socket *i)
{
    return i->s.type == SOCK_STREAM;
}

/* Not reset, either. */
static inline bool tcp_is_connected(const struct inet_socket *i)
{
    return inet_state(i) == INET_CONNECTED && !__atomic_load_n(&i->is_reset, __ATOMIC_ACQUIRE);
}

extern const struct socket_ops tcp_ops, udp_ops;

/* ---- endpoint.c ---- */

bool ip_is_v4(const uint8_t ip[16]);
bool ip_is_any(const uint8_t ip[16]);
bool ip_is_own(const uint8_t ip[16]); /* the enclave's: loopback, eth0, any */
void ip_set_gateway(uint8_t ip[16]);
bool ip_is_equal(const uint8_t a[16], const uint8_t b[16]);
bool ip_is_loopback(const uint8_t ip[16]);
bool ip_is_broadcast(const uint8_t ip[16]);
bool ip_is_multicast(const uint8_t ip[16]); /* or broadcast */
/* An address as a socket of this family takes it: -EINVAL (too short), -EAFNOSUPPORT. */
nodiscard int endpoint_read(const struct inet_socket *i, const struct sock_addr *addr, struct endpoint *ep);
void endpoint_write(const struct inet_socket *i, const struct endpoint *ep, struct sock_addr *addr);
/* The address that a packet to `to` comes from, of the enclave's own. */
void endpoint_source(const struct endpoint *to, uint8_t ip[16]);
/* "Any" as a destination means this machine. */
void endpoint_resolve_any(struct endpoint *ep);

/* ---- port.c ---- */

/* By its local address and IPV6_V6ONLY. */
bool inet_takes_v4(const struct inet_socket *i);
bool inet_takes_v6(const struct inet_socket *i);
/* Reserves local (port 0: a free one). -EADDRINUSE, -EINVAL (has one), -EACCES. */
nodiscard int port_bind(struct inet_socket *i, const struct endpoint *local);
void port_unbind(struct inet_socket *i);
/* Connected: its own address (NULL: as it was) and the other end's. */
void port_set_ends(struct inet_socket *i, const uint8_t ip[16], const struct endpoint *remote);
/* Becomes a listener: -EADDRINUSE if another is one already. Sets the state. */
nodiscard int port_listen(struct inet_socket *i);
/* Who takes connections to, or datagrams from `from` to `to`: referenced, or NULL. */
struct inet_socket *port_find(bool is_tcp, const struct endpoint *to, const struct endpoint *from);

/* ---- inet.c: what both protocols share ---- */

struct inet_socket *inet_socket_create(unsigned family, unsigned type, unsigned protocol);
void inet_any_ip(const struct inet_socket *i, uint8_t ip[16]); /* of its family */
nodiscard int inet_bind(struct socket *s, const struct sock_addr *addr);
nodiscard int inet_name(struct socket *s, bool is_peer, struct sock_addr *addr);
void inet_destroy(struct socket *s);
/* May it leave, and if not, why: -ENETUNREACH, -EACCES. */
nodiscard int inet_may_leave(const struct inet_socket *i, const struct endpoint *to);
/* The host says that something changed; does not sleep. */
void inet_host_ready(struct inet_socket *i, uint32_t events);

/* ---- inet_option.c ---- */

void inet_options_init(struct inet_socket *i);
nodiscard int inet_set_option(struct socket *s, int level, int name, const void *value, uint32_t size);
nodiscard int inet_get_option(struct socket *s, int level, int name, void *value, uint32_t *size);
void inet_option_changed(struct socket *s, int level, int name);
/* All that differ from the default, to the socket's fresh host socket. */
void inet_options_to_host(struct inet_socket *i);

/* ---- tcp_host.c, udp_host.c: through the host ---- */

/* What an accepted socket has from its listener. */
void tcp_inherit(struct inet_socket *i, const struct inet_socket *listener);

extern const struct stream_source tcp_host_source;
extern const struct packet_source udp_host_source;
nodiscard int tcp_host_connect(struct inet_socket *i, const struct endpoint *to);
/* Is the connection made? Moves the state on; 0, -EINPROGRESS, or what it failed with. */
nodiscard int tcp_host_connect_finish(struct inet_socket *i);
nodiscard int64_t tcp_host_send(struct inet_socket *i, struct message *m);
nodiscard int tcp_host_listen(struct inet_socket *i, int backlog);
/* One connection that the host has for the listener; -EAGAIN. */
nodiscard int tcp_host_accept(struct inet_socket *listener, struct inet_socket **result);
nodiscard int udp_host_publish(struct inet_socket *i); /* at bind */
nodiscard int udp_host_connect(struct inet_socket *i, const struct endpoint *to);
void udp_host_disconnect(struct inet_socket *i);
void udp_host_fetch(struct inet_socket *i); /* brings a datagram into an empty queue, if the host has one */
nodiscard int64_t udp_host_send(struct inet_socket *i, const struct endpoint *to, struct message *m);
