/* SPDX-License-Identifier: Apache-2.0 */
/* Names: dentries, mounts, and the walk. A dentry is a name in a directory and, unless negative, its inode. */
#pragma once
#include "base/base.h"

struct mount;
struct dentry;
struct inode;

struct path {
    struct mount *mount;
    struct dentry *dentry;
};

void path_get(const struct path *p);
void path_put(struct path *p); /* and empties it */
bool path_is_equal(const struct path *a, const struct path *b);
struct inode *path_inode(const struct path *p); /* borrowed from the path */

/* Root, working directory and umask of a process (CLONE_FS shares them). */
struct fs_context;
nodiscard int fs_context_create(const struct path *root, struct fs_context **fs);
nodiscard int fs_context_copy(struct fs_context *from, struct fs_context **fs);
void fs_context_get(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);
void fs_context_root(struct fs_context *fs, struct path *root); /* referenced */
void fs_context_cwd(struct fs_context *fs, struct path *cwd);
void fs_context_set_root(struct fs_context *fs, const struct path *root);
void fs_context_set_cwd(struct fs_context *fs, const struct path *cwd);
unsigned fs_context_umask(struct fs_context *fs);
unsigned fs_context_set_umask(struct fs_context *fs, unsigned mask); /* the old one */

enum walk_flags {
    WALK_FOLLOW = 1,      /* follow a symbolic link at the end */
    WALK_DIRECTORY = 2,   /* -ENOTDIR otherwise */
    WALK_EMPTY = 4,       /* AT_EMPTY_PATH: "" means the start itself */
    WALK_PARENT = 8,      /* stop before the last component, see walk_parent */
    WALK_NO_XDEV = 16, WALK_NO_MAGICLINKS = 32, WALK_NO_SYMLINKS = 64, WALK_BENEATH = 128,
    WALK_IN_ROOT = 256,   /* openat2's RESOLVE_* */
};
#define WALK_RESOLVE (WALK_NO_XDEV | WALK_NO_MAGICLINKS | WALK_NO_SYMLINKS | WALK_BENEATH | WALK_IN_ROOT)

/*
 * Resolves name for the calling thread (its root, credentials), from `start` (NULL: its working directory).
 * -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EXDEV, -ENOMEM, -EIO. result: referenced.
 */
nodiscard int path_walk(const struct path *start, const char *name, unsigned flags, struct path *result);
/*
 * The directory that holds (or would hold) the last component, and that component: it stays in `name`;
 * is_dir_required: it ended in a slash. "..", "." and "/" as last: -EEXIST's business, see last_type.
 * WALK_FOLLOW: where the last component is a symbolic link, that of its target, which need not be there. If the link
 * leads to an open thing (/proc/self/fd/N), `dir` is the thing itself: PATH_LAST_HERE.
 */
enum path_last { PATH_LAST_NORMAL, PATH_LAST_DOT, PATH_LAST_DOTDOT, PATH_LAST_ROOT, PATH_LAST_HERE };
struct path_parent {
    struct path dir;
    const char *last;
    size_t last_len;
    enum path_last last_type;
    bool is_dir_required;
    char name_copy[256]; /* of last, where it came from a symbolic link */
};
nodiscard int path_walk_parent(const struct path *start, const char *name, unsigned flags,
                               struct path_parent *result);
/* To the root of what is mounted there, if anything is. */
void path_descend_mounts(struct path *p);
bool path_is_reachable(const struct path *p); /* is it under the thread's root? */
/* The name under the thread's root (or, if it is not, under the first), zero ended: its length, -ENAMETOOLONG.
 * " (deleted)" is appended where it was. */
nodiscard int64_t path_name(const struct path *p, char *buf, size_t size);
