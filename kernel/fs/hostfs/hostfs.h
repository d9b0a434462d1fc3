/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of the host, plain: for exchange of data with the outside. Nothing that comes from it is trusted, and nothing
 * that goes there is secret. What the host changes is seen at the next look: names and sizes are not kept.
 */
#pragma once
#include "vfs/inode.h"

/* path: on the host, absolute. */
nodiscard int hostfs_mount(const char *path, bool is_read_only, struct superblock **sb);

/*
 * The same directory, but only files that are named with their SHA-256: read-only and verified. Each is read whole now, and a
 * hash of each page is kept, so that what is read later is what was verified (-EIO otherwise).
 */
struct hostfs_listed {
    const char *path; /* under the mount; plain components */
    const uint8_t *sha256;
};
/* Into sb, an empty file system in memory, that becomes read-only. */
nodiscard int hostfs_listed_fill(struct superblock *sb, const char *path, size_t count,
                                 struct hostfs_listed (*at)(const void *list, size_t idx), const void *list);
