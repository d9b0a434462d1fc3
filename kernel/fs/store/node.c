/* SPDX-License-Identifier: Apache-2.0 */
/* One node: slots grow up from the header, values down from the end; what is between them, and holes, is `room`. */
#include "fs/store/internal.h"

#define SLOT sizeof(struct store_slot)

struct node *node_create(unsigned level)
{
    struct node *n = heap_zalloc(sizeof(*n));
    if (!n)
        return NULL;
    n->block = heap_alloc(STORE_BLOCK);
    if (!n->block) {
        heap_free(n);
        return NULL;
    }
    node_clear(n, level);
    return n;
}

void node_clear(struct node *n, unsigned level)
{
    memset(n->block, 0, STORE_BLOCK);
    n->block->heap = STORE_BLOCK;
    n->block->room = STORE_NODE_ROOM;
    n->block->level = (uint8_t)level;
}

void node_destroy(struct node *n)
{
    heap_free(n->children);
    heap_free(n->block);
    heap_free(n);
}

/* Of an inner node the first slot's key says nothing (node_child_for): it may even be above the second's. */
static bool slot_is_sound(const struct store_node *block, unsigned idx, unsigned level)
{
    const struct store_slot *s = node_slots((struct store_node *)(uintptr_t)block) + idx;
    if (s->off < block->heap || s->off > STORE_BLOCK || s->size > STORE_BLOCK - s->off || s->size > STORE_VALUE_MAX)
        return false;
    if (level > 0 && s->size != sizeof(struct store_ptr))
        return false;
    return idx == 0 || (idx == 1 && level > 0) || key_less((struct key){s[-1].hi, s[-1].lo}, (struct key){s->hi, s->lo});
}

int node_check(const struct store_node *block, unsigned level)
{
    size_t used = 0;
    if (block->level != level || block->heap > STORE_BLOCK || sizeof(*block) + block->count * SLOT > block->heap ||
        (level > 0 && block->count == 0))
        return -EIO;
    for (unsigned i = 0; i < block->count; i++) {
        if (!slot_is_sound(block, i, level))
            return -EIO;
        used += SLOT + node_slots((struct store_node *)(uintptr_t)block)[i].size;
    }
    return used + block->room == STORE_NODE_ROOM ? 0 : -EIO;
}

bool node_has_room(const struct node *n, size_t size)
{
    return n->block->room >= size + SLOT;
}

/* Values move to the end, without holes. */
static void compact(struct store_node *block, uint8_t *scratch)
{
    unsigned heap = STORE_BLOCK;
    for (unsigned i = 0; i < block->count; i++) {
        struct store_slot *s = node_slots(block) + i;
        heap -= s->size;
        memcpy(scratch + heap, (char *)block + s->off, s->size);
        s->off = (uint16_t)heap;
    }
    memcpy((char *)block + heap, scratch + heap, STORE_BLOCK - heap);
    block->heap = (uint16_t)heap;
}

static void children_shift(struct node *n, unsigned from, unsigned to, unsigned count)
{
    memmove(n->children + to, n->children + from, count * sizeof(*n->children));
}

void node_insert(struct node *n, unsigned idx, struct key key, const void *value, size_t size, struct node *child,
                 void *scratch)
{
    struct store_node *b = n->block;
    struct store_slot *slots = node_slots(b);
    unsigned count = b->count;
    if (sizeof(*b) + (count + 1) * SLOT + size > b->heap)
        compact(b, scratch);
    b->heap = (uint16_t)(b->heap - size);
    memcpy((char *)b + b->heap, value, size);
    memmove(slots + idx + 1, slots + idx, (count - idx) * SLOT);
    slots[idx] = (struct store_slot){key.hi, key.lo, b->heap, (uint16_t)size};
    if (b->level > 0) {
        children_shift(n, idx, idx + 1, count - idx);
        n->children[idx] = child;
    }
    b->count = (uint16_t)(count + 1);
    b->room = (uint16_t)(b->room - size - SLOT);
}

void node_remove(struct node *n, unsigned idx)
{
    struct store_node *b = n->block;
    struct store_slot *slots = node_slots(b);
    unsigned after = b->count - idx - 1u;
    b->room = (uint16_t)(b->room + slots[idx].size + SLOT);
    if (slots[idx].off == b->heap)
        b->heap = (uint16_t)(b->heap + slots[idx].size);
    memmove(slots + idx, slots + idx + 1, after * SLOT);
    if (b->level > 0)
        children_shift(n, idx + 1, idx, after);
    b->count--;
}

void node_move(struct node *from, unsigned idx, struct node *to, void *scratch)
{
    unsigned count = node_count(from);
    for (unsigned i = idx; i < count; i++) {
        struct node *child = node_level(from) > 0 ? from->children[i] : NULL;
        node_insert(to, node_count(to), node_key(from, i), node_value(from, i), node_value_size(from, i), child, scratch);
    }
    while (node_count(from) > idx)
        node_remove(from, node_count(from) - 1);
}

unsigned node_lower_bound(const struct node *n, struct key key)
{
    unsigned low = 0, high = node_count(n);
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (key_less(node_key(n, mid), key))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

unsigned node_child_for(const struct node *n, struct key key)
{
    unsigned low = 1, high = node_count(n);
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (key_less(key, node_key(n, mid)))
            high = mid;
        else
            low = mid + 1;
    }
    return low - 1;
}
