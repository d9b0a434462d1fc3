/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree: all metadata of the store, ordered by key, in nodes of one block. Changing a leaf makes the nodes above it
 * dirty: they lose their place outside (free after the next commit) and get a new one when they are written.
 *
 * An inner slot's key is not above any key of its child; the first slot of a node also takes all that is below its key.
 */
#include "fs/store/internal.h"

/* ---- loading --------------------------------------------------------------------------------------------------- */

int node_read(struct store *st, const struct store_ptr *ptr, unsigned level, struct store_node *block)
{
    int err = st->dev->ops->read(st->dev, ptr->addr, block, 1);
    if (err == 0)
        err = aead_open(st->block_key, ptr->nonce, NULL, 0, block, block, STORE_BLOCK, ptr->tag);
    if (err == 0)
        err = node_check(block, level);
    return err ? -EIO : 0;
}

static int children_make(struct node *n)
{
    n->children = heap_zalloc((TREE_FANOUT + 1) * sizeof(*n->children));
    return n->children ? 0 : -ENOMEM;
}

/* The root's level is not known before it is read: -1. */
static int level_of(struct store *st, const struct store_ptr *ptr, struct store_node *block)
{
    int err = st->dev->ops->read(st->dev, ptr->addr, block, 1);
    if (err == 0)
        err = aead_open(st->block_key, ptr->nonce, NULL, 0, block, block, STORE_BLOCK, ptr->tag);
    return err || block->level >= TREE_DEPTH || node_check(block, block->level) ? -EIO : block->level;
}

int btree_load(struct store *st, const struct store_ptr *ptr, int level, struct node **result)
{
    struct node *n = node_create(0);
    if (!n)
        return -ENOMEM;
    int err = level < 0 ? level_of(st, ptr, n->block) : node_read(st, ptr, (unsigned)level, n->block);
    if (err > 0)
        err = 0;
    if (err == 0 && node_level(n) > 0)
        err = children_make(n);
    if (err) {
        if (err == -EIO)
            log_error("store: block %llu of the tree is not what was written there", (unsigned long long)ptr->addr);
        node_destroy(n);
        return err;
    }
    n->ptr = *ptr;
    st->node_count++;
    *result = n;
    return 0;
}

static int child_at(struct store *st, struct node *parent, unsigned idx, struct node **child)
{
    struct store_ptr ptr;
    *child = parent->children[idx];
    if (*child)
        return 0;
    memcpy(&ptr, node_value(parent, idx), sizeof(ptr));
    int err = btree_load(st, &ptr, (int)node_level(parent) - 1, child);
    if (err == 0)
        parent->children[idx] = *child;
    return err;
}

/* ---- finding ------------------------------------------------------------------------------------------------------- */

static int descend(struct store *st, struct key key, struct path *path)
{
    struct node *n = st->tree;
    for (unsigned level = node_level(n);; level--) {
        n->was_used = true;
        path->node[level] = n;
        path->idx[level] = level > 0 ? node_child_for(n, key) : node_lower_bound(n, key);
        if (level == 0)
            return 0;
        int err = child_at(st, n, path->idx[level], &n);
        if (err)
            return err;
    }
}

/* To the first item of the leaf after this, or the last of the leaf before. */
static int leaf_step(struct store *st, struct path *path, bool is_forward)
{
    unsigned level = 1, top = node_level(st->tree);
    while (level <= top && (is_forward ? path->idx[level] + 1 >= node_count(path->node[level]) : path->idx[level] == 0))
        level++;
    if (level > top)
        return -ENOENT;
    path->idx[level] = is_forward ? path->idx[level] + 1 : path->idx[level] - 1;
    for (; level > 0; level--) {
        int err = child_at(st, path->node[level], path->idx[level], &path->node[level - 1]);
        if (err)
            return err;
        path->idx[level - 1] = is_forward ? 0 : node_count(path->node[level - 1]) - 1;
    }
    return 0;
}

static bool is_at(const struct path *path, struct key key)
{
    return path->idx[0] < node_count(path->node[0]) && key_equal(path_key(path), key);
}

int btree_find(struct store *st, struct key key, struct path *path)
{
    int err = descend(st, key, path);
    return err ? err : is_at(path, key) ? 0 : -ENOENT;
}

int btree_seek(struct store *st, struct key key, struct path *path)
{
    int err = descend(st, key, path);
    if (err == 0 && path->idx[0] >= node_count(path->node[0]))
        err = leaf_step(st, path, true);
    return err;
}

int btree_floor(struct store *st, struct key key, struct path *path)
{
    int err = descend(st, key, path);
    if (err || is_at(path, key))
        return err;
    if (path->idx[0] == 0)
        return leaf_step(st, path, false);
    path->idx[0]--;
    return 0;
}

int btree_next(struct store *st, struct path *path)
{
    if (++path->idx[0] < node_count(path->node[0]))
        return 0;
    return leaf_step(st, path, true);
}

int btree_get(struct store *st, struct key key, void *value, size_t size)
{
    struct path path;
    int err = btree_find(st, key, &path);
    if (err)
        return err;
    if (path_size(&path) != size)
        return -EIO;
    memcpy(value, path_value(&path), size);
    return 0;
}

/* ---- changing -------------------------------------------------------------------------------------------------------- */

static int spare_fill(struct store *st)
{
    while (st->spare_count < SPARE_NODES) {
        struct node *n = node_create(0);
        if (!n)
            return -ENOMEM;
        if (children_make(n)) {
            node_destroy(n);
            return -ENOMEM;
        }
        st->spare[st->spare_count++] = n;
    }
    return 0;
}

static struct node *spare_take(struct store *st, unsigned level)
{
    CHECK(st->spare_count > 0);
    struct node *n = st->spare[--st->spare_count];
    node_clear(n, level);
    n->is_dirty = true;
    st->dirty_count++;
    st->node_count++;
    return n;
}

static void node_dirty(struct store *st, struct node *n)
{
    if (n->is_dirty)
        return;
    space_free(st, n->ptr.addr, n->ptr.birth, 1);
    n->ptr = (struct store_ptr){0};
    n->is_dirty = true;
    st->dirty_count++;
}

static void node_drop(struct store *st, struct node *n)
{
    st->dirty_count -= n->is_dirty;
    st->node_count--;
    node_destroy(n);
}

static void path_dirty(struct store *st, struct path *path)
{
    for (unsigned level = 0; level <= node_level(st->tree); level++)
        node_dirty(st, path->node[level]);
}

/* Where to divide a full node: in halves by size; at its end if it grows there, so that what comes in order fills nodes. */
static unsigned split_point(const struct node *n, unsigned idx)
{
    size_t size = 0;
    unsigned at = 0;
    if (idx == node_count(n))
        return idx;
    while (size + node_value_size(n, at) + sizeof(struct store_slot) <= STORE_NODE_ROOM / 2)
        size += node_value_size(n, at++) + sizeof(struct store_slot);
    return at;
}

static void root_grow(struct store *st)
{
    static const struct store_ptr none;
    struct node *old = st->tree;
    st->tree = spare_take(st, node_level(old) + 1);
    node_insert(st->tree, 0, (struct key){0, 0}, &none, sizeof(none), old, st->scratch);
}

/* Puts an item where the path points; a node that is full is divided, and its new half is put one level up. */
static void insert(struct store *st, struct path *path, struct key key, const void *value, size_t size)
{
    static const struct store_ptr none;
    struct node *child = NULL;
    for (unsigned level = 0;; level++) {
        struct node *n = path->node[level];
        unsigned idx = path->idx[level] + (level > 0);
        if (node_has_room(n, size)) {
            node_insert(n, idx, key, value, size, child, st->scratch);
            return;
        }
        if (n == st->tree) {
            root_grow(st);
            path->node[level + 1] = st->tree;
            path->idx[level + 1] = 0;
        }
        unsigned at = split_point(n, idx);
        struct node *right = spare_take(st, level);
        node_move(n, at, right, st->scratch);
        bool is_right = idx > at || node_count(right) == 0;
        node_insert(is_right ? right : n, is_right ? idx - at : idx, key, value, size, child, st->scratch);
        key = node_key(right, 0);
        child = right;
        value = &none;
        size = sizeof(none);
    }
}

int btree_put(struct store *st, struct key key, const void *value, size_t size)
{
    struct path path;
    CHECK(size <= STORE_VALUE_MAX);
    int err = spare_fill(st);
    if (err == 0)
        err = descend(st, key, &path);
    if (err)
        return err;
    path_dirty(st, &path);
    if (is_at(&path, key) && path_size(&path) == size) {
        memcpy(path_value(&path), value, size);
    } else {
        if (is_at(&path, key))
            node_remove(path.node[0], path.idx[0]);
        insert(st, &path, key, value, size);
    }
    log_add(st, STORE_RECORD_PUT, key, value, size);
    return 0;
}

/* ---- shrinking --------------------------------------------------------------------------------------------------------- */

/* Joins a node of which little is left with the one beside it, if they fit into one. True: the parent lost a slot. */
static bool join(struct store *st, struct node *parent, unsigned idx)
{
    struct node *left, *right;
    unsigned at = idx + 1 < node_count(parent) ? idx : idx - 1;
    if (node_count(parent) < 2 || child_at(st, parent, at, &left) || child_at(st, parent, at + 1, &right))
        return false;
    if (STORE_NODE_ROOM - right->block->room > left->block->room)
        return false;
    node_dirty(st, left);
    node_dirty(st, right);
    if (node_level(right) > 0) { /* its first slot took all from the parent's key on */
        struct key key = node_key(parent, at + 1);
        node_slots(right->block)->hi = key.hi;
        node_slots(right->block)->lo = key.lo;
    }
    node_move(right, 0, left, st->scratch);
    node_drop(st, right);
    node_remove(parent, at + 1);
    return true;
}

static void rebalance(struct store *st, struct path *path)
{
    for (unsigned level = 0; path->node[level] != st->tree; level++) {
        struct node *n = path->node[level], *parent = path->node[level + 1];
        if (node_count(n) == 0) {
            node_drop(st, n);
            node_remove(parent, path->idx[level + 1]);
        } else if (n->block->room < STORE_NODE_ROOM / 4 * 3 || !join(st, parent, path->idx[level + 1])) {
            return;
        }
    }
}

static void root_shrink(struct store *st)
{
    struct node *child;
    while (node_level(st->tree) > 0 && node_count(st->tree) <= 1) {
        struct node *old = st->tree;
        if (node_count(old) == 0) {
            node_clear(old, 0);
            return;
        }
        if (child_at(st, old, 0, &child))
            return;
        node_dirty(st, child);
        st->tree = child;
        node_drop(st, old);
    }
}

int btree_delete(struct store *st, struct key key)
{
    struct path path;
    int err = btree_find(st, key, &path);
    if (err)
        return err;
    path_dirty(st, &path);
    node_remove(path.node[0], path.idx[0]);
    rebalance(st, &path);
    root_shrink(st);
    log_add(st, STORE_RECORD_DELETE, key, NULL, 0);
    return 0;
}

/* ---- all nodes: writing, dropping -------------------------------------------------------------------------------------- */

static int node_write(struct store *st, struct node *n)
{
    uint64_t addr, count;
    int err = space_alloc(st, 1, &addr, &count);
    if (err)
        return err;
    struct store_ptr ptr = {.addr = addr, .birth = generation_now(st)};
    random_bytes(ptr.nonce, sizeof(ptr.nonce));
    aead_seal(st->block_key, ptr.nonce, NULL, 0, n->block, st->bounce, STORE_BLOCK, ptr.tag);
    err = blocks_put(st, ptr.addr, st->bounce, 1);
    if (err)
        return err;
    n->ptr = ptr;
    n->is_dirty = false;
    st->dirty_count--;
    return 0;
}

/* The next child from idx on that is in memory and, if asked for, dirty. */
static unsigned child_loaded(const struct node *n, unsigned idx, bool is_dirty)
{
    while (idx < node_count(n) && (!n->children[idx] || (is_dirty && !n->children[idx]->is_dirty)))
        idx++;
    return idx;
}

/* Down to the first node without such children, leaving in each idx[] the child that was taken. */
static unsigned go_down(struct path *path, unsigned level, bool is_dirty)
{
    while (level > 0) {
        path->idx[level] = child_loaded(path->node[level], path->idx[level], is_dirty);
        if (path->idx[level] >= node_count(path->node[level]))
            break;
        path->node[level - 1] = path->node[level]->children[path->idx[level]];
        path->idx[--level] = 0;
    }
    return level;
}

int btree_write(struct store *st)
{
    struct path path;
    unsigned level = node_level(st->tree), top = level;
    path.node[top] = st->tree;
    path.idx[top] = 0;
    while (st->tree->is_dirty) {
        level = go_down(&path, level, true);
        struct node *n = path.node[level];
        int err = node_write(st, n);
        if (err)
            return err;
        if (level < top) {
            level++;
            memcpy(node_value(path.node[level], path.idx[level]), &n->ptr, sizeof(n->ptr));
        }
    }
    return 0;
}

void btree_free(struct store *st)
{
    struct path path;
    if (!st->tree)
        return;
    unsigned level = node_level(st->tree), top = level;
    path.node[top] = st->tree;
    path.idx[top] = 0;
    while (st->tree) {
        level = go_down(&path, level, false);
        node_drop(st, path.node[level]);
        if (level == top)
            st->tree = NULL;
        else
            path.node[level + 1]->children[path.idx[level + 1]] = NULL, level++;
    }
}

/* Clean nodes without children in memory that nobody looked at since the last time. */
static bool is_idle(struct node *n)
{
    bool was_used = n->was_used;
    n->was_used = false;
    if (was_used || n->is_dirty)
        return false;
    return node_level(n) == 0 || child_loaded(n, 0, false) == node_count(n);
}

/*
 * A walk over the tree costs as much as many look-ups, so it comes seldom. One that finds all in use only forgets that they were; the
 * next drops them. Two at once would drop what the caller has just found.
 */
void btree_shrink(struct store *st)
{
    struct path path;
    unsigned level = node_level(st->tree), top = level;
    if (st->node_count - st->dirty_count < NODES_CACHED + NODES_CACHED / 4)
        return;
    path.node[top] = st->tree;
    path.idx[top] = 0;
    for (;;) {
        level = go_down(&path, level, false);
        if (level == top)
            return;
        struct node *n = path.node[level];
        level++;
        if (is_idle(n)) {
            path.node[level]->children[path.idx[level]] = NULL;
            node_drop(st, n);
        }
        path.idx[level]++;
    }
}
