/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks are used: bitmaps in memory, made anew when the store is opened. What a change frees stays used until the
 * root that does not know it any more is durable: until then a crash leads back to it.
 */
#include "base/bitmap.h"
#include "fs/store/internal.h"

#define MARGIN      96u   /* for the nodes that freeing takes, and for overwriting, when nothing else is left */
#define MARGIN_LAST 32u   /* of these, what overwriting leaves */
#define POOL_MAX    512u

int space_init(struct store *st)
{
    struct space *s = &st->space;
    s->max = st->dev->max_blocks;
    s->used = heap_zalloc(BITMAP_WORDS(s->max) * sizeof(*s->used));
    s->pending = heap_zalloc(BITMAP_WORDS(s->max) * sizeof(*s->pending));
    s->written = heap_zalloc(BITMAP_WORDS(s->max) * sizeof(*s->written));
    s->gone = heap_zalloc(BITMAP_WORDS(s->max) * sizeof(*s->gone));
    return s->used && s->pending && s->written && s->gone ? 0 : -ENOMEM;
}

void space_fini(struct store *st)
{
    heap_free(st->space.used);
    heap_free(st->space.pending);
    heap_free(st->space.written);
    heap_free(st->space.gone);
}

/* ---- how much ------------------------------------------------------------------------------------------------------- */

/* What may still be taken: a reserved block may need a node of its own, a dirty node needs a block. */
static uint64_t available(const struct store *st, uint64_t margin)
{
    const struct space *s = &st->space;
    uint64_t taken = s->used_count - s->gone_count + 2 * s->reserved + st->dirty_count + margin;
    return taken < s->max ? s->max - taken : 0;
}

uint64_t space_available(const struct store *st)
{
    return available(st, MARGIN);
}

static int grow(struct store *st, uint64_t blocks)
{
    struct store_dev *dev = st->dev;
    uint64_t goal = dev->blocks + MAX(blocks, MAX((uint64_t)SPACE_GROW_BLOCKS, dev->blocks / 32));
    goal = MIN(goal, dev->max_blocks);
    if (goal < dev->blocks + blocks)
        return -ENOSPC;
    return dev->ops->resize(dev, goal);
}

static uint64_t there_count(const struct store *st)
{
    return st->dev->blocks - MIN(st->dev->blocks, st->space.used_count);
}

/* So many blocks beyond the used ones are there, not only allowed. */
static int make_room(struct store *st, uint64_t blocks)
{
    uint64_t there = there_count(st);
    int err = there < blocks ? space_regain(st, blocks - there) : 0;
    there = there_count(st);
    return err ? err : there >= blocks ? 0 : grow(st, blocks - there);
}

int space_grow_for_commit(struct store *st)
{
    return make_room(st, st->dirty_count);
}

/* The pool's blocks are free again. */
static void pool_give(struct space *s)
{
    if (s->pool < s->pool_end)
        s->hint = MIN(s->hint, s->pool);
    for (; s->pool < s->pool_end; s->pool++) {
        bitmap_clear(s->used, s->pool);
        s->used_count--;
    }
}

static int need(struct store *st, uint64_t blocks, uint64_t margin)
{
    struct space *s = &st->space;
    if (available(st, margin) < blocks)
        pool_give(s);
    if (available(st, margin) < blocks && s->pending_count > 0) {
        int err = store_commit(st);
        if (err)
            return err;
    }
    if (available(st, margin) < blocks)
        return -ENOSPC;
    return make_room(st, blocks + 2 * s->reserved + st->dirty_count);
}

int space_need(struct store *st, uint64_t blocks)
{
    return need(st, blocks, MARGIN);
}

static int reserve(struct store *st, uint64_t blocks, uint64_t margin)
{
    if (st->is_read_only)
        return -EROFS;
    int err = st->failed ? -EIO : need(st, 2 * blocks, margin);
    if (err == 0)
        st->space.reserved += blocks;
    return err;
}

int store_reserve(struct store *st, uint64_t blocks)
{
    return reserve(st, blocks, MARGIN);
}

int store_reserve_again(struct store *st)
{
    return reserve(st, 1, MARGIN_LAST);
}

void store_unreserve(struct store *st, uint64_t blocks)
{
    CHECK(blocks <= st->space.reserved);
    st->space.reserved -= blocks;
}

/* ---- which ------------------------------------------------------------------------------------------------------------ */

static uint64_t run_take(struct space *s, uint64_t addr, uint64_t want, uint64_t end)
{
    uint64_t count = 0;
    while (count < want && addr + count < end && !bitmap_test(s->used, addr + count))
        bitmap_set(s->used, addr + count++);
    s->used_count += count;
    s->hint = addr + count;
    return count;
}

int space_alloc(struct store *st, uint64_t want, uint64_t *addr, uint64_t *count)
{
    struct space *s = &st->space;
    *addr = bitmap_find_clear(s->used, st->dev->blocks, s->hint);
    if (*addr >= st->dev->blocks) {
        int err = make_room(st, 1);
        if (err && s->pool == s->pool_end)
            return err;
        if (err)
            pool_give(s);
        *addr = bitmap_find_clear(s->used, st->dev->blocks, s->hint);
        if (*addr >= st->dev->blocks)
            return -ENOSPC;
    }
    *count = run_take(s, *addr, want, st->dev->blocks);
    return 0;
}

/* ---- blocks that were written before -------------------------------------------------------------------------------- */

/*
 * A file system that writes a place for the first time has to note that in its journal, which doubles the time of a sync. So
 * small writes that are synced at once go to blocks that were written before: as data that is gone, or as zeros, many at a time.
 */
static int zeros_put(struct store *st, uint64_t addr, uint64_t end)
{
    const struct space *s = &st->space;
    int err = 0;
    memset(st->bounce, 0, BOUNCE * STORE_BLOCK);
    while (err == 0 && (addr = bitmap_find_clear(s->written, end, addr)) < end) {
        uint64_t run = MIN(bitmap_find_set(s->written, end, addr), addr + BOUNCE);
        err = blocks_put(st, addr, st->bounce, run - addr);
        addr = run;
    }
    return err;
}

/* Only where there is much room: it is not counted as free. */
static int pool_fill(struct store *st)
{
    struct space *s = &st->space;
    uint64_t count, want = MIN(POOL_MAX, s->max / 16);
    if (space_available(st) < 4 * want)
        return -ENOSPC;
    int err = space_alloc(st, want, &s->pool, &count);
    if (err)
        return err;
    s->pool_end = s->pool + count;
    return zeros_put(st, s->pool, s->pool_end);
}

int space_alloc_written(struct store *st, uint64_t want, uint64_t *addr, uint64_t *count)
{
    struct space *s = &st->space;
    if (s->pool == s->pool_end) {
        int err = pool_fill(st);
        if (err)
            return err == -ENOSPC ? space_alloc(st, want, addr, count) : err;
    }
    *addr = s->pool;
    *count = MIN(want, s->pool_end - s->pool);
    s->pool += *count;
    return 0;
}

/* The newest snapshot shares all blocks up to its generation. */
static uint64_t shared_generation(const struct store *st)
{
    uint64_t newest = 0;
    for (unsigned i = 0; i < STORE_SNAPSHOT_MAX; i++)
        newest = MAX(newest, st->root.snapshots[i].generation);
    return newest;
}

void space_free(struct store *st, uint64_t addr, uint64_t birth, uint64_t count)
{
    struct space *s = &st->space;
    if (addr == 0 || birth <= shared_generation(st))
        return;
    for (uint64_t i = addr; i < addr + count && i < s->max; i++) {
        if (bitmap_test(s->pending, i))
            continue;
        bitmap_set(s->pending, i);
        s->pending_count++;
    }
}

void space_commit(struct store *st)
{
    struct space *s = &st->space;
    size_t first = s->pending_count ? bitmap_find_set(s->pending, s->max, 0) : s->max;
    for (size_t w = first / 64; s->pending_count > 0 && w < BITMAP_WORDS(s->max); w++) {
        for (; s->pending[w]; s->pending[w] &= s->pending[w] - 1) {
            s->used[w] &= ~(s->pending[w] & -s->pending[w]);
            s->pending_count--;
            s->used_count--;
        }
    }
    s->hint = MIN(s->hint, first);
    space_discard(st);
}

bool space_mark(struct space *s, uint64_t addr, uint64_t count, bool is_pending)
{
    bool was_free = true;
    for (uint64_t i = addr; i < addr + count && i < s->max; i++) {
        bool is_used = bitmap_test(s->used, i), was_pending = bitmap_test(s->pending, i);
        was_free = was_free && !is_used;
        s->used_count += !is_used;
        bitmap_set(s->used, i);
        if (s->written) /* a check has none */
            bitmap_set(s->written, i);
        if (is_pending && !is_used) {
            bitmap_set(s->pending, i);
            s->pending_count++;
        } else if (!is_pending && was_pending) {
            bitmap_clear(s->pending, i);
            s->pending_count--;
        }
    }
    return was_free;
}

/* ---- from the trees ------------------------------------------------------------------------------------------------------ */

struct marking {
    struct walk walk;
    struct space *space;
    bool is_pending, is_snapshot;
};

static bool mark_node(struct walk *w, const struct store_ptr *ptr)
{
    struct marking *m = container_of(w, struct marking, walk);
    if (ptr->addr == 0)
        return true;
    bool was_free = space_mark(m->space, ptr->addr, 1, m->is_pending);
    return was_free || !m->is_snapshot; /* what snapshots share is walked once */
}

static void mark_item(struct walk *w, struct key key, const void *value, size_t size)
{
    struct marking *m = container_of(w, struct marking, walk);
    const struct store_extent *e = value;
    if ((key.hi & 0xff) == STORE_EXTENT && size >= sizeof(*e))
        space_mark(m->space, e->addr, e->count, m->is_pending);
}

/* committed: the tree that a crash would lead back to, if it is not the one in memory. */
int space_rebuild(struct store *st, const struct store_ptr *committed)
{
    struct space *s = &st->space;
    struct marking m = {.walk = {.enter = mark_node, .item = mark_item}, .space = s};
    int err = 0;
    memset(s->used, 0, BITMAP_WORDS(s->max) * sizeof(*s->used));
    memset(s->pending, 0, BITMAP_WORDS(s->max) * sizeof(*s->pending));
    memset(s->gone, 0, BITMAP_WORDS(s->max) * sizeof(*s->gone));
    s->used_count = s->pending_count = s->gone_count = s->hint = s->pool = s->pool_end = 0;
    space_mark(s, 0, STORE_LOG_BLOCK + st->super.log_blocks, false);
    if (committed) {
        m.is_pending = true;
        err = walk_tree(st, committed, NULL, &m.walk);
        m.is_pending = false;
    }
    if (err == 0)
        err = walk_tree(st, &st->tree->ptr, st->tree, &m.walk);
    m.is_snapshot = true;
    for (unsigned i = 0; i < STORE_SNAPSHOT_MAX && err == 0; i++) {
        if (st->root.snapshots[i].name[0])
            err = walk_tree(st, &st->root.snapshots[i].tree, NULL, &m.walk);
    }
    if (err == 0)
        space_settle(st);
    return err;
}
