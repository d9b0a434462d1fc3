/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes, xattr(7): who may see and change which. Results as in the system calls. */
#pragma once
#include "vfs/path.h"

/* size 0: only the size that it has. */
nodiscard int64_t vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size);
nodiscard int64_t vfs_listxattr(const struct path *p, char *buf, size_t size);
nodiscard int vfs_setxattr(const struct path *p, const char *name, const void *value, size_t size, int flags);
nodiscard int vfs_removexattr(const struct path *p, const char *name);
