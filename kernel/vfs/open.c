/* SPDX-License-Identifier: Apache-2.0 */
/* open(2) and the making of names. */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "time/clock.h"
#include "vfs/async.h"
#include "vfs/dentry.h"
#include "vfs/device.h"
#include "vfs/inode.h"
#include "vfs/names.h"
#include "vfs/notify.h"

/* ---- an inode becomes a file ------------------------------------------------------------------------------- */

static int special_open(struct inode *inode, struct file *f)
{
    if (inode->ops->open)
        return inode->ops->open(inode, f);
    if (S_ISCHR(inode->mode))
        return device_open(inode, f);
    if (S_ISFIFO(inode->mode))
        return vfs_special_ops.fifo_open ? vfs_special_ops.fifo_open(inode, f) : -ENXIO;
    if (S_ISSOCK(inode->mode) || S_ISBLK(inode->mode))
        return -ENXIO;
    return 0;
}

static int open_check(const struct path *path, unsigned flags)
{
    struct inode *inode = path_inode(path);
    unsigned access = flags & O_ACCMODE;
    unsigned want = (access != O_WRONLY ? 4 : 0) | (access != O_RDONLY || (flags & O_TRUNC) ? 2 : 0);
    if (S_ISLNK(inode->mode))
        return -ELOOP;
    if (S_ISDIR(inode->mode) && (want & 2))
        return -EISDIR;
    if ((want & 2) && (mount_flags(path->mount) & MOUNT_READ_ONLY) && (S_ISREG(inode->mode) || S_ISDIR(inode->mode)))
        return -EROFS;
    if ((S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) && (mount_flags(path->mount) & MOUNT_NODEV))
        return -EACCES;
    if ((flags & O_NOATIME) && thread_current()->cred->fsuid != inode->uid && !capable(CAP_FOWNER))
        return -EPERM;
    return vfs_access(inode, want);
}

/* A regular file that is about to be written: no program may run it, and the file system may have to copy it up. */
static int content_begin(struct inode *inode, struct file *f)
{
    if (!S_ISREG(inode->mode) || (f->mode & FMODE_PATH))
        return 0;
    if (!(f->mode & FMODE_WRITE)) {
        f->mode |= FMODE_READER;
        __atomic_fetch_add(&inode->readers, 1, __ATOMIC_RELAXED);
        return 0;
    }
    int err = file_writer_begin(f);
    return err ? err : inode->ops->make_writable ? inode->ops->make_writable(inode) : 0;
}

static int file_of(const struct path *path, unsigned flags, struct file **result)
{
    struct inode *inode = path_inode(path);
    struct file *f;
    int err = file_create(inode->file_ops, NULL, flags, &f);
    if (err)
        return err;
    f->path = *path;
    path_get(path);
    f->inode = inode;
    inode_get(inode);
    if (S_ISREG(inode->mode) || S_ISDIR(inode->mode))
        f->mode |= FMODE_SEEK;
    err = content_begin(inode, f);
    if (err == 0 && !(flags & O_PATH))
        err = special_open(inode, f);
    f->flags &= ~(unsigned)O_NOCTTY; /* the open of a terminal has seen it */
    if (err) {
        f->ops = inode->file_ops;
        file_put_unopened(f);
        return err;
    }
    if (!(flags & O_PATH))
        notify_file(f, IN_OPEN);
    *result = f;
    return 0;
}

int vfs_open_path(const struct path *path, unsigned flags, struct file **f)
{
    if (flags & O_PATH)
        return file_of(path, flags, f);
    int err = open_check(path, flags);
    if (err == 0)
        err = lease_break(path_inode(path), (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC), flags & O_NONBLOCK);
    if (err == 0 && (flags & O_TRUNC) && S_ISREG(path_inode(path)->mode))
        err = vfs_truncate(path, 0);
    return err ? err : file_of(path, flags, f);
}

int vfs_open_program(const struct path *path, struct file **f)
{
    int err = lease_break(path_inode(path), false, false);
    return err ? err : file_of(path, O_RDONLY | O_LARGEFILE, f);
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

int names_begin(const struct path *start, const char *name, unsigned walk_flags, struct path_parent *parent)
{
    int err = path_walk_parent(start, name, walk_flags, parent);
    if (err)
        return err;
    if (parent->last_type != PATH_LAST_NORMAL) {
        path_put(&parent->dir);
        return -EEXIST;
    }
    mutex_lock(&path_inode(&parent->dir)->lock);
    return 0;
}

int names_may_add(const struct path_parent *parent)
{
    if (mount_flags(parent->dir.mount) & MOUNT_READ_ONLY)
        return -EROFS;
    return parent->dir.dentry->is_unlinked ? -ENOENT : vfs_access(path_inode(&parent->dir), 3);
}

void names_end(struct path_parent *parent)
{
    mutex_unlock(&path_inode(&parent->dir)->lock);
    path_put(&parent->dir);
}

/* With the directory locked: the entry as it is, or NULL. -errno through err_ptr. */
struct dentry *names_entry(struct path_parent *parent)
{
    struct dentry *dir = parent->dir.dentry, *d = dentry_find(dir, parent->last, parent->last_len);
    struct inode *inode;
    if (d)
        return d;
    int err = dir->inode->ops->lookup(dir->inode, parent->last, parent->last_len, &inode);
    if (err == -ENOENT)
        return NULL;
    if (err)
        return err_ptr(err);
    err = dentry_add(dir, parent->last, parent->last_len, inode, &d);
    inode_put(inode);
    return err ? err_ptr(err) : d;
}

/* With the directory locked and no such entry: makes it. */
int names_make(struct path_parent *parent, uint32_t mode, uint64_t rdev, struct dentry **result)
{
    struct inode *dir = path_inode(&parent->dir), *inode;
    bool is_whiteout = S_ISCHR(mode) && rdev == 0;
    int err = names_may_add(parent);
    if (err)
        return err;
    if ((S_ISCHR(mode) || S_ISBLK(mode)) && !is_whiteout && !capable(CAP_MKNOD))
        return -EPERM;
    if (!dir->ops->create)
        return -EPERM;
    mode &= ~fs_context_umask(thread_current()->fs) | S_IFMT;
    err = dir->ops->create(dir, parent->last, parent->last_len, mode, rdev, &inode);
    if (err)
        return err;
    err = dentry_add(parent->dir.dentry, parent->last, parent->last_len, inode, result);
    if (err == 0)
        notify_entry(dir, parent->last, parent->last_len, inode, IN_CREATE);
    inode_put(inode);
    return err;
}

static int make_special(const struct path *start, const char *name, uint32_t mode, uint64_t rdev, struct inode **made)
{
    struct path_parent parent;
    int err = names_begin(start, name, 0, &parent);
    if (err)
        return err;
    struct dentry *d = names_entry(&parent);
    if (is_err(d)) {
        err = ptr_err(d);
    } else if (d) {
        dentry_put(d);
        err = -EEXIST;
    } else if (parent.is_dir_required && !S_ISDIR(mode)) {
        err = -ENOENT;
    } else {
        err = names_make(&parent, mode, rdev, &d);
        if (err == 0) {
            if (made) {
                *made = d->inode;
                inode_get(d->inode);
            }
            dentry_put(d);
        }
    }
    names_end(&parent);
    return err;
}

int vfs_mkdir(const struct path *start, const char *name, unsigned mode)
{
    return make_special(start, name, S_IFDIR | (mode & 01777), 0, NULL);
}

int vfs_mknod(const struct path *start, const char *name, unsigned mode, uint64_t rdev, struct inode **made)
{
    return make_special(start, name, mode, rdev, made);
}

/* ---- open --------------------------------------------------------------------------------------------------------- */

static int tmpfile_check(const struct path *dir, unsigned flags)
{
    if ((flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL;
    if (mount_flags(dir->mount) & MOUNT_READ_ONLY)
        return -EROFS;
    return path_inode(dir)->ops->tmpfile ? vfs_access(path_inode(dir), 3) : -EOPNOTSUPP;
}

static int tmpfile_make(const struct path *dir, unsigned flags, unsigned mode, struct file **f)
{
    struct path path = {dir->mount, NULL};
    struct inode *parent = path_inode(dir), *inode;
    int err = parent->ops->tmpfile(parent, S_IFREG | (mode & 07777 & ~fs_context_umask(thread_current()->fs)), &inode);
    if (err)
        return err;
    inode->is_linkable = !(flags & O_EXCL);
    err = dentry_add(dir->dentry, "#tmpfile", 8, inode, &path.dentry);
    inode_put(inode);
    if (err)
        return err;
    dentry_unlink(path.dentry);
    err = file_of(&path, flags & ~(unsigned)O_TMPFILE, f);
    dentry_put(path.dentry);
    return err;
}

static int open_tmpfile(const struct path *start, const char *name, unsigned flags, unsigned mode, unsigned walk_flags,
                        struct file **f)
{
    struct path dir;
    if (flags & O_CREAT)
        return -EINVAL;
    int err = path_walk(start, name, walk_flags | WALK_FOLLOW | WALK_DIRECTORY, &dir);
    if (err)
        return err;
    err = tmpfile_check(&dir, flags);
    if (err == 0)
        err = tmpfile_make(&dir, flags, mode, f);
    path_put(&dir);
    return err;
}

/* With the directory locked: the entry as it is, or made. *path: referenced. -EAGAIN: it became a link meanwhile. */
static int create_or_find(struct path_parent *parent, unsigned flags, unsigned mode, struct path *path, bool *is_new)
{
    int err = 0;
    struct dentry *d = names_entry(parent);
    if (is_err(d))
        return ptr_err(d);
    *is_new = !d;
    if (!d)
        err = names_make(parent, S_IFREG | (mode & 07777), 0, &d);
    else if (flags & O_EXCL)
        err = -EEXIST;
    else if (S_ISLNK(d->inode->mode))
        err = flags & O_NOFOLLOW ? -ELOOP : -EAGAIN;
    else if (S_ISDIR(d->inode->mode))
        err = -EISDIR;
    if (err) {
        if (!*is_new)
            dentry_put(d);
        return err;
    }
    *path = (struct path){parent->dir.mount, d};
    path_get(&(struct path){parent->dir.mount, NULL}); /* the dentry's reference is ours already */
    path_descend_mounts(path);
    return 0;
}

static int open_create_once(const struct path *start, const char *name, unsigned flags, unsigned mode, unsigned walk_flags,
                            struct file **f)
{
    struct path_parent parent;
    struct path path;
    bool is_new = false;
    int err = path_walk_parent(start, name, walk_flags, &parent);
    if (err)
        return err;
    if (parent.last_type == PATH_LAST_HERE) {
        err = vfs_open_path(&parent.dir, flags, f);
        path_put(&parent.dir);
        return err;
    }
    if (parent.last_type != PATH_LAST_NORMAL || parent.is_dir_required) {
        path_put(&parent.dir);
        return flags & O_EXCL && parent.last_type != PATH_LAST_NORMAL ? -EEXIST : -EISDIR;
    }
    mutex_lock(&path_inode(&parent.dir)->lock);
    err = create_or_find(&parent, flags, mode, &path, &is_new);
    names_end(&parent);
    if (err)
        return err;
    err = is_new ? file_of(&path, flags, f) : vfs_open_path(&path, flags, f);
    path_put(&path);
    return err;
}

static int open_create(const struct path *start, const char *name, unsigned flags, unsigned mode, unsigned walk_flags,
                       struct file **f)
{
    int err = -EAGAIN;
    if (flags & O_DIRECTORY)
        return -EINVAL;
    if (!(flags & (O_EXCL | O_NOFOLLOW)))
        walk_flags |= WALK_FOLLOW;
    while (err == -EAGAIN)
        err = open_create_once(start, name, flags, mode, walk_flags, f);
    return err;
}

int vfs_open(const struct path *start, const char *name, unsigned flags, unsigned mode, unsigned walk_flags, struct file **f)
{
    struct path path;
    if ((flags & O_TMPFILE) == O_TMPFILE && !(flags & O_PATH))
        return open_tmpfile(start, name, flags, mode, walk_flags, f);
    if ((flags & O_CREAT) && !(flags & O_PATH))
        return open_create(start, name, flags, mode, walk_flags, f);
    walk_flags |= flags & O_NOFOLLOW ? 0 : WALK_FOLLOW;
    walk_flags |= flags & O_DIRECTORY ? WALK_DIRECTORY : 0;
    int err = path_walk(start, name, walk_flags, &path);
    if (err)
        return err;
    err = vfs_open_path(&path, flags, f);
    path_put(&path);
    return err;
}

/* ---- reading and writing --------------------------------------------------------------------------------------------- */

int64_t vfs_read_with(struct file *f, struct iov_iter *to, uint64_t *pos, unsigned rwf)
{
    if (!(f->mode & FMODE_READ))
        return -EBADF;
    if (!f->ops->read)
        return file_type(f) == S_IFDIR ? -EISDIR : -EINVAL;
    if (rwf & ~(unsigned)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT))
        return -EOPNOTSUPP;
    int64_t n = f->ops->read(f, to, *pos, (rwf & RWF_NOWAIT) || file_is_nonblock(f));
    if (n > 0)
        *pos += (uint64_t)n;
    if (n >= 0 && f->inode && S_ISREG(f->inode->mode))
        inode_accessed(f->inode, f->path.mount, f->flags);
    if (n > 0)
        notify_file(f, IN_ACCESS);
    return n;
}

/* O_DSYNC, O_SYNC and their like for one call. */
static int64_t written_sync(struct file *f, int64_t n, unsigned rwf)
{
    bool is_whole = (f->flags & O_SYNC) == O_SYNC || (rwf & RWF_SYNC);
    if (n <= 0 || !f->inode || !f->ops->sync || !(is_whole || (f->flags & O_DSYNC) || (rwf & RWF_DSYNC)))
        return n;
    int err = f->ops->sync(f, !is_whole);
    return err ? err : n;
}

int64_t vfs_write_with(struct file *f, struct iov_iter *from, uint64_t *pos, unsigned rwf)
{
    if (!(f->mode & FMODE_WRITE))
        return -EBADF;
    if (!f->ops->write)
        return -EINVAL;
    if (rwf & ~(unsigned)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
        return -EOPNOTSUPP;
    if (f->inode && from->left) {
        int err = inode_privileges_drop(f->inode);
        if (err)
            return err;
    }
    if (f->inode && ((f->flags & O_APPEND) || (rwf & RWF_APPEND)))
        *pos = f->inode->size;
    int64_t n = f->ops->write(f, from, *pos, (rwf & RWF_NOWAIT) || file_is_nonblock(f));
    if (n > 0) {
        *pos += (uint64_t)n;
        notify_file(f, IN_MODIFY);
    }
    return written_sync(f, n, rwf);
}

int64_t vfs_read_kernel(struct file *f, uint64_t off, void *buf, size_t size)
{
    struct iov_iter to;
    int64_t done = 0;
    if (!f->ops->read)
        return -EINVAL;
    iov_iter_kernel(&to, buf, size);
    while (to.left > 0) {
        int64_t n = f->ops->read(f, &to, off + (uint64_t)done, false);
        if (n < 0)
            return done ? done : n;
        if (n == 0)
            break;
        done += n;
    }
    return done;
}

/* ---- files without a name ---------------------------------------------------------------------------------------------- */

static struct superblock *unnamed_sb;
static struct path unnamed_root;
static int (*unnamed_make)(struct superblock *sb, uint32_t mode, struct inode **inode);

void vfs_set_unnamed(struct superblock *sb, const struct path *root,
                     int (*make)(struct superblock *sb, uint32_t mode, struct inode **inode))
{
    unnamed_sb = sb;
    unnamed_root = *root;
    unnamed_make = make;
}

int vfs_open_unnamed(const char *label, uint32_t seals, struct file **f)
{
    struct inode *inode;
    struct path path = {unnamed_root.mount, NULL};
    int err = unnamed_make(unnamed_sb, 0777, &inode);
    if (err)
        return err;
    inode->nlink = 0;
    inode_init_owner(inode, unnamed_root.dentry->inode);
    inode->seals = seals;
    err = dentry_add(unnamed_root.dentry, label, strlen(label), inode, &path.dentry);
    inode_put(inode);
    if (err)
        return err;
    dentry_unlink(path.dentry);
    err = file_of(&path, O_RDWR | O_LARGEFILE, f);
    dentry_put(path.dentry);
    if (err == 0)
        file_writer_end(*f); /* it may be run while it is open, as in Linux */
    return err;
}
