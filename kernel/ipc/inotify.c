/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify. A watch is a mark on an inode; watches and their tree are under the lock of all marks, the events that wait to
 * be read under the group's own, which is taken inside it.
 */
#include "ipc/inotify.h"
#include <asm/ioctls.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include "base/string.h"
#include "base/tree.h"
#include "heap/heap.h"
#include "vfs/notify.h"

#define QUEUED_MAX 16384 /* /proc/sys/fs/inotify/max_queued_events */
#define EVENTS_IN  (EPOLLIN | EPOLLRDNORM)
#define FOR_ALL    (IN_UNMOUNT | IN_IGNORED)

struct inotify {
    struct tree watches; /* by descriptor; under notify_lock, as is: */
    int last_wd;
    struct spinlock lock; /* guards the rest */
    struct waitq waitq;
    struct list queue;
    unsigned queued;
    uint64_t bytes;       /* that reading all would give */
};

struct watch {
    struct notify_mark mark;
    struct tree_node node;
    struct inotify *group;
    int wd;
    bool is_once;
};

struct queued {
    struct list node;
    struct inotify_event head;
    char name[];          /* head.len bytes, zeros behind it */
};

/* ---- the queue -------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct queued *a, const struct queued *b)
{
    return a && memcmp(&a->head, &b->head, sizeof(a->head)) == 0 && memcmp(a->name, b->name, a->head.len) == 0;
}

static struct queued *queued_create(int wd, const struct notify_event *e)
{
    size_t room = e->len ? align_up(e->len + 1, sizeof(struct inotify_event)) : 0;
    struct queued *q = heap_zalloc(sizeof(*q) + room);
    if (!q)
        return NULL;
    q->head = (struct inotify_event){.wd = wd, .mask = e->mask, .cookie = e->cookie, .len = (uint32_t)room};
    if (e->len)
        memcpy(q->name, e->name, e->len);
    return q;
}

/* Under the group's lock. */
static void queue_add(struct inotify *group, struct queued *q)
{
    list_push_back(&group->queue, &q->node);
    group->queued++;
    group->bytes += sizeof(q->head) + q->head.len;
    waitq_wake_all(&group->waitq, EVENTS_IN);
}

/* The same event twice in a row is told once; what does not fit, or has no memory, becomes one overflow. */
static void queue_event(struct inotify *group, int wd, const struct notify_event *e)
{
    static const struct notify_event overflow = {.mask = IN_Q_OVERFLOW};
    struct queued *q = queued_create(wd, e);
    spin_lock(&group->lock);
    struct queued *last = list_is_empty(&group->queue) ? NULL : list_entry(group->queue.prev, struct queued, node);
    if (!q || group->queued >= QUEUED_MAX) {
        heap_free(q);
        q = last && last->head.mask == IN_Q_OVERFLOW ? NULL : queued_create(-1, &overflow);
    } else if (is_same(last, q)) {
        heap_free(q);
        q = NULL;
    }
    if (q)
        queue_add(group, q);
    spin_unlock(&group->lock);
}

/* ---- watches, under notify_lock ------------------------------------------------------------------------------------------- */

static struct watch *watch_find(struct inotify *group, int wd)
{
    struct tree_node *node = group->watches.root;
    while (node) {
        struct watch *w = tree_entry(node, struct watch, node);
        if (w->wd == wd)
            return w;
        node = wd < w->wd ? node->left : node->right;
    }
    return NULL;
}

static void watch_insert(struct inotify *group, struct watch *w)
{
    struct tree_node **link = &group->watches.root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = w->wd < tree_entry(parent, struct watch, node)->wd ? &parent->left : &parent->right;
    }
    tree_insert(&group->watches, &w->node, parent, link);
}

/* Off the group's tree; its last word. */
static void watch_end(struct watch *w)
{
    tree_remove(&w->group->watches, &w->node);
    queue_event(w->group, w->wd, &(struct notify_event){.mask = IN_IGNORED});
}

static bool watch_event(struct notify_mark *mark, const struct notify_event *e)
{
    struct watch *w = container_of(mark, struct watch, mark);
    const bool is_last = e->mask & (IN_DELETE_SELF | IN_UNMOUNT);
    if (mark->mask & e->mask & ~(uint32_t)IN_ISDIR)
        queue_event(w->group, w->wd, e);
    if (!is_last && !w->is_once)
        return false;
    watch_end(w);
    return true;
}

static void watch_removed(struct notify_mark *mark)
{
    heap_free(container_of(mark, struct watch, mark));
}

static const struct notify_ops watch_ops = {.event = watch_event, .removed = watch_removed};

static struct watch *watch_of_inode(struct inotify *group, struct inode *inode)
{
    struct notify_mark *mark;
    list_for_each (mark, &inode->watches, inode_node) {
        struct watch *w = container_of(mark, struct watch, mark);
        if (mark->ops == &watch_ops && w->group == group)
            return w;
    }
    return NULL;
}

static int watch_change(struct watch *w, uint32_t mask)
{
    uint32_t events = (mask & IN_ALL_EVENTS) | FOR_ALL;
    if (mask & IN_MASK_CREATE)
        return -EEXIST;
    w->mark.mask = mask & IN_MASK_ADD ? w->mark.mask | events : events;
    w->is_once = (mask & IN_ONESHOT) || (w->is_once && (mask & IN_MASK_ADD));
    return w->wd;
}

static int watch_add(struct inotify *group, struct inode *inode, uint32_t mask)
{
    struct watch *w = heap_zalloc(sizeof(*w));
    if (!w)
        return -ENOMEM;
    do
        group->last_wd = group->last_wd == INT32_MAX ? 1 : group->last_wd + 1;
    while (watch_find(group, group->last_wd));
    w->mark.ops = &watch_ops;
    w->mark.mask = (mask & IN_ALL_EVENTS) | FOR_ALL;
    w->group = group;
    w->wd = group->last_wd;
    w->is_once = mask & IN_ONESHOT;
    watch_insert(group, w);
    notify_mark_add(&w->mark, inode);
    return w->wd;
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------- */

/* The first event, if `room` bytes hold it. -EAGAIN: there is none; -EINVAL: it is longer. */
static int queue_take(struct inotify *group, uint64_t room, struct queued **q)
{
    *q = list_first(&group->queue, struct queued, node);
    if (!*q)
        return -EAGAIN;
    uint64_t size = sizeof((*q)->head) + (*q)->head.len;
    if (size > room)
        return -EINVAL;
    list_remove(&(*q)->node);
    group->queued--;
    group->bytes -= size;
    return 0;
}

static int queue_wait(struct inotify *group, uint64_t room, bool nonblock, struct queued **q)
{
    spin_lock(&group->lock);
    int err = queue_take(group, room, q);
    while (err == -EAGAIN && !nonblock) {
        err = waitq_sleep(&group->waitq, &group->lock, NS_NEVER);
        if (err == 0)
            err = queue_take(group, room, q);
    }
    spin_unlock(&group->lock);
    return err;
}

static int64_t inotify_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct inotify *group = f->data;
    struct queued *q;
    int64_t done = 0;
    int err;
    (void)off;
    while ((err = queue_wait(group, to->left, nonblock || done > 0, &q)) == 0) {
        int64_t size = (int64_t)(sizeof(q->head) + q->head.len);
        int64_t n = iov_copy_to(to, &q->head, (size_t)size);
        heap_free(q);
        if (n < size)
            return done ? done : -EFAULT;
        done += n;
    }
    return done ? done : err;
}

static uint32_t inotify_poll(struct file *f, struct waiter *waiter)
{
    struct inotify *group = f->data;
    spin_lock(&group->lock);
    if (waiter)
        waitq_add(&group->waitq, waiter);
    uint32_t events = group->queued ? EVENTS_IN : 0;
    spin_unlock(&group->lock);
    return events;
}

static void inotify_unpoll(struct file *f, struct waiter *waiter)
{
    struct inotify *group = f->data;
    spin_lock(&group->lock);
    waitq_remove(&group->waitq, waiter);
    spin_unlock(&group->lock);
}

static int64_t inotify_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct inotify *group = f->data;
    if (cmd != FIONREAD)
        return -ENOTTY;
    return put_user(arg, (int)MIN(__atomic_load_n(&group->bytes, __ATOMIC_RELAXED), (uint64_t)INT32_MAX));
}

static void inotify_release(struct file *f)
{
    struct inotify *group = f->data;
    struct tree_node *node;
    struct queued *q;
    notify_lock();
    while ((node = tree_first(&group->watches)) != NULL) {
        struct watch *w = tree_entry(node, struct watch, node);
        tree_remove(&group->watches, node);
        notify_mark_detach(&w->mark);
        notify_unlock();
        notify_mark_drop(&w->mark);
        notify_lock();
    }
    notify_unlock();
    while ((q = list_first(&group->queue, struct queued, node)) != NULL) {
        list_remove(&q->node);
        heap_free(q);
    }
    heap_free(group);
}

static void inotify_show_fdinfo(struct file *f, char *buf, size_t size)
{
    struct inotify *group = f->data;
    size_t used = 0;
    notify_lock();
    for (struct tree_node *node = tree_first(&group->watches); node && used < size; node = tree_next(node)) {
        const struct watch *w = tree_entry(node, struct watch, node);
        const struct inode *inode = w->mark.inode;
        used += (size_t)format(buf + used, size - used, "inotify wd:%x ino:%llx sdev:%llx mask:%x ignored_mask:0\n", (unsigned)w->wd,
                               (unsigned long long)inode->ino, (unsigned long long)inode->sb->dev, w->mark.mask & IN_ALL_EVENTS);
    }
    notify_unlock();
}

static const struct file_ops inotify_ops = {
    .name = "inotify",
    .read = inotify_read,
    .poll = inotify_poll,
    .unpoll = inotify_unpoll,
    .ioctl = inotify_ioctl,
    .release = inotify_release,
    .show_fdinfo = inotify_show_fdinfo,
};

bool file_is_inotify(const struct file *f)
{
    return f->ops == &inotify_ops;
}

int inotify_create(unsigned flags, struct file **f)
{
    struct inotify *group = heap_zalloc(sizeof(*group));
    if (!group)
        return -ENOMEM;
    waitq_init(&group->waitq);
    list_init(&group->queue);
    int err = file_create(&inotify_ops, group, O_RDONLY | (flags & O_NONBLOCK), f);
    if (err)
        heap_free(group);
    return err;
}

int inotify_add(struct file *f, struct inode *inode, uint32_t mask)
{
    struct inotify *group = f->data;
    if (!file_is_inotify(f))
        return -EINVAL;
    notify_lock();
    struct watch *w = watch_of_inode(group, inode);
    int wd = w ? watch_change(w, mask) : watch_add(group, inode, mask);
    notify_unlock();
    return wd;
}

int inotify_remove(struct file *f, int wd)
{
    struct inotify *group = f->data;
    if (!file_is_inotify(f))
        return -EINVAL;
    notify_lock();
    struct watch *w = watch_find(group, wd);
    if (w) {
        watch_end(w);
        notify_mark_detach(&w->mark);
    }
    notify_unlock();
    if (!w)
        return -EINVAL;
    notify_mark_drop(&w->mark);
    return 0;
}
