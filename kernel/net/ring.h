/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of bytes between one writer and one reader at a time, who may work at once: only the writer moves head,
 * only the reader moves tail. Data are copied straight from and to the user's memory. The memory grows by
 * doubling up to `max`; growing needs the reader out of the way.
 */
#pragma once
#include "mm/usercopy.h"

#define RING_SIZE_MIN 2048U

struct ring {
    uint8_t *data;       /* NULL while size is 0 */
    uint32_t size;       /* 0 or a power of two */
    uint32_t max;        /* how many bytes may wait */
    uint64_t head, tail; /* bytes written and read since the beginning */
    uint64_t base;       /* the byte that lies, or lay, at data[0] */
};

static inline uint64_t ring_used(const struct ring *r)
{
    return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

/* Bytes that may still be written, grown or not. */
static inline uint64_t ring_room(const struct ring *r)
{
    uint64_t used = ring_used(r), max = __atomic_load_n(&r->max, __ATOMIC_RELAXED);
    return used < max ? max - used : 0;
}

/* Is the memory too small for `want` more bytes, and may it grow? */
bool ring_wants_growth(const struct ring *r, uint64_t want);
/* Reader and writer both out of the way. -ENOMEM only if there is no memory at all. */
nodiscard int ring_grow(struct ring *r, uint64_t want);
/* Gives the memory back if it is empty; both out of the way. */
void ring_trim(struct ring *r, uint32_t keep);
void ring_fini(struct ring *r);

/* Writer: copies what fits into the present memory behind head; moves head not. -EFAULT if nothing could be. */
nodiscard int64_t ring_put(struct ring *r, struct iov_iter *from);
void ring_put_done(struct ring *r, uint64_t size);
/* Writer, with the reader out of the way: an empty ring begins at its first byte again. */
void ring_rewind(struct ring *r);
/* Writer: the next free piece in one part, for who fills it otherwise. */
uint8_t *ring_free_piece(struct ring *r, uint32_t *size);
/* Reader: copies at most `size` bytes that begin `skip` behind tail; moves tail not. */
nodiscard int64_t ring_get(const struct ring *r, uint64_t skip, uint64_t size, struct iov_iter *to);
void ring_get_done(struct ring *r, uint64_t size);
