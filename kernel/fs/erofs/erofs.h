/* SPDX-License-Identifier: Apache-2.0 */
/* The read-only file system of the trusted image. */
#pragma once
#include "block/verity.h"
#include "vfs/inode.h"

/* -EINVAL: not an uncompressed EROFS of 4 KiB blocks. */
nodiscard int erofs_mount(struct verity *v, struct superblock **sb);
