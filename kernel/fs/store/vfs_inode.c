/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and names of a mounted store. The core keeps link counts and directory times; the vfs' inode keeps the rest. */
#include "base/string.h"
#include "fs/store/vfs.h"
#include "heap/heap.h"
#include "sched/sched.h"
#include "time/clock.h"
#include "vfs/names.h"
#include <linux/fs.h>
#include <linux/stat.h>

/* ---- inodes in memory ------------------------------------------------------------------------------------------------ */

static struct list *bucket_of(struct store_fs *fs, uint64_t ino)
{
    return &fs->buckets[ino % TABLE_BUCKETS];
}

enum cached { CACHED_NONE, CACHED_FOUND, CACHED_GOING };

static enum cached table_find(struct store_fs *fs, uint64_t ino, struct inode **result)
{
    enum cached found = CACHED_NONE;
    struct store_vnode *n;
    spin_lock(&fs->table_lock);
    list_for_each (n, bucket_of(fs, ino), table_node) {
        if (n->inode->ino != ino)
            continue;
        *result = n->inode;
        found = ref_get_unless_zero(&n->inode->ref) ? CACHED_FOUND : CACHED_GOING;
        break;
    }
    spin_unlock(&fs->table_lock);
    return found;
}

/* One that is being evicted is waited for: its attributes may not be in the core yet. */
static bool inode_cached(struct store_fs *fs, uint64_t ino, struct inode **result)
{
    for (;;) {
        enum cached found = table_find(fs, ino, result);
        if (found != CACHED_GOING)
            return found == CACHED_FOUND;
        task_yield();
    }
}

static void attrs_take(struct inode *inode, const struct store_inode *si)
{
    inode->mode = si->mode;
    inode->uid = si->uid;
    inode->gid = si->gid;
    inode->nlink = si->nlink;
    inode->size = si->size;
    inode->rdev = si->rdev;
    inode->blocks = si->blocks * 8;
    inode->atime = si->atime;
    inode->mtime = si->mtime;
    inode->ctime = si->ctime;
    inode->btime = si->btime;
}

static struct inode *inode_make(struct superblock *sb, uint64_t ino, const struct store_inode *si)
{
    struct inode *inode = inode_create(sb, ino, si->mode);
    struct store_vnode *n = inode ? heap_zalloc(sizeof(*n)) : NULL;
    if (!n) {
        heap_free(inode);
        return NULL;
    }
    attrs_take(inode, si);
    list_init(&n->table_node);
    list_init(&n->dirty_node);
    n->inode = inode;
    inode->data = n;
    inode->ops = &store_inode_ops;
    inode->file_ops = &store_file_ops;
    if (S_ISREG(si->mode) && pagecache_create(&store_pages_ops, inode, si->size, &inode->pages)) {
        heap_free(n);
        heap_free(inode);
        return NULL;
    }
    return inode;
}

/* True: it is in the table; false: another was there first. */
static bool table_insert(struct store_fs *fs, struct inode *inode)
{
    struct store_vnode *n;
    bool is_new = true;
    spin_lock(&fs->table_lock);
    list_for_each (n, bucket_of(fs, inode->ino), table_node)
        is_new = is_new && n->inode->ino != inode->ino;
    if (is_new)
        list_push_front(bucket_of(fs, inode->ino), &store_vnode_of(inode)->table_node);
    spin_unlock(&fs->table_lock);
    return is_new;
}

int store_inode_obtain(struct superblock *sb, uint64_t ino, struct inode **result)
{
    struct store_fs *fs = store_fs_of(sb);
    struct store_inode si;
    while (!inode_cached(fs, ino, result)) {
        mutex_lock(&fs->lock);
        int err = store_inode_get(fs->st, ino, &si);
        mutex_unlock(&fs->lock);
        if (err)
            return err;
        *result = inode_make(sb, ino, &si);
        if (!*result)
            return -ENOMEM;
        if (table_insert(fs, *result))
            return 0;
        si.nlink = 1;
        (*result)->nlink = 1; /* so that putting it leaves the real one alone */
        inode_put(*result);
    }
    return 0;
}

static void store_evict(struct inode *inode)
{
    struct store_fs *fs = store_fs_of(inode->sb);
    struct store_vnode *n = store_vnode_of(inode);
    bool is_ours = !list_is_empty(&n->table_node);
    if (is_ours && inode->nlink == 0) {
        mutex_lock(&fs->lock);
        if (inode->pages) {
            store_unreserve(fs->st, inode->pages->dirty);
            __atomic_fetch_sub(&fs->dirty_pages, inode->pages->dirty, __ATOMIC_RELAXED);
        }
        int err = store_orphan_free(fs->st, inode->ino);
        mutex_unlock(&fs->lock);
        store_changed(fs);
        (void)err; /* it stays an orphan, and goes when the store is next opened */
    }
    spin_lock(&fs->table_lock);
    list_remove(&n->table_node);
    spin_unlock(&fs->table_lock);
    heap_free(n);
}

/* ---- attributes --------------------------------------------------------------------------------------------------------- */

int store_attrs_push(struct inode *inode)
{
    struct store_inode si;
    struct store *st = store_begin(inode);
    int err = store_inode_get(st, inode->ino, &si);
    si.mode = inode->mode;
    si.uid = inode->uid;
    si.gid = inode->gid;
    si.size = inode->size;
    si.atime = inode->atime;
    si.mtime = inode->mtime;
    si.ctime = inode->ctime;
    if (err == 0)
        err = store_inode_put(st, inode->ino, &si);
    store_end(inode);
    store_changed(store_fs_of(inode->sb));
    return err;
}

/* After a change of names: a directory's all, of others what the core changes. With the lock of the core. */
static void attrs_pull(struct store *st, struct inode *inode)
{
    struct store_inode si;
    if (store_inode_get(st, inode->ino, &si))
        return;
    inode->nlink = si.nlink;
    inode->ctime = si.ctime;
    if (S_ISDIR(inode->mode)) {
        inode->size = si.size;
        inode->mtime = si.mtime;
    }
}

static int store_cut(struct inode *inode, uint64_t size)
{
    struct store_fs *fs = store_fs_of(inode->sb);
    uint64_t before = inode->pages->dirty;
    ns_t now = clock_realtime();
    int err = pagecache_truncate(inode->pages, size);
    mutex_lock(&fs->lock);
    store_unreserve(fs->st, before - inode->pages->dirty);
    __atomic_fetch_sub(&fs->dirty_pages, before - inode->pages->dirty, __ATOMIC_RELAXED);
    if (err == 0)
        err = store_truncate(fs->st, inode->ino, size, now);
    mutex_unlock(&fs->lock);
    if (err == 0) {
        inode->size = size;
        inode->mtime = inode->ctime = now;
    }
    store_changed(fs);
    return err;
}

static int store_setattr(struct inode *inode, const struct iattr *a)
{
    int err = a->valid & IATTR_SIZE && inode->pages ? store_cut(inode, a->size) : 0;
    if (err)
        return err;
    inode_attr_set(inode, a);
    return store_attrs_push(inode);
}

static void store_refresh(struct inode *inode)
{
    struct store_inode si;
    if (!inode->pages)
        return;
    inode->size = __atomic_load_n(&inode->pages->size, __ATOMIC_RELAXED);
    struct store *st = store_begin(inode);
    int err = store_inode_get(st, inode->ino, &si);
    store_end(inode);
    uint64_t most = align_up(inode->size, PAGE_SIZE) >> PAGE_SHIFT; /* some that are dirty are counted already */
    if (err == 0)
        inode->blocks = MAX(si.blocks, MIN(si.blocks + inode->pages->dirty, most)) * 8;
}

/* ---- names -------------------------------------------------------------------------------------------------------------- */

static int store_dir_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    uint64_t ino;
    unsigned type;
    struct store *st = store_begin(dir);
    int err = store_lookup(st, dir->ino, name, len, &ino, &type);
    store_end(dir);
    return err ? err : store_inode_obtain(dir->sb, ino, result);
}

/* Owner and mode as the vfs will have them, so that they are right from the first commit on. */
static struct store_inode init_of(struct inode *dir, uint32_t mode, uint64_t rdev)
{
    struct inode model = {.mode = mode};
    ns_t now = clock_realtime();
    inode_init_owner(&model, dir);
    return (struct store_inode){
        .mode = model.mode, .uid = model.uid, .gid = model.gid, .nlink = S_ISDIR(mode) ? 2 : 1, .rdev = rdev,
        .atime = now, .mtime = now, .ctime = now, .btime = now,
    };
}

static int made(struct inode *dir, int err, uint64_t ino, struct inode **result)
{
    if (err == 0)
        attrs_pull(store_fs_of(dir->sb)->st, dir);
    store_end(dir);
    store_changed(store_fs_of(dir->sb));
    return err ? err : store_inode_obtain(dir->sb, ino, result);
}

static int store_dir_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, struct inode **result)
{
    const struct store_inode init = init_of(dir, mode, rdev);
    uint64_t ino = 0;
    int err = store_create(store_begin(dir), dir->ino, name, len, &init, &ino);
    return made(dir, err, ino, result);
}

static int store_dir_tmpfile(struct inode *dir, uint32_t mode, struct inode **result)
{
    const struct store_inode init = init_of(dir, mode, 0);
    uint64_t ino = 0;
    int err = store_tmpfile(store_begin(dir), &init, &ino);
    return made(dir, err, ino, result);
}

static int store_dir_symlink(struct inode *dir, const char *name, size_t len, const char *target, struct inode **result)
{
    const struct store_inode init = init_of(dir, S_IFLNK | 0777, 0);
    uint64_t ino = 0;
    int err = store_symlink(store_begin(dir), dir->ino, name, len, &init, target, &ino);
    return made(dir, err, ino, result);
}

static bool was_synced(const struct inode *inode)
{
    return inode && __atomic_load_n(&store_vnode_of(inode)->was_synced, __ATOMIC_RELAXED);
}

/*
 * A change of names is done: what the vfs knows of the inodes follows. Names of files that were synced go to the log at once, without a
 * barrier: SQLite commits by removing its journal, and when only the host's process ends, what it was given stays.
 */
static int renamed(struct inode *dir, struct inode *other_dir, struct inode *a, struct inode *b, int err)
{
    struct inode *all[] = {dir, other_dir, a, b};
    for (size_t i = 0; i < ARRAY_COUNT(all) && err == 0; i++) {
        if (all[i])
            attrs_pull(store_fs_of(dir->sb)->st, all[i]);
    }
    if (err == 0 && (was_synced(a) || was_synced(b))) {
        int logged = store_log(store_fs_of(dir->sb)->st);
        (void)logged; /* of what does not work the next sync tells */
    }
    store_end(dir);
    store_changed(store_fs_of(dir->sb));
    return err;
}

static int store_dir_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int err = store_link(store_begin(dir), dir->ino, name, len, target->ino, clock_realtime());
    return renamed(dir, NULL, target, NULL, err);
}

static int store_dir_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int err = store_unlink(store_begin(dir), dir->ino, name, len, clock_realtime());
    return renamed(dir, NULL, target, NULL, err);
}

/* Written, then renamed over another: programs count on finding one of the two after a crash, not an empty file. */
static int replaced_flush(struct inode *source)
{
    return source->pages && source->pages->dirty > 0 ? store_inode_flush(source) : 0;
}

static int rename_in_core(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir, const char *to,
                          size_t to_len, unsigned flags)
{
    const struct store_inode whiteout = init_of(from_dir, S_IFCHR, 0);
    struct store *st = store_begin(from_dir);
    uint64_t ino;
    int err = store_rename(st, from_dir->ino, from, from_len, to_dir->ino, to, to_len, flags & RENAME_EXCHANGE, whiteout.ctime);
    if (err == 0 && flags & RENAME_WHITEOUT)
        err = store_create(st, from_dir->ino, from, from_len, &whiteout, &ino);
    return err;
}

static int store_dir_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir, const char *to,
                            size_t to_len, unsigned flags)
{
    struct inode *source = NULL, *target = NULL;
    int err = store_dir_lookup(from_dir, from, from_len, &source);
    if (err)
        return err;
    err = store_dir_lookup(to_dir, to, to_len, &target);
    if (err == -ENOENT)
        err = 0;
    else if (err == 0)
        err = replaced_flush(source);
    if (err == 0) {
        err = rename_in_core(from_dir, from, from_len, to_dir, to, to_len, flags);
        err = renamed(from_dir, to_dir, source, target, err);
    }
    inode_put(target);
    inode_put(source);
    return err;
}

/* ---- reading directories: a batch under the lock, then to the user without it ------------------------------------------- */

struct batch {
    struct store_sink sink;
    char *at, *end;
};

struct batch_entry {
    uint64_t ino, next_pos;
    uint16_t len;
    uint8_t type;
    char name[];
};

static bool batch_add(struct store_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct batch *b = container_of(sink, struct batch, sink);
    size_t size = align_up(sizeof(struct batch_entry) + len, 8);
    if (b->at + size > b->end)
        return false;
    struct batch_entry *e = (struct batch_entry *)b->at;
    *e = (struct batch_entry){.ino = ino, .next_pos = next_pos, .len = (uint16_t)len, .type = (uint8_t)type};
    memcpy(e->name, name, len);
    b->at += size;
    return true;
}

/* False: the sink is full. */
static bool batch_emit(const char *at, const char *end, uint64_t *pos, struct dir_sink *sink)
{
    while (at < end) {
        const struct batch_entry *e = (const struct batch_entry *)at;
        if (!sink->emit(sink, e->name, e->len, e->ino, e->type, e->next_pos))
            return false;
        *pos = e->next_pos;
        at += align_up(sizeof(*e) + e->len, 8);
    }
    return true;
}

static int store_dir_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    char *buf = page_alloc(0);
    bool goes_on = buf != NULL;
    int err = buf ? 0 : -ENOMEM;
    while (goes_on && err == 0) {
        struct batch b = {.sink = {batch_add}, .at = buf, .end = buf + PAGE_SIZE};
        uint64_t next = *pos;
        err = store_readdir(store_begin(dir), dir->ino, &next, &b.sink);
        store_end(dir);
        goes_on = err == 0 && b.at > buf && batch_emit(buf, b.at, pos, sink);
    }
    if (buf)
        page_free(buf, 0);
    return err;
}

static int64_t store_dir_readlink(struct inode *inode, char *buf, size_t size)
{
    int64_t n = store_readlink(store_begin(inode), inode->ino, buf, size);
    store_end(inode);
    return n;
}

/* ---- extended attributes --------------------------------------------------------------------------------------------------- */

static int64_t xattr_get(struct inode *inode, const char *name, void *buf, size_t size)
{
    int64_t n = store_getxattr(store_begin(inode), inode->ino, name, buf, size);
    store_end(inode);
    return n;
}

static int64_t xattr_list(struct inode *inode, char *buf, size_t size)
{
    int64_t n = store_listxattr(store_begin(inode), inode->ino, buf, size);
    store_end(inode);
    return n;
}

static int xattr_changed(struct inode *inode, int err)
{
    store_end(inode);
    if (err)
        return err;
    inode->ctime = clock_realtime();
    return store_attrs_push(inode);
}

static int xattr_set(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
    return xattr_changed(inode, store_setxattr(store_begin(inode), inode->ino, name, value, size, flags));
}

static int xattr_remove(struct inode *inode, const char *name)
{
    return xattr_changed(inode, store_removexattr(store_begin(inode), inode->ino, name));
}

const struct inode_ops store_inode_ops = {
    .lookup = store_dir_lookup, .create = store_dir_create, .tmpfile = store_dir_tmpfile, .symlink = store_dir_symlink,
    .link = store_dir_link, .unlink = store_dir_unlink, .rmdir = store_dir_unlink, .rename = store_dir_rename,
    .readdir = store_dir_readdir, .readlink = store_dir_readlink, .setattr = store_setattr, .refresh = store_refresh,
    .getxattr = xattr_get, .setxattr = xattr_set, .listxattr = xattr_list, .removexattr = xattr_remove,
    .evict = store_evict,
};
