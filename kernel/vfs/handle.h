/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File handles: name_to_handle_at(2). A handle names a file by its file system and inode number, and an entry in a table of the
 * kernel that remembers by which path it was found; nothing is held open. So a handle is stale once its file is renamed, or
 * when many others were asked for since. (Linux finds the inode itself.)
 */
#pragma once
#include "vfs/path.h"

struct file_id {
    uint64_t dev, ino, entry;
};

#define FILE_ID_TYPE 0x4e /* ours, in the field handle_type */

nodiscard int file_id_make(const struct path *p, struct file_id *id);
/* The file, if it is on the superblock of `on` and where it was: referenced. -ESTALE. */
nodiscard int file_id_find(const struct file_id *id, const struct path *on, struct path *result);
