/* SPDX-License-Identifier: Apache-2.0 */
/* Open file descriptions: life, and what each kind may leave out. */
#include "vfs/file.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "vfs/async.h"
#include "vfs/dentry.h"
#include "vfs/device.h"
#include "vfs/inode.h"
#include "vfs/locks.h"
#include "vfs/names.h"
#include "vfs/notify.h"

static unsigned mode_of(unsigned flags)
{
    if (flags & O_PATH)
        return FMODE_PATH;
    unsigned access = flags & O_ACCMODE;
    return (access != O_WRONLY ? FMODE_READ : 0) | (access != O_RDONLY ? FMODE_WRITE : 0);
}

int file_create(const struct file_ops *ops, void *data, unsigned flags, struct file **result)
{
    struct file *f = heap_zalloc(sizeof(*f));
    if (!f)
        return -ENOMEM;
    ref_init(&f->ref, 1);
    mutex_init(&f->pos_lock);
    list_init(&f->watchers);
    f->ops = ops;
    f->data = data;
    f->flags = flags & ~(unsigned)(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
    f->mode = mode_of(flags);
    *result = f;
    return 0;
}

void file_get(struct file *f)
{
    ref_get(&f->ref);
}

int file_writer_begin(struct file *f)
{
    int err = inode_write_begin(f->inode);
    if (err)
        return err;
    f->mode |= FMODE_WRITER;
    __atomic_fetch_add(&f->path.mount->writers, 1, __ATOMIC_RELAXED);
    return 0;
}

void file_writer_end(struct file *f)
{
    if (!(f->mode & FMODE_WRITER))
        return;
    f->mode &= ~(unsigned)FMODE_WRITER;
    inode_write_end(f->inode);
    __atomic_fetch_sub(&f->path.mount->writers, 1, __ATOMIC_RELAXED);
}

/* What every file holds, opened or not. */
static void file_free(struct file *f)
{
    file_writer_end(f);
    if (f->mode & FMODE_READER)
        __atomic_fetch_sub(&f->inode->readers, 1, __ATOMIC_RELAXED);
    locks_free(f->locks);
    inode_put(f->inode);
    if (f->path.dentry)
        path_put(&f->path);
    heap_free(f);
}

void file_put_unopened(struct file *f)
{
    file_free(f);
}

void file_put(struct file *f)
{
    if (!ref_put(&f->ref))
        return;
    if (f->was_watched)
        vfs_special_ops.watchers_release(f);
    file_async_release(f);
    locks_release_file(f);
    if (!(f->mode & FMODE_PATH))
        notify_file(f, f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    if (f->ops->release)
        f->ops->release(f);
    file_free(f);
}

unsigned file_type(const struct file *f)
{
    return (f->inode ? f->inode->mode : f->ops->stat_mode) & S_IFMT;
}

uint32_t file_poll(struct file *f, struct waiter *waiter)
{
    return f->ops->poll ? f->ops->poll(f, waiter) : EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}
