/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and file systems: what fs/<name> implements. */
#pragma once
#include "base/list.h"
#include "base/refcount.h"
#include "mm/pagecache.h"
#include "sync/mutex.h"
#include "vfs/file.h"

struct superblock;
struct iattr;

struct inode {
    const struct inode_ops *ops;
    const struct file_ops *file_ops; /* of files opened on it */
    struct superblock *sb;
    struct refcount ref;
    struct mutex lock; /* guards the entries of a directory, the size and attributes of a file */
    uint64_t ino;
    uint32_t mode; /* S_IF* and permissions */
    uint32_t uid, gid, nlink;
    uint64_t size, rdev, blocks; /* blocks of 512 bytes */
    ns_t atime, mtime, ctime, btime; /* since 1970 */
    struct pagecache *pages;         /* of regular files */
    void *data;                      /* the file system's own */
    void *special;                   /* pipe of a FIFO, socket of a bound name: ipc and net own it */
    struct file_locks *locks;        /* vfs/locks.c */
    struct list watches;             /* inotify marks, vfs/notify.c */
    int32_t writers;                 /* open for writing; below 0: programs that run it. Atomic */
    int32_t readers;                 /* regular files that are open, and not for writing. Atomic */
    uint8_t write_hint;              /* F_SET_RW_HINT */
    bool is_linkable;                /* nlink is 0, and yet linkat(2) may give it a name: O_TMPFILE */
    uint32_t seals;                  /* F_SEAL_* of a file in memory; under lock */
    const struct callsite_table *callsites; /* of a program of a verified image, as long as its content is that; else NULL */
};

struct iattr {
    unsigned valid; /* IATTR_*; no bit: ctime only */
    uint32_t mode, uid, gid;
    uint64_t size;
    ns_t atime, mtime, ctime;
};
enum { IATTR_MODE = 1, IATTR_UID = 2, IATTR_GID = 4, IATTR_SIZE = 8, IATTR_ATIME = 16, IATTR_MTIME = 32,
       IATTR_CTIME = 64, IATTR_KILL_PRIVILEGES = 128 /* vfs' own: chown(2) of a file that is no directory */ };

/*
 * vfs has checked permissions and types, holds dir->lock (of both directories in rename, in the order of
 * vfs/rename.c), and makes names of at most 255 bytes, no '/', not "." or "..". An inode in a result is
 * referenced for the caller. NULL op: -EPERM for changes, -EROFS on a read-only superblock.
 */
struct inode_ops {
    int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **result); /* -ENOENT */
    /* mode: S_IF* and permissions, umask applied. rdev for devices. Whatever makes an inode calls inode_init_owner. */
    int (*create)(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
                  struct inode **result);
    int (*tmpfile)(struct inode *dir, uint32_t mode, struct inode **result);
    int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target,
                   struct inode **result);
    int (*link)(struct inode *dir, const char *name, size_t len, struct inode *target);
    int (*unlink)(struct inode *dir, const char *name, size_t len, struct inode *target);
    int (*rmdir)(struct inode *dir, const char *name, size_t len, struct inode *target); /* -ENOTEMPTY */
    int (*rename)(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir,
                  const char *to, size_t to_len, unsigned flags);
    int (*readdir)(struct inode *dir, uint64_t *pos, struct dir_sink *sink); /* without "." and ".." */
    int64_t (*readlink)(struct inode *inode, char *buf, size_t size); /* length, not zero ended */
    /* A link that leads to an open thing (/proc/self/fd/N): the path itself, referenced. */
    int (*magic_link)(struct inode *inode, struct path *result);
    int (*setattr)(struct inode *inode, const struct iattr *attr);
    void (*refresh)(struct inode *inode); /* before stat: brings size and times up to date */
    /* Before the first write or attribute change: overlay copies up. NULL: nothing to do. */
    int (*make_writable)(struct inode *inode);
    /* The content of source, which never changes, becomes that of inode, an empty file; page by page as it is needed. NULL:
     * whoever wants it copies it. */
    int (*adopt)(struct inode *inode, struct inode *source);
    /* May change f->ops, f->data. Instead of what open(2) does for devices, FIFOs and sockets, if it is one. */
    int (*open)(struct inode *inode, struct file *f);
    int64_t (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size);
    int (*setxattr)(struct inode *inode, const char *name, const void *value, size_t size, int flags);
    int64_t (*listxattr)(struct inode *inode, char *buf, size_t size);
    int (*removexattr)(struct inode *inode, const char *name);
    void (*evict)(struct inode *inode); /* the last reference went: free data; storage too if nlink is 0 */
    bool names_change;  /* procfs: do not keep dentries */
    bool absence_lasts; /* what is not there comes only through vfs, and looking for it costs: keep a note */
};

struct statfs_info {
    uint64_t type, block_size, blocks, free, available, files, files_free, name_max;
};

struct super_ops {
    int (*statfs)(struct superblock *sb, struct statfs_info *info);
    int (*sync)(struct superblock *sb);
    void (*unmount)(struct superblock *sb);
};

struct superblock {
    const struct super_ops *ops;
    const char *type; /* "ramfs", as /proc/mounts shows it */
    struct refcount ref;
    uint64_t dev; /* st_dev, unique */
    struct inode *root;
    bool is_read_only;
    uint64_t id; /* of content that never changes: tells it from any other; 0: none */
    void *data;
    struct mutex rename_lock;
};

/* The owner of what the caller makes in dir, and the set-group-id bit that it inherits. */
void inode_init_owner(struct inode *inode, const struct inode *dir);
/* A fresh inode with a reference, times now, everything else zero. */
struct inode *inode_create(struct superblock *sb, uint64_t ino, uint32_t mode);
/* What setattr does with all but the size; ctime is now. Caller holds inode->lock. */
void inode_attr_set(struct inode *inode, const struct iattr *a);
void inode_get(struct inode *inode);
void inode_put(struct inode *inode);
struct superblock *superblock_create(const struct super_ops *ops, const char *type, void *data);
void superblock_put(struct superblock *sb);

/* file_ops.mmap of files whose data is inode->pages: the pages, and the file as the mapping's owner. */
nodiscard int vfs_file_mmap(struct file *f, struct vm_map_request *req);

/* Each fs/<name>.h has:  int <name>_mount(..., struct superblock **sb). vfs/mount.h hangs it in the tree. */
