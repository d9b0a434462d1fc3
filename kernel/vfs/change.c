/* SPDX-License-Identifier: Apache-2.0 */
/* Removing, linking and renaming names. Renames lock two directories: the ancestor first, else by address. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include "base/string.h"
#include "proc/process.h"
#include "vfs/names.h"
#include "vfs/notify.h"

static int remove_check(struct inode *dir, const struct dentry *d, bool is_dir)
{
    bool target_is_dir = S_ISDIR(d->inode->mode);
    int err = vfs_access(dir, 3);
    if (err == 0)
        err = vfs_check_sticky(dir, d->inode);
    if (err)
        return err;
    if (is_dir != target_is_dir)
        return is_dir ? -ENOTDIR : -EISDIR;
    return d->mounted ? -EBUSY : 0;
}

static int last_to_errno(enum path_last type, bool is_dir)
{
    switch (type) {
    case PATH_LAST_DOT:
        return is_dir ? -EINVAL : -EISDIR;
    case PATH_LAST_DOTDOT:
        return is_dir ? -ENOTEMPTY : -EISDIR;
    case PATH_LAST_ROOT:
        return is_dir ? -EBUSY : -EISDIR;
    default:
        return 0;
    }
}

static int names_begin_remove(const struct path *start, const char *name, bool is_dir, struct path_parent *parent)
{
    int err = path_walk_parent(start, name, 0, parent);
    if (err)
        return err;
    err = last_to_errno(parent->last_type, is_dir);
    if (err == 0 && (mount_flags(parent->dir.mount) & MOUNT_READ_ONLY))
        err = -EROFS;
    if (err)
        path_put(&parent->dir);
    else
        mutex_lock(&path_inode(&parent->dir)->lock);
    return err;
}

int vfs_unlink(const struct path *start, const char *name, bool is_dir)
{
    struct path_parent parent;
    int err = names_begin_remove(start, name, is_dir, &parent);
    if (err)
        return err;
    struct inode *dir = path_inode(&parent.dir);
    struct dentry *d = names_entry(&parent);
    if (!d || is_err(d)) {
        names_end(&parent);
        return d ? ptr_err(d) : -ENOENT;
    }
    bool is_file_with_slash = !is_dir && parent.is_dir_required && !S_ISDIR(d->inode->mode);
    err = is_file_with_slash ? -ENOTDIR : remove_check(dir, d, is_dir);
    if (err == 0) {
        int (*op)(struct inode *, const char *, size_t, struct inode *) = is_dir ? dir->ops->rmdir : dir->ops->unlink;
        err = op ? op(dir, parent.last, parent.last_len, d->inode) : -EPERM;
    }
    if (err == 0) {
        dentry_unlink(d);
        if (!is_dir)
            notify_inode(d->inode, IN_ATTRIB); /* its link count */
    }
    mutex_unlock(&dir->lock);
    inode_get(d->inode);
    struct inode *child = d->inode;
    dentry_put(d); /* tells that it is gone itself, before the directory's watchers hear of it */
    if (err == 0)
        notify_entry(dir, parent.last, parent.last_len, child, IN_DELETE);
    inode_put(child);
    path_put(&parent.dir);
    return err;
}

/* For a name to be made, with its directory locked: -EEXIST, -ENOENT (a slash behind it), or as names_may_add. */
static int absent_check(struct path_parent *parent)
{
    struct dentry *d = names_entry(parent);
    if (is_err(d))
        return ptr_err(d);
    if (!d)
        return parent->is_dir_required ? -ENOENT : 0;
    dentry_put(d);
    return -EEXIST;
}

int vfs_symlink(const struct path *start, const char *name, const char *target)
{
    struct path_parent parent;
    struct inode *inode;
    int err = names_begin(start, name, 0, &parent);
    if (err)
        return err;
    struct inode *dir = path_inode(&parent.dir);
    err = absent_check(&parent);
    if (err == 0)
        err = names_may_add(&parent);
    if (err == 0)
        err = dir->ops->symlink ? dir->ops->symlink(dir, parent.last, parent.last_len, target, &inode) : -EPERM;
    if (err == 0) {
        dentry_came(parent.dir.dentry, parent.last, parent.last_len);
        notify_entry(dir, parent.last, parent.last_len, inode, IN_CREATE);
        inode_put(inode);
    }
    names_end(&parent);
    return err;
}

static int link_check(struct path_parent *parent, const struct path *from)
{
    const struct inode *target = path_inode(from);
    int err = absent_check(parent);
    if (err)
        return err;
    if (mount_flags(parent->dir.mount) & MOUNT_READ_ONLY)
        return -EROFS;
    /* A file that never had a name shows the root's mount, but is not of its file system. */
    if (parent->dir.mount != from->mount || path_inode(&parent->dir)->sb != target->sb)
        return -EXDEV;
    err = names_may_add(parent);
    if (err)
        return err;
    if (S_ISDIR(target->mode) || !path_inode(&parent->dir)->ops->link)
        return -EPERM;
    return target->nlink == 0 && !target->is_linkable ? -ENOENT : 0;
}

int vfs_link(const struct path *from, const struct path *start, const char *name)
{
    struct path_parent parent;
    struct inode *target = path_inode(from);
    int err = names_begin(start, name, 0, &parent);
    if (err)
        return err;
    struct inode *dir = path_inode(&parent.dir);
    err = link_check(&parent, from);
    if (err == 0) {
        mutex_lock(&target->lock);
        err = dir->ops->link(dir, parent.last, parent.last_len, target);
        mutex_unlock(&target->lock);
    }
    if (err == 0) {
        dentry_came(parent.dir.dentry, parent.last, parent.last_len);
        notify_inode(target, IN_ATTRIB);
        notify_entry(dir, parent.last, parent.last_len, target, IN_CREATE);
    }
    names_end(&parent);
    return err;
}

/* ---- rename --------------------------------------------------------------------------------------------------- */

struct renaming {
    struct path_parent from, to;
    struct dentry *old, *target; /* target may be NULL */
    unsigned flags;
};

static bool is_below(struct dentry *d, struct dentry *ancestor)
{
    bool is = false;
    spin_lock(&dentry_lock);
    for (; !is; d = d->parent) {
        is = d == ancestor;
        if (d->parent == d)
            break;
    }
    spin_unlock(&dentry_lock);
    return is;
}

static void dirs_lock(struct dentry *a, struct dentry *b)
{
    if (a == b) {
        mutex_lock(&a->inode->lock);
        return;
    }
    bool a_first = is_below(b, a) || (!is_below(a, b) && a < b);
    mutex_lock(&(a_first ? a : b)->inode->lock);
    mutex_lock(&(a_first ? b : a)->inode->lock);
}

static void dirs_unlock(struct dentry *a, struct dentry *b)
{
    mutex_unlock(&a->inode->lock);
    if (a != b)
        mutex_unlock(&b->inode->lock);
}

/* Who replaces a directory's parent writes to the directory: its "..". */
static int dotdot_check(const struct renaming *r)
{
    bool stays = path_inode(&r->from.dir) == path_inode(&r->to.dir);
    int err = !stays && S_ISDIR(r->old->inode->mode) ? vfs_access(r->old->inode, 2) : 0;
    if (err == 0 && !stays && (r->flags & RENAME_EXCHANGE) && S_ISDIR(r->target->inode->mode))
        err = vfs_access(r->target->inode, 2);
    return err;
}

/* What the names themselves say, before permissions are looked at. */
static int shape_check(const struct renaming *r)
{
    bool is_dir = S_ISDIR(r->old->inode->mode);
    if (r->target && (r->flags & RENAME_NOREPLACE))
        return -EEXIST;
    if (!r->target && (r->flags & RENAME_EXCHANGE))
        return -ENOENT;
    if (!is_dir && (r->from.is_dir_required || (r->to.is_dir_required && !(r->flags & RENAME_EXCHANGE))))
        return -ENOTDIR;
    if (is_below(r->to.dir.dentry, r->old))
        return -EINVAL;
    if (r->target && is_below(r->from.dir.dentry, r->target))
        return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    return r->to.dir.dentry->is_unlinked ? -ENOENT : 0;
}

static int target_check(const struct renaming *r, struct inode *to_dir)
{
    bool is_dir = S_ISDIR(r->old->inode->mode);
    int err = vfs_access(to_dir, 3);
    if (err || !r->target)
        return err;
    err = vfs_check_sticky(to_dir, r->target->inode);
    if (err || (r->flags & RENAME_EXCHANGE) || is_dir == S_ISDIR(r->target->inode->mode))
        return err;
    return is_dir ? -ENOTDIR : -EISDIR;
}

static int permission_check(const struct renaming *r)
{
    struct inode *from_dir = path_inode(&r->from.dir);
    int err = vfs_access(from_dir, 3);
    if (err == 0)
        err = vfs_check_sticky(from_dir, r->old->inode);
    if (err == 0)
        err = target_check(r, path_inode(&r->to.dir));
    if (err == 0)
        err = dotdot_check(r);
    if (err)
        return err;
    return r->old->mounted || (r->target && r->target->mounted) ? -EBUSY : 0;
}

static int names_reserve(const struct renaming *r)
{
    int err = dentry_reserve(r->old, r->to.last_len);
    return err || !(r->flags & RENAME_EXCHANGE) ? err : dentry_reserve(r->target, r->from.last_len);
}

static void dentries_rename(const struct renaming *r)
{
    if (r->flags & RENAME_EXCHANGE) {
        dentry_exchange(r->old, r->target);
        return;
    }
    if (r->target)
        dentry_unlink(r->target);
    dentry_move(r->old, r->to.dir.dentry, r->to.last, r->to.last_len);
}

static void move_notify(const struct path_parent *from, const struct path_parent *to, struct inode *moved)
{
    uint32_t cookie = notify_cookie();
    notify_entry_slow(path_inode(&from->dir), from->last, from->last_len, moved, IN_MOVED_FROM, cookie);
    notify_entry_slow(path_inode(&to->dir), to->last, to->last_len, moved, IN_MOVED_TO, cookie);
}

static void rename_notify(const struct renaming *r)
{
    const bool is_exchange = r->flags & RENAME_EXCHANGE;
    if (likely(!notify_is_on()))
        return;
    move_notify(&r->from, &r->to, r->old->inode);
    if (r->target && !is_exchange && !S_ISDIR(r->target->inode->mode))
        notify_inode(r->target->inode, IN_ATTRIB); /* its link count */
    notify_inode(r->old->inode, IN_MOVE_SELF);
    if (is_exchange) {
        move_notify(&r->to, &r->from, r->target->inode);
        notify_inode(r->target->inode, IN_MOVE_SELF);
    }
}

static int rename_do(struct renaming *r)
{
    struct inode *from_dir = path_inode(&r->from.dir), *to_dir = path_inode(&r->to.dir);
    int err = shape_check(r);
    if (err)
        return err;
    if (r->target && r->target->inode == r->old->inode)
        return 0; /* two names of one file: nothing to do */
    err = permission_check(r);
    if (err == 0)
        err = from_dir->ops->rename ? names_reserve(r) : -EPERM;
    if (err == 0)
        err = from_dir->ops->rename(from_dir, r->from.last, r->from.last_len, to_dir, r->to.last, r->to.last_len, r->flags);
    if (err == 0) {
        dentries_rename(r);
        rename_notify(r);
    }
    return err;
}

static int entries_find(struct renaming *r)
{
    r->old = names_entry(&r->from);
    if (!r->old || is_err(r->old)) {
        int err = r->old ? ptr_err(r->old) : -ENOENT;
        r->old = NULL;
        return err;
    }
    r->target = names_entry(&r->to);
    if (is_err(r->target)) {
        int err = ptr_err(r->target);
        r->target = NULL;
        return err;
    }
    return 0;
}

int vfs_rename(const struct path *from_start, const char *from, const struct path *to_start, const char *to, unsigned flags)
{
    struct renaming r = {.flags = flags};
    if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
        ((flags & RENAME_EXCHANGE) && (flags & ~(unsigned)RENAME_EXCHANGE)))
        return -EINVAL;
    int err = path_walk_parent(from_start, from, 0, &r.from);
    if (err)
        return err;
    err = path_walk_parent(to_start, to, 0, &r.to);
    if (err) {
        path_put(&r.from.dir);
        return err;
    }
    struct superblock *sb = mount_superblock(r.from.dir.mount);
    if (r.from.dir.mount != r.to.dir.mount)
        err = -EXDEV;
    else if (r.from.last_type != PATH_LAST_NORMAL)
        err = -EBUSY;
    else if (r.to.last_type != PATH_LAST_NORMAL)
        err = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    else if (mount_flags(r.from.dir.mount) & MOUNT_READ_ONLY)
        err = -EROFS;
    if (err == 0) {
        mutex_lock(&sb->rename_lock);
        dirs_lock(r.from.dir.dentry, r.to.dir.dentry);
        err = entries_find(&r);
        if (err == 0)
            err = rename_do(&r);
        dirs_unlock(r.from.dir.dentry, r.to.dir.dentry);
        mutex_unlock(&sb->rename_lock);
    }
    if (r.old)
        dentry_put(r.old);
    if (r.target)
        dentry_put(r.target);
    path_put(&r.from.dir);
    path_put(&r.to.dir);
    return err;
}
