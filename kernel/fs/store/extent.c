/* SPDX-License-Identifier: Apache-2.0 */
/* The data of files: extents in the tree, blocks outside. A block is never overwritten: it gets a new place and nonce. */
#include "fs/store/internal.h"

#define PIECES   16u /* fetched at once */
#define SOON_MAX 16u /* blocks: more than that takes its time anyway */

struct extent { /* a stored one with its place, copied out of the tree */
    uint64_t first; /* block of the file */
    struct store_extent e;
    uint8_t tags[STORE_EXTENT_MAX][STORE_TAG];
};

static size_t extent_size(uint32_t count)
{
    return sizeof(struct store_extent) + count * STORE_TAG;
}

void extent_nonce(const struct store_extent *e, uint32_t idx, uint8_t nonce[STORE_NONCE])
{
    uint32_t low;
    memcpy(nonce, e->nonce, STORE_NONCE);
    memcpy(&low, nonce + STORE_NONCE - 4, 4);
    low = __builtin_bswap32(__builtin_bswap32(low) + idx);
    memcpy(nonce + STORE_NONCE - 4, &low, 4);
}

/* ---- finding -------------------------------------------------------------------------------------------------------- */

static bool is_extent(const struct path *path)
{
    const struct store_extent *e = path_value(path);
    return path_size(path) >= sizeof(*e) && e->count > 0 && e->count <= STORE_EXTENT_MAX && path_size(path) == extent_size(e->count);
}

static int extent_copy(const struct path *path, struct extent *x)
{
    const struct store_extent *e = path_value(path);
    if (!is_extent(path))
        return -EIO;
    x->first = path_key(path).lo;
    memcpy(&x->e, e, sizeof(*e));
    memcpy(x->tags, store_extent_tags(e), e->count * STORE_TAG);
    return 0;
}

/* The last extent that begins at or before `block`. -ENOENT */
static int extent_before(struct store *st, uint64_t ino, uint64_t block, struct extent *x)
{
    struct path path;
    const struct key key = key_of(ino, STORE_EXTENT, block);
    int err = btree_floor(st, key, &path);
    if (err)
        return err;
    return path_key(&path).hi == key.hi ? extent_copy(&path, x) : -ENOENT;
}

/* The first that begins at or after it: only where. */
static int extent_after(struct store *st, uint64_t ino, uint64_t block, uint64_t *first)
{
    struct path path;
    const struct key key = key_of(ino, STORE_EXTENT, block);
    int err = btree_seek(st, key, &path);
    if (err)
        return err;
    *first = path_key(&path).lo;
    return path_key(&path).hi == key.hi ? 0 : -ENOENT;
}

int store_seek(struct store *st, uint64_t ino, uint64_t *block, bool for_data)
{
    struct extent x;
    for (;;) {
        int err = extent_before(st, ino, *block, &x);
        if (err && err != -ENOENT)
            return err;
        bool has_data = err == 0 && *block < x.first + x.e.count;
        if (has_data == for_data)
            return 0;
        if (for_data) {
            err = extent_after(st, ino, *block, block);
            return err == -ENOENT ? -ENXIO : err;
        }
        *block = x.first + x.e.count;
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

int extent_block_read(struct store *st, const struct store_extent *e, uint32_t idx, const uint8_t *tag, void *buf)
{
    uint8_t nonce[STORE_NONCE];
    int err = st->dev->ops->read(st->dev, e->addr + idx, buf, 1);
    extent_nonce(e, idx, nonce);
    if (err == 0)
        err = aead_open(st->block_key, nonce, NULL, 0, buf, buf, STORE_BLOCK, tag);
    return err ? -EIO : 0;
}

int extent_verify(struct store *st, const struct store_extent *e, void *buf)
{
    int err = 0;
    for (uint32_t i = 0; i < e->count && err == 0; i++)
        err = extent_block_read(st, e, i, store_extent_tags(e)[i], buf);
    return err;
}

/* Where one block of an extent lies. */
static void place_of(const struct store_extent *e, uint32_t idx, struct store_place *place)
{
    place->addr = e->addr + idx;
    extent_nonce(e, idx, place->nonce);
    memcpy(place->tag, store_extent_tags(e)[idx], STORE_TAG);
}

/* Blocks from `first` on that the extent has which a path points to: how many, or -errno. */
static int64_t run_map(const struct path *path, uint64_t first, struct store_place *places, size_t count)
{
    const struct store_extent *e = path_value(path);
    if (!is_extent(path))
        return -EIO;
    uint64_t from = first - path_key(path).lo;
    size_t n = from < e->count ? MIN(count, (size_t)(e->count - from)) : 0;
    for (size_t i = 0; i < n; i++)
        place_of(e, (uint32_t)(from + i), &places[i]);
    return (int64_t)n;
}

static int64_t hole_map(struct store *st, uint64_t ino, uint64_t first, struct store_place *places, size_t count)
{
    uint64_t next;
    int err = extent_after(st, ino, first, &next);
    if (err && err != -ENOENT)
        return err;
    size_t n = err == 0 ? MIN(count, next - first) : count;
    memset(places, 0, n * sizeof(*places));
    return (int64_t)n;
}

int store_map(struct store *st, uint64_t ino, uint64_t first, struct store_place *places, size_t count)
{
    struct path path;
    btree_shrink(st);
    while (count > 0) {
        const struct key key = key_of(ino, STORE_EXTENT, first);
        int err = btree_floor(st, key, &path);
        if (err && err != -ENOENT)
            return err;
        int64_t n = err == 0 && path_key(&path).hi == key.hi ? run_map(&path, first, places, count) : 0;
        if (n == 0)
            n = hole_map(st, ino, first, places, count);
        if (n < 0)
            return (int)n;
        first += (uint64_t)n;
        places += n;
        count -= (size_t)n;
    }
    return 0;
}

/* Blocks that lie in memory one after the other in the list: how many were there, and opened. */
static size_t mapped_fetch(const struct store *st, const struct store_place *places, void *const *blocks, size_t count, size_t *tried)
{
    struct aead_piece pieces[PIECES];
    size_t n = 0;
    for (; n < MIN(count, PIECES) && st->dev->ops->at && places[n].addr; n++) {
        struct aead_piece *p = &pieces[n];
        p->in = st->dev->ops->at(st->dev, places[n].addr);
        p->out = blocks[n];
        if (!p->in)
            break;
        memcpy(p->nonce, places[n].nonce, sizeof(p->nonce));
        memcpy(p->tag, places[n].tag, sizeof(p->tag));
    }
    *tried = n;
    return n > 0 ? aead_open_pieces(st->block_key, pieces, n, STORE_BLOCK) : 0;
}

static bool block_fetch(const struct store *st, const struct store_place *place, void *block)
{
    if (place->addr == 0) {
        memset(block, 0, STORE_BLOCK);
        return true;
    }
    return st->dev->ops->read(st->dev, place->addr, block, 1) == 0 &&
           aead_open(st->block_key, place->nonce, NULL, 0, block, block, STORE_BLOCK, place->tag) == 0;
}

size_t store_fetch(const struct store *st, const struct store_place *places, void *const *blocks, size_t count)
{
    size_t done = 0, tried;
    while (done < count) {
        size_t n = mapped_fetch(st, places + done, blocks + done, count - done, &tried);
        done += n;
        if (n < tried)
            break;
        if (tried > 0)
            continue;
        if (!block_fetch(st, &places[done], blocks[done]))
            break;
        done++;
    }
    return done;
}

void store_damage_log(uint64_t ino, uint64_t block)
{
    log_error("store: block %llu of inode %llu is not what was written there", (unsigned long long)block, (unsigned long long)ino);
}

int store_read(struct store *st, uint64_t ino, uint64_t first, void *const *blocks, size_t count)
{
    struct store_place places[PIECES];
    while (count > 0) {
        size_t n = MIN(count, PIECES);
        int err = store_map(st, ino, first, places, n);
        if (err)
            return err;
        size_t done = store_fetch(st, places, blocks, n);
        if (done < n) {
            store_damage_log(ino, first + done);
            return -EIO;
        }
        first += n;
        blocks += n;
        count -= n;
    }
    return 0;
}

/* ---- making holes -------------------------------------------------------------------------------------------------------- */

/* The part of an extent from its idx'th block on becomes one of its own. */
static int part_put(struct store *st, uint64_t ino, const struct extent *x, uint32_t idx, uint32_t count)
{
    uint8_t buf[STORE_VALUE_MAX];
    struct store_extent *e = (struct store_extent *)buf;
    *e = (struct store_extent){.addr = x->e.addr + idx, .birth = x->e.birth, .count = count};
    extent_nonce(&x->e, idx, e->nonce);
    memcpy(e + 1, x->tags[idx], count * STORE_TAG);
    return btree_put(st, key_of(ino, STORE_EXTENT, x->first + idx), e, extent_size(count));
}

/* Takes [first, last] out of an extent that overlaps it; what is left of it, on either side, stays. */
static int extent_cut(struct store *st, uint64_t ino, const struct extent *x, uint64_t first, uint64_t last, uint64_t *removed)
{
    uint64_t end = x->first + x->e.count;
    uint32_t from = first > x->first ? (uint32_t)(first - x->first) : 0;
    uint32_t to = last + 1 < end ? (uint32_t)(last + 1 - x->first) : x->e.count;
    int err = to < x->e.count ? part_put(st, ino, x, to, x->e.count - to) : 0;
    if (err == 0)
        err = from > 0 ? part_put(st, ino, x, 0, from) : btree_delete(st, key_of(ino, STORE_EXTENT, x->first));
    if (err)
        return err;
    space_free(st, x->e.addr + from, x->e.birth, to - from);
    *removed += to - from;
    return 0;
}

static int extents_cut(struct store *st, uint64_t ino, uint64_t first, uint64_t last, uint64_t *removed)
{
    struct extent x;
    for (;;) {
        int err = extent_before(st, ino, last, &x);
        if (err == -ENOENT || (err == 0 && x.first + x.e.count <= first))
            return 0;
        if (err == 0)
            err = extent_cut(st, ino, &x, first, last, removed);
        if (err)
            return err;
    }
}

int extents_free(struct store *st, uint64_t ino)
{
    uint64_t removed = 0;
    return extents_cut(st, ino, 0, UINT64_MAX - 1, &removed);
}

static int blocks_count(struct store *st, uint64_t ino, int64_t more)
{
    struct store_inode inode;
    if (more == 0)
        return 0;
    int err = store_inode_get(st, ino, &inode);
    inode.blocks += (uint64_t)more;
    return err ? err : btree_put(st, key_of(ino, STORE_INODE, 0), &inode, sizeof(inode));
}

int store_punch(struct store *st, uint64_t ino, uint64_t first, uint64_t count)
{
    uint64_t removed = 0;
    int err = change_begin(st, 0);
    if (err || count == 0)
        return err;
    err = extents_cut(st, ino, first, first + count - 1, &removed);
    return err ? err : blocks_count(st, ino, -(int64_t)removed);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------- */

static int blocks_write(struct store *st, struct extent *x, const void *const *blocks)
{
    for (uint32_t done = 0; done < x->e.count;) {
        uint32_t n = MIN(x->e.count - done, BOUNCE);
        for (uint32_t i = 0; i < n; i++) {
            uint8_t nonce[STORE_NONCE];
            extent_nonce(&x->e, done + i, nonce);
            aead_seal(st->block_key, nonce, NULL, 0, blocks[done + i], st->bounce + i * STORE_BLOCK, STORE_BLOCK,
                      x->tags[done + i]);
        }
        int err = blocks_put(st, x->e.addr + done, st->bounce, n);
        if (err)
            return err;
        done += n;
    }
    return 0;
}

static int extent_write(struct store *st, uint64_t ino, struct extent *x, const void *const *blocks, uint64_t *removed)
{
    random_bytes(x->e.nonce, sizeof(x->e.nonce));
    int err = blocks_write(st, x, blocks);
    if (err == 0)
        err = extents_cut(st, ino, x->first, x->first + x->e.count - 1, removed);
    if (err == 0)
        err = part_put(st, ino, x, 0, x->e.count);
    if (err)
        space_free(st, x->e.addr, x->e.birth, x->e.count);
    return err;
}

void store_expect_sync(struct store *st, bool is_expected)
{
    st->expects_sync = is_expected;
}

static int room_find(struct store *st, size_t want, uint64_t *addr, uint64_t *count)
{
    bool is_soon = st->expects_sync && want <= SOON_MAX;
    return is_soon ? space_alloc_written(st, want, addr, count) : space_alloc(st, want, addr, count);
}

int store_write(struct store *st, uint64_t ino, uint64_t first, const void *const *blocks, size_t count, size_t reserved)
{
    struct extent x;
    uint64_t removed = 0;
    size_t done = 0;
    int err = change_begin(st, count > reserved ? count - reserved : 0);
    while (err == 0 && done < count) {
        uint64_t addr, got = 0;
        err = room_find(st, MIN(count - done, STORE_EXTENT_MAX), &addr, &got);
        if (err)
            break;
        x.first = first + done;
        x.e = (struct store_extent){.addr = addr, .birth = generation_now(st), .count = (uint32_t)got};
        err = extent_write(st, ino, &x, blocks + done, &removed);
        if (err == 0)
            done += got;
    }
    if (err == 0)
        store_unreserve(st, reserved);
    int counted = blocks_count(st, ino, (int64_t)done - (int64_t)removed);
    return err ? err : counted;
}

/* The last block's bytes behind the end must be zero, should the file grow again. */
static int tail_zero(struct store *st, uint64_t ino, uint64_t size)
{
    uint64_t block = size / STORE_BLOCK, at = block;
    if (size % STORE_BLOCK == 0)
        return 0;
    int err = store_seek(st, ino, &at, true);
    if (err || at != block)
        return err == -ENXIO ? 0 : err;
    uint8_t *buf = heap_alloc(STORE_BLOCK);
    if (!buf)
        return -ENOMEM;
    err = store_read(st, ino, block, (void *const[]){buf}, 1);
    if (err == 0) {
        memset(buf + size % STORE_BLOCK, 0, STORE_BLOCK - size % STORE_BLOCK);
        err = store_write(st, ino, block, (const void *const[]){buf}, 1, 0);
    }
    heap_free(buf);
    return err;
}

int store_truncate(struct store *st, uint64_t ino, uint64_t size, int64_t now)
{
    struct store_inode inode;
    uint64_t end = size / STORE_BLOCK + (size % STORE_BLOCK != 0);
    int err = change_begin(st, 0);
    if (err == 0)
        err = store_inode_get(st, ino, &inode);
    if (err == 0 && size < inode.size)
        err = tail_zero(st, ino, size);
    if (err == 0)
        err = store_punch(st, ino, end, UINT64_MAX - end);
    if (err == 0)
        err = store_inode_get(st, ino, &inode);
    if (err)
        return err;
    inode.size = size;
    inode.mtime = inode.ctime = now;
    return btree_put(st, key_of(ino, STORE_INODE, 0), &inode, sizeof(inode));
}
