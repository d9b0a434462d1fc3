/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the mount share. Locks, in this order: an inode's lock (directories before files), store_fs.lock,
 * store_fs.table_lock. User memory is not touched under store_fs.lock.
 */
#pragma once
#include "block/hostfile.h"
#include "fs/store/store.h"
#include "vfs/inode.h"

#define TABLE_BUCKETS 1024

struct store_fs {
    struct hostfile file;
    struct store_dev dev;
    struct superblock *sb;
    struct mutex lock; /* guards the core */
    struct store *st;
    uint64_t logged, logged_epoch; /* entries so far */

    struct mutex sync_lock; /* held while waiting for the host's disk */
    uint64_t synced;        /* of `logged` */

    struct spinlock table_lock; /* guards what follows */
    struct list buckets[TABLE_BUCKETS]; /* store_vnode by inode number */
    struct list dirty;                  /* store_vnode with something to write, each with a reference */
    uint64_t dirty_pages;               /* atomic */
    uint64_t pool;                      /* atomic: blocks that are reserved for pages yet to become dirty */

    struct task flusher;
    struct spinlock flush_lock; /* guards what follows */
    struct waitq flush_wait;
    bool is_changed; /* a commit is due in a while */
    bool is_full;    /* data must go out at once */
};

/* inode->data */
struct store_vnode {
    struct list table_node, dirty_node;
    struct inode *inode;
    unsigned mapped; /* open files of which a mapping may write */
    bool is_syncing; /* under the inode's lock: what is written now is waited for */
    bool was_synced; /* atomic: somebody counts on what it holds */
};

static inline struct store_fs *store_fs_of(const struct superblock *sb)
{
    return sb->data;
}

static inline struct store_vnode *store_vnode_of(const struct inode *inode)
{
    return inode->data;
}

/* The core, for one call. */
static inline struct store *store_begin(const struct inode *inode)
{
    mutex_lock(&store_fs_of(inode->sb)->lock);
    return store_fs_of(inode->sb)->st;
}

static inline void store_end(const struct inode *inode)
{
    mutex_unlock(&store_fs_of(inode->sb)->lock);
}

extern const struct inode_ops store_inode_ops;
extern const struct file_ops store_file_ops;
extern const struct pagecache_ops store_pages_ops;

/* The inode, referenced; -ENOENT. */
nodiscard int store_inode_obtain(struct superblock *sb, uint64_t ino, struct inode **result);
/* Its attributes as the vfs has them go into the tree. */
nodiscard int store_attrs_push(struct inode *inode);

/* flush.c */
void store_changed(struct store_fs *fs);     /* a commit is due in a while */
void store_inode_dirty(struct inode *inode); /* pages or attributes have to be written */
nodiscard int store_inode_flush(struct inode *inode); /* they go to the core; without its lock */
nodiscard int store_inode_sync(struct inode *inode); /* and are durable */
nodiscard int store_fs_sync(struct store_fs *fs);    /* all of it, and a commit */
void store_flusher_main(void *arg);
nodiscard int store_room_make(struct inode *inode); /* dirty pages were many */
