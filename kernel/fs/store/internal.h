/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store's core share. */
#pragma once
#include "base/log.h"
#include "base/string.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "fs/store/store.h"
#include "heap/heap.h"

#define TREE_DEPTH   10
#define TREE_FANOUT  (STORE_NODE_ROOM / (sizeof(struct store_slot) + sizeof(struct store_ptr)))
#define SPARE_NODES  (2 * TREE_DEPTH)
#define BOUNCE       60u            /* blocks that are encrypted at a time */
#define LOG_BUF_SIZE (256u << 10)   /* an entry that is longer becomes a commit */
#define NODES_CACHED 4096u          /* clean ones beyond that are dropped */

struct key {
    uint64_t hi, lo;
};

static inline struct key key_of(uint64_t ino, enum store_type type, uint64_t lo)
{
    return (struct key){ino << 8 | type, lo};
}

static inline bool key_less(struct key a, struct key b)
{
    return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

static inline bool key_equal(struct key a, struct key b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

/* A node in memory. A dirty one has no place outside until the next commit. */
struct node {
    struct store_ptr ptr;
    struct store_node *block;
    struct node **children; /* of an inner node, by slot; NULL: not loaded */
    bool is_dirty, was_used;
};

struct space {
    uint64_t *used, *pending; /* bitmaps of max_blocks; pending: used until the next root is durable, then free */
    uint64_t max, used_count, pending_count;
    uint64_t reserved; /* promised to data not yet written */
    uint64_t hint;     /* nothing is free below */
    uint64_t *written; /* bitmap: the host's file system has bytes there, for all we know */
    uint64_t *gone, gone_count; /* bitmap: used by nobody, and the host need not have room for them (room.c) */
    uint64_t pool, pool_end; /* written blocks, used by nothing yet: for what is synced at once */
};

struct log {
    uint8_t *buf;      /* records since the last entry or commit, LOG_BUF_SIZE */
    size_t size;
    bool is_overflown; /* they did not fit: only a commit helps */
    uint64_t seq;      /* the next block of the log */
    uint64_t written;  /* blocks of it that the host's file system has bytes for, for all we know */
    uint8_t chain[STORE_TAG];
};

struct store {
    struct store_dev *dev;
    struct aead_key *block_key, *root_key, *log_key;
    struct store_superblock super;
    struct store_root root; /* as it was last written */
    struct node *tree;
    struct node *spare[SPARE_NODES]; /* so that no change stops half-way for memory */
    size_t spare_count;
    uint64_t node_count, dirty_count;
    struct space space;
    struct log log;
    uint64_t epoch;
    bool is_read_only;
    bool expects_sync; /* store_expect_sync */
    int failed;      /* a write went wrong: nothing is changed any more */
    uint8_t *bounce; /* BOUNCE blocks of ciphertext */
    uint8_t *scratch; /* a block */
};

/* ---- node.c: one node ---- */

static inline unsigned node_count(const struct node *n)
{
    return n->block->count;
}

static inline unsigned node_level(const struct node *n)
{
    return n->block->level;
}

static inline struct store_slot *node_slots(struct store_node *block)
{
    return (struct store_slot *)(block + 1);
}

static inline struct key node_key(const struct node *n, unsigned idx)
{
    const struct store_slot *s = node_slots(n->block) + idx;
    return (struct key){s->hi, s->lo};
}

static inline void *node_value(const struct node *n, unsigned idx)
{
    return (char *)n->block + node_slots(n->block)[idx].off;
}

static inline unsigned node_value_size(const struct node *n, unsigned idx)
{
    return node_slots(n->block)[idx].size;
}

nodiscard struct node *node_create(unsigned level);
void node_destroy(struct node *n); /* not its children */
void node_clear(struct node *n, unsigned level);
/* -EIO: not a node of that level that we would have written. */
nodiscard int node_check(const struct store_node *block, unsigned level);
bool node_has_room(const struct node *n, size_t size);
/* Pre: there is room. child: of an inner node. scratch: a block. */
void node_insert(struct node *n, unsigned idx, struct key key, const void *value, size_t size, struct node *child,
                 void *scratch);
void node_remove(struct node *n, unsigned idx);
/* The items from idx on go to the end of `to`. */
void node_move(struct node *from, unsigned idx, struct node *to, void *scratch);
unsigned node_lower_bound(const struct node *n, struct key key); /* the first slot >= key */
/*
 * The child whose range key is in: it begins at its slot's key. The first child takes all that is below the second's; its own key is not
 * looked at, for when the children before it have gone lower items may have come, and have filled leaves of their own.
 */
unsigned node_child_for(const struct node *n, struct key key);

/* ---- btree.c: all of them. A path is good until the tree changes. ---- */

struct path {
    struct node *node[TREE_DEPTH]; /* by level */
    unsigned idx[TREE_DEPTH];
};

nodiscard int btree_find(struct store *st, struct key key, struct path *path);  /* -ENOENT */
nodiscard int btree_seek(struct store *st, struct key key, struct path *path);  /* first >= key; -ENOENT */
nodiscard int btree_floor(struct store *st, struct key key, struct path *path); /* last <= key; -ENOENT */
nodiscard int btree_next(struct store *st, struct path *path);                  /* -ENOENT: that was the last */
nodiscard int btree_put(struct store *st, struct key key, const void *value, size_t size);
nodiscard int btree_delete(struct store *st, struct key key); /* -ENOENT */
/* Copies a value of exactly this size; -EIO: it has another. */
nodiscard int btree_get(struct store *st, struct key key, void *value, size_t size);
static inline struct key path_key(const struct path *path)
{
    return node_key(path->node[0], path->idx[0]);
}
static inline void *path_value(const struct path *path)
{
    return node_value(path->node[0], path->idx[0]);
}
static inline size_t path_size(const struct path *path)
{
    return node_value_size(path->node[0], path->idx[0]);
}
nodiscard int node_read(struct store *st, const struct store_ptr *ptr, unsigned level, struct store_node *block);
nodiscard int btree_load(struct store *st, const struct store_ptr *ptr, int level, struct node **n);
void btree_free(struct store *st);   /* from memory */
void btree_shrink(struct store *st); /* drops clean leaves when there are many */
nodiscard int btree_write(struct store *st); /* dirty nodes go out, children first */

/* ---- space.c ---- */

nodiscard int space_init(struct store *st);
void space_fini(struct store *st);
/* Up to `want` blocks in a row. -ENOSPC */
nodiscard int space_alloc(struct store *st, uint64_t want, uint64_t *addr, uint64_t *count);
/* The same, of blocks that the host need not find a place for any more. */
nodiscard int space_alloc_written(struct store *st, uint64_t want, uint64_t *addr, uint64_t *count);
void space_free(struct store *st, uint64_t addr, uint64_t birth, uint64_t count);
void space_commit(struct store *st); /* the root is durable: what was freed before is free */
/* `blocks` beyond what is reserved and what a commit takes; commits if that helps. */
nodiscard int space_need(struct store *st, uint64_t blocks);
nodiscard int space_grow_for_commit(struct store *st);
uint64_t space_available(const struct store *st);
nodiscard int space_rebuild(struct store *st, const struct store_ptr *committed);
bool space_mark(struct space *s, uint64_t addr, uint64_t count, bool is_pending); /* false: not all were free */

#define SPACE_GROW_BLOCKS 4096u /* at least 16 MiB at a time, and a 32nd: room that nobody uses is not worth much more */

/* ---- room.c ---- */

void space_discard(struct store *st); /* after a commit: if much is free, most of it goes */
void space_settle(struct store *st);  /* after space_rebuild: of what is free the host has room for some, and the rest goes */
nodiscard int space_regain(struct store *st, uint64_t blocks); /* so many, or all that are gone, can be used again: -ENOSPC */

/* ---- log.c ---- */

void log_add(struct store *st, enum store_record_op op, struct key key, const void *value, size_t size);
void log_reset(struct store *st);
nodiscard int log_replay(struct store *st);

/* ---- root.c ---- */

/* All writes go through it. */
nodiscard int blocks_put(struct store *st, uint64_t addr, const void *blocks, size_t count);

/* Before a change: -EIO -EROFS -ENOSPC. blocks: that it writes itself. */
nodiscard int change_begin(struct store *st, uint64_t blocks);
static inline uint64_t generation_now(const struct store *st)
{
    return st->root.generation + 1;
}

/* ---- inode.c, link.c ---- */

nodiscard int inode_delete(struct store *st, uint64_t ino);
nodiscard int inode_new(struct store *st, const struct store_inode *init, uint64_t *ino);
/* Deletes all items of an inode's type. */
nodiscard int items_delete(struct store *st, uint64_t ino, enum store_type type, uint64_t lo_first, uint64_t lo_last);
nodiscard int extents_free(struct store *st, uint64_t ino);
nodiscard int extent_block_read(struct store *st, const struct store_extent *e, uint32_t idx, const uint8_t *tag, void *buf);
/* All blocks of an extent; buf: a block. -EIO */
nodiscard int extent_verify(struct store *st, const struct store_extent *e, void *buf);
void extent_nonce(const struct store_extent *e, uint32_t idx, uint8_t nonce[STORE_NONCE]);

/* ---- walk.c: all nodes and items of a tree, in memory or not, without filling the cache ---- */

struct walk {
    bool (*enter)(struct walk *w, const struct store_ptr *ptr);                  /* false: leave it out */
    void (*item)(struct walk *w, struct key key, const void *value, size_t size);
    void (*bad)(struct walk *w, const struct store_ptr *ptr, struct key first); /* NULL: the walk ends with -EIO */
};
/* root: where it is; memory: the same in memory, NULL if it is not. */
nodiscard int walk_tree(struct store *st, const struct store_ptr *root, struct node *memory, struct walk *w);
