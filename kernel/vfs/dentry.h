/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of names. A dentry that nobody holds stays, up to DENTRY_SPARE_MAX of them. dentry_lock guards the hash, the
 * spare list, parents and names. One without an inode is a note that there is no such name: dentry.c keeps those to itself.
 */
#pragma once
#include <linux/limits.h>
#include "base/list.h"
#include "base/spinlock.h"
#include "vfs/inode.h"
#include "vfs/mount.h"

struct dentry {
    uint32_t count;          /* of references; under dentry_lock */
    uint32_t hash;
    struct dentry *parent;   /* referenced; itself for a root */
    struct inode *inode;     /* referenced; NULL: a note of absence */
    struct mount *mounted;   /* what is mounted here, the topmost */
    struct list hash_node;   /* empty: unlinked, found no more */
    struct list spare_node;
    struct list notes;       /* of absence, in this directory; of a note: its place among them */
    uint16_t len, room;      /* of the name; what it may grow to in place */
    bool is_unlinked;
    char *name;              /* zero ended: inline_name, or memory of its own after a rename to a longer one */
    char inline_name[];
};

struct mount {
    struct refcount ref;
    struct superblock *sb;
    struct dentry *root;     /* of what is seen here */
    struct mount *parent;    /* under mount_lock, and so are the next two; NULL: the first, or mounted no more */
    struct dentry *at;       /* in parent */
    unsigned flags;
    int32_t writers;         /* files open for writing; atomic */
    int id;
    uint32_t walks;          /* that came here; under mount_lock */
    uint32_t expire_mark;    /* walks, when umount2(2) asked with MNT_EXPIRE; under mount_lock */
    struct list node;
    struct mount *below;     /* what was mounted at the same place before */
    char source[64];
};

extern struct spinlock mount_lock;  /* outside of dentry_lock */
/* What is mounted at p, on top of all that is; referenced. False: nothing. */
bool mount_enter(const struct path *p, struct path *top);
/* Where the mount whose root p is lies; referenced. False: nowhere. */
bool mount_leave(const struct path *p, struct path *up);
extern struct spinlock dentry_lock;
struct dentry *dentry_create_root(struct inode *inode); /* takes a reference of its own */
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
/* The cached name, referenced, or NULL. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len);
/* The name in its directory, asking the file system if need be. -ENOENT and its errors. */
nodiscard int dentry_lookup(struct dentry *parent, const char *name, size_t len, struct dentry **result);
/* A fresh name for an inode just made; the directory's lock is held. */
nodiscard int dentry_add(struct dentry *parent, const char *name, size_t len, struct inode *inode, struct dentry **result);
/* The name came into its directory, without a dentry as yet. */
void dentry_came(struct dentry *parent, const char *name, size_t len);
/* The name is gone from its directory. */
void dentry_unlink(struct dentry *d);
/* Before a rename that must not fail half way: room for a name of this length. */
nodiscard int dentry_reserve(struct dentry *d, size_t len);
/* Renames, with room reserved: open files and working directories keep their dentry. */
void dentry_move(struct dentry *d, struct dentry *to, const char *name, size_t len);
/* Names that are only cached keep no inode of a file system that goes. */
void dentries_drop(const struct superblock *sb);
void dentry_exchange(struct dentry *a, struct dentry *b);
