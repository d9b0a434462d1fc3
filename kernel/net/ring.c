/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ring.h"
#include "base/string.h"
#include "heap/heap.h"

bool ring_wants_growth(const struct ring *r, uint64_t want)
{
    uint64_t need = ring_used(r) + MIN(want, ring_room(r));
    return need > r->size;
}

static uint32_t size_for(uint64_t need)
{
    uint32_t size = RING_SIZE_MIN;
    while (size < need)
        size *= 2;
    return size;
}

static uint32_t place(const struct ring *r, uint64_t pos, uint32_t size)
{
    return (uint32_t)(pos - r->base) & (size - 1);
}

int ring_grow(struct ring *r, uint64_t want)
{
    uint64_t used = ring_used(r);
    uint32_t size = size_for(used + MIN(want, ring_room(r)));
    if (size <= r->size)
        return 0;
    uint8_t *data = heap_alloc(size);
    if (!data)
        return r->size ? 0 : -ENOMEM;
    for (uint64_t done = 0; done < used;) {
        uint32_t at = place(r, r->tail + done, r->size), to = place(r, r->tail + done, size);
        uint64_t n = MIN(used - done, (uint64_t)MIN(r->size - at, size - to));
        memcpy(data + to, r->data + at, n);
        done += n;
    }
    heap_free(r->data);
    r->data = data;
    r->size = size;
    return 0;
}

void ring_trim(struct ring *r, uint32_t keep)
{
    if (r->size <= keep || ring_used(r) > 0)
        return;
    ring_fini(r);
}

void ring_fini(struct ring *r)
{
    heap_free(r->data);
    r->data = NULL;
    r->size = 0;
}

int64_t ring_put(struct ring *r, struct iov_iter *from)
{
    uint64_t used = ring_used(r), limit = MIN(r->size, r->max);
    uint64_t room = MIN(used < limit ? limit - used : 0, from->left), done = 0;
    while (done < room) {
        uint32_t at = place(r, r->head + done, r->size);
        uint64_t n = MIN(room - done, (uint64_t)(r->size - at));
        int64_t got = iov_copy_from(from, r->data + at, n);
        if (got < 0 && done == 0)
            return got;
        done += (uint64_t)MAX(got, 0L);
        if (got < (int64_t)n)
            break;
    }
    return (int64_t)done;
}

void ring_put_done(struct ring *r, uint64_t size)
{
    __atomic_store_n(&r->head, r->head + size, __ATOMIC_RELEASE);
}

void ring_rewind(struct ring *r)
{
    if (ring_used(r) == 0)
        r->base = r->head;
}

uint8_t *ring_free_piece(struct ring *r, uint32_t *size)
{
    uint64_t used = ring_used(r), limit = MIN(r->size, r->max);
    uint32_t at = place(r, r->head, r->size);
    *size = (uint32_t)MIN(used < limit ? limit - used : 0, (uint64_t)(r->size - at));
    return r->data + at;
}

int64_t ring_get(const struct ring *r, uint64_t skip, uint64_t size, struct iov_iter *to)
{
    uint64_t used = ring_used(r), done = 0;
    size = MIN(MIN(size, to->left), used > skip ? used - skip : 0);
    while (done < size) {
        uint32_t at = place(r, r->tail + skip + done, r->size);
        uint64_t n = MIN(size - done, (uint64_t)(r->size - at));
        int64_t put = iov_copy_to(to, r->data + at, n);
        if (put < 0 && done == 0)
            return put;
        done += (uint64_t)MAX(put, 0L);
        if (put < (int64_t)n)
            break;
    }
    return (int64_t)done;
}

void ring_get_done(struct ring *r, uint64_t size)
{
    __atomic_store_n(&r->tail, r->tail + size, __ATOMIC_RELEASE);
}
