/* SPDX-License-Identifier: Apache-2.0 */
/* Paths and whole files of an open store, for the tools. Errors are -errno. */
#pragma once
#include "fs/store/store.h"

/* Links are not followed. */
int store_path_find(struct store *st, const char *path, uint64_t *ino);
/* The directory and the last name of a path that need not be there. */
int store_path_parent(struct store *st, const char *path, uint64_t *dir, const char **name);
/* Calls each for all below an inode, itself first (name ""), directories before what is in them. */
struct store_visit {
    int (*each)(struct store_visit *v, const char *path, uint64_t ino, const struct store_inode *inode);
};
int store_visit(struct store *st, uint64_t ino, const char *path, struct store_visit *v);
/* Between a file of the store and a descriptor of the host. */
int store_file_out(struct store *st, uint64_t ino, int fd);
int store_file_in(struct store *st, uint64_t ino, int fd);
