/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a pipe, for pipe.c and splice.c. */
#pragma once
#include "ipc/pipe.h"

/*
 * A ring of slots, each a page of which size bytes from off are still to be read; head and tail count slots that were
 * filled and emptied. As on Linux a write goes to a slot of its own unless it fits behind the one before, so that what is
 * full, what poll says and what is atomic are the same.
 *
 * Who works on the ring owns the pipe (is_owned), and may fault on user memory and sleep meanwhile. The spinlock guards
 * ownership and the queues only, for a few instructions. Everything else is changed by the owner; poll reads
 * head, tail and the counts without owning: what it sees is true at one moment, and each change is told afterwards.
 */
struct pipe_slot {
    uint8_t *page;
    uint32_t off, size;
    bool is_packet; /* O_DIRECT: read as one, never added to */
};

#define PIPE_SPARE_MAX 16

struct pipe {
    struct spinlock lock;
    bool is_owned;
    bool was_polled;        /* then each write is told, not only the first: edge-triggered watchers count on it */
    struct waitq next;      /* want to own it */
    struct waitq readers, writers; /* sleepers, and watchers of files that do one of the two */
    struct waitq watchers;  /* of files that do both */
    struct waitq openers;   /* of a FIFO, waiting for the other end */

    uint32_t head, tail, slot_count; /* slot_count: a power of two */
    struct pipe_slot *slots;
    uint8_t *spares[PIPE_SPARE_MAX]; /* emptied pages; the last is warm in the cache and used first */
    unsigned spare_count;
    unsigned reader_count, writer_count; /* open files */
    uint32_t reader_opens, writer_opens; /* ever opened */
    bool is_fifo;
    unsigned file_count;    /* with those that wait in open; of FIFOs under fifos_lock */
};

enum { PIPE_WAKE_READERS = 1, PIPE_WAKE_WRITERS = 2 };

void pipe_own(struct pipe *p);
/* Gives the pipe up, and tells one sleeper of each side named in `wake`, and all watchers. */
void pipe_disown(struct pipe *p, unsigned wake);

/* All that follow are the owner's. */
/* Until there is something to read; 0 at the end as well, with the pipe empty then. -EAGAIN, -EINTR. */
nodiscard int pipe_wait_readable(struct pipe *p, bool nonblock, bool *has_slept);
/* Until a slot is free. -EAGAIN, -EINTR, -EPIPE: nobody reads. */
nodiscard int pipe_wait_room(struct pipe *p, bool nonblock, bool *has_slept);
uint8_t *pipe_page_take(struct pipe *p); /* NULL: no memory */
void pipe_page_give(struct pipe *p, uint8_t *page);
void pipe_push(struct pipe *p, const struct pipe_slot *slot); /* there is room */
void pipe_drop(struct pipe *p);                               /* the first slot, whose page has gone elsewhere */
void pipe_consume(struct pipe *p, size_t size);               /* of the first slot, which has as much */
/* One more slot: -ENOMEM, -EFAULT. */
nodiscard int pipe_append(struct pipe *p, struct iov_iter *from, bool is_packet, int64_t *done);
/* What -EPIPE comes with; not while the pipe is owned. */
void pipe_raise_sigpipe(void);

static inline bool pipe_is_empty(const struct pipe *p)
{
    return __atomic_load_n(&p->head, __ATOMIC_ACQUIRE) == __atomic_load_n(&p->tail, __ATOMIC_ACQUIRE);
}

static inline bool pipe_is_full(const struct pipe *p)
{
    return __atomic_load_n(&p->head, __ATOMIC_ACQUIRE) - __atomic_load_n(&p->tail, __ATOMIC_ACQUIRE) >= p->slot_count;
}

static inline struct pipe_slot *pipe_slot(struct pipe *p, uint32_t count)
{
    return &p->slots[count & (p->slot_count - 1)];
}
