/* SPDX-License-Identifier: Apache-2.0 */
/* F_NOTIFY: a signal when something happens to what is in a directory. A mark of vfs/notify, as inotify has them. */
#include <asm/siginfo.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "vfs/async.h"
#include "vfs/notify.h"

struct dnotify {
    struct notify_mark mark;
    struct refcount ref;       /* the mark's and the file's */
    struct file_async *owner;  /* NULL: the file is gone. Under the lock of all marks */
    int fd;
    bool is_lasting;           /* DN_MULTISHOT */
};

static void dnotify_put(struct dnotify *d)
{
    if (ref_put(&d->ref))
        heap_free(d);
}

static uint32_t events_of(uint32_t mask)
{
    return (mask & DN_ACCESS ? IN_ACCESS : 0) | (mask & DN_MODIFY ? IN_MODIFY : 0) | (mask & DN_ATTRIB ? IN_ATTRIB : 0) |
           (mask & DN_CREATE ? IN_CREATE | IN_MOVED_TO : 0) | (mask & DN_DELETE ? IN_DELETE | IN_MOVED_FROM : 0) |
           (mask & DN_RENAME ? IN_MOVED_FROM | IN_MOVED_TO : 0);
}

static bool dnotify_event(struct notify_mark *mark, const struct notify_event *event)
{
    struct dnotify *d = container_of(mark, struct dnotify, mark);
    if (event->mask & (IN_DELETE_SELF | IN_UNMOUNT))
        return true;
    if (event->len == 0)
        return false; /* of the directory itself */
    if (d->owner)
        file_async_signal(d->owner, d->fd, POLL_MSG);
    return !d->is_lasting;
}

static void dnotify_removed(struct notify_mark *mark)
{
    dnotify_put(container_of(mark, struct dnotify, mark));
}

static const struct notify_ops dnotify_ops = {.event = dnotify_event, .removed = dnotify_removed};

/* Under a->mutex. The mark may have gone by itself, after its one event. */
static void dnotify_end(struct file_async *a)
{
    struct dnotify *d = a->dnotify;
    if (!d)
        return;
    notify_lock();
    d->owner = NULL;
    bool is_hung = !list_is_empty(&d->mark.inode_node);
    if (is_hung)
        notify_mark_detach(&d->mark);
    notify_unlock();
    if (is_hung)
        notify_mark_drop(&d->mark);
    a->dnotify = NULL;
    dnotify_put(d);
}

static int dnotify_begin(struct file_async *a, struct inode *dir, int fd, uint32_t mask)
{
    struct dnotify *d = heap_zalloc(sizeof(*d));
    if (!d)
        return -ENOMEM;
    ref_init(&d->ref, 2);
    d->mark.ops = &dnotify_ops;
    d->mark.mask = events_of(mask);
    d->owner = a;
    d->fd = fd;
    d->is_lasting = mask & DN_MULTISHOT;
    a->dnotify = d;
    notify_lock();
    notify_mark_add(&d->mark, dir);
    notify_unlock();
    return 0;
}

int dnotify_set(struct file *f, int fd, uint32_t mask)
{
    struct file_async *a;
    uint32_t kept = 0;
    if (file_type(f) != S_IFDIR)
        return mask ? -ENOTDIR : 0;
    int err = file_async_get(f, &a);
    if (err)
        return err;
    file_owner_default(a);
    mutex_lock(&a->mutex);
    if (a->dnotify && mask)
        kept = a->dnotify->mark.mask;
    dnotify_end(a);
    if (mask & ~(uint32_t)DN_MULTISHOT)
        err = dnotify_begin(a, f->inode, fd, mask);
    if (err == 0 && a->dnotify) {
        notify_lock();
        a->dnotify->mark.mask |= kept; /* several calls add up */
        notify_unlock();
    }
    mutex_unlock(&a->mutex);
    return err;
}

void dnotify_release(struct file_async *a)
{
    dnotify_end(a);
}
