/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of kernel/fs/overlay share. Locks, in this order: those of overlay inodes (vfs holds them), `change`,
 * those of inodes above and below. Attributes of an overlay inode are a copy of the real one's, taken after each change.
 */
#pragma once
#include "base/string.h"
#include "fs/overlay/overlay.h"
#include "vfs/names.h"

#define OVERLAY_BUCKETS 1024
#define UPPER_INO       (1ULL << 31) /* numbers of what was made above begin here; those below are the image's */

struct overlay { /* sb->data */
    struct superblock *upper, *lower;
    struct inode *upper_root, *lower_root;
    struct mutex change; /* one change of names, or copy, at a time */
    struct spinlock lock; /* guards the tables */
    struct list by_upper[OVERLAY_BUCKETS], by_lower[OVERLAY_BUCKETS];
};

struct node { /* inode->data */
    struct inode *self;
    struct inode *upper;  /* NULL: not copied up. Set once, atomically, under `change` */
    struct inode *lower;  /* NULL: nothing below */
    struct list upper_node, lower_node;
    struct inode *parent; /* until it is copied up: the directory and the name under which it was found; NULL: removed since */
    char *name;
    char *lower_path;     /* of directories that have something below: from the root of `lower`, "" for it */
};

static inline struct node *node_of(const struct inode *inode)
{
    return inode->data;
}

static inline struct overlay *overlay_of(const struct superblock *sb)
{
    return sb->data;
}

static inline struct inode *upper_of(const struct inode *inode)
{
    return __atomic_load_n(&node_of(inode)->upper, __ATOMIC_ACQUIRE);
}

static inline struct inode *real_of(const struct inode *inode)
{
    struct inode *upper = upper_of(inode);
    return upper ? upper : node_of(inode)->lower;
}

/* ---- node.c ---- */

struct place {
    struct inode *dir; /* of the overlay */
    const char *name;
    size_t len;
};
/* The overlay's inode of these two, of which one may be NULL; takes over both references and lower_path, also on failure. */
nodiscard int node_get(struct superblock *sb, struct inode *upper, struct inode *lower, const struct place *at, char *lower_path,
                       struct inode **result);
void node_add_upper(struct inode *inode, struct inode *upper); /* takes over the reference; under `change` */
void node_forget_place(struct node *n);
void node_sync(struct inode *inode); /* takes the attributes over from the real inode */
uint64_t node_ino(const struct overlay *o, struct inode *upper, const struct inode *lower);
void node_evict(struct inode *inode);

/* ---- real.c: what lies above and below, by name ---- */

bool is_whiteout(const struct inode *inode);
/* Referenced; -ENOENT. dir NULL: -ENOENT. Takes dir's lock. */
nodiscard int real_find(struct inode *dir, const char *name, size_t len, struct inode **result);
bool real_has(struct inode *dir, const char *name, size_t len);
nodiscard int real_walk(struct inode *root, const char *path, struct inode **result);
nodiscard int real_link(struct inode *dir, const char *name, size_t len, struct inode *target);
nodiscard int real_remove(struct inode *dir, const char *name, size_t len, struct inode *target);
nodiscard int real_setattr(struct inode *inode, const struct iattr *attr);
nodiscard int real_setxattr(struct inode *inode, const char *name, const void *value, size_t size);
nodiscard int64_t real_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
nodiscard int whiteout_make(struct inode *upper_dir, const char *name, size_t len);

#define XATTR_PREFIX   "trusted.overlay."
#define XATTR_ORIGIN   XATTR_PREFIX "origin"   /* struct origin */
#define XATTR_OPAQUE   XATTR_PREFIX "opaque"   /* "y": what is below is not seen */
#define XATTR_REDIRECT XATTR_PREFIX "redirect" /* the path below that this directory shows */

struct origin {
    uint64_t id;  /* of the file system below */
    uint64_t ino; /* there: the number that programs have seen */
};

/* ---- copy.c ---- */

/* Under `change`: from now on it is above, and its directories too. */
nodiscard int copy_up(struct inode *inode);

/* ---- dir.c, file.c ---- */

extern const struct inode_ops overlay_inode_ops;
extern const struct file_ops overlay_file_ops;
nodiscard int overlay_lookup(struct inode *dir, const char *name, size_t len, struct inode **result);
nodiscard int overlay_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink);
bool overlay_is_empty(struct inode *dir, int *err);
nodiscard int overlay_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir, const char *to,
                             size_t to_len, unsigned flags);
/* Under `change`: the place holds the inode above (it is copied, or gets one more link). */
nodiscard int place_up(const struct place *p, struct inode *inode);
/* Whiteouts in a directory above that is about to go. */
nodiscard int whiteouts_clear(struct inode *upper_dir);
void dir_sync(struct inode *dir);
