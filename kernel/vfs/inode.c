/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/inode.h"
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "time/clock.h"
#include "vfs/dentry.h"
#include "vfs/device.h"
#include "vfs/locks.h"
#include "vfs/notify.h"

struct inode *inode_create(struct superblock *sb, uint64_t ino, uint32_t mode)
{
    struct inode *inode = heap_zalloc(sizeof(*inode));
    if (!inode)
        return NULL;
    ref_init(&inode->ref, 1);
    mutex_init(&inode->lock);
    list_init(&inode->watches);
    inode->sb = sb;
    inode->ino = ino;
    inode->mode = mode;
    inode->nlink = 1;
    inode->atime = inode->mtime = inode->ctime = inode->btime = clock_realtime();
    return inode;
}

void inode_attr_set(struct inode *inode, const struct iattr *a)
{
    if (a->valid & IATTR_MODE)
        inode->mode = (inode->mode & S_IFMT) | (a->mode & 07777);
    if (a->valid & IATTR_UID)
        inode->uid = a->uid;
    if (a->valid & IATTR_GID)
        inode->gid = a->gid;
    if (a->valid & IATTR_ATIME)
        inode->atime = a->atime;
    if (a->valid & IATTR_MTIME)
        inode->mtime = a->mtime;
    inode->ctime = clock_realtime();
}

void inode_get(struct inode *inode)
{
    ref_get(&inode->ref);
}

void inode_put(struct inode *inode)
{
    if (!inode || !ref_put(&inode->ref))
        return;
    if (inode->pages)
        pagecache_quiesce(inode->pages);
    if (inode->ops->evict)
        inode->ops->evict(inode);
    if (inode->pages)
        pagecache_put(inode->pages);
    locks_free(inode->locks);
    heap_free(inode);
}

struct superblock *superblock_create(const struct super_ops *ops, const char *type, void *data)
{
    static uint64_t next_dev;
    struct superblock *sb = heap_zalloc(sizeof(*sb));
    if (!sb)
        return NULL;
    ref_init(&sb->ref, 1);
    mutex_init(&sb->rename_lock);
    sb->ops = ops;
    sb->type = type;
    sb->data = data;
    sb->dev = MAKEDEV(0, __atomic_add_fetch(&next_dev, 1, __ATOMIC_RELAXED) + 0x20); /* minors of major 0, as Linux has for such */
    return sb;
}

void superblock_put(struct superblock *sb)
{
    if (!ref_put(&sb->ref))
        return;
    notify_superblock_gone(sb);
    dentries_drop(sb);
    inode_put(sb->root);
    if (sb->ops && sb->ops->unmount)
        sb->ops->unmount(sb);
    heap_free(sb);
}
