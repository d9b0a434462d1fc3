/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories: an entry's key is a keyed hash of its name, which is also its position for readdir. Names with the same hash
 * take the next free keys: so a search goes on until a key is free, and what is removed is filled from behind.
 *
 * A change looks first and changes then. If a change cannot be finished (no memory, a damaged block), what is in memory
 * must never be committed: change_broken.
 */
#include "fs/store/internal.h"

#define FIRST_POS 16 /* below it are "." and "..", and the beginning */
#define NAME_SIZE 255u
#define TYPE_DIR  (STORE_MODE_DIR >> 12)

struct entry {
    struct key key; /* where it is, or would be */
    uint64_t ino;
    unsigned type;
};

static int change_broken(struct store *st, int err)
{
    if (err)
        st->failed = err;
    return err;
}

/* ---- hash: SipHash-2-4 --------------------------------------------------------------------------------------------- */

static uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
    v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t siphash(const uint8_t key[16], const char *data, size_t len)
{
    uint64_t k[2], word = 0;
    memcpy(k, key, sizeof(k));
    uint64_t v[4] = {k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573};
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        memcpy(&word, data + at, 8);
        sip_word(v, word);
    }
    word = (uint64_t)len << 56;
    for (int shift = 0; at < len; at++, shift += 8)
        word |= (uint64_t)(uint8_t)data[at] << shift;
    sip_word(v, word);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t position_of(const struct store *st, const char *name, size_t len)
{
    return (siphash(st->root.hash_key, name, len) >> 2) + FIRST_POS;
}

/* ---- entries ---------------------------------------------------------------------------------------------------------- */

/* 0 or -ENOENT, and e->key in either case. */
static int entry_find(struct store *st, uint64_t dir, const char *name, size_t len, struct entry *e)
{
    struct path path;
    for (e->key = key_of(dir, STORE_ENTRY, position_of(st, name, len));; e->key.lo++) {
        int err = btree_find(st, e->key, &path);
        if (err)
            return err;
        const struct store_entry *stored = path_value(&path);
        if (path_size(&path) < sizeof(*stored))
            return -EIO;
        if (path_size(&path) == sizeof(*stored) + len && memcmp(stored->name, name, len) == 0) {
            e->ino = stored->ino;
            e->type = stored->type;
            return 0;
        }
    }
}

static int entry_put(struct store *st, struct key key, uint64_t ino, unsigned type, const char *name, size_t len)
{
    uint8_t buf[sizeof(struct store_entry) + NAME_SIZE];
    struct store_entry *e = (struct store_entry *)buf;
    e->ino = ino;
    e->type = (uint8_t)type;
    memcpy(e->name, name, len);
    return btree_put(st, key, buf, sizeof(*e) + len);
}

/* Entries right behind a hole that belong before it move into it. */
static int entry_remove(struct store *st, struct key key)
{
    uint8_t buf[sizeof(struct store_entry) + NAME_SIZE];
    int err = btree_delete(st, key);
    for (struct key next = {key.hi, key.lo + 1}; err == 0; next.lo++) {
        struct path path;
        int found = btree_find(st, next, &path);
        size_t size = found == 0 ? path_size(&path) : 0;
        if (found || size < sizeof(struct store_entry) || size > sizeof(buf))
            return found == -ENOENT ? 0 : found ? found : -EIO;
        memcpy(buf, path_value(&path), size);
        if (position_of(st, ((struct store_entry *)buf)->name, size - sizeof(struct store_entry)) > key.lo)
            continue;
        err = btree_put(st, key, buf, size);
        if (err == 0)
            err = btree_delete(st, next);
        key = next;
    }
    return err;
}

int store_lookup(struct store *st, uint64_t dir, const char *name, size_t len, uint64_t *ino, unsigned *type)
{
    struct entry e;
    if (len > NAME_SIZE)
        return -ENAMETOOLONG;
    btree_shrink(st);
    int err = entry_find(st, dir, name, len, &e);
    if (err == 0) {
        *ino = e.ino;
        *type = e.type;
    }
    return err;
}

int store_readdir(struct store *st, uint64_t dir, uint64_t *pos, struct store_sink *sink)
{
    const struct key first = key_of(dir, STORE_ENTRY, *pos);
    struct path path;
    int err = btree_seek(st, first, &path);
    for (; err == 0 && path_key(&path).hi == first.hi; err = btree_next(st, &path)) {
        const struct store_entry *e = path_value(&path);
        uint64_t next = path_key(&path).lo + 1;
        if (path_size(&path) <= sizeof(*e))
            return -EIO;
        if (!sink->emit(sink, e->name, path_size(&path) - sizeof(*e), e->ino, e->type, next))
            return 0;
        *pos = next;
    }
    return err == -ENOENT ? 0 : err;
}

static int empty_check(struct store *st, uint64_t dir)
{
    struct path path;
    const struct key first = key_of(dir, STORE_ENTRY, 0);
    int err = btree_seek(st, first, &path);
    if (err)
        return err == -ENOENT ? 0 : err;
    return path_key(&path).hi == first.hi ? -ENOTEMPTY : 0;
}

/* ---- changes ------------------------------------------------------------------------------------------------------------ */

/* A name of `len` came (+) or went (-), and with it `links` subdirectories. */
static int dir_update(struct store *st, uint64_t dir, int64_t len, int links, int64_t now)
{
    struct store_inode inode;
    int err = store_inode_get(st, dir, &inode);
    if (err)
        return err;
    int64_t size = (int64_t)inode.size + len;
    inode.size = size > 0 ? (uint64_t)size : 0;
    inode.nlink += (uint32_t)links;
    inode.mtime = inode.ctime = now;
    return btree_put(st, key_of(dir, STORE_INODE, 0), &inode, sizeof(inode));
}

#define ENTRY_COST 24 /* beside its name: what a directory's size counts */

static int entry_add(struct store *st, uint64_t dir, struct entry *e, const char *name, size_t len, int64_t now)
{
    int err = entry_put(st, e->key, e->ino, e->type, name, len);
    return err ? err : dir_update(st, dir, ENTRY_COST + (int64_t)len, e->type == TYPE_DIR, now);
}

static int entry_take(struct store *st, uint64_t dir, const struct entry *e, size_t len, int64_t now)
{
    int err = entry_remove(st, e->key);
    return err ? err : dir_update(st, dir, -ENTRY_COST - (int64_t)len, -(e->type == TYPE_DIR), now);
}

/* The name must be free, and the directory must be there. */
static int place_find(struct store *st, uint64_t dir, const char *name, size_t len, struct entry *e)
{
    struct store_inode inode;
    if (len == 0 || len > NAME_SIZE)
        return len ? -ENAMETOOLONG : -ENOENT;
    int err = store_inode_get(st, dir, &inode);
    if (err)
        return err;
    if (!store_is_dir(&inode) || inode.nlink == 0)
        return store_is_dir(&inode) ? -ENOENT : -ENOTDIR;
    err = entry_find(st, dir, name, len, e);
    return err == 0 ? -EEXIST : err == -ENOENT ? 0 : err;
}

int store_create(struct store *st, uint64_t dir, const char *name, size_t len, const struct store_inode *init, uint64_t *ino)
{
    struct entry e;
    int err = change_begin(st, 4);
    if (err == 0)
        err = place_find(st, dir, name, len, &e);
    if (err == 0)
        err = inode_new(st, init, &e.ino);
    if (err)
        return err;
    e.type = (init->mode & STORE_MODE_TYPE) >> 12;
    *ino = e.ino;
    return change_broken(st, entry_add(st, dir, &e, name, len, init->ctime));
}

int store_link(struct store *st, uint64_t dir, const char *name, size_t len, uint64_t ino, int64_t now)
{
    struct store_inode inode;
    struct entry e;
    int err = change_begin(st, 4);
    if (err == 0)
        err = store_inode_get(st, ino, &inode);
    if (err == 0)
        err = place_find(st, dir, name, len, &e);
    if (err)
        return err;
    e.ino = ino;
    e.type = (inode.mode & STORE_MODE_TYPE) >> 12;
    err = entry_add(st, dir, &e, name, len, now);
    if (err == 0 && inode.nlink++ == 0)
        err = btree_delete(st, key_of(0, STORE_ORPHAN, ino));
    inode.ctime = now;
    if (err == 0)
        err = btree_put(st, key_of(ino, STORE_INODE, 0), &inode, sizeof(inode));
    return change_broken(st, err);
}

/* An inode lost a name: with the last it becomes an orphan. */
static int name_lost(struct store *st, uint64_t ino, struct store_inode *inode, int64_t now)
{
    static const uint8_t mark = 1;
    inode->nlink = store_is_dir(inode) ? 0 : inode->nlink - 1;
    inode->ctime = now;
    int err = btree_put(st, key_of(ino, STORE_INODE, 0), inode, sizeof(*inode));
    if (err == 0 && inode->nlink == 0)
        err = btree_put(st, key_of(0, STORE_ORPHAN, ino), &mark, sizeof(mark));
    return err;
}

/* What may go: anything but a directory with entries. */
static int removable_find(struct store *st, uint64_t dir, const char *name, size_t len, struct entry *e,
                          struct store_inode *inode)
{
    int err = len > NAME_SIZE ? -ENAMETOOLONG : entry_find(st, dir, name, len, e);
    if (err == 0)
        err = store_inode_get(st, e->ino, inode);
    if (err == 0 && store_is_dir(inode))
        err = empty_check(st, e->ino);
    return err;
}

int store_unlink(struct store *st, uint64_t dir, const char *name, size_t len, int64_t now)
{
    struct store_inode inode;
    struct entry e;
    int err = change_begin(st, 0);
    if (err == 0)
        err = removable_find(st, dir, name, len, &e, &inode);
    if (err)
        return err;
    err = entry_take(st, dir, &e, len, now);
    if (err == 0)
        err = name_lost(st, e.ino, &inode, now);
    return change_broken(st, err);
}

static int ctime_set(struct store *st, uint64_t ino, int64_t now)
{
    struct store_inode inode;
    int err = store_inode_get(st, ino, &inode);
    inode.ctime = now;
    return err ? err : btree_put(st, key_of(ino, STORE_INODE, 0), &inode, sizeof(inode));
}

struct rename {
    uint64_t from_dir, to_dir;
    const char *from, *to;
    size_t from_len, to_len;
    int64_t now;
    struct entry source, target;
};

static int rename_exchange(struct store *st, const struct rename *r)
{
    int links = (r->target.type == TYPE_DIR) - (r->source.type == TYPE_DIR);
    int err = entry_put(st, r->source.key, r->target.ino, r->target.type, r->from, r->from_len);
    if (err == 0)
        err = entry_put(st, r->target.key, r->source.ino, r->source.type, r->to, r->to_len);
    if (err == 0)
        err = dir_update(st, r->from_dir, 0, links, r->now);
    if (err == 0)
        err = dir_update(st, r->to_dir, 0, -links, r->now);
    if (err == 0)
        err = ctime_set(st, r->target.ino, r->now);
    return err;
}

/* The old name goes first: its going may move the place of the new one. */
static int rename_move(struct store *st, struct rename *r, bool is_over, struct store_inode *replaced)
{
    struct entry e = r->source;
    int err = entry_take(st, r->from_dir, &r->source, r->from_len, r->now);
    if (err == 0 && is_over) {
        struct entry old;
        err = entry_find(st, r->to_dir, r->to, r->to_len, &old);
        if (err == 0)
            err = entry_take(st, r->to_dir, &old, r->to_len, r->now);
        if (err == 0)
            err = name_lost(st, r->target.ino, replaced, r->now);
    }
    if (err == 0) {
        struct entry place;
        err = entry_find(st, r->to_dir, r->to, r->to_len, &place);
        err = err == -ENOENT ? 0 : err ? err : -EIO;
        e.key = place.key;
    }
    return err ? err : entry_add(st, r->to_dir, &e, r->to, r->to_len, r->now);
}

int store_rename(struct store *st, uint64_t from_dir, const char *from, size_t from_len, uint64_t to_dir, const char *to,
                 size_t to_len, bool is_exchange, int64_t now)
{
    struct rename r = {.from_dir = from_dir, .to_dir = to_dir, .from = from, .to = to, .from_len = from_len, .to_len = to_len,
                       .now = now};
    struct store_inode replaced;
    int err = change_begin(st, 8);
    if (err == 0)
        err = from_len > NAME_SIZE || to_len > NAME_SIZE ? -ENAMETOOLONG : entry_find(st, from_dir, from, from_len, &r.source);
    if (err)
        return err;
    err = is_exchange ? entry_find(st, to_dir, to, to_len, &r.target)
                      : removable_find(st, to_dir, to, to_len, &r.target, &replaced);
    bool is_over = err == 0;
    if (err && (err != -ENOENT || is_exchange))
        return err;
    if (is_over && r.target.ino == r.source.ino)
        return 0;
    err = is_exchange ? rename_exchange(st, &r) : rename_move(st, &r, is_over, &replaced);
    if (err == 0)
        err = ctime_set(st, r.source.ino, now);
    return change_broken(st, err);
}
