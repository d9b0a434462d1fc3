/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/notify.h"
#include <linux/limits.h>
#include <linux/stat.h>
#include "base/string.h"
#include "vfs/dentry.h"

static struct spinlock lock; /* guards all marks and the lists they are in */
static struct list all_marks = LIST_INIT(all_marks);
uint32_t notify_mark_count;

void notify_lock(void)
{
    spin_lock(&lock);
}

void notify_unlock(void)
{
    spin_unlock(&lock);
}

void notify_mark_add(struct notify_mark *mark, struct inode *inode)
{
    inode_get(inode);
    mark->inode = inode;
    list_push_back(&inode->watches, &mark->inode_node);
    list_push_back(&all_marks, &mark->all_node);
    __atomic_store_n(&notify_mark_count, notify_mark_count + 1, __ATOMIC_RELAXED);
}

void notify_mark_detach(struct notify_mark *mark)
{
    list_remove(&mark->inode_node);
    list_remove(&mark->all_node);
    __atomic_store_n(&notify_mark_count, notify_mark_count - 1, __ATOMIC_RELAXED);
}

void notify_mark_drop(struct notify_mark *mark)
{
    inode_put(mark->inode);
    mark->ops->removed(mark);
}

static void marks_drop(struct list *gone)
{
    struct notify_mark *mark;
    while ((mark = list_first(gone, struct notify_mark, all_node)) != NULL) {
        list_remove(&mark->all_node);
        notify_mark_drop(mark);
    }
}

/* Under the lock: those that are done with go to `gone`. */
static void mark_tell(struct notify_mark *mark, const struct notify_event *event, struct list *gone)
{
    if (!mark->ops->event(mark, event))
        return;
    notify_mark_detach(mark);
    list_push_back(gone, &mark->all_node);
}

static void tell(struct inode *inode, const struct notify_event *event)
{
    struct list gone = LIST_INIT(gone);
    struct notify_mark *mark, *after;
    spin_lock(&lock);
    list_for_each_safe (mark, after, &inode->watches, inode_node) {
        if (mark->mask & event->mask & ~(uint32_t)IN_ISDIR)
            mark_tell(mark, event, &gone);
    }
    spin_unlock(&lock);
    marks_drop(&gone);
}

static uint32_t dir_flag(const struct inode *inode)
{
    return S_ISDIR(inode->mode) ? IN_ISDIR : 0;
}

/* That a directory moved itself comes without IN_ISDIR: so it has always been on Linux. */
void notify_inode_slow(struct inode *inode, uint32_t mask)
{
    const uint32_t flag = mask & IN_MOVE_SELF ? 0 : dir_flag(inode);
    if (!list_is_empty(&inode->watches))
        tell(inode, &(struct notify_event){.mask = mask | flag});
}

void notify_entry_slow(struct inode *dir, const char *name, size_t len, const struct inode *child, uint32_t mask, uint32_t cookie)
{
    if (!list_is_empty(&dir->watches))
        tell(dir, &(struct notify_event){.mask = mask | dir_flag(child), .cookie = cookie, .name = name, .len = len});
}

/* The directory that d has a name in, referenced, if somebody watches it; else NULL. */
static struct inode *watched_parent(struct dentry *d, char *name, size_t *len)
{
    struct inode *dir = NULL;
    spin_lock(&dentry_lock);
    if (d->parent != d && !d->is_unlinked && !list_is_empty(&d->parent->inode->watches)) {
        dir = d->parent->inode;
        inode_get(dir);
        *len = MIN((size_t)d->len, (size_t)NAME_MAX);
        memcpy(name, d->name, *len);
    }
    spin_unlock(&dentry_lock);
    return dir;
}

void notify_path_slow(const struct path *path, uint32_t mask)
{
    char name[NAME_MAX];
    size_t len = 0;
    struct inode *inode = path->dentry->inode, *dir = watched_parent(path->dentry, name, &len);
    if (dir) {
        notify_entry_slow(dir, name, len, inode, mask, 0);
        inode_put(dir);
    }
    notify_inode_slow(inode, mask);
}

uint32_t notify_cookie(void)
{
    static uint32_t last;
    return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

static void marks_end(const struct inode *inode, const struct superblock *sb, uint32_t mask)
{
    struct list gone = LIST_INIT(gone);
    struct notify_mark *mark, *after;
    spin_lock(&lock);
    list_for_each_safe (mark, after, &all_marks, all_node) {
        const struct notify_event event = {.mask = mask | (mask & IN_UNMOUNT ? dir_flag(mark->inode) : 0)};
        if (sb ? mark->inode->sb == sb : mark->inode == inode)
            mark_tell(mark, &event, &gone);
    }
    spin_unlock(&lock);
    marks_drop(&gone);
}

void notify_inode_gone_slow(struct inode *inode)
{
    if (!list_is_empty(&inode->watches))
        marks_end(inode, NULL, IN_DELETE_SELF);
}

void notify_superblock_gone(struct superblock *sb)
{
    if (notify_is_on())
        marks_end(NULL, sb, IN_UNMOUNT);
}
