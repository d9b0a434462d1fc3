/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the host, read from its mapping in untrusted memory and written by a host call, in blocks of a page. A read
 * copies once; what it brings is whatever the host likes. Growing asks the host for room first, so that a write never lies beyond the end.
 */
#pragma once
#include "hostcall/hostcall.h"
#include "sync/waitq.h"

struct hostfile {
    uint64_t addr;           /* in host memory; max_blocks pages, checked when it was opened */
    uint64_t blocks, max_blocks;
    uint32_t id;
    bool has_counter;
    uint64_t counter;        /* what the host says it is */
    bool has_key;
    uint8_t key[32];         /* that the host gave */
    struct host_watch done;  /* fd -1: the host cannot sync without holding the vCPU */
    struct spinlock done_lock;
    struct waitq done_wait;
    uint64_t done_count;     /* events so far */
};

/* name: at most 63 characters of a-z A-Z 0-9 . _ -. Errors of the host's open(2), -EBUSY: another instance has it. */
nodiscard int hostfile_open(const char *name, uint64_t max_size, bool is_counted, struct hostfile *f); /* f stays where it is */
nodiscard int hostfile_read(const struct hostfile *f, uint64_t block, void *buf, size_t count);
/* Where a block lies, in memory that the host changes as it likes: for who reads each byte once (aead_open_pieces). NULL: outside. */
const void *hostfile_at(const struct hostfile *f, uint64_t block);
nodiscard int hostfile_write(struct hostfile *f, uint64_t block, const void *buf, size_t count);
nodiscard int hostfile_resize(struct hostfile *f, uint64_t blocks); /* -ENOSPC */
/* What blocks hold may be lost, and their room be used by others; or (is_wanted) they have room again. -ENOSPC, -EOPNOTSUPP */
nodiscard int hostfile_room(struct hostfile *f, uint64_t block, uint64_t count, bool is_wanted);
nodiscard int hostfile_sync(struct hostfile *f); /* sleeps if other tasks wait for this vCPU */
nodiscard int hostfile_count(struct hostfile *f, uint64_t value); /* -ESTALE */
