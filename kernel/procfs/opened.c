/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files as things that a path leads to: /proc/<pid>/fd/N of pipes, sockets and their like. They get an inode that
 * holds the file. Opening it again makes another open file of the same pipe if its kind can do that; else reads and
 * writes of the new descriptor are passed to the old file, which it keeps open.
 */
#include "procfs/internal.h"
#include "vfs/dentry.h"

#define PIPEFS_DEV 0xf /* st_dev of files without a file system, as fstat(2) has it */

static struct superblock *opened_sb;

/* ---- passing through ------------------------------------------------------------------------------------------------- */

static int64_t passed_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct file *held = f->data;
    return held->ops->read ? held->ops->read(held, to, off, nonblock) : -EINVAL;
}

static int64_t passed_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct file *held = f->data;
    return held->ops->write ? held->ops->write(held, from, off, nonblock) : -EINVAL;
}

static int64_t passed_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct file *held = f->data;
    return held->ops->ioctl ? held->ops->ioctl(held, cmd, arg) : -ENOTTY;
}

static uint32_t passed_poll(struct file *f, struct waiter *waiter)
{
    return file_poll(f->data, waiter);
}

static void passed_unpoll(struct file *f, struct waiter *waiter)
{
    struct file *held = f->data;
    if (held->ops->unpoll)
        held->ops->unpoll(held, waiter);
}

static void passed_release(struct file *f)
{
    if (f->data) /* else O_PATH */
        file_put(f->data);
}

static const struct file_ops passed_ops = {
    .read = passed_read, .write = passed_write, .ioctl = passed_ioctl,
    .poll = passed_poll, .unpoll = passed_unpoll, .release = passed_release,
};

/* ---- inodes -------------------------------------------------------------------------------------------------------------- */

static int opened_open(struct inode *inode, struct file *f)
{
    struct file *held = inode->data;
    if (held->ops->reopen)
        return held->ops->reopen(held, f);
    if (!S_ISFIFO(inode->mode) && !S_ISCHR(inode->mode))
        return -ENXIO;
    if (f->mode & (FMODE_READ | FMODE_WRITE) & ~held->mode)
        return -EACCES;
    file_get(held);
    f->ops = &passed_ops;
    f->data = held;
    return 0;
}

static void opened_evict(struct inode *inode)
{
    file_put(inode->data);
}

static const struct inode_ops opened_inode_ops = {.open = opened_open, .evict = opened_evict, .names_change = true};

static uint64_t opened_ino(const struct file *f)
{
    return f->inode ? f->inode->ino : file_own_ino(f->data);
}

static struct inode *opened_inode(struct file *f)
{
    uint32_t mode = f->inode ? f->inode->mode : f->ops->stat_mode ? f->ops->stat_mode : 0600;
    struct inode *inode = inode_create(opened_sb, opened_ino(f), mode);
    if (!inode)
        return NULL;
    const struct cred *cred = thread_current()->cred;
    inode->uid = cred->fsuid;
    inode->gid = cred->fsgid;
    inode->rdev = f->inode ? f->inode->rdev : 0;
    inode->ops = &opened_inode_ops;
    inode->file_ops = &passed_ops;
    inode->data = f;
    file_get(f);
    return inode;
}

/* The name has a slash in it, so that no walk ever finds it. */
int opened_path(struct file *f, struct path *result)
{
    struct path root;
    if (f->path.dentry) {
        *result = f->path;
        path_get(result);
        return 0;
    }
    struct inode *inode = opened_inode(f);
    if (!inode)
        return -ENOMEM;
    fs_context_root(thread_current()->fs, &root);
    *result = root;
    int err = dentry_add(root.dentry, "/", 1, inode, &result->dentry);
    inode_put(inode);
    if (err == 0) {
        dentry_unlink(result->dentry);
        path_get(&(struct path){.mount = root.mount});
    }
    path_put(&root);
    return err;
}

/* ---- names ------------------------------------------------------------------------------------------------------------------ */

int64_t opened_describe(struct file *f, char *buf, size_t size)
{
    if (f->inode && f->inode->ops == &opened_inode_ops)
        f = f->inode->data;
    if (f->path.dentry)
        return path_name(&f->path, buf, size);
    const char *name = f->ops->name ? f->ops->name : S_ISCHR(f->ops->stat_mode) ? "/dev/console" : "?";
    int len;
    if (name[0] == '[')
        len = format(buf, size, "anon_inode:%s", name);
    else if (name[0] == '/')
        len = format(buf, size, "%s", name);
    else
        len = format(buf, size, "%s:[%llu]", strcmp(name, "host") == 0 ? "pipe" : name, (unsigned long long)opened_ino(f));
    return MIN(len, (int)size - 1);
}

int opened_init(void)
{
    if (opened_sb)
        return 0;
    opened_sb = superblock_create(NULL, "pipefs", NULL);
    if (!opened_sb)
        return -ENOMEM;
    opened_sb->dev = PIPEFS_DEV;
    return 0;
}
