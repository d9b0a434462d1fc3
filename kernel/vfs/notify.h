/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling watchers what happens to inodes. vfs calls notify_*; who watches (ipc/inotify) hangs marks on inodes. All marks
 * are under one lock: while there are none, an event costs one load.
 */
#pragma once
#include <linux/inotify.h> /* events are IN_* */
#include "vfs/inode.h"

struct path;
struct notify_mark;

struct notify_event {
    uint32_t mask;    /* one event, and IN_ISDIR */
    uint32_t cookie;  /* pairs the two of a rename */
    const char *name; /* of the entry, if a directory's watcher is told of one; else len is 0 */
    size_t len;
};

struct notify_ops {
    /* Under the lock of all marks; must not sleep. True: the mark is to be removed, as the inode is gone or it was asked for
     * one event only. */
    bool (*event)(struct notify_mark *mark, const struct notify_event *event);
    void (*removed)(struct notify_mark *mark); /* no lock held; frees it. It is called once for each mark */
};

struct notify_mark {
    const struct notify_ops *ops;
    uint32_t mask;          /* IN_* it wants; changed under the lock */
    struct inode *inode;    /* referenced while the mark hangs there */
    struct list inode_node; /* in inode->watches */
    struct list all_node;
};

void notify_lock(void);
void notify_unlock(void);
/* Under the lock: hangs a mark on inode. */
void notify_mark_add(struct notify_mark *mark, struct inode *inode);
/* Under the lock: takes it off. The caller then lets the lock go and calls notify_mark_drop. */
void notify_mark_detach(struct notify_mark *mark);
void notify_mark_drop(struct notify_mark *mark);

extern uint32_t notify_mark_count;
static inline bool notify_is_on(void)
{
    return __atomic_load_n(&notify_mark_count, __ATOMIC_RELAXED) != 0;
}

/* What happened to inode itself. */
void notify_inode_slow(struct inode *inode, uint32_t mask);
/* To the directory and to what is in it by that path. */
void notify_path_slow(const struct path *path, uint32_t mask);
/* An entry of a directory came, went or moved; it is or was `child`. */
void notify_entry_slow(struct inode *dir, const char *name, size_t len, const struct inode *child, uint32_t mask, uint32_t cookie);
uint32_t notify_cookie(void);
/* The last name is gone and nobody has it open: IN_DELETE_SELF, and its marks go. */
void notify_inode_gone_slow(struct inode *inode);
/* IN_UNMOUNT: the marks of all its inodes go. */
void notify_superblock_gone(struct superblock *sb);

static inline void notify_inode(struct inode *inode, uint32_t mask)
{
    if (unlikely(notify_is_on()))
        notify_inode_slow(inode, mask);
}

static inline void notify_path(const struct path *path, uint32_t mask)
{
    if (unlikely(notify_is_on()))
        notify_path_slow(path, mask);
}

static inline void notify_file(const struct file *f, uint32_t mask)
{
    if (unlikely(notify_is_on()) && f->path.dentry)
        notify_path_slow(&f->path, mask);
}

static inline void notify_entry(struct inode *dir, const char *name, size_t len, const struct inode *child, uint32_t mask)
{
    if (unlikely(notify_is_on()))
        notify_entry_slow(dir, name, len, child, mask, 0);
}

static inline void notify_inode_gone(struct inode *inode)
{
    if (unlikely(notify_is_on()))
        notify_inode_gone_slow(inode);
}
