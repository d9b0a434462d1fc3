/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the file systems above and below, with the locks that vfs would take. */
#include <linux/stat.h>
#include <linux/xattr.h>
#include "fs/overlay/internal.h"

bool is_whiteout(const struct inode *inode)
{
    return S_ISCHR(inode->mode) && inode->rdev == 0;
}

int real_find(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    if (!dir)
        return -ENOENT;
    mutex_lock(&dir->lock);
    int err = dir->ops->lookup(dir, name, len, result);
    mutex_unlock(&dir->lock);
    return err;
}

bool real_has(struct inode *dir, const char *name, size_t len)
{
    struct inode *found;
    if (real_find(dir, name, len, &found))
        return false;
    inode_put(found);
    return true;
}

int real_walk(struct inode *root, const char *path, struct inode **result)
{
    struct inode *at = root, *next;
    int err = 0;
    inode_get(at);
    while (*path && err == 0) {
        size_t len = 0;
        while (*path == '/')
            path++;
        while (path[len] && path[len] != '/')
            len++;
        err = len ? real_find(at, path, len, &next) : -ENOENT;
        if (err == 0) {
            inode_put(at);
            at = next;
        }
        path += len;
    }
    if (err)
        inode_put(at);
    else
        *result = at;
    return err;
}

int real_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    mutex_lock(&dir->lock);
    mutex_lock(&target->lock);
    int err = dir->ops->link ? dir->ops->link(dir, name, len, target) : -EPERM;
    mutex_unlock(&target->lock);
    mutex_unlock(&dir->lock);
    return err;
}

int real_remove(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    mutex_lock(&dir->lock);
    int err = S_ISDIR(target->mode) ? dir->ops->rmdir(dir, name, len, target) : dir->ops->unlink(dir, name, len, target);
    mutex_unlock(&dir->lock);
    return err;
}

int real_setattr(struct inode *inode, const struct iattr *attr)
{
    mutex_lock(&inode->lock);
    int err = inode->ops->setattr ? inode->ops->setattr(inode, attr) : -EPERM;
    mutex_unlock(&inode->lock);
    return err;
}

int real_setxattr(struct inode *inode, const char *name, const void *value, size_t size)
{
    if (!inode->ops->setxattr)
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    int err = inode->ops->setxattr(inode, name, value, size, 0);
    mutex_unlock(&inode->lock);
    return err;
}

int64_t real_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
    if (!inode->ops->getxattr)
        return -ENODATA;
    mutex_lock(&inode->lock);
    int64_t n = inode->ops->getxattr(inode, name, buf, size);
    mutex_unlock(&inode->lock);
    return n;
}

int whiteout_make(struct inode *upper_dir, const char *name, size_t len)
{
    struct inode *made;
    mutex_lock(&upper_dir->lock);
    int err = upper_dir->ops->create(upper_dir, name, len, S_IFCHR, 0, &made);
    mutex_unlock(&upper_dir->lock);
    if (err == 0)
        inode_put(made);
    return err;
}
