/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only block device in host memory under a dm-verity hash tree (format 1, SHA-256, blocks of 4096, no superblock),
 * as `veritysetup` makes and checks it. A block is copied in first, hashed where no one can change it, and used only if
 * its hash leads to the measured root. Hash blocks are kept once they are verified. The tree is over what the file holds: of an encrypted
 * image the cipher text and its tags; it is decrypted behind it.
 */
#pragma once
#include "base/base.h"

#define VERITY_BLOCK 4096u

struct verity;

struct verity_params {
    const char *name;      /* for messages; kept */
    uint64_t host_addr;    /* of the data, in host memory; the tree lies at host_addr + hash_off */
    uint64_t host_size;    /* of all that is mapped */
    uint64_t size;         /* under the tree; a multiple of the block size */
    uint64_t data_size;    /* what there is to read: all of it, or what lies before the tags */
    uint64_t hash_off;
    uint8_t root_hash[32];
    uint8_t salt[32];
    uint32_t salt_size;
    const uint8_t *key;    /* of an encrypted image, 32 bytes, not kept; NULL: it is plain */
    uint8_t key_salt[16];
};

/* -EINVAL: sizes that do not fit; -EIO: the top of the tree does not match the root hash; -EACCES: another key. */
nodiscard int verity_open(const struct verity_params *params, struct verity **v);
/* Blocks from `block` on, each into its own page. -EIO: one does not verify (or lies beyond the end); all are wiped then. Decrypted. */
nodiscard int verity_read(struct verity *v, uint64_t block, void *const *pages, size_t count);
uint64_t verity_id(const struct verity *v); /* of its content: the beginning of the root hash */
uint64_t verity_blocks(const struct verity *v); /* of data */
uint64_t verity_verified_count(void); /* data blocks so far, for --stats */
