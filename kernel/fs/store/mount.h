/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store as a file system. Data of files is in their page caches, metadata in the core's tree; both go out in the background,
 * together, and by fsync(2), sync(2) and the enclave's end.
 */
#pragma once
#include "vfs/inode.h"

struct store_mount {
    const char *name;      /* of the host's file: a-z A-Z 0-9 . _ - */
    uint64_t size;         /* bytes that it may grow to; 0: 1 GiB */
    unsigned key_kind;     /* enum store_key_kind */
    uint32_t uid, gid;     /* own the root directory of a new store */
    bool is_counted;       /* the host must keep a counter, and the store must not be older */
    bool is_read_only;
};

/*
 * Makes the store if the host has none of this name. Logs what is wrong and returns -EACCES (the key), -ESTALE (older than its
 * counter), -EBUSY (another instance has it), -EINVAL (another format), -EIO, -ENOSPC.
 */
nodiscard int store_mount(const struct store_mount *options, struct superblock **sb);
