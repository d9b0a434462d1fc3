/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes on their way to one socket: a ring, who waits for it, and what travels beside the bytes. Each end of a
 * connection inside the enclave has one, which its peer writes to; a host connection's is filled by its reader.
 *
 * tx is held by who writes, rx by who reads, over the copy from or to the user but never while waiting. Growing the ring
 * takes both, tx first. lock guards the queues and the marks.
 */
#pragma once
#include "net/ring.h"
#include "net/socket.h"
#include "sync/mutex.h"

struct stream;

struct stream_source {
    bool (*may_have)(struct stream *st); /* may there be more? Under st->lock or not */
    int (*fill)(struct stream *st, uint64_t want); /* with tx and rx held: moves data into the ring; 0 or -errno */
};

struct stream {
    struct mutex tx, rx;
    struct ring ring;
    struct spinlock lock;
    struct waitq readers, writers;
    struct list marks;       /* struct stream_mark, in order */
    unsigned state;          /* STREAM_*; atomic; only ever gains bits */
    bool wants_room;         /* somebody found it full: tell him once there is room; atomic */
    struct socket *owner;    /* reads; it contains the stream */
    struct socket *writer;   /* NULL: none yet, or the host. Set once */
    const struct stream_source *source; /* besides what the peer writes; NULL: none. Set once */
    uint32_t keep;           /* an empty ring that is larger is given back */
    unsigned urgent;         /* enum stream_urgent; atomic; this and the next change under lock: urgent.c */
    uint64_t urgent_at;      /* where in the ring's count of bytes the urgent one belongs */
    uint8_t urgent_byte;     /* URGENT_WAITS: it lies here, not in the ring */
};
enum stream_urgent { URGENT_NONE, URGENT_WAITS, URGENT_READ, URGENT_INLINE };
enum {
    STREAM_ENDED = 1,  /* nothing more comes */
    STREAM_BROKEN = 2, /* nobody will read */
};

void stream_init(struct stream *st, struct socket *owner);
/* Forgets all that is in it; nothing is written any more. May sleep. */
void stream_fini(struct stream *st);

/* -EPIPE (nobody reads), -EAGAIN, -EINTR, -EFAULT, -ENOMEM; bytes if any were taken. */
nodiscard int64_t stream_write(struct stream *st, struct message *m, ns_t deadline);
/* 0 at the end. MSG_PEEK, MSG_WAITALL; the owner's pending error. */
nodiscard int64_t stream_read(struct stream *st, struct message *m, ns_t deadline);

/* MSG_OOB: the last byte of what is sent. stream_write and stream_read do it; the owner's oob_inline says where the byte goes. */
nodiscard int64_t stream_write_urgent(struct stream *st, struct message *m, ns_t deadline);
nodiscard int64_t stream_read_urgent(struct stream *st, struct message *m); /* -EINVAL: none waits */
bool stream_is_at_mark(struct stream *st);        /* all before the urgent byte is read, and nothing behind it */
uint32_t stream_urgent_events(struct stream *st); /* EPOLLPRI or 0 */
/* With rx held. Cuts what is read at pos down to what lies before the mark: true if it did. */
bool stream_urgent_limit(struct stream *st, uint64_t pos, uint64_t *limit);
void stream_urgent_pass(struct stream *st); /* tail moved */

/* Brings some of what the source has into an empty ring, to know how much there is. */
nodiscard int stream_fetch(struct stream *st);

void stream_end(struct stream *st);
void stream_break(struct stream *st);
static inline unsigned stream_state(const struct stream *st)
{
    return __atomic_load_n(&st->state, __ATOMIC_ACQUIRE);
}
bool stream_is_readable(struct stream *st); /* data, or the end */
/* Room to speak of? If not, the writer's watchers are told when there is. */
bool stream_is_writable(struct stream *st);
/* The source has more: wakes readers and watchers. Does not sleep. */
void stream_announce(struct stream *st, uint32_t events);
/* Waits on the writers' queue until done(st) or the deadline; -EINTR, -ETIMEDOUT. */
nodiscard int stream_wait_writable(struct stream *st, bool (*done)(struct stream *st), ns_t deadline);
