/* SPDX-License-Identifier: Apache-2.0 */
#include "filedev.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROW_BLOCKS (1u << 20)

static int fd_of(struct store_dev *dev)
{
    return container_of(dev, struct filedev, dev)->fd;
}

static int file_read_blocks(struct store_dev *dev, uint64_t block, void *buf, size_t count)
{
    if (block >= dev->blocks || count > dev->blocks - block)
        return -EIO;
    ssize_t n = pread(fd_of(dev), buf, count * STORE_BLOCK, (off_t)(block * STORE_BLOCK));
    return n == (ssize_t)(count * STORE_BLOCK) ? 0 : -EIO;
}

static int file_write_blocks(struct store_dev *dev, uint64_t block, const void *buf, size_t count)
{
    if (block >= dev->blocks || count > dev->blocks - block)
        return -EIO;
    ssize_t n = pwrite(fd_of(dev), buf, count * STORE_BLOCK, (off_t)(block * STORE_BLOCK));
    return n == (ssize_t)(count * STORE_BLOCK) ? 0 : -EIO;
}

static int file_sync(struct store_dev *dev)
{
    return fdatasync(fd_of(dev)) == 0 ? 0 : -EIO;
}

static int file_resize(struct store_dev *dev, uint64_t blocks)
{
    if (blocks > dev->max_blocks || posix_fallocate(fd_of(dev), (off_t)(dev->blocks * STORE_BLOCK), (off_t)((blocks - dev->blocks) * STORE_BLOCK)))
        return -ENOSPC;
    dev->blocks = blocks;
    return 0;
}

static const struct store_dev_ops file_ops = {
    .read = file_read_blocks, .write = file_write_blocks, .sync = file_sync, .resize = file_resize};

int filedev_open(struct filedev *f, const char *path, uint64_t size, bool is_new, bool is_read_only, struct error *err)
{
    struct stat st;
    bool is_writable = !is_read_only;
    int flags = (is_read_only ? O_RDONLY : O_RDWR) | (is_new ? O_CREAT | O_EXCL : 0) | O_CLOEXEC;
    f->fd = open(path, flags, 0600);
    if (f->fd < 0 || fstat(f->fd, &st) < 0)
        return error_errno(err, "%s", path);
    if (flock(f->fd, (is_read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0)
        return error_set(err, "%s: an instance has it open", path);
    f->dev = (struct store_dev){.ops = &file_ops, .blocks = (uint64_t)st.st_size / STORE_BLOCK};
    f->dev.max_blocks = size ? MAX(size / STORE_BLOCK, f->dev.blocks) : f->dev.blocks + is_writable * GROW_BLOCKS;
    return 0;
}

void filedev_close(struct filedev *f)
{
    close(f->fd);
}
