/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/xattr.h"
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <linux/xattr.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/mount.h"

static const char *const prefixes[] = {"user.", "trusted.", "security."};

static bool has_known_prefix(const char *name, bool *is_whole)
{
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        if (str_has_prefix(name, prefixes[i])) {
            *is_whole = !name[strlen(prefixes[i])];
            return true;
        }
    }
    return false;
}

static int user_check(struct inode *inode, bool is_change)
{
    if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
        return is_change ? -EPERM : -ENODATA;
    bool is_owner = thread_current()->cred->fsuid == inode->uid || capable(CAP_FOWNER);
    if (is_change && S_ISDIR(inode->mode) && (inode->mode & S_ISVTX) && !is_owner)
        return -EPERM;
    return vfs_access(inode, is_change ? 2 : 4);
}

static int name_check(const struct path *p, const char *name, bool is_change)
{
    bool is_only_prefix = false;
    if (is_change && (mount_flags(p->mount) & MOUNT_READ_ONLY))
        return -EROFS;
    if (!has_known_prefix(name, &is_only_prefix))
        return -EOPNOTSUPP;
    if (str_has_prefix(name, "trusted.") && !capable(CAP_SYS_ADMIN))
        return is_change ? -EPERM : -ENODATA;
    if (str_has_prefix(name, "security.") && is_change && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    int err = str_has_prefix(name, "user.") ? user_check(path_inode(p), is_change) : 0;
    return err == 0 && is_only_prefix ? -EINVAL : err;
}

int64_t vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size)
{
    struct inode *inode = path_inode(p);
    int err = name_check(p, name, false);
    if (err)
        return err;
    if (!inode->ops->getxattr)
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    int64_t n = inode->ops->getxattr(inode, name, buf, size);
    mutex_unlock(&inode->lock);
    return n;
}

/* Takes out what the caller may not see; the length that is left. */
static int64_t list_filter(char *list, int64_t len)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < len;) {
        size_t n = strlen(list + i) + 1;
        if (!str_has_prefix(list + i, "trusted.")) {
            memmove(list + kept, list + i, n);
            kept += (int64_t)n;
        }
        i += (int64_t)n;
    }
    return kept;
}

int64_t vfs_listxattr(const struct path *p, char *buf, size_t size)
{
    struct inode *inode = path_inode(p);
    if (!inode->ops->listxattr)
        return 0;
    char *all = heap_alloc(XATTR_LIST_MAX);
    if (!all)
        return -ENOMEM;
    mutex_lock(&inode->lock);
    int64_t len = inode->ops->listxattr(inode, all, XATTR_LIST_MAX);
    mutex_unlock(&inode->lock);
    if (len > 0 && !capable(CAP_SYS_ADMIN))
        len = list_filter(all, len);
    if (len > 0 && size && (size_t)len > size)
        len = -ERANGE;
    if (len > 0 && size)
        memcpy(buf, all, (size_t)len);
    heap_free(all);
    return len == -ERANGE && !size ? -E2BIG : len;
}

int vfs_setxattr(const struct path *p, const char *name, const void *value, size_t size, int flags)
{
    struct inode *inode = path_inode(p);
    int err = name_check(p, name, true);
    if (err)
        return err;
    if (!inode->ops->setxattr)
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    err = inode->ops->setxattr(inode, name, value, size, flags);
    mutex_unlock(&inode->lock);
    return err;
}

int vfs_removexattr(const struct path *p, const char *name)
{
    struct inode *inode = path_inode(p);
    int err = name_check(p, name, true);
    if (err)
        return err;
    if (!inode->ops->removexattr)
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    err = inode->ops->removexattr(inode, name);
    mutex_unlock(&inode->lock);
    return err;
}
