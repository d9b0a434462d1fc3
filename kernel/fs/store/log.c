/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent log: what was put into the tree and deleted from it since the last commit, in order, so that fsync costs one
 * or two blocks and not a tree. A block authenticates the generation it follows, its place and the tag of the block
 * before it; an entry counts only if it is whole. Data blocks are where they are already: an entry holds their extents.
 */
#include "fs/store/internal.h"
#include "fs/store/seal.h"

struct packed_struct log_aad {
    uint64_t generation, seq;
    uint8_t before[STORE_TAG];
};

void log_reset(struct store *st)
{
    struct log *l = &st->log;
    l->size = 0;
    l->seq = 0;
    l->is_overflown = false;
    memcpy(l->chain, st->root.log_seed, sizeof(l->chain));
}

void log_add(struct store *st, enum store_record_op op, struct key key, const void *value, size_t size)
{
    struct log *l = &st->log;
    struct store_record r = {.op = (uint8_t)op, .size = (uint16_t)size, .hi = key.hi, .lo = key.lo};
    if (l->is_overflown)
        return;
    if (l->size + sizeof(r) + size > LOG_BUF_SIZE) {
        l->is_overflown = true;
        return;
    }
    memcpy(l->buf + l->size, &r, sizeof(r));
    if (size > 0)
        memcpy(l->buf + l->size + sizeof(r), value, size);
    l->size += sizeof(r) + size;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

/* The first time, zeros go out behind a block, so that most blocks go where the host's file system has written before. */
static size_t zeros_behind(struct store *st)
{
    const struct log *l = &st->log;
    size_t count = l->seq < l->written ? 0 : MIN(BOUNCE, st->super.log_blocks - l->seq) - 1;
    memset(st->bounce + STORE_BLOCK, 0, count * STORE_BLOCK);
    return count;
}

static int log_block_write(struct store *st, const uint8_t *data, size_t size, bool is_last)
{
    struct log *l = &st->log;
    struct log_aad aad = {.generation = st->root.generation, .seq = l->seq};
    struct store_log_header head = {.size = (uint32_t)size, .is_last = is_last};
    memcpy(aad.before, l->chain, sizeof(aad.before));
    memset(st->scratch, 0, STORE_BLOCK);
    memcpy(st->scratch, &head, sizeof(head));
    memcpy(st->scratch + sizeof(head), data, size);
    seal_block(st->log_key, &aad, sizeof(aad), st->scratch, st->bounce);
    size_t ahead = zeros_behind(st);
    int err = blocks_put(st, STORE_LOG_BLOCK + l->seq, st->bounce, 1 + ahead);
    if (err == 0) {
        memcpy(l->chain, ((struct store_seal *)st->bounce)->tag, sizeof(l->chain));
        l->seq++;
        l->written = MAX(l->written, l->seq + ahead);
    }
    return err;
}

int store_log(struct store *st)
{
    struct log *l = &st->log;
    if (st->failed)
        return -EIO;
    if (l->size == 0 && !l->is_overflown)
        return 0;
    if (l->is_overflown || l->seq + l->size / STORE_LOG_DATA + 1 > st->super.log_blocks)
        return store_commit(st);
    for (size_t done = 0; done < l->size;) {
        size_t n = MIN(l->size - done, STORE_LOG_DATA);
        int err = log_block_write(st, l->buf + done, n, done + n == l->size);
        if (err) {
            st->failed = err;
            return -EIO;
        }
        done += n;
    }
    l->size = 0;
    st->epoch++;
    return 0;
}

int store_sync(struct store *st)
{
    int err = store_log(st);
    if (err == 0)
        err = st->dev->ops->sync(st->dev);
    if (err == 0 && st->dev->ops->count)
        err = st->dev->ops->count(st->dev, st->epoch);
    if (err)
        st->failed = err;
    return err;
}

/* ---- replaying ---------------------------------------------------------------------------------------------------------- */

static int inode_count(struct store *st, const struct store_record *r)
{
    struct path path;
    struct key key = {r->hi, r->lo};
    if ((key.hi & 0xff) != STORE_INODE)
        return 0;
    int err = btree_find(st, key, &path);
    if (err && err != -ENOENT)
        return err;
    if (r->op == STORE_RECORD_PUT && err == -ENOENT)
        st->root.inodes++;
    if (r->op == STORE_RECORD_DELETE && err == 0)
        st->root.inodes--;
    st->root.next_ino = MAX(st->root.next_ino, (key.hi >> 8) + 1);
    return 0;
}

static int record_apply(struct store *st, const struct store_record *r, const void *value)
{
    struct key key = {r->hi, r->lo};
    int err = inode_count(st, r);
    if (err)
        return err;
    if (r->op == STORE_RECORD_PUT)
        return r->size <= STORE_VALUE_MAX ? btree_put(st, key, value, r->size) : -EIO;
    return r->op == STORE_RECORD_DELETE ? btree_delete(st, key) : -EIO;
}

/* An entry's data went out together with it: after a crash it counts only if they are there as well. */
static int record_check(struct store *st, const struct store_record *r, const void *value)
{
    const struct store_extent *e = value;
    if (r->op != STORE_RECORD_PUT || (r->hi & 0xff) != STORE_EXTENT)
        return 0;
    if (r->size < sizeof(*e) || r->size != sizeof(*e) + e->count * STORE_TAG)
        return -EIO;
    return e->birth == generation_now(st) ? extent_verify(st, e, st->scratch) : 0;
}

static int records_do(struct store *st, const uint8_t *data, size_t size,
                      int (*what)(struct store *st, const struct store_record *r, const void *value))
{
    struct store_record r;
    int err = 0;
    while (size > 0 && err == 0) {
        if (size < sizeof(r))
            return -EIO;
        memcpy(&r, data, sizeof(r));
        if (size - sizeof(r) < r.size)
            return -EIO;
        err = what(st, &r, data + sizeof(r));
        data += sizeof(r) + r.size;
        size -= sizeof(r) + r.size;
    }
    return err;
}

/* The next block, if it is one of this log: its data appended to the entry. False: the log ends here. */
static bool log_block_read(struct store *st, uint8_t *entry, size_t *size, bool *is_last)
{
    struct log *l = &st->log;
    struct log_aad aad = {.generation = st->root.generation, .seq = l->seq};
    struct store_log_header head;
    memcpy(aad.before, l->chain, sizeof(aad.before));
    if (l->seq >= st->super.log_blocks || st->dev->ops->read(st->dev, STORE_LOG_BLOCK + l->seq, st->bounce, 1))
        return false;
    memcpy(l->chain, ((struct store_seal *)st->bounce)->tag, sizeof(l->chain));
    if (unseal_block(st->log_key, &aad, sizeof(aad), st->bounce, st->scratch))
        return false;
    memcpy(&head, st->scratch, sizeof(head));
    if (head.size > STORE_LOG_DATA || *size + head.size > LOG_BUF_SIZE)
        return false;
    memcpy(entry + *size, st->scratch + sizeof(head), head.size);
    *size += head.size;
    *is_last = head.is_last;
    l->seq++;
    return true;
}

int log_replay(struct store *st)
{
    uint8_t *entry = heap_alloc(LOG_BUF_SIZE);
    size_t size = 0;
    bool is_last = false;
    int err = entry ? 0 : -ENOMEM;
    st->log.seq = 0;
    memcpy(st->log.chain, st->root.log_seed, sizeof(st->log.chain));
    st->log.is_overflown = true; /* what is replayed is in the log already */
    st->log.written = 0;
    while (err == 0 && log_block_read(st, entry, &size, &is_last)) {
        if (!is_last)
            continue;
        if (records_do(st, entry, size, record_check))
            break;
        err = records_do(st, entry, size, record_apply);
        size = 0;
        st->epoch++;
    }
    st->log.written = st->log.seq;
    heap_free(entry);
    return err;
}
