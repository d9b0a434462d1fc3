/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encrypted store: a file system in untrusted blocks (DESIGN D6, docs/store-format.md). This is its core: it knows no
 * vfs, no scheduler and no host call, and is built into the kernel (vfs.c is the mount) and into the host's tools and
 * tests alike. One caller at a time: the mount's lock. Times are given, never taken. All change is in memory until
 * store_sync (through the log) or store_commit.
 */
#pragma once
#include "fs/store/format.h"

struct store;

/* Blocks outside: whatever they return is not trusted. Errors: -EIO, and -ENOSPC of grow. */
struct store_dev {
    const struct store_dev_ops *ops;
    uint64_t blocks;     /* there are now */
    uint64_t max_blocks; /* that it may grow to */
    uint64_t counter;    /* the least epoch that is fresh; 0: nobody counts */
};
struct store_dev_ops {
    /* Copies once: the buffer cannot change afterwards. */
    int (*read)(struct store_dev *dev, uint64_t block, void *buf, size_t count);
    /* Where a block lies in memory that others change: for who reads each byte once. NULL: nowhere. May be missing. */
    const void *(*at)(struct store_dev *dev, uint64_t block);
    int (*write)(struct store_dev *dev, uint64_t block, const void *buf, size_t count);
    int (*sync)(struct store_dev *dev); /* all written blocks are durable */
    int (*resize)(struct store_dev *dev, uint64_t blocks);
    /*
     * Not wanted: what these blocks hold may be lost, and their room be given to others. Wanted: they will be written, -ENOSPC if there is
     * no room. NULL: it keeps them all.
     */
    int (*room)(struct store_dev *dev, uint64_t block, uint64_t count, bool is_wanted);
    /* A monotonic counter goes to `epoch`. NULL: there is none. -ESTALE: another instance was here. */
    int (*count)(struct store_dev *dev, uint64_t epoch);
};

#define STORE_KEY_SIZE 32
enum { STORE_READ_ONLY = 1 };

nodiscard int store_format(struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE], const struct store_superblock *super,
                           int64_t now);
/* The superblock alone, to know which key is needed: unverified. -EINVAL: not a store, or of another version. */
nodiscard int store_probe(struct store_dev *dev, struct store_superblock *super);
/*
 * Opens the newest root that verifies, replays the log, finds the free blocks, removes orphans and commits. -EACCES: another
 * key, or no root verifies; -ESTALE: older than dev->counter; -EIO: the tree is damaged.
 */
nodiscard int store_open(struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE], unsigned flags, struct store **st);
/* What a snapshot held; read-only. -ENOENT. */
nodiscard int store_open_snapshot(struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE], const char *name, struct store **st);
void store_close(struct store *st); /* does not commit */

/* Everything so far as one new root; blocks freed before are free from then on. -ENOSPC: nothing changed. */
nodiscard int store_commit(struct store *st);
/*
 * Everything so far, durable after the next dev->sync: a log entry, or a commit if it would be too long. store_sync does
 * both; who syncs without the lock calls store_log, and dev->sync and store_logged themselves.
 */
nodiscard int store_log(struct store *st);
nodiscard int store_sync(struct store *st);

struct store_info {
    uint64_t blocks, free; /* of max_blocks; free: what can be used now or after a commit */
    uint64_t inodes, generation, epoch, dirty_nodes;
    uint8_t uuid[16];
    unsigned key_kind;
    uint32_t log_blocks;
};
void store_info(const struct store *st, struct store_info *info);
/* Room for blocks that will be written later. -ENOSPC. store_write takes from it as much as it is told. */
nodiscard int store_reserve(struct store *st, uint64_t blocks);
/* For one block of a file that has data there already: also where no room is left, for the old one is free after the next commit. */
nodiscard int store_reserve_again(struct store *st);
void store_unreserve(struct store *st, uint64_t blocks);

/* ---- inodes ---- */

nodiscard int store_inode_get(struct store *st, uint64_t ino, struct store_inode *inode); /* -ENOENT */
nodiscard int store_inode_put(struct store *st, uint64_t ino, const struct store_inode *inode);
/* An inode without a name, kept as an orphan until store_link or store_orphan_free. */
nodiscard int store_tmpfile(struct store *st, const struct store_inode *init, uint64_t *ino);
/* nlink is 0 and nobody uses it any more: all of it goes. */
nodiscard int store_orphan_free(struct store *st, uint64_t ino);

/* ---- names: times of directories and targets, link counts and orphans are kept here ---- */

nodiscard int store_lookup(struct store *st, uint64_t dir, const char *name, size_t len, uint64_t *ino, unsigned *type);
nodiscard int store_create(struct store *st, uint64_t dir, const char *name, size_t len, const struct store_inode *init,
                           uint64_t *ino);
nodiscard int store_symlink(struct store *st, uint64_t dir, const char *name, size_t len, const struct store_inode *init,
                            const char *target, uint64_t *ino);
nodiscard int store_link(struct store *st, uint64_t dir, const char *name, size_t len, uint64_t ino, int64_t now);
/* Files and empty directories (-ENOTEMPTY); what has no name left becomes an orphan. */
nodiscard int store_unlink(struct store *st, uint64_t dir, const char *name, size_t len, int64_t now);
/* Over what is there, if it may be; is_exchange: both are there and change places. */
nodiscard int store_rename(struct store *st, uint64_t from_dir, const char *from, size_t from_len, uint64_t to_dir,
                           const char *to, size_t to_len, bool is_exchange, int64_t now);
/* Entries at and after *pos (0 at first), in the order of their hashes; emit returns false to stop. */
struct store_sink {
    bool (*emit)(struct store_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos);
};
nodiscard int store_readdir(struct store *st, uint64_t dir, uint64_t *pos, struct store_sink *sink);
nodiscard int64_t store_readlink(struct store *st, uint64_t ino, char *buf, size_t size);

/* ---- data: whole blocks ---- */

/* Where a block of a file lies, and what it must be. */
struct packed_struct store_place { /* packed: places are compared */
    uint64_t addr; /* 0: a hole */
    uint8_t nonce[STORE_NONCE], tag[STORE_TAG];
};
/* The places of `count` blocks from `first` on. */
nodiscard int store_map(struct store *st, uint64_t ino, uint64_t first, struct store_place *places, size_t count);
/*
 * Reads them: any number of callers at a time, also while others change the store. How many verified, up to the first that did
 * not. That one may have been given up meanwhile: it is damaged if store_map says the same again.
 */
nodiscard size_t store_fetch(const struct store *st, const struct store_place *places, void *const *blocks, size_t count);
void store_damage_log(uint64_t ino, uint64_t block);
/* Both. Holes are zero. -EIO: a block does not verify; the others of the call are unusable too. */
nodiscard int store_read(struct store *st, uint64_t ino, uint64_t first, void *const *blocks, size_t count);
/* Into fresh blocks, of which `reserved` were reserved before. The inode's blocks are kept, its size and times are not. */
nodiscard int store_write(struct store *st, uint64_t ino, uint64_t first, const void *const *blocks, size_t count,
                          size_t reserved);
/* What is written next will be synced at once: it goes where the host's disk takes it soonest. */
void store_expect_sync(struct store *st, bool is_expected);
/* A hole. */
nodiscard int store_punch(struct store *st, uint64_t ino, uint64_t first, uint64_t count);
/* A new size: blocks beyond go, the last is zeroed behind it. Updates the inode. */
nodiscard int store_truncate(struct store *st, uint64_t ino, uint64_t size, int64_t now);
/* The first block at or after *block that has data (or has none): -ENXIO: none with data. */
nodiscard int store_seek(struct store *st, uint64_t ino, uint64_t *block, bool for_data);

/* ---- extended attributes: as getxattr(2) and its like ---- */

nodiscard int64_t store_getxattr(struct store *st, uint64_t ino, const char *name, void *buf, size_t size);
nodiscard int store_setxattr(struct store *st, uint64_t ino, const char *name, const void *value, size_t size, int flags);
nodiscard int64_t store_listxattr(struct store *st, uint64_t ino, char *buf, size_t size);
nodiscard int store_removexattr(struct store *st, uint64_t ino, const char *name);

/* ---- snapshots ---- */

nodiscard int store_snapshot_create(struct store *st, const char *name, int64_t now); /* -EEXIST -ENOSPC -EINVAL */
nodiscard int store_snapshot_delete(struct store *st, const char *name);
nodiscard int store_snapshot_rollback(struct store *st, const char *name); /* what came since is lost */
/* The idx'th; false: there are no more. */
bool store_snapshot_at(const struct store *st, size_t idx, struct store_snapshot *snapshot);

/* ---- checking ---- */

struct store_report {
    uint64_t nodes, extents, blocks; /* seen */
    uint64_t bad_nodes, bad_blocks, doubly_used, bad_items;
    /* A block of this inode (0: of the tree itself) does not verify. */
    void (*damaged)(struct store_report *report, uint64_t ino, uint64_t block);
};
/* Reads and verifies every node and every block of data, of the live tree and the snapshots. */
nodiscard int store_check(struct store *st, struct store_report *report);
