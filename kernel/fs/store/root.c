/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and committing. A commit writes the dirty nodes to free places, waits until they are durable, and then writes a
 * root record over the older of the two. So there is always one whole root, and nothing that it leads to is overwritten.
 */
#include "base/bitmap.h"
#include "fs/store/internal.h"
#include "fs/store/seal.h"

#define EPOCH_STEP 2 /* at opening: past whatever the last instance wrote but did not count */

/* ---- the superblock ------------------------------------------------------------------------------------------------ */

int store_probe(struct store_dev *dev, struct store_superblock *super)
{
    uint8_t *block = heap_alloc(STORE_BLOCK);
    if (!block)
        return -ENOMEM;
    int err = dev->blocks > STORE_LOG_BLOCK ? dev->ops->read(dev, 0, block, 1) : -EINVAL;
    memcpy(super, block, sizeof(*super));
    heap_free(block);
    if (err == 0 && (super->magic != STORE_MAGIC || super->version != STORE_VERSION || super->features & ~STORE_FEATURES ||
                     super->log_blocks == 0 || super->log_blocks > dev->blocks - STORE_LOG_BLOCK))
        err = -EINVAL;
    return err;
}

static int key_make(const struct store *st, const uint8_t *key, const char *label, struct aead_key **result)
{
    uint8_t derived[STORE_KEY_SIZE];
    key_derive(key, label, st->super.uuid, derived);
    int err = aead_create(derived, result);
    mem_wipe(derived, sizeof(derived));
    return err;
}

static int store_create_memory(struct store_dev *dev, const uint8_t *key, const struct store_superblock *super,
                               struct store **result)
{
    struct store *st = heap_zalloc(sizeof(*st));
    if (!st)
        return -ENOMEM;
    st->dev = dev;
    st->super = *super;
    st->bounce = heap_alloc(BOUNCE * STORE_BLOCK);
    st->scratch = heap_alloc(STORE_BLOCK);
    st->log.buf = heap_alloc(LOG_BUF_SIZE);
    int err = st->bounce && st->scratch && st->log.buf ? space_init(st) : -ENOMEM;
    if (err == 0)
        err = key_make(st, key, "store blocks", &st->block_key);
    if (err == 0)
        err = key_make(st, key, "store roots", &st->root_key);
    if (err == 0)
        err = key_make(st, key, "store log", &st->log_key);
    if (err)
        store_close(st);
    else
        *result = st;
    return err;
}

void store_close(struct store *st)
{
    btree_free(st);
    while (st->spare_count > 0)
        node_destroy(st->spare[--st->spare_count]);
    space_fini(st);
    aead_destroy(st->block_key);
    aead_destroy(st->root_key);
    aead_destroy(st->log_key);
    heap_free(st->log.buf);
    heap_free(st->scratch);
    heap_free(st->bounce);
    heap_free(st);
}

int blocks_put(struct store *st, uint64_t addr, const void *blocks, size_t count)
{
    for (size_t i = 0; i < count && addr + i < st->space.max; i++)
        bitmap_set(st->space.written, addr + i);
    return st->dev->ops->write(st->dev, addr, blocks, count);
}

/* ---- roots ---------------------------------------------------------------------------------------------------------- */

static int root_write(struct store *st, const struct store_root *root)
{
    memset(st->scratch, 0, STORE_BLOCK);
    memcpy(st->scratch, root, sizeof(*root));
    seal_block(st->root_key, &st->super, sizeof(st->super), st->scratch, st->bounce);
    return blocks_put(st, STORE_ROOT_BLOCK + root->generation % 2, st->bounce, 1);
}

static int root_read(struct store *st, unsigned slot, struct store_root *root)
{
    int err = st->dev->ops->read(st->dev, STORE_ROOT_BLOCK + slot, st->bounce, 1);
    if (err == 0)
        err = unseal_block(st->root_key, &st->super, sizeof(st->super), st->bounce, st->scratch);
    memcpy(root, st->scratch, sizeof(*root));
    return err ? err : root->generation % 2 == slot ? 0 : -EIO;
}

static int root_find(struct store *st)
{
    struct store_root other;
    int first = root_read(st, 0, &st->root), second = root_read(st, 1, &other);
    if (second == 0 && (first || other.generation > st->root.generation))
        st->root = other;
    return first && second ? -EACCES : 0;
}

static int commit_write(struct store *st, struct store_root *root)
{
    struct store_dev *dev = st->dev;
    int err = btree_write(st);
    if (err == 0)
        err = dev->ops->sync(dev);
    root->tree = st->tree->ptr;
    if (err == 0)
        err = root_write(st, root);
    if (err == 0)
        err = dev->ops->sync(dev);
    if (err == 0 && dev->ops->count)
        err = dev->ops->count(dev, root->epoch);
    return err;
}

/* Even if nothing changed: a new root, and with it a new log. */
static int commit_always(struct store *st, uint64_t epoch_step)
{
    struct store_root root = st->root;
    root.generation++;
    root.epoch = st->epoch + epoch_step;
    random_bytes(root.log_seed, sizeof(root.log_seed));
    int err = commit_write(st, &root);
    if (err) {
        st->failed = err;
        return -EIO;
    }
    st->root = root;
    st->epoch = root.epoch;
    space_commit(st);
    log_reset(st);
    return 0;
}

int store_commit(struct store *st)
{
    if (st->failed)
        return -EIO;
    if (st->is_read_only)
        return -EROFS;
    if (st->dirty_count == 0 && st->log.seq == 0)
        return 0;
    int err = space_grow_for_commit(st);
    return err ? err : commit_always(st, 1);
}

int change_begin(struct store *st, uint64_t blocks)
{
    if (st->is_read_only)
        return -EROFS;
    if (st->failed)
        return -EIO;
    btree_shrink(st);
    return blocks > 0 ? space_need(st, blocks) : 0;
}

/* ---- opening ---------------------------------------------------------------------------------------------------------- */

/* Inodes that had no name and a user when the last instance ended. */
static int orphans_free(struct store *st)
{
    struct path path;
    const struct key first = key_of(0, STORE_ORPHAN, 0);
    for (;;) {
        int err = btree_seek(st, first, &path);
        if (err == -ENOENT || (err == 0 && path_key(&path).hi != first.hi))
            return 0;
        if (err == 0)
            err = store_orphan_free(st, path_key(&path).lo);
        if (err)
            return err;
    }
}

/*
 * The root that was found need not be durable: the last instance may have ended before its barrier. If the host's power failed then, the root
 * before would count again, so nothing that only that one leads to is touched until a barrier.
 */
static int open_writable(struct store *st, bool was_replayed)
{
    struct store_ptr committed = st->root.tree;
    int err = st->dev->ops->sync(st->dev);
    if (err == 0)
        err = space_rebuild(st, was_replayed ? &committed : NULL);
    if (err == 0)
        err = orphans_free(st);
    if (err == 0)
        err = space_grow_for_commit(st);
    return err ? err : commit_always(st, EPOCH_STEP);
}

static int open_tree(struct store *st, unsigned flags)
{
    int err = root_find(st);
    if (err)
        return err;
    st->epoch = st->root.epoch;
    err = btree_load(st, &st->root.tree, -1, &st->tree);
    if (err == 0)
        err = log_replay(st);
    if (err)
        return err;
    if (st->epoch < st->dev->counter)
        return -ESTALE;
    bool was_replayed = st->dirty_count > 0;
    st->is_read_only = flags & STORE_READ_ONLY;
    return st->is_read_only ? 0 : open_writable(st, was_replayed);
}

int store_open(struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE], unsigned flags, struct store **result)
{
    struct store_superblock super;
    struct store *st;
    int err = store_probe(dev, &super);
    if (err == 0)
        err = store_create_memory(dev, key, &super, &st);
    if (err)
        return err;
    err = open_tree(st, flags);
    if (err)
        store_close(st);
    else
        *result = st;
    return err;
}

static const struct store_snapshot *snapshot_named(const struct store *st, const char *name)
{
    for (unsigned i = 0; i < STORE_SNAPSHOT_MAX; i++) {
        if (st->root.snapshots[i].name[0] && strncmp(st->root.snapshots[i].name, name, sizeof(st->root.snapshots[i].name)) == 0)
            return &st->root.snapshots[i];
    }
    return NULL;
}

int store_open_snapshot(struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE], const char *name, struct store **result)
{
    struct store *st;
    int err = store_open(dev, key, STORE_READ_ONLY, &st);
    if (err)
        return err;
    const struct store_snapshot *s = snapshot_named(st, name);
    btree_free(st);
    err = s ? btree_load(st, &s->tree, -1, &st->tree) : -ENOENT;
    if (err)
        store_close(st);
    else
        *result = st;
    return err;
}

int store_format(struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE], const struct store_superblock *super, int64_t now)
{
    struct store *st;
    const struct store_inode root = {.mode = STORE_MODE_DIR | 0755, .nlink = 2, .atime = now, .mtime = now, .ctime = now, .btime = now};
    uint64_t least = STORE_LOG_BLOCK + super->log_blocks + 1;
    int err = dev->max_blocks >= least + 256 ? 0 : -EINVAL;
    if (err == 0 && dev->blocks < least)
        err = dev->ops->resize(dev, least);
    if (err == 0)
        err = store_create_memory(dev, key, super, &st);
    if (err)
        return err;
    memset(st->bounce, 0, STORE_BLOCK);
    memcpy(st->bounce, super, sizeof(*super));
    err = blocks_put(st, 0, st->bounce, 1);
    space_mark(&st->space, 0, STORE_LOG_BLOCK + super->log_blocks, false);
    random_bytes(st->root.hash_key, sizeof(st->root.hash_key));
    st->root.next_ino = STORE_ROOT_INO + 1;
    st->root.inodes = 1;
    st->tree = node_create(0);
    if (!st->tree)
        err = -ENOMEM;
    if (err == 0) {
        st->tree->is_dirty = true;
        st->node_count = st->dirty_count = 1;
        err = btree_put(st, key_of(STORE_ROOT_INO, STORE_INODE, 0), &root, sizeof(root));
    }
    if (err == 0)
        err = commit_always(st, 1);
    store_close(st);
    return err;
}

void store_info(const struct store *st, struct store_info *info)
{
    uint64_t reserved = st->space.reserved, pool = st->space.pool_end - st->space.pool;
    uint64_t used = st->space.used_count - st->space.gone_count - st->space.pending_count - pool;
    *info = (struct store_info){
        .blocks = st->space.max, .free = st->space.max - MIN(st->space.max, used + reserved), .inodes = st->root.inodes,
        .generation = st->root.generation, .epoch = st->epoch, .dirty_nodes = st->dirty_count,
        .key_kind = st->super.key_kind, .log_blocks = st->super.log_blocks,
    };
    memcpy(info->uuid, st->super.uuid, sizeof(info->uuid));
}

/* ---- snapshots ---------------------------------------------------------------------------------------------------------- */

int store_snapshot_create(struct store *st, const char *name, int64_t now)
{
    struct store_snapshot *place = NULL;
    size_t len = strlen(name);
    if (len == 0 || len >= sizeof(place->name))
        return -EINVAL;
    if (snapshot_named(st, name))
        return -EEXIST;
    for (unsigned i = 0; i < STORE_SNAPSHOT_MAX && !place; i++) {
        if (!st->root.snapshots[i].name[0])
            place = &st->root.snapshots[i];
    }
    int err = place ? store_commit(st) : -ENOSPC;
    if (err)
        return err;
    *place = (struct store_snapshot){.generation = st->root.generation, .created = now, .tree = st->tree->ptr};
    memcpy(place->name, name, len);
    return commit_always(st, 1);
}

int store_snapshot_delete(struct store *st, const char *name)
{
    struct store_snapshot *s = (struct store_snapshot *)(uintptr_t)snapshot_named(st, name);
    if (!s)
        return -ENOENT;
    int err = store_commit(st);
    if (err)
        return err;
    *s = (struct store_snapshot){0};
    err = commit_always(st, 1);
    return err ? err : space_rebuild(st, NULL);
}

int store_snapshot_rollback(struct store *st, const char *name)
{
    const struct store_snapshot *s = snapshot_named(st, name);
    if (!s)
        return -ENOENT;
    int err = store_commit(st);
    if (err)
        return err;
    btree_free(st);
    err = btree_load(st, &s->tree, -1, &st->tree);
    if (err) {
        st->failed = err;
        return err;
    }
    err = commit_always(st, 1);
    return err ? err : space_rebuild(st, NULL);
}

bool store_snapshot_at(const struct store *st, size_t idx, struct store_snapshot *snapshot)
{
    for (unsigned i = 0; i < STORE_SNAPSHOT_MAX; i++) {
        if (st->root.snapshots[i].name[0] && idx-- == 0) {
            *snapshot = st->root.snapshots[i];
            return true;
        }
    }
    return false;
}
