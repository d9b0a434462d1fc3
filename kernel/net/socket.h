/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: what all families share, and what each brings. A family embeds struct socket as its first member.
 *
 * Locks, from the outside in: stream.rx and stream.tx (mutexes), stream.lock or packet_queue.lock, socket.lock. The
 * port table's and the names' locks are outside of socket.lock. Of two sockets none is locked inside the other's but
 * where a comment says so. No lock of net but mutexes is held over a host call, or over a copy from or to a user.
 */
#pragma once
#include "abi/linux/socket.h"
#include "base/refcount.h"
#include "net/scm.h"
#include "sync/waitq.h"
#include "vfs/file.h"

#define SOCKET_BUFFER_DEFAULT 212992U
#define SOCKET_BUFFER_MIN     4608U
#define SOCKET_BUFFER_MAX     (4U << 20)

struct socket;

/* One send or receive. Built by message.c from what the caller gave; the families see kernel memory but for `it`. */
struct message {
    struct iov_iter *it;
    struct sock_addr *name; /* send: to whom; receive: filled in with from whom; NULL: not given, not wanted */
    unsigned flags;         /* MSG_* asked for */
    unsigned out_flags;     /* receive: MSG_TRUNC, MSG_CTRUNC, MSG_EOR */
    bool nonblock;
    struct scm scm;         /* send: taken out by who delivers it; receive: what came along */
    struct sock_addr local; /* receive: where it was sent to, for IP_PKTINFO; size 0: not known */
};

/* Results are bytes, 0 or -errno. NULL: -EOPNOTSUPP unless something else stands behind. */
struct socket_ops {
    int (*bind)(struct socket *s, const struct sock_addr *addr);
    int (*listen)(struct socket *s, int backlog);
    int (*connect)(struct socket *s, const struct sock_addr *addr, bool nonblock);
    int (*accept)(struct socket *s, bool nonblock, struct socket **result); /* the caller's reference */
    int (*pair)(struct socket *a, struct socket *b);
    int (*name)(struct socket *s, bool is_peer, struct sock_addr *addr);
    int64_t (*send)(struct socket *s, struct message *m);
    int64_t (*receive)(struct socket *s, struct message *m);
    int (*shutdown)(struct socket *s, int how);
    uint32_t (*poll)(struct socket *s);
    int64_t (*ioctl)(struct socket *s, unsigned cmd, uint64_t arg);                        /* -ENOTTY */
    int (*set_option)(struct socket *s, int level, int name, const void *value, uint32_t size); /* -ENOPROTOOPT */
    /* value has room for SOCKET_OPTION_SIZE bytes; *size: how many were asked for, then how many there are. */
    int (*get_option)(struct socket *s, int level, int name, void *value, uint32_t *size);      /* -ENOPROTOOPT */
    void (*option_changed)(struct socket *s, int level, int name);                              /* nothing */
    void (*close)(struct socket *s);   /* the last descriptor went; may sleep */
    void (*destroy)(struct socket *s); /* the last reference went; not under a lock */
    bool has_urgent;                   /* send and receive know MSG_OOB */
};
#define SOCKET_OPTION_SIZE 256

struct socket {
    const struct socket_ops *ops;
    struct refcount ref; /* the file's, the peer's, names' and queues' */
    uint16_t family, type, protocol;
    struct spinlock lock; /* guards polls, and what each family says */
    struct waitq polls;   /* watchers of any event */
    struct list all_node; /* of all that have a file, or may get one; socket.c */
    struct list pending_node; /* in the listener's accept_queue */
    bool is_abandoned;    /* nobody accepted it: its peer gets a reset */
    int error;            /* SO_ERROR; atomic */
    uint8_t shutdown;     /* SOCKET_SHUT_*; atomic */
    /* Options: single words, set and read without a lock. */
    bool reuse_addr, reuse_port, keep_alive, broadcast, pass_cred, oob_inline, dont_route, linger_on;
    int linger_seconds, priority;
    uint32_t send_size, receive_size; /* SO_SNDBUF, SO_RCVBUF: as getsockopt shows them */
    ns_t send_timeout, receive_timeout; /* 0: none */
    struct linux_ucred peer_cred;     /* pid 0: none */
    uint32_t uid;                     /* of who made it */
    uint64_t cookie;                  /* SO_COOKIE */
};
enum { SOCKET_SHUT_RECEIVE = 1, SOCKET_SHUT_SEND = 2 };

void socket_init(struct socket *s, const struct socket_ops *ops, unsigned family, unsigned type, unsigned protocol);
void socket_get(struct socket *s);
/* All sockets in the order in which they were made, each referenced, in an array that the caller frees. */
nodiscard int socket_list(struct socket ***list, size_t *count);
void socket_put(struct socket *s);
/* Tells the watchers. */
void socket_wake(struct socket *s, uint32_t events);
/* The pending error, negative, and it is pending no more; 0. */
int socket_take_error(struct socket *s);
void socket_set_error(struct socket *s, int error);
static inline unsigned socket_shutdown_bits(const struct socket *s)
{
    return __atomic_load_n(&s->shutdown, __ATOMIC_ACQUIRE);
}
void socket_add_shutdown(struct socket *s, unsigned bits);
/* When a wait that begins now ends: NS_NEVER without a timeout. */
ns_t socket_deadline(ns_t timeout);

/* A file of a new socket; takes the caller's reference, also on failure. */
nodiscard int socket_file(struct socket *s, unsigned flags, struct file **f);
/* The socket behind a descriptor's file. NULL: it is none. */
struct socket *socket_of(struct file *f);

/* A new socket of any family that is there: -EAFNOSUPPORT, -EINVAL, -EPROTONOSUPPORT, -ESOCKTNOSUPPORT. */
nodiscard int socket_create(unsigned family, unsigned type, unsigned protocol, struct socket **s);
nodiscard int unix_create(unsigned type, unsigned protocol, struct socket **s);
nodiscard int inet_create(unsigned family, unsigned type, unsigned protocol, struct socket **s);
nodiscard int netlink_create(unsigned type, unsigned protocol, struct socket **s);

/* Sends and receives, with SIGPIPE and the file's O_NONBLOCK left to the caller. */
nodiscard int64_t socket_send(struct socket *s, struct message *m);
nodiscard int64_t socket_receive(struct socket *s, struct message *m);

/* Any level; SOL_SOCKET is options.c's. */
nodiscard int socket_set_option(struct socket *s, int level, int name, const void *value, uint32_t size);
nodiscard int socket_get_option(struct socket *s, int level, int name, void *value, uint32_t *size);
/* int options: copied out as getsockopt does, cut to *size. */
int option_put_int(void *value, uint32_t *size, int number);
int option_put(void *value, uint32_t *size, const void *data, uint32_t data_size);
nodiscard int option_get_int(const void *value, uint32_t size, int *number);
