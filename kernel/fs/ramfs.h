/* SPDX-License-Identifier: Apache-2.0 */
/* The file system in memory. It lives as long as it is mounted, or a file of it is open. */
#pragma once
#include "vfs/inode.h"

#define RAMFS_UNLIMITED UINT64_MAX

/* limit: bytes of file data; writing beyond gets -ENOSPC. 0: half of the memory, so that programs have the other half. */
nodiscard int ramfs_mount(const char *type, uint64_t limit, struct superblock **sb);
/* A file without a name: memfd_create and its like. */
nodiscard int ramfs_create_file(struct superblock *sb, uint32_t mode, struct inode **result);
