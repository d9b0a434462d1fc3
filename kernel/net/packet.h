/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages with borders on their way to one socket: datagrams and SOCK_SEQPACKET. queue.lock guards everything in it;
 * data are copied before a packet is queued and after it was taken off.
 */
#pragma once
#include "net/socket.h"

struct packet {
    struct list node;
    struct refcount ref; /* the queue's or the taker's, and of who peeks */
    uint32_t size;
    struct sock_addr from; /* size 0: nameless */
    struct sock_addr to;   /* for IP_PKTINFO; size 0: not known */
    struct scm scm;
    uint8_t data[];
};

struct packet_queue;

struct packet_source {
    bool (*may_have)(struct packet_queue *q); /* also under q->lock */
    int (*fill)(struct packet_queue *q);      /* pushes at most one packet; 0 or -errno */
};

/* One who sends to this queue and no other; its watchers are told when there is room again. */
struct packet_sender {
    struct list node;
    struct socket *socket;
    bool wants_room;
};

struct packet_queue {
    struct spinlock lock;
    struct list packets;
    uint32_t count, count_max;
    uint64_t bytes; /* with what a packet costs itself */
    struct waitq readers, writers;
    struct list senders;
    bool wants_room;  /* a sender of the list does */
    bool is_closed;   /* -ECONNREFUSED */
    struct socket *owner;
    const struct packet_source *source; /* besides what is pushed; may be NULL */
};

void packet_queue_init(struct packet_queue *q, struct socket *owner, uint32_t count_max);
void packet_queue_close(struct packet_queue *q); /* and drops what is in it; may sleep */
/* Somebody's state changed: everybody looks again. */
void packet_queue_wake(struct packet_queue *q, uint32_t events);

/* Copies the message; packet_put it if it is not pushed. */
nodiscard int packet_make(struct message *m, struct packet **p);
nodiscard int packet_alloc(uint32_t size, struct packet **p);
void packet_put(struct packet *p);
/* Takes the packet if 0. bytes_max: how much the sender lets wait. -EAGAIN: full; -ECONNREFUSED: closed; -EPIPE. */
nodiscard int packet_push(struct packet_queue *q, struct packet *p, uint64_t bytes_max);
/* Until there is room for p, or something else changed; -EAGAIN (deadline), -EINTR. */
nodiscard int packet_wait_room(struct packet_queue *q, const struct packet *p, uint64_t bytes_max, ns_t deadline);
/* Bytes; 0 also when nothing more comes. -EAGAIN, -EINTR, -EFAULT, the owner's error. */
nodiscard int64_t packet_receive(struct packet_queue *q, struct message *m, ns_t deadline);

bool packet_queue_has_any(struct packet_queue *q);
/* If not, the sender will be told. */
bool packet_queue_has_room(struct packet_queue *q, uint64_t bytes_max, struct packet_sender *sender);
uint32_t packet_queue_first_size(struct packet_queue *q); /* SIOCINQ of datagrams */
uint64_t packet_queue_bytes(struct packet_queue *q);      /* of all */
void packet_sender_add(struct packet_queue *q, struct packet_sender *sender, struct socket *s);
void packet_sender_remove(struct packet_queue *q, struct packet_sender *sender);
