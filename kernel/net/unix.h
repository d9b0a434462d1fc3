/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets, inside kernel/net: unix.c, unix_name.c, unix_stream.c, unix_packet.c. */
#pragma once
#include "net/accept.h"
#include "net/packet.h"
#include "net/stream.h"

/* A bound name. Immutable; accepted sockets share their listener's. */
struct unix_name {
    struct refcount ref;
    struct sock_addr addr;
};

enum unix_state { UNIX_FRESH, UNIX_CONNECTING, UNIX_CONNECTED, UNIX_LISTENING };

struct unix_socket {
    struct socket s; /* s.lock guards what follows, but for what is atomic or has its own lock */
    unsigned state;  /* enum unix_state; atomic */
    struct unix_name *name;   /* set once */
    struct unix_socket *peer; /* referenced. Streams and seqpackets: set once, before the state says connected */
    struct inode *inode;      /* of a bound path; it points back by `special`, under names_lock */
    struct list name_node;    /* in the table of abstract names, under names_lock */
    struct accept_queue accept;
    struct packet_sender sender; /* to the peer's queue */
    union {
        struct stream in;          /* SOCK_STREAM */
        struct packet_queue queue; /* the others */
    };
};

static inline struct unix_socket *unix_of(struct socket *s)
{
    return container_of(s, struct unix_socket, s);
}

static inline unsigned unix_state(const struct unix_socket *u)
{
    return __atomic_load_n(&u->state, __ATOMIC_ACQUIRE);
}

extern const struct socket_ops unix_stream_ops, unix_packet_ops;

/* ---- unix_name.c ---- */

nodiscard int unix_bind(struct socket *s, const struct sock_addr *addr);
void unix_unbind(struct unix_socket *u);
/* The socket that has this name, referenced. -ECONNREFUSED, -ENOENT, -EACCES, -EPROTOTYPE. */
nodiscard int unix_find(const struct sock_addr *addr, unsigned type, struct unix_socket **result);
int unix_socket_name(struct socket *s, bool is_peer, struct sock_addr *addr);
void unix_name_get(struct unix_name *name);
void unix_name_put(struct unix_name *name);

/* ---- unix.c: what both kinds share ---- */

struct unix_socket *unix_socket_create(unsigned type);
nodiscard int unix_listen(struct socket *s, int backlog);
nodiscard int unix_accept(struct socket *s, bool nonblock, struct socket **result);
nodiscard int unix_connect(struct socket *s, const struct sock_addr *addr, bool nonblock); /* streams, seqpackets */
nodiscard int unix_pair(struct socket *a, struct socket *b);
nodiscard int unix_shutdown(struct socket *s, int how);
void unix_close(struct socket *s);
void unix_destroy(struct socket *s);
void unix_option_changed(struct socket *s, int level, int name);
nodiscard int unix_get_option(struct socket *s, int level, int name, void *value, uint32_t *size);
/* Events that do not depend on the data. */
uint32_t unix_poll_common(struct unix_socket *u);
/* The credentials go along if they were given, or if either end asks for them. */
void unix_fill_cred(struct unix_socket *u, struct unix_socket *to, struct message *m);
