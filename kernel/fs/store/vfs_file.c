/* SPDX-License-Identifier: Apache-2.0 */
/* Data of files of a mounted store: in the page cache, which the core fills and takes back. */
#include "base/string.h"
#include "fs/store/vfs.h"
#include "mm/usercopy.h"
#include "mm/vmspace.h"
#include "time/clock.h"
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#define POOL_BLOCKS 128
#define FILL_BLOCKS 32u /* asked for at a time */
#define LEAVES_LEFT 160u /* room that fallocate leaves for the tree */

/* ---- pages ------------------------------------------------------------------------------------------------------------- */

static int places_get(struct inode *inode, uint64_t idx, struct store_place *places, size_t count)
{
    int err = store_map(store_begin(inode), inode->ino, idx, places, count);
    store_end(inode);
    return err;
}

/*
 * Decrypted without the core's lock: only where the blocks lie is asked under it. The file may lose them meanwhile (truncate, a
 * hole), and others may be written there; then they lie elsewhere, or nowhere, when asked again.
 */
static int part_fill(struct inode *inode, uint64_t idx, void *const *pages, size_t count)
{
    struct store_place places[FILL_BLOCKS], again[FILL_BLOCKS];
    int err = places_get(inode, idx, places, count);
    while (err == 0) {
        size_t done = store_fetch(store_fs_of(inode->sb)->st, places, pages, count);
        if (done == count)
            return 0;
        err = places_get(inode, idx, again, count);
        if (err == 0 && memcmp(places, again, count * sizeof(*places)) == 0) {
            store_damage_log(inode->ino, idx + done);
            err = -EIO;
        }
        memcpy(places, again, count * sizeof(*places));
    }
    return err;
}

static int pages_fill(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    int err = 0;
    for (size_t done = 0; done < count && err == 0; done += FILL_BLOCKS)
        err = part_fill(pc->owner, idx + done, pages + done, MIN(count - done, FILL_BLOCKS));
    return err;
}

/* A mapping may have written behind the end of the file, in its last page. */
static void tail_clear(const struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    uint64_t last = pc->size >> PAGE_SHIFT;
    if (pc->size & PAGE_MASK && last >= idx && last < idx + count)
        memset((char *)pages[last - idx] + (pc->size & PAGE_MASK), 0, PAGE_SIZE - (pc->size & PAGE_MASK));
}

static int pages_write(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    struct inode *inode = pc->owner;
    tail_clear(pc, idx, pages, count);
    struct store *st = store_begin(inode);
    store_expect_sync(st, store_vnode_of(inode)->is_syncing);
    int err = store_write(st, inode->ino, idx, (const void *const *)pages, count, count);
    store_end(inode);
    if (err == 0)
        __atomic_fetch_sub(&store_fs_of(inode->sb)->dirty_pages, count, __ATOMIC_RELAXED);
    return err;
}

/* From the pool, so that not every page waits for the core. */
static bool pool_take(struct store_fs *fs)
{
    uint64_t left = __atomic_load_n(&fs->pool, __ATOMIC_RELAXED);
    while (left > 0) {
        if (__atomic_compare_exchange_n(&fs->pool, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

static bool has_data(struct store *st, uint64_t ino, uint64_t block)
{
    struct store_place place;
    return store_map(st, ino, block, &place, 1) == 0 && place.addr;
}

static int pool_fill_and_take(struct inode *inode, uint64_t idx)
{
    struct store *st = store_begin(inode);
    int err = store_reserve(st, POOL_BLOCKS);
    if (err == 0)
        __atomic_fetch_add(&store_fs_of(inode->sb)->pool, POOL_BLOCKS - 1, __ATOMIC_RELAXED);
    else if (err == -ENOSPC)
        err = has_data(st, inode->ino, idx) ? store_reserve_again(st) : store_reserve(st, 1);
    store_end(inode);
    return err;
}

static int pages_reserve(struct pagecache *pc, uint64_t idx)
{
    struct inode *inode = pc->owner;
    struct store_fs *fs = store_fs_of(inode->sb);
    int err = pool_take(fs) ? 0 : pool_fill_and_take(inode, idx);
    if (err == 0)
        __atomic_fetch_add(&fs->dirty_pages, 1, __ATOMIC_RELAXED);
    return err;
}

static int pages_sync(struct pagecache *pc)
{
    return store_inode_sync(pc->owner);
}

const struct pagecache_ops store_pages_ops = {
    .fill = pages_fill, .write = pages_write, .reserve = pages_reserve, .sync = pages_sync,
    .wants_read_ahead = true, .can_refill = true,
};

/* ---- read(2), write(2) ---------------------------------------------------------------------------------------------------- */

static int64_t file_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    (void)nonblock;
    return S_ISDIR(f->inode->mode) ? -EISDIR : pagecache_read_iter(f->inode->pages, off, to);
}

static int64_t write_locked(struct file *f, struct iov_iter *from, uint64_t off)
{
    struct inode *inode = f->inode;
    mutex_lock(&inode->lock);
    if (f->flags & O_APPEND)
        off = inode->pages->size;
    int64_t n = pagecache_write_iter(inode->pages, off, from);
    if (n > 0) {
        inode->size = inode->pages->size;
        inode->mtime = inode->ctime = clock_realtime();
        store_inode_dirty(inode);
    }
    mutex_unlock(&inode->lock);
    return n;
}

static int64_t file_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct inode *inode = f->inode;
    (void)nonblock;
    int64_t n = write_locked(f, from, off);
    /* What is promised to dirty pages is more than they will take; a commit also frees what was overwritten. */
    if (n == -ENOSPC && store_fs_sync(store_fs_of(inode->sb)) == 0)
        n = write_locked(f, from, off);
    int err = n > 0 ? store_room_make(inode) : 0;
    if (n > 0 && err == 0 && f->flags & (O_DSYNC | O_SYNC))
        err = store_inode_sync(inode);
    return err ? err : n;
}

static int file_sync(struct file *f, bool data_only)
{
    (void)data_only; /* one log entry holds both */
    return store_inode_sync(f->inode);
}

static int64_t file_seek(struct file *f, int64_t off, int whence)
{
    struct inode *inode = f->inode;
    uint64_t at = (uint64_t)off, block = at >> PAGE_SHIFT, size = inode->pages ? inode->pages->size : 0;
    if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !inode->pages)
        return -EINVAL;
    if (off < 0 || at >= size)
        return -ENXIO;
    int err = store_inode_flush(inode);
    if (err)
        return err;
    err = store_seek(store_begin(inode), inode->ino, &block, whence == SEEK_DATA);
    store_end(inode);
    if (err || (whence == SEEK_DATA && block << PAGE_SHIFT >= size))
        return err ? err : -ENXIO;
    return (int64_t)MIN(MAX(at, block << PAGE_SHIFT), size);
}

static int file_readdir(struct file *f, struct dir_sink *sink)
{
    if (!S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    mutex_lock(&f->inode->lock);
    int err = f->inode->ops->readdir(f->inode, &f->pos, sink);
    mutex_unlock(&f->inode->lock);
    return err;
}

static int file_truncate(struct file *f, uint64_t size)
{
    const struct iattr attr = {.valid = IATTR_SIZE, .size = size};
    mutex_lock(&f->inode->lock);
    int err = f->inode->ops->setattr(f->inode, &attr);
    mutex_unlock(&f->inode->lock);
    return err;
}

/* ---- fallocate(2) ----------------------------------------------------------------------------------------------------------- */

static int zeros_write(struct inode *inode, uint64_t off, uint64_t end)
{
    static const char zeros[PAGE_SIZE];
    int64_t n = end > off ? pagecache_write(inode->pages, off, zeros, end - off) : 0;
    return n < 0 ? (int)n : 0;
}

/* [off, end) reads as zeros: whole pages are given back, parts of others written. */
static int hole_make(struct inode *inode, uint64_t off, uint64_t end)
{
    struct store_fs *fs = store_fs_of(inode->sb);
    uint64_t first = align_up(off, PAGE_SIZE), last = align_down(end, PAGE_SIZE), before = inode->pages->dirty;
    if (first >= last) {
        uint64_t middle = MIN(first, end);
        int err = zeros_write(inode, off, middle);
        return err ? err : zeros_write(inode, middle, end);
    }
    pagecache_punch(inode->pages, first, last - first);
    mutex_lock(&fs->lock);
    store_unreserve(fs->st, before - inode->pages->dirty);
    __atomic_fetch_sub(&fs->dirty_pages, before - inode->pages->dirty, __ATOMIC_RELAXED);
    int err = store_punch(fs->st, inode->ino, first >> PAGE_SHIFT, (last - first) >> PAGE_SHIFT);
    mutex_unlock(&fs->lock);
    if (err == 0)
        err = zeros_write(inode, off, first);
    return err ? err : zeros_write(inode, last, end);
}

/* The first blocks in a row, at or after *block and before `end`, that have no data: how many, or -errno. */
static int64_t hole_find(struct store *st, uint64_t ino, uint64_t *block, uint64_t end)
{
    int err = store_seek(st, ino, block, false);
    if (err || *block >= end)
        return err;
    uint64_t data = *block;
    err = store_seek(st, ino, &data, true);
    if (err && err != -ENXIO)
        return err;
    return (int64_t)((err ? end : MIN(data, end)) - *block);
}

/* Is there room for all the holes, and the leaves that name the blocks in them? */
static int room_ask(struct inode *inode, uint64_t first, uint64_t end)
{
    struct store_info info;
    uint64_t holes = 0;
    int64_t n = 1;
    struct store *st = store_begin(inode);
    for (uint64_t at = first; n > 0 && at < end; at += (uint64_t)MAX(n, 0)) {
        n = hole_find(st, inode->ino, &at, end);
        holes += (uint64_t)MAX(n, 0);
    }
    store_info(st, &info);
    store_end(inode);
    return n < 0 ? (int)n : holes + holes / 64 + LEAVES_LEFT > info.free && holes > 0 ? -ENOSPC : 0;
}

/* Without the inode's lock. What was promised to dirty pages, and what was freed, is sure after a commit. */
static int room_check(struct inode *inode, uint64_t off, uint64_t end)
{
    uint64_t first = off >> PAGE_SHIFT, last = align_up(end, PAGE_SIZE) >> PAGE_SHIFT;
    int err = room_ask(inode, first, last);
    if (err != -ENOSPC)
        return err;
    err = store_fs_sync(store_fs_of(inode->sb));
    return err ? err : room_ask(inode, first, last);
}

/*
 * A hole gets blocks of zeros: then there is room for what is written there later, since overwriting takes none for long
 * (store_reserve_again), and that holds after a restart as well.
 */
static int holes_fill(struct inode *inode, uint64_t off, uint64_t end)
{
    static const char zeros[PAGE_SIZE];
    const void *blocks[FILL_BLOCKS];
    uint64_t at = off >> PAGE_SHIFT, last = align_up(end, PAGE_SIZE) >> PAGE_SHIFT;
    for (size_t i = 0; i < FILL_BLOCKS; i++)
        blocks[i] = zeros;
    for (;;) {
        struct store *st = store_begin(inode);
        int64_t n = hole_find(st, inode->ino, &at, last);
        int err = n > 0 ? store_write(st, inode->ino, at, blocks, MIN((size_t)n, FILL_BLOCKS), 0) : (int)n;
        store_end(inode);
        if (err || n == 0)
            return err;
    }
}

static int file_fallocate(struct file *f, int mode, uint64_t off, uint64_t size)
{
    struct inode *inode = f->inode;
    uint64_t end = off + size;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) ||
        (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE)))
        return -EOPNOTSUPP;
    int err = mode & FALLOC_FL_PUNCH_HOLE ? 0 : room_check(inode, off, end);
    if (err)
        return err;
    mutex_lock(&inode->lock);
    uint64_t old = inode->pages->size;
    if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && off < old)
        err = hole_make(inode, off, MIN(end, old));
    if (err == 0 && !(mode & FALLOC_FL_PUNCH_HOLE))
        err = holes_fill(inode, off, end);
    if (err == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && end > old) {
        const struct iattr attr = {.valid = IATTR_SIZE, .size = end};
        err = inode->ops->setattr(inode, &attr);
    }
    if (err == 0) {
        inode->mtime = inode->ctime = clock_realtime();
        store_inode_dirty(inode);
    }
    mutex_unlock(&inode->lock);
    return err;
}

/* ---- mappings: what they write is found by looking, as long as one may write ----------------------------------------------- */

static int file_mmap(struct file *f, struct vm_map_request *req)
{
    int err = vfs_file_mmap(f, req);
    if (err || !req->is_shared || !(f->mode & FMODE_WRITE) || f->data)
        return err;
    f->data = f->inode->data;
    __atomic_fetch_add(&store_vnode_of(f->inode)->mapped, 1, __ATOMIC_RELAXED);
    store_inode_dirty(f->inode);
    return 0;
}

static void file_release(struct file *f)
{
    if (!f->data)
        return;
    __atomic_fetch_sub(&store_vnode_of(f->inode)->mapped, 1, __ATOMIC_RELAXED);
    store_inode_dirty(f->inode); /* once more */
}

const struct file_ops store_file_ops = {
    .read = file_read, .write = file_write, .seek = file_seek, .readdir = file_readdir, .mmap = file_mmap, .sync = file_sync,
    .truncate = file_truncate, .fallocate = file_fallocate, .release = file_release,
};
