/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of the host's, behind one of ours. What the host says is checked by hostcall.tab's rows, and here: addresses
 * must be of the family that was asked for. Readiness is edge-triggered: two bits remember what may still be there.
 */
#pragma once
#include "hostcall/hostcall.h"
#include "net/inet.h"

enum {
    HOST_IN = 1,       /* there may be something to read, or to accept */
    HOST_IN_SURE = 2,  /* the host said so after the last look */
    HOST_OUT = 4,      /* it may take more */
    HOST_HUNG_UP = 8,  /* the end comes: look until it is there */
};

#define HOST_ASKERS 32

/* Who sent a datagram to a published port: he may be answered, wherever he is. */
struct host_asker {
    struct endpoint shown;
    struct hostcall_addr true_addr;
};

struct host_socket {
    struct host_watch watch; /* watch.fd is the host's descriptor */
    struct inet_socket *owner;
    unsigned ready;    /* HOST_*; atomic */
    bool is_watched, is_v4;
    bool is_busy;      /* TCP: the last receive brought more than a small ring takes. Under in.rx */
    struct host_asker *askers; /* UDP of a published port: the last HOST_ASKERS; under the queue's lock */
    unsigned asker_next;
    struct host_socket *next; /* of its owner's retired ones; under the owner's s.lock */
};

/* -errno of the host's. owner->host is set; it must be NULL before. */
nodiscard int host_socket_open(struct inet_socket *owner, bool is_v4);
/* Around a descriptor that sock_accept brought; closes it on failure. */
nodiscard int host_socket_adopt(struct inet_socket *owner, int fd, bool is_v4);
/* From now on readiness comes; what is ready now, too. */
nodiscard int host_socket_watch(struct host_socket *h);
/* It is not used any more from now on, but for who has it at hand still: it goes with its owner. */
void host_socket_retire(struct inet_socket *owner);
/* All of them. Nobody else uses the owner. */
void host_sockets_close(struct inet_socket *owner);

/* NULL: none. It stays valid while its owner is open, though it may retire meanwhile. */
static inline struct host_socket *host_of(const struct inet_socket *i)
{
    return __atomic_load_n(&i->host, __ATOMIC_ACQUIRE);
}

static inline unsigned host_ready(const struct host_socket *h)
{
    return __atomic_load_n(&h->ready, __ATOMIC_ACQUIRE);
}

static inline void host_ready_set(struct host_socket *h, unsigned bits)
{
    __atomic_fetch_or(&h->ready, bits, __ATOMIC_SEQ_CST);
}

/* Before a try: what comes during it is not forgotten. */
static inline void host_ready_clear(struct host_socket *h, unsigned bits)
{
    __atomic_fetch_and(&h->ready, ~bits, __ATOMIC_SEQ_CST);
}

/* Asks the host where the bits do not say for sure; does not sleep. */
bool host_is_readable(struct host_socket *h);
bool host_is_writable(struct host_socket *h);

void host_addr_write(const struct endpoint *ep, struct hostcall_addr *addr);
/*
 * Who the host says that it is. -EIO: not of the socket's family. One of the enclave's own addresses is another machine's
 * out there: it is shown as the gateway's, so that nobody outside looks like a program in here.
 */
nodiscard int host_addr_read(const struct host_socket *h, const struct hostcall_addr *addr, struct endpoint *ep);
void host_option_set(struct inet_socket *i, unsigned option, int value);
