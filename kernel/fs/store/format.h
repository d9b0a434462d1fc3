/* SPDX-License-Identifier: Apache-2.0 */
/* The store on its medium: docs/store-format.md says what each field means. Little-endian; all blocks are 4096 bytes. */
#pragma once
#include "base/base.h"

#define STORE_BLOCK       4096u
#define STORE_MAGIC       0x45524f54534f414eULL /* "NAOSTORE" */
#define STORE_VERSION     1u
#define STORE_FEATURES    0u /* bits of format changes that an older naos must not ignore */
#define STORE_ROOT_BLOCK  1u /* and the next */
#define STORE_LOG_BLOCK   3u
#define STORE_NONCE       12u
#define STORE_TAG         16u
#define STORE_ROOT_INO    1u

/* Block 0, in the clear: bound to the rest as part of what each root record authenticates. */
struct packed_struct store_superblock {
    uint64_t magic;
    uint32_t version, features;
    uint32_t log_blocks;
    uint32_t key_kind; /* enum store_key_kind */
    uint8_t uuid[16];  /* random; the keys are derived for it */
    uint16_t svn;      /* security version that the sealing key was taken for */
    uint8_t reserved[86];
};
enum store_key_kind { STORE_KEY_FILE = 1, STORE_KEY_ENCLAVE, STORE_KEY_SIGNER };

/* Where a node lies, and what it must be. */
struct packed_struct store_ptr {
    uint64_t addr;  /* block number; 0: none */
    uint64_t birth; /* generation that wrote it: snapshots up to it share it */
    uint8_t nonce[STORE_NONCE];
    uint8_t tag[STORE_TAG];
};

struct packed_struct store_snapshot {
    char name[56]; /* zero-padded; empty: a free place */
    uint64_t generation;
    int64_t created; /* ns since 1970 */
    struct store_ptr tree;
};
#define STORE_SNAPSHOT_MAX 24

/* A root record, sealed, in block 1 or 2: that of its generation's parity. */
struct packed_struct store_root {
    uint64_t generation;
    uint64_t epoch;        /* durable points so far: commits and log entries */
    uint64_t next_ino;
    uint64_t inodes;
    uint8_t log_seed[STORE_TAG]; /* what the first log block chains to */
    uint8_t hash_key[16];  /* of names in directories */
    struct store_ptr tree;
    struct store_snapshot snapshots[STORE_SNAPSHOT_MAX];
};

/* How root records and log blocks begin: in the clear. The rest of the block is sealed. */
struct packed_struct store_seal {
    uint8_t nonce[STORE_NONCE];
    uint8_t tag[STORE_TAG];
    uint8_t reserved[4];
};
#define STORE_SEALED_SIZE (STORE_BLOCK - sizeof(struct store_seal))

struct packed_struct store_log_header { /* the sealed part of a log block, then `size` bytes of records */
    uint32_t size;
    uint32_t is_last; /* the entry ends here */
};
#define STORE_LOG_DATA (STORE_SEALED_SIZE - sizeof(struct store_log_header))

struct packed_struct store_record {
    uint8_t op; /* enum store_record_op */
    uint8_t reserved;
    uint16_t size; /* of the value that follows */
    uint64_t hi, lo;
};
enum store_record_op { STORE_RECORD_PUT = 1, STORE_RECORD_DELETE };

/* ---- nodes of the tree: header, slots in the order of their keys, and values from the end down ---- */

struct packed_struct store_node {
    uint16_t count;
    uint16_t heap; /* where the lowest value begins */
    uint16_t room; /* free bytes, holes between values included */
    uint8_t level; /* 0: leaf */
    uint8_t reserved[9];
};
struct packed_struct store_slot {
    uint64_t hi, lo;
    uint16_t off, size;
};
#define STORE_NODE_ROOM (STORE_BLOCK - sizeof(struct store_node))
#define STORE_VALUE_MAX 996u /* so that four items fill a leaf */

/* A key: hi = inode number << 8 | type, lo = by type. */
enum store_type {
    STORE_INODE = 1, /* lo 0: struct store_inode */
    STORE_LINK,      /* lo: part of a symbolic link's target */
    STORE_XATTR,     /* lo = id << 8 | part: name length, name, value */
    STORE_ENTRY,     /* lo: hash of the name: struct store_entry */
    STORE_EXTENT,    /* lo: first block of the file: struct store_extent */
    STORE_ORPHAN,    /* inode number 0, lo: an inode without a name, in use when this was written */
};
#define STORE_PART STORE_VALUE_MAX /* bytes of a part of what is longer */

struct packed_struct store_inode {
    uint32_t mode, uid, gid, nlink;
    uint64_t size, rdev, blocks; /* blocks of 4096 that hold data */
    int64_t atime, mtime, ctime, btime;
};

/* As Linux has them; a directory entry's type is the mode's upper four bits. */
enum { STORE_MODE_TYPE = 0170000, STORE_MODE_DIR = 0040000 };
static inline bool store_is_dir(const struct store_inode *inode)
{
    return (inode->mode & STORE_MODE_TYPE) == STORE_MODE_DIR;
}

struct packed_struct store_entry {
    uint64_t ino;
    uint8_t type; /* DT_* */
    char name[];
};

/* Blocks that follow each other in the file and on the medium; block i has nonce + i in its last four bytes (big-endian). */
struct packed_struct store_extent {
    uint64_t addr, birth;
    uint8_t nonce[STORE_NONCE];
    uint32_t count;
};
/* count of them follow it. */
static inline const uint8_t (*store_extent_tags(const struct store_extent *e))[STORE_TAG]
{
    return (const uint8_t(*)[STORE_TAG])(e + 1);
}
#define STORE_EXTENT_MAX ((STORE_VALUE_MAX - 32u) / STORE_TAG)

_Static_assert(sizeof(struct store_superblock) == 128, "superblock");
_Static_assert(sizeof(struct store_root) <= STORE_SEALED_SIZE, "root");
_Static_assert(sizeof(struct store_extent) == 32 && sizeof(struct store_slot) == 20 && sizeof(struct store_node) == 16, "sizes");
_Static_assert(4 * (STORE_VALUE_MAX + sizeof(struct store_slot)) <= STORE_NODE_ROOM, "four items fill a leaf");
