/* SPDX-License-Identifier: Apache-2.0 */
#include "workload.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const uint8_t workload_key[STORE_KEY_SIZE] = {42};
const char *const workload_names[WORKLOAD_COUNT] = {"mixed", "rollback-journal", "wal", "replace"};

#define NAMES 12
#define BLOCKS_MAX 6

unsigned workload_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16 & 0x7fff;
}

void workload_format(struct medium *m, uint64_t blocks, uint32_t log_blocks)
{
    const struct store_superblock super = {
        .magic = STORE_MAGIC, .version = STORE_VERSION, .log_blocks = log_blocks, .key_kind = STORE_KEY_FILE, .uuid = {3}};
    medium_init(m, blocks);
    if (store_format(&m->dev, workload_key, &super, 1))
        abort();
}

/* ---- changes --------------------------------------------------------------------------------------------------------- */

static void note(struct workload *w, int err)
{
    if (err && err != -ENOENT && err != -EEXIST && err != -ENOTEMPTY && err != -ENODATA && !w->err)
        w->err = err;
}

static void sync_by(struct workload *w, int (*sync)(struct store *st))
{
    w->before_sync(w);
    int err = sync(w->st);
    note(w, err);
    w->after_sync(w, err);
}

static void sync_now(struct workload *w)
{
    sync_by(w, store_sync);
}

static uint64_t open_file(struct workload *w, uint64_t dir, const char *name, unsigned mode)
{
    const struct store_inode init = {.mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1, .mtime = 1};
    uint64_t ino = 0;
    unsigned type;
    if (store_lookup(w->st, dir, name, strlen(name), &ino, &type) == 0)
        return ino;
    note(w, store_create(w->st, dir, name, strlen(name), &init, &ino));
    return ino;
}

static void write_block(struct workload *w, uint64_t ino, uint64_t block)
{
    uint8_t data[STORE_BLOCK];
    struct store_inode inode;
    for (size_t i = 0; i < sizeof(data); i += 4)
        memcpy(data + i, &(unsigned){workload_random(&w->seed)}, 4);
    note(w, store_write(w->st, ino, block, (const void *const[]){data}, 1, 0));
    if (store_inode_get(w->st, ino, &inode) || inode.size >= (block + 1) * STORE_BLOCK)
        return;
    inode.size = (block + 1) * STORE_BLOCK;
    note(w, store_inode_put(w->st, ino, &inode));
}

static void remove_file(struct workload *w, uint64_t dir, const char *name)
{
    struct store_inode inode;
    uint64_t ino;
    unsigned type;
    if (store_lookup(w->st, dir, name, strlen(name), &ino, &type))
        return;
    int err = store_unlink(w->st, dir, name, strlen(name), 7);
    note(w, err);
    if (err == 0 && store_inode_get(w->st, ino, &inode) == 0 && inode.nlink == 0)
        note(w, store_orphan_free(w->st, ino));
}

static void rename_file(struct workload *w, uint64_t from_dir, const char *from, uint64_t to_dir, const char *to)
{
    struct store_inode inode;
    uint64_t over = 0;
    unsigned type;
    if (store_lookup(w->st, to_dir, to, strlen(to), &over, &type))
        over = 0;
    int err = store_rename(w->st, from_dir, from, strlen(from), to_dir, to, strlen(to), false, 8);
    note(w, err);
    if (err == 0 && over && store_inode_get(w->st, over, &inode) == 0 && inode.nlink == 0)
        note(w, store_orphan_free(w->st, over));
}

static void change_something(struct workload *w)
{
    unsigned r = workload_random(&w->seed) % 100;
    char name[16], other[16];
    snprintf(name, sizeof(name), "n%u", workload_random(&w->seed) % NAMES);
    snprintf(other, sizeof(other), "n%u", workload_random(&w->seed) % NAMES);
    uint64_t dir = open_file(w, STORE_ROOT_INO, "dir", S_IFDIR | 0755);
    dir = workload_random(&w->seed) % 2 ? dir : STORE_ROOT_INO;
    uint64_t ino = r < 60 ? open_file(w, dir, name, S_IFREG | 0644) : 0;
    if (r < 40)
        write_block(w, ino, workload_random(&w->seed) % BLOCKS_MAX);
    else if (r < 48)
        note(w, store_truncate(w->st, ino, workload_random(&w->seed) % (BLOCKS_MAX * STORE_BLOCK), 5));
    else if (r < 54)
        note(w, store_link(w->st, STORE_ROOT_INO, other, strlen(other), ino, 6));
    else if (r < 60)
        note(w, store_setxattr(w->st, ino, "user.x", name, strlen(name), 0));
    else if (r < 75)
        remove_file(w, dir, name);
    else
        rename_file(w, dir, name, workload_random(&w->seed) % 2 ? dir : STORE_ROOT_INO, other);
}

static void step_mixed(struct workload *w, unsigned step)
{
    change_something(w);
    if (workload_random(&w->seed) % 4 == 0)
        sync_now(w);
    if (step % 50 == 49)
        sync_by(w, store_commit);
}

static void step_rollback_journal(struct workload *w, unsigned step)
{
    uint64_t db = open_file(w, STORE_ROOT_INO, "db", S_IFREG | 0644);
    uint64_t journal = open_file(w, STORE_ROOT_INO, "db-journal", S_IFREG | 0644);
    write_block(w, journal, 0);
    sync_now(w);
    write_block(w, db, workload_random(&w->seed) % BLOCKS_MAX);
    write_block(w, db, workload_random(&w->seed) % BLOCKS_MAX);
    sync_now(w);
    remove_file(w, STORE_ROOT_INO, "db-journal");
    sync_by(w, step % 2 ? store_log : store_sync); /* the kernel logs it without waiting; the next sync carries it with it */
}

static void step_wal(struct workload *w, unsigned step)
{
    uint64_t wal = open_file(w, STORE_ROOT_INO, "wal", S_IFREG | 0644);
    write_block(w, wal, step % 8);
    sync_now(w);
    if (step % 8 == 7) {
        uint64_t db = open_file(w, STORE_ROOT_INO, "db", S_IFREG | 0644);
        write_block(w, db, workload_random(&w->seed) % BLOCKS_MAX);
        sync_now(w);
        note(w, store_truncate(w->st, wal, 0, 5));
        sync_now(w);
    }
}

static void step_replace(struct workload *w, unsigned step)
{
    uint64_t fresh = open_file(w, STORE_ROOT_INO, "config.new", S_IFREG | 0644);
    write_block(w, fresh, 0);
    write_block(w, fresh, step % 3);
    sync_now(w);
    rename_file(w, STORE_ROOT_INO, "config.new", STORE_ROOT_INO, "config");
    sync_now(w);
}

void workload_run(struct workload *w, enum workload_kind kind, unsigned steps)
{
    static void (*const step[WORKLOAD_COUNT])(struct workload *w, unsigned step) = {
        step_mixed, step_rollback_journal, step_wal, step_replace};
    for (unsigned i = 0; i < steps && !w->err; i++)
        step[kind](w, i);
}

/* ---- what is there --------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 0x100000001b3;
    return h;
}

struct digest {
    struct store_sink sink;
    struct store *st;
    uint64_t sum;
    struct {
        uint64_t ino;
        uint64_t name;
        unsigned type;
    } found[256];
    size_t count;
};

static bool digest_entry(struct store_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct digest *d = container_of(sink, struct digest, sink);
    (void)next_pos;
    d->found[d->count].ino = ino;
    d->found[d->count].type = type;
    d->found[d->count++].name = mix(0xcbf29ce484222325, name, len);
    return d->count < ARRAY_COUNT(d->found);
}

static uint64_t digest_inode(struct store *st, uint64_t ino, int *err)
{
    uint8_t data[STORE_BLOCK];
    struct store_inode inode;
    *err = *err ? *err : store_inode_get(st, ino, &inode);
    if (*err)
        return 0;
    uint64_t h = mix(1, &inode.mode, 16);
    h = mix(h, &inode.size, 24);
    h = mix(h, &inode.mtime, 16);
    for (uint64_t b = 0; S_ISREG(inode.mode) && b * STORE_BLOCK < inode.size && !*err; b++) {
        *err = store_read(st, ino, b, (void *const[]){data}, 1);
        h = mix(h, data, sizeof(data));
    }
    int64_t n = store_getxattr(st, ino, "user.x", data, sizeof(data));
    if (n < 0 && n != -ENODATA && !*err)
        *err = (int)n;
    return mix(h, data, n > 0 ? (size_t)n : 0);
}

static uint64_t digest_dir(struct store *st, uint64_t dir, unsigned depth, int *err)
{
    struct digest *d = calloc(1, sizeof(*d));
    uint64_t pos = 0, sum = digest_inode(st, dir, err);
    d->sink.emit = digest_entry;
    if (!*err)
        *err = store_readdir(st, dir, &pos, &d->sink);
    for (size_t i = 0; i < d->count && !*err; i++) { /* a sum: their order is that of a random key */
        uint64_t inside = d->found[i].type == S_IFDIR >> 12 && depth < 4 ? digest_dir(st, d->found[i].ino, depth + 1, err)
                                                                         : digest_inode(st, d->found[i].ino, err);
        sum += mix(d->found[i].name, &inside, sizeof(inside));
    }
    free(d);
    return sum;
}

uint64_t workload_digest(struct store *st, int *err)
{
    *err = 0;
    return digest_dir(st, STORE_ROOT_INO, 0, err);
}
