/* SPDX-License-Identifier: Apache-2.0 */
/* Changing directories: what open.c and change.c share. names_begin locks the directory, names_end lets it go. */
#pragma once
#include "vfs/dentry.h"

/* Brings atime up to date as "relatime" mounts do; file_flags: O_NOATIME counts. */
void inode_accessed(struct inode *inode, const struct mount *mount, unsigned file_flags);
/* Who writes without CAP_FSETID takes set-user-id and set-group-id away. */
nodiscard int inode_privileges_drop(struct inode *inode);
/* Writers and running programs exclude each other: -ETXTBSY. Each success needs its end. */
nodiscard int inode_write_begin(struct inode *inode);
void inode_write_end(struct inode *inode);
nodiscard int inode_write_deny(struct inode *inode);
void inode_write_allow(struct inode *inode);


nodiscard int names_begin(const struct path *start, const char *name, unsigned walk_flags, struct path_parent *parent);
void names_end(struct path_parent *parent);
struct dentry *names_entry(struct path_parent *parent); /* referenced; NULL: none; or err_ptr */
nodiscard int names_make(struct path_parent *parent, uint32_t mode, uint64_t rdev, struct dentry **result);
nodiscard int names_may_add(const struct path_parent *parent); /* -EROFS, -ENOENT (removed directory), -EACCES */
nodiscard int vfs_check_sticky(const struct inode *dir, const struct inode *inode);
/* f is one of its inode's and its mount's writers: -ETXTBSY. file_writer_end: harmless if it is none. */
nodiscard int file_writer_begin(struct file *f);
void file_writer_end(struct file *f);
void file_put_unopened(struct file *f); /* its kind's open failed: no release */

nodiscard int vfs_unlink(const struct path *start, const char *name, bool is_dir);
nodiscard int vfs_symlink(const struct path *start, const char *name, const char *target);
nodiscard int vfs_link(const struct path *from, const struct path *start, const char *name);
nodiscard int vfs_rename(const struct path *from_start, const char *from, const struct path *to_start, const char *to, unsigned flags);
