/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files. Reading uses the pages, which are those of the file above as soon as it is there; all else goes to a file
 * that is opened above at the first need: f->data.
 */
#include <linux/fs.h>
#include <linux/stat.h>
#include "fs/overlay/internal.h"

/* The file above; under f->lock only the pointer is set. */
static int above(struct file *f, struct file **result)
{
    struct file *real = __atomic_load_n((struct file **)&f->data, __ATOMIC_ACQUIRE), *none = NULL;
    struct inode *upper = upper_of(f->inode);
    if (!upper)
        return -EROFS; /* not opened for writing */
    if (!real) {
        int err = file_create(upper->file_ops, NULL, f->flags, &real);
        if (err)
            return err;
        real->inode = upper;
        inode_get(upper);
        if (!__atomic_compare_exchange_n((struct file **)&f->data, &none, real, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            file_put(real);
            real = none;
        }
    }
    __atomic_store_n(&real->flags, __atomic_load_n(&f->flags, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    *result = real;
    return 0;
}

static int64_t overlay_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct inode *real = real_of(f->inode);
    if (S_ISDIR(f->inode->mode))
        return -EISDIR;
    (void)nonblock, (void)real;
    return pagecache_read_iter(__atomic_load_n(&f->inode->pages, __ATOMIC_ACQUIRE), off, to);
}

static int64_t overlay_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct file *real;
    int err = above(f, &real);
    if (err)
        return err;
    int64_t n = real->ops->write(real, from, off, nonblock);
    node_sync(f->inode);
    return n;
}

static int64_t overlay_seek(struct file *f, int64_t off, int whence)
{
    struct file *real;
    uint64_t at;
    if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !f->inode->pages)
        return -EINVAL;
    if (upper_of(f->inode)) {
        int err = above(f, &real);
        return err ? err : real->ops->seek ? real->ops->seek(real, off, whence) : -EINVAL;
    }
    int err = pagecache_seek(f->inode->pages, (uint64_t)off, whence == SEEK_DATA, &at);
    return err ? err : (int64_t)at;
}

static int overlay_file_readdir(struct file *f, struct dir_sink *sink)
{
    if (!S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    mutex_lock(&f->inode->lock);
    int err = overlay_readdir(f->inode, &f->pos, sink);
    mutex_unlock(&f->inode->lock);
    return err;
}

static int overlay_truncate(struct file *f, uint64_t size)
{
    struct file *real;
    int err = above(f, &real);
    if (err == 0)
        err = real->ops->truncate ? real->ops->truncate(real, size) : -EINVAL;
    node_sync(f->inode);
    return err;
}

static int overlay_fallocate(struct file *f, int mode, uint64_t off, uint64_t size)
{
    struct file *real;
    int err = above(f, &real);
    if (err == 0)
        err = real->ops->fallocate ? real->ops->fallocate(real, mode, off, size) : -EOPNOTSUPP;
    node_sync(f->inode);
    return err;
}

/* What is still below needs no writing back. */
static int overlay_sync(struct file *f, bool data_only)
{
    struct file *real;
    int err = upper_of(f->inode) ? above(f, &real) : 0;
    return err || !upper_of(f->inode) || !real->ops->sync ? err : real->ops->sync(real, data_only);
}

static void overlay_release(struct file *f)
{
    if (f->data)
        file_put(f->data);
}

const struct file_ops overlay_file_ops = {
    .read = overlay_read, .write = overlay_write, .seek = overlay_seek, .readdir = overlay_file_readdir,
    .mmap = vfs_file_mmap, .sync = overlay_sync, .truncate = overlay_truncate, .fallocate = overlay_fallocate,
    .release = overlay_release,
};
