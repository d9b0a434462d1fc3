/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: each read and write goes to the host. Private mappings take copies; shared writable ones cannot be had. */
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "fs/hostfs/internal.h"
#include "heap/heap.h"

#define CHUNK_ORDER 4
#define CHUNK_SIZE  (PAGE_SIZE << CHUNK_ORDER)

int hostfs_open_data(const struct inode *inode, unsigned flags)
{
    return (int)hostcall_file_open(node_of(inode)->fd, flags, 0, "", 0);
}

/* The file's own host descriptor, opened at the first need: f->data is one more than it. */
static int data_fd(struct file *f)
{
    uintptr_t known = (uintptr_t)__atomic_load_n(&f->data, __ATOMIC_ACQUIRE);
    void *none = NULL;
    if (known)
        return (int)known - 1;
    int fd = hostfs_open_data(f->inode, (f->mode & FMODE_READ ? HOSTCALL_FILE_READ : 0) | (f->mode & FMODE_WRITE ? HOSTCALL_FILE_WRITE : 0));
    if (fd < 0 || __atomic_compare_exchange_n(&f->data, &none, (void *)((uintptr_t)fd + 1), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fd;
    hostfs_fd_close(fd);
    return (int)(uintptr_t)none - 1;
}

static int64_t file_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    (void)nonblock;
    if (S_ISDIR(f->inode->mode))
        return -EISDIR;
    int fd = data_fd(f);
    char *chunk = fd < 0 ? NULL : page_alloc(CHUNK_ORDER);
    int64_t done = 0, n = fd < 0 ? fd : chunk ? 1 : -ENOMEM;
    while (to->left > 0 && n > 0) {
        size_t size = MIN(to->left, CHUNK_SIZE);
        n = hostcall_file_get(fd, HOSTCALL_FILE_DATA, off + (uint64_t)done, chunk, size);
        if (n > 0)
            n = iov_copy_to(to, chunk, (size_t)n);
        done += MAX(n, 0);
        if (n < (int64_t)size)
            break;
    }
    if (chunk)
        page_free(chunk, CHUNK_ORDER);
    return done ? done : MIN(n, 0);
}

static int64_t file_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct inode *inode = f->inode;
    (void)nonblock;
    int fd = data_fd(f);
    char *chunk = fd < 0 ? NULL : page_alloc(CHUNK_ORDER);
    int64_t done = 0, n = fd < 0 ? fd : chunk ? 1 : -ENOMEM;
    mutex_lock(&inode->lock);
    hostfs_refresh(inode);
    if (f->flags & O_APPEND)
        off = inode->size;
    while (from->left > 0 && n > 0) {
        n = iov_copy_from(from, chunk, MIN(from->left, CHUNK_SIZE));
        size_t size = (size_t)MAX(n, 0);
        if (n > 0)
            n = hostcall_file_set(fd, HOSTCALL_FILE_DATA, off + (uint64_t)done, chunk, size);
        done += MAX(n, 0);
        if (n < (int64_t)size)
            break;
    }
    hostfs_refresh(inode);
    mutex_unlock(&inode->lock);
    if (chunk)
        page_free(chunk, CHUNK_ORDER);
    return done ? done : MIN(n, 0);
}

static int file_readdir(struct file *f, struct dir_sink *sink)
{
    return S_ISDIR(f->inode->mode) ? f->inode->ops->readdir(f->inode, &f->pos, sink) : -ENOTDIR;
}

static int64_t file_seek(struct file *f, int64_t off, int whence)
{
    if ((whence != 3 && whence != 4) || !S_ISREG(f->inode->mode)) /* SEEK_DATA, SEEK_HOLE */
        return -EINVAL;
    hostfs_refresh(f->inode);
    if ((uint64_t)off >= f->inode->size)
        return -ENXIO;
    return whence == 3 ? off : (int64_t)f->inode->size;
}

static int file_truncate(struct file *f, uint64_t size)
{
    const struct iattr attr = {.valid = IATTR_SIZE, .size = size};
    mutex_lock(&f->inode->lock);
    int err = f->inode->ops->setattr(f->inode, &attr);
    mutex_unlock(&f->inode->lock);
    return err;
}

static int file_sync(struct file *f, bool data_only)
{
    (void)data_only;
    int fd = S_ISREG(f->inode->mode) ? data_fd(f) : -1;
    return fd < 0 ? 0 : (int)hostcall_file_set(fd, HOSTCALL_FILE_SYNC, 0, NULL, 0);
}

static int pages_fill(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    const struct node *n = node_of(pc->owner);
    for (size_t i = 0; i < count; i++) {
        size_t done = 0;
        int64_t got = 1;
        while (done < PAGE_SIZE && got > 0) {
            got = hostcall_file_get(n->data_fd, HOSTCALL_FILE_DATA, ((idx + i) << PAGE_SHIFT) + done, (char *)pages[i] + done, PAGE_SIZE - done);
            done += got > 0 ? (size_t)got : 0;
        }
        if (got < 0)
            return (int)got;
        memset((char *)pages[i] + done, 0, PAGE_SIZE - done);
    }
    return 0;
}

static const struct pagecache_ops pages_ops = {.fill = pages_fill};

/*
 * What a mapping copies from: as fresh as the file is at this moment, so each has pages of its own. (The file's times tell
 * too little: two changes may have the same.)
 */
static int pages_renew(struct inode *inode)
{
    struct node *n = node_of(inode);
    struct pagecache *fresh, *old;
    int err = 0;
    mutex_lock(&inode->lock);
    hostfs_refresh(inode);
    if (n->data_fd < 0)
        n->data_fd = hostfs_open_data(inode, HOSTCALL_FILE_READ);
    err = n->data_fd < 0 ? n->data_fd : pagecache_create(&pages_ops, inode, inode->size, &fresh);
    if (err == 0) {
        old = inode->pages;
        inode->pages = fresh;
        if (old)
            pagecache_put(old); /* earlier mappings hold it */
    }
    mutex_unlock(&inode->lock);
    return err;
}

static int file_mmap(struct file *f, struct vm_map_request *req)
{
    if (!S_ISREG(f->inode->mode) || (req->is_shared && (req->prot & VM_WRITE)))
        return -ENODEV;
    int err = pages_renew(f->inode);
    return err ? err : vfs_file_mmap(f, req);
}

static void file_release(struct file *f)
{
    if (f->data)
        hostfs_fd_close((int)(uintptr_t)f->data - 1);
}

const struct file_ops hostfs_file_ops = {
    .read = file_read, .write = file_write, .seek = file_seek, .readdir = file_readdir, .mmap = file_mmap, .sync = file_sync,
    .truncate = file_truncate, .release = file_release,
};
