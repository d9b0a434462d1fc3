/* SPDX-License-Identifier: Apache-2.0 */
/* Reading all there is: each node, each block of data, of the live tree and of the snapshots. */
#include "fs/store/internal.h"

struct checking {
    struct walk walk;
    struct store *st;
    struct store_report *report;
    struct space seen;
    uint8_t *buf;
    bool is_shared; /* in a snapshot: what was seen is its as well */
};

static bool check_node(struct walk *w, const struct store_ptr *ptr)
{
    struct checking *c = container_of(w, struct checking, walk);
    if (ptr->addr == 0)
        return true;
    bool was_free = space_mark(&c->seen, ptr->addr, 1, false);
    if (!was_free && c->is_shared)
        return false;
    c->report->nodes++;
    c->report->doubly_used += !was_free;
    return was_free;
}

static void bad_node(struct walk *w, const struct store_ptr *ptr, struct key first)
{
    struct checking *c = container_of(w, struct checking, walk);
    c->report->bad_nodes++;
    c->report->damaged(c->report, first.hi >> 8, ptr->addr);
}

static void check_block(struct checking *c, uint64_t ino, uint64_t block, const struct store_extent *e, uint32_t idx)
{
    c->report->blocks++;
    if (extent_block_read(c->st, e, idx, store_extent_tags(e)[idx], c->buf)) {
        c->report->bad_blocks++;
        c->report->damaged(c->report, ino, block);
    }
}

static void check_item(struct walk *w, struct key key, const void *value, size_t size)
{
    struct checking *c = container_of(w, struct checking, walk);
    const struct store_extent *e = value;
    if ((key.hi & 0xff) != STORE_EXTENT)
        return;
    if (size < sizeof(*e) || e->count == 0 || size != sizeof(*e) + e->count * STORE_TAG) {
        c->report->bad_items++;
        return;
    }
    c->report->extents++;
    bool was_free = space_mark(&c->seen, e->addr, e->count, false);
    c->report->doubly_used += !was_free && !c->is_shared;
    for (uint32_t i = 0; i < e->count; i++)
        check_block(c, key.hi >> 8, key.lo + i, e, i);
}

static int trees_check(struct checking *c)
{
    struct store *st = c->st;
    space_mark(&c->seen, 0, STORE_LOG_BLOCK + st->super.log_blocks, false);
    int err = walk_tree(st, &st->tree->ptr, st->tree, &c->walk);
    c->is_shared = true;
    for (unsigned i = 0; i < STORE_SNAPSHOT_MAX && err == 0; i++) {
        if (st->root.snapshots[i].name[0])
            err = walk_tree(st, &st->root.snapshots[i].tree, NULL, &c->walk);
    }
    return err;
}

int store_check(struct store *st, struct store_report *report)
{
    struct checking c = {.walk = {.enter = check_node, .item = check_item, .bad = bad_node}, .st = st, .report = report};
    size_t size = (st->space.max + 63) / 64 * sizeof(uint64_t);
    c.seen = (struct space){.used = heap_zalloc(size), .pending = heap_zalloc(size), .max = st->space.max};
    c.buf = heap_alloc(STORE_BLOCK);
    int err = c.seen.used && c.seen.pending && c.buf ? trees_check(&c) : -ENOMEM;
    heap_free(c.seen.used);
    heap_free(c.seen.pending);
    heap_free(c.buf);
    return err;
}
