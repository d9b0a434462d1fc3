/* SPDX-License-Identifier: Apache-2.0 */
/* Copying up: a file appears above whole or not at all, its content before its name. */
#include <linux/limits.h>
#include <linux/stat.h>
#include "fs/overlay/internal.h"
#include "heap/heap.h"

#define CHUNK_ORDER 6
#define CHUNK_SIZE  (PAGE_SIZE << CHUNK_ORDER)

static int content_copy(struct inode *upper, struct inode *lower)
{
    struct file *to;
    uint64_t off = 0;
    if (upper->ops->adopt)
        return upper->ops->adopt(upper, lower);
    char *chunk = page_alloc(CHUNK_ORDER);
    int err = chunk ? file_create(upper->file_ops, NULL, 1 /* O_WRONLY */, &to) : -ENOMEM;
    if (err) {
        if (chunk)
            page_free(chunk, CHUNK_ORDER);
        return err;
    }
    to->inode = upper;
    inode_get(upper);
    while (off < lower->size && err == 0) {
        struct iov_iter it;
        int64_t n = pagecache_read(lower->pages, off, chunk, CHUNK_SIZE);
        if (n > 0) {
            iov_iter_kernel(&it, chunk, (uint64_t)n);
            n = to->ops->write(to, &it, off, false);
        }
        err = n < 0 ? (int)n : n == 0 ? -EIO : 0;
        off += n > 0 ? (uint64_t)n : 0;
    }
    file_put(to);
    page_free(chunk, CHUNK_ORDER);
    return err;
}

static int xattr_copy(struct inode *upper, struct inode *lower, const char *name)
{
    int64_t size = real_getxattr(lower, name, NULL, 0);
    char *value = size >= 0 ? heap_alloc((size_t)size + 1) : NULL;
    if (!value)
        return size < 0 ? (int)size : -ENOMEM;
    size = real_getxattr(lower, name, value, (size_t)size);
    int err = size < 0 ? (int)size : real_setxattr(upper, name, value, (size_t)size);
    heap_free(value);
    return err;
}

static int xattrs_copy(struct inode *upper, struct inode *lower)
{
    if (!lower->ops->listxattr)
        return 0;
    char *list = heap_alloc(XATTR_LIST_MAX);
    if (!list)
        return -ENOMEM;
    mutex_lock(&lower->lock);
    int64_t len = lower->ops->listxattr(lower, list, XATTR_LIST_MAX);
    mutex_unlock(&lower->lock);
    int err = len < 0 ? (int)len : 0;
    for (int64_t i = 0; i < len && err == 0; i += (int64_t)strlen(list + i) + 1)
        err = xattr_copy(upper, lower, list + i);
    heap_free(list);
    return err;
}

static int link_target_copy(struct inode *dir, struct inode *lower, const char *name, struct inode **made)
{
    char *target = heap_alloc(PATH_MAX);
    if (!target)
        return -ENOMEM;
    int64_t len = lower->ops->readlink(lower, target, PATH_MAX - 1);
    int err = len < 0 ? (int)len : 0;
    if (err == 0) {
        target[len] = 0;
        err = dir->ops->symlink(dir, name, strlen(name), target, made);
    }
    heap_free(target);
    return err;
}

/* Above, without content: regular files without a name yet. */
static int shape_make(struct inode *dir, struct inode *lower, const char *name, struct inode **made)
{
    mutex_lock(&dir->lock);
    int err;
    if (S_ISREG(lower->mode))
        err = dir->ops->tmpfile ? dir->ops->tmpfile(dir, lower->mode, made) : -EOPNOTSUPP;
    else if (S_ISLNK(lower->mode))
        err = link_target_copy(dir, lower, name, made);
    else
        err = dir->ops->create(dir, name, strlen(name), lower->mode, lower->rdev, made);
    mutex_unlock(&dir->lock);
    return err;
}

/* Owner, mode and times are those that the inode has now. */
static int attributes_copy(struct inode *inode, struct inode *upper)
{
    const struct node *n = node_of(inode);
    const struct origin origin = {overlay_of(inode->sb)->lower->id, n->lower->ino};
    const struct iattr attr = {
        .valid = IATTR_MODE | IATTR_UID | IATTR_GID | IATTR_ATIME | IATTR_MTIME, .mode = inode->mode & 07777,
        .uid = inode->uid, .gid = inode->gid, .atime = inode->atime, .mtime = inode->mtime,
    };
    int err = xattrs_copy(upper, n->lower);
    if (err == 0)
        err = real_setxattr(upper, XATTR_ORIGIN, &origin, sizeof(origin));
    return err ? err : real_setattr(upper, &attr);
}

static int copy_one(struct inode *inode)
{
    struct node *n = node_of(inode);
    struct inode *dir = n->parent ? upper_of(n->parent) : overlay_of(inode->sb)->upper_root, *upper;
    const struct iattr dir_times = {.valid = IATTR_ATIME | IATTR_MTIME, .atime = dir->atime, .mtime = dir->mtime};
    if (!n->parent && !S_ISREG(inode->mode))
        return -ENOENT; /* removed, and only its attributes could be asked for */
    int err = shape_make(dir, n->lower, n->name, &upper);
    if (err)
        return err;
    if (S_ISREG(inode->mode))
        err = content_copy(upper, n->lower);
    if (err == 0)
        err = attributes_copy(inode, upper);
    if (err == 0 && S_ISREG(inode->mode) && n->parent)
        err = real_link(dir, n->name, strlen(n->name), upper);
    if (err) {
        if (!S_ISREG(inode->mode))
            (void)!real_remove(dir, n->name, strlen(n->name), upper);
        inode_put(upper);
        return err;
    }
    node_add_upper(inode, upper);
    node_sync(inode);
    return real_setattr(dir, &dir_times); /* the directory did not change for those who look at it */
}

int copy_up(struct inode *inode)
{
    int err = 0;
    while (!upper_of(inode) && err == 0) {
        struct inode *first = inode;
        while (node_of(first)->parent && !upper_of(node_of(first)->parent))
            first = node_of(first)->parent;
        err = copy_one(first);
    }
    return err;
}
