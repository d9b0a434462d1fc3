/* SPDX-License-Identifier: Apache-2.0 */
/* Down to each node in turn, with one block of memory a level. */
#include "fs/store/internal.h"

struct walking {
    struct store *st;
    struct walk *ops;
    struct node *memory[TREE_DEPTH]; /* the node of a level, if it is in memory */
    struct store_node *block[TREE_DEPTH];
    struct store_node *buf[TREE_DEPTH];
    unsigned idx[TREE_DEPTH];
};

static void items_tell(struct walking *w, const struct store_node *block)
{
    const struct store_slot *s = node_slots((struct store_node *)(uintptr_t)block);
    for (unsigned i = 0; i < block->count; i++)
        w->ops->item(w->ops, (struct key){s[i].hi, s[i].lo}, (const char *)block + s[i].off, s[i].size);
}

/* The node becomes the one of its level. -ENOENT: it is to be left out. */
static int node_enter(struct walking *w, const struct store_ptr *ptr, struct node *memory, unsigned level, struct key first)
{
    int err = 0;
    if (!w->ops->enter(w->ops, ptr))
        return -ENOENT;
    if (!w->buf[level])
        w->buf[level] = heap_alloc(STORE_BLOCK);
    if (!w->buf[level])
        return -ENOMEM;
    if (!memory)
        err = node_read(w->st, ptr, level, w->buf[level]);
    if (err && w->ops->bad) {
        w->ops->bad(w->ops, ptr, first);
        return -ENOENT;
    }
    w->memory[level] = memory;
    w->block[level] = memory ? memory->block : w->buf[level];
    w->idx[level] = 0;
    if (err == 0 && level == 0)
        items_tell(w, w->block[0]);
    return err;
}

static int child_enter(struct walking *w, unsigned level)
{
    const struct store_slot *s = node_slots(w->block[level]) + w->idx[level];
    struct node *memory = w->memory[level] ? w->memory[level]->children[w->idx[level]] : NULL;
    struct store_ptr ptr;
    memcpy(&ptr, (char *)w->block[level] + s->off, sizeof(ptr));
    w->idx[level]++;
    return node_enter(w, memory ? &memory->ptr : &ptr, memory, level - 1, (struct key){s->hi, s->lo});
}

static int nodes_visit(struct walking *w, unsigned top)
{
    unsigned level = top;
    for (;;) {
        if (level > 0 && w->idx[level] < w->block[level]->count) {
            int err = child_enter(w, level);
            if (err == 0)
                level--;
            else if (err != -ENOENT)
                return err;
        } else if (level++ == top) {
            return 0;
        }
    }
}

/* The level of the root is in it. */
static int root_level(struct store *st, const struct store_ptr *root, struct node *memory, unsigned *level)
{
    struct node *n = memory;
    int err = memory ? 0 : btree_load(st, root, -1, &n);
    if (err)
        return err;
    *level = node_level(n);
    if (!memory) {
        st->node_count--;
        node_destroy(n);
    }
    return 0;
}

int walk_tree(struct store *st, const struct store_ptr *root, struct node *memory, struct walk *ops)
{
    struct walking w = {.st = st, .ops = ops};
    unsigned top;
    int err = root_level(st, root, memory, &top);
    if (err == -EIO && ops->bad) {
        ops->bad(ops, root, (struct key){0, 0});
        return 0;
    }
    if (err == 0)
        err = node_enter(&w, root, memory, top, (struct key){0, 0});
    if (err == 0)
        err = nodes_visit(&w, top);
    for (unsigned i = 0; i < TREE_DEPTH; i++)
        heap_free(w.buf[i]);
    return err == -ENOENT ? 0 : err;
}
