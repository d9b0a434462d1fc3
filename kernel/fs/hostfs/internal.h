/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kernel/fs/hostfs share. */
#pragma once
#include "base/string.h"
#include "fs/hostfs/hostfs.h"
#include "hostcall/hostcall.h"
#include "vfs/names.h"

#define HOSTFS_BUCKETS 256

struct hostfs { /* sb->data */
    struct spinlock lock; /* guards the table */
    struct list buckets[HOSTFS_BUCKETS];
};

/* One inode for each (device, number) that the host shows, as long as somebody holds it. */
struct node { /* inode->data */
    struct inode *self;
    struct list bucket_node;
    uint64_t dev, ino;
    int fd;               /* the host's, to ask about it and to open in it */
    int data_fd;          /* for reading by mappings; -1: not opened yet. Atomic */
};

static inline struct node *node_of(const struct inode *inode)
{
    return inode->data;
}

/* Takes over fd, also on failure. */
nodiscard int hostfs_inode(struct superblock *sb, int fd, struct inode **result);
void hostfs_fd_close(int fd);
nodiscard int hostfs_stat(int fd, struct hostcall_file_stat *st); /* checked */
void hostfs_refresh(struct inode *inode);
/* A host descriptor for data. */
nodiscard int hostfs_open_data(const struct inode *inode, unsigned flags);

extern const struct inode_ops hostfs_inode_ops;
extern const struct file_ops hostfs_file_ops;
