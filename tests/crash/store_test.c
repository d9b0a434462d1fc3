/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_test [NAME [SEED]]. The store's core, call by call: each test is a line `ok store/NAME` or `FAIL store/NAME: where`, and the seed
 * with which it fails again: keys, nonces and choices all come from it.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "fs/store/internal.h"
#include "medium.h"

static const uint8_t key[STORE_KEY_SIZE] = {1, 2, 3};
static struct medium medium;
static struct store *st;
static jmp_buf failed;
static char why[256];
static uint64_t random_state;

#define NEED(cond) \
    do { \
        if (!(cond)) { \
            snprintf(why, sizeof(why), "line %d: %s", __LINE__, #cond); \
            longjmp(failed, 1); \
        } \
    } while (0)

/* In place of random_bytes (host/store/env.c), so that a tree has the same shape again: splitmix64. */
void __wrap_random_bytes(void *buf, size_t size);
void __wrap_random_bytes(void *buf, size_t size)
{
    for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
        uint64_t x = random_state += 0x9e3779b97f4a7c15;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        x ^= x >> 31;
        memcpy((char *)buf + done, &x, MIN(size - done, sizeof(x)));
    }
}

static struct store_inode file_init(unsigned mode)
{
    return (struct store_inode){.mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1, .ctime = 5};
}

static void reopen(void)
{
    if (st)
        store_close(st);
    st = NULL;
    int err = store_open(&medium.dev, key, 0, &st);
    if (err) {
        snprintf(why, sizeof(why), "store_open: %s", strerror(-err));
        longjmp(failed, 1);
    }
}

static void begin(uint64_t blocks)
{
    static const struct store_superblock super = {
        .magic = STORE_MAGIC, .version = STORE_VERSION, .log_blocks = 64, .key_kind = STORE_KEY_FILE, .uuid = {7}};
    medium_init(&medium, blocks);
    NEED(store_format(&medium.dev, key, &super, 1) == 0);
    reopen();
}

static uint64_t make(uint64_t dir, const char *name, unsigned mode)
{
    const struct store_inode init = file_init(mode);
    uint64_t ino;
    NEED(store_create(st, dir, name, strlen(name), &init, &ino) == 0);
    return ino;
}

static uint64_t find(uint64_t dir, const char *name)
{
    uint64_t ino;
    unsigned type;
    return store_lookup(st, dir, name, strlen(name), &ino, &type) == 0 ? ino : 0;
}

static void put_block(uint64_t ino, uint64_t block, uint8_t fill)
{
    static uint8_t data[STORE_BLOCK];
    memset(data, fill, sizeof(data));
    NEED(store_write(st, ino, block, (const void *const[]){data}, 1, 0) == 0);
}

static int get_block(uint64_t ino, uint64_t block)
{
    static uint8_t data[STORE_BLOCK];
    int err = store_read(st, ino, block, (void *const[]){data}, 1);
    for (size_t i = 1; err == 0 && i < sizeof(data); i++)
        NEED(data[i] == data[0]);
    return err ? err : data[0];
}

static void damaged(struct store_report *report, uint64_t ino, uint64_t block)
{
    (void)report, (void)ino, (void)block;
}

static void check(void)
{
    struct store_report report = {.damaged = damaged};
    NEED(store_check(st, &report) == 0);
    NEED(report.bad_nodes + report.bad_blocks + report.bad_items + report.doubly_used == 0);
}

/* ---- tests ----------------------------------------------------------------------------------------------------------- */

static void test_format(void)
{
    struct store_info info;
    begin(2048);
    store_info(st, &info);
    NEED(info.inodes == 1 && info.blocks == 2048 && info.free > 1900);
    struct store_inode root;
    NEED(store_inode_get(st, STORE_ROOT_INO, &root) == 0 && S_ISDIR(root.mode) && root.nlink == 2);
    uint8_t other[STORE_KEY_SIZE] = {9};
    struct store *no;
    NEED(store_open(&medium.dev, other, 0, &no) == -EACCES);
    check();
}

static void test_names(void)
{
    begin(4096);
    uint64_t dir = make(STORE_ROOT_INO, "dir", S_IFDIR | 0755), file = make(dir, "file", S_IFREG | 0644);
    const struct store_inode init = file_init(S_IFREG);
    struct store_inode inode;
    uint64_t ino;
    NEED(store_create(st, dir, "file", 4, &init, &ino) == -EEXIST);
    NEED(store_unlink(st, STORE_ROOT_INO, "dir", 3, 9) == -ENOTEMPTY);
    NEED(store_link(st, STORE_ROOT_INO, "hard", 4, file, 9) == 0);
    NEED(store_rename(st, dir, "file", 4, STORE_ROOT_INO, "moved", 5, false, 9) == 0);
    NEED(find(dir, "file") == 0 && find(STORE_ROOT_INO, "moved") == file && find(STORE_ROOT_INO, "hard") == file);
    NEED(store_inode_get(st, file, &inode) == 0 && inode.nlink == 2);
    NEED(store_unlink(st, STORE_ROOT_INO, "dir", 3, 9) == 0);
    NEED(store_inode_get(st, STORE_ROOT_INO, &inode) == 0 && inode.nlink == 2);
    uint64_t other = make(STORE_ROOT_INO, "other", S_IFREG | 0600);
    NEED(store_rename(st, STORE_ROOT_INO, "other", 5, STORE_ROOT_INO, "moved", 5, true, 9) == 0);
    NEED(find(STORE_ROOT_INO, "other") == file && find(STORE_ROOT_INO, "moved") == other);
    NEED(store_rename(st, STORE_ROOT_INO, "moved", 5, STORE_ROOT_INO, "hard", 4, false, 9) == 0);
    NEED(store_inode_get(st, file, &inode) == 0 && inode.nlink == 1);
    NEED(store_symlink(st, STORE_ROOT_INO, "link", 4, &init, "some/where", &ino) == 0);
    char target[64];
    NEED(store_readlink(st, ino, target, sizeof(target)) == 10 && memcmp(target, "some/where", 10) == 0);
    NEED(store_sync(st) == 0);
    reopen();
    NEED(find(STORE_ROOT_INO, "hard") == other && find(STORE_ROOT_INO, "link") == ino);
    check();
}

struct counter {
    struct store_sink sink;
    size_t count, stop_after;
};

static bool count_entry(struct store_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct counter *c = container_of(sink, struct counter, sink);
    (void)name, (void)len, (void)ino, (void)type, (void)next_pos;
    if (c->stop_after > 0 && c->count % c->stop_after == c->stop_after - 1 && c->count++)
        return false;
    c->count++;
    return true;
}

static size_t entries(uint64_t dir)
{
    struct counter c = {.sink = {count_entry}};
    uint64_t pos = 0;
    NEED(store_readdir(st, dir, &pos, &c.sink) == 0);
    return c.count;
}

/* The lowest leaves go (values so large that they are not joined), and then what is lower than all that is left comes, and needs new ones. */
static void test_first_keys(void)
{
    enum { COUNT = 1000, GONE = 200 };
    static const uint8_t value[STORE_VALUE_MAX];
    begin(16384);
    for (uint64_t i = 0; i < COUNT; i++)
        NEED(btree_put(st, (struct key){0, COUNT + i}, value, sizeof(value)) == 0);
    for (uint64_t i = 0; i < GONE; i++)
        NEED(btree_delete(st, (struct key){0, COUNT + i}) == 0);
    for (uint64_t i = 0; i < GONE; i++)
        NEED(btree_put(st, (struct key){0, i}, value, sizeof(value)) == 0);
    NEED(store_commit(st) == 0);
    reopen();
    for (uint64_t i = 0; i < 2 * COUNT; i++) {
        struct path path;
        bool is_there = i < GONE || i >= COUNT + GONE;
        NEED(btree_find(st, (struct key){0, i}, &path) == (is_there ? 0 : -ENOENT));
    }
}

/* Runs of keys come and go, small and large values, against a model. */
static void test_ranges(void)
{
    enum { COUNT = 3000 };
    static const uint8_t value[STORE_VALUE_MAX];
    static bool model[COUNT];
    struct path path;
    begin(32768);
    for (unsigned round = 0; round < 400; round++) {
        static const size_t sizes[] = {1, 44, 300, STORE_VALUE_MAX};
        unsigned start = (unsigned)rand() % COUNT, end = start + (unsigned)rand() % 600;
        size_t size = sizes[rand() % 4];
        bool is_put = rand() % 2;
        for (unsigned i = start; i < end && i < COUNT; i++) {
            const struct key at = {0, i};
            NEED((is_put ? btree_put(st, at, value, size) : btree_delete(st, at)) == (is_put || model[i] ? 0 : -ENOENT));
            model[i] = is_put;
        }
        if (round % 20 == 19) {
            NEED(store_commit(st) == 0);
            reopen();
        }
        for (unsigned i = 0; i < COUNT; i += 7)
            NEED(btree_find(st, (struct key){0, i}, &path) == (model[i] ? 0 : -ENOENT));
    }
}

static void test_many_names(void)
{
    enum { COUNT = 20000 };
    char name[32];
    begin(16384);
    uint64_t dir = make(STORE_ROOT_INO, "dir", S_IFDIR | 0755);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "a-name-%d", i);
        make(dir, name, S_IFREG | 0644);
    }
    NEED(entries(dir) == COUNT);
    NEED(store_commit(st) == 0);
    reopen();
    NEED(entries(dir) == COUNT);
    for (int i = 0; i < COUNT; i += 3) {
        snprintf(name, sizeof(name), "a-name-%d", i);
        NEED(store_unlink(st, dir, name, strlen(name), 3) == 0);
    }
    NEED(entries(dir) == COUNT - (COUNT + 2) / 3);
    NEED(store_commit(st) == 0);
    reopen();
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "a-name-%d", i);
        NEED((find(dir, name) != 0) == (i % 3 != 0));
        if (i % 3)
            NEED(store_unlink(st, dir, name, strlen(name), 3) == 0);
    }
    struct store_info info;
    store_info(st, &info);
    NEED(info.inodes == 2 + COUNT - (COUNT + 2) / 3); /* orphans until somebody frees them */
    NEED(store_commit(st) == 0);
    reopen();
    store_info(st, &info);
    NEED(info.inodes == 2 && entries(dir) == 0);
    check();
}

/* A first slot's key came to be above the second's, and the store did not open again: one seed in ten did that. */
static void test_many_names_again(void)
{
    random_state = 25;
    test_many_names();
}

static void test_data(void)
{
    struct store_inode inode;
    begin(8192);
    uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
    for (uint64_t i = 0; i < 500; i++)
        put_block(ino, i, (uint8_t)i);
    put_block(ino, 1ULL << 33, 77); /* 32 TiB in */
    for (uint64_t i = 100; i < 200; i += 7)
        put_block(ino, i, 200);
    NEED(store_punch(st, ino, 250, 100) == 0);
    NEED(store_commit(st) == 0);
    reopen();
    for (uint64_t i = 0; i < 500; i++)
        NEED(get_block(ino, i) == (i >= 250 && i < 350 ? 0 : i >= 100 && i < 200 && (i - 100) % 7 == 0 ? 200 : (int)(uint8_t)i));
    NEED(get_block(ino, 1ULL << 33) == 77 && get_block(ino, 600) == 0);
    NEED(store_inode_get(st, ino, &inode) == 0 && inode.blocks == 401);
    uint64_t at = 260;
    NEED(store_seek(st, ino, &at, true) == 0 && at == 350);
    NEED(store_seek(st, ino, &at, false) == 0 && at == 500);
    NEED(store_seek(st, ino, &at, true) == 0 && at == 1ULL << 33);
    at++;
    NEED(store_seek(st, ino, &at, true) == -ENXIO);
    inode.size = 1ULL << 50;
    NEED(store_inode_put(st, ino, &inode) == 0);
    NEED(store_truncate(st, ino, 10 * STORE_BLOCK + 1, 5) == 0);
    NEED(store_inode_get(st, ino, &inode) == 0 && inode.blocks == 11 && inode.size == 10 * STORE_BLOCK + 1);
    static uint8_t tail[STORE_BLOCK];
    NEED(store_read(st, ino, 10, (void *const[]){tail}, 1) == 0 && tail[0] == 10 && tail[1] == 0 && tail[4095] == 0);
    check();
}

static void test_extents_at_once(void)
{
    enum { COUNT = 300 };
    static uint8_t data[COUNT][STORE_BLOCK], back[COUNT][STORE_BLOCK];
    const void *out[COUNT];
    void *in[COUNT];
    begin(4096);
    uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
    for (int i = 0; i < COUNT; i++) {
        memset(data[i], i * 7, STORE_BLOCK);
        out[i] = data[i];
        in[i] = back[i];
    }
    NEED(store_write(st, ino, 5, out, COUNT, 0) == 0);
    NEED(store_write(st, ino, 100, out, 50, 0) == 0);
    NEED(store_sync(st) == 0);
    reopen();
    NEED(store_read(st, ino, 5, in, COUNT) == 0);
    NEED(memcmp(back, data, 95 * STORE_BLOCK) == 0 && memcmp(back[95], data, 50 * STORE_BLOCK) == 0);
    NEED(memcmp(back[145], data[145], (COUNT - 145) * STORE_BLOCK) == 0);
    check();
}

/* Medium bytes that hold what medium_room leaves of blocks that are not wanted. */
static uint64_t rubbish_count(void)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < medium.dev.blocks; i++)
        count += medium.bytes[i * STORE_BLOCK] == 0xdd && medium.bytes[(i + 1) * STORE_BLOCK - 1] == 0xdd;
    return count;
}

/* When data go most of their room goes too, also after opening again, and it comes back. */
static void test_room(void)
{
    enum { COUNT = 6000 };
    struct store_info empty, info;
    begin(16384);
    store_info(st, &empty);
    for (int round = 0; round < 3; round++) {
        uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
        for (uint64_t i = 0; i < COUNT; i++)
            put_block(ino, i, (uint8_t)(i + 1));
        NEED(store_commit(st) == 0 && rubbish_count() < COUNT / 8);
        for (uint64_t i = 0; i < COUNT; i++)
            NEED(get_block(ino, i) == (uint8_t)(i + 1));
        NEED(store_unlink(st, STORE_ROOT_INO, "f", 1, 3) == 0 && store_orphan_free(st, ino) == 0 && store_commit(st) == 0);
        NEED(rubbish_count() > COUNT / 2);
        store_info(st, &info);
        NEED(info.free > empty.free - 16);
        reopen();
    }
}

/* ---- the host's process ends, and then the host's power fails ---- */

static unsigned syncs_left;
static int (*medium_sync)(struct store_dev *dev);

static int sync_some(struct store_dev *dev)
{
    return syncs_left-- > 0 ? medium_sync(dev) : -EIO;
}

/* A commit whose root was written and not waited for. The medium's bytes are what the host would still show. */
static void commit_without_last_barrier(void)
{
    const struct store_dev_ops *all = medium.dev.ops;
    struct store_dev_ops some = *all;
    some.sync = sync_some;
    medium_sync = all->sync;
    syncs_left = 1;
    medium.dev.ops = &some;
    int err = store_commit(st);
    medium.dev.ops = all;
    NEED(err == -EIO);
}

/* What was durable, and of what opening wrote all before its first barrier. */
static void power_fails_in_opening(const uint8_t *durable)
{
    memcpy(medium.bytes, durable, medium.dev.max_blocks * STORE_BLOCK);
    for (size_t i = 0; i < medium.write_count && medium.writes[i].block != MEDIUM_BARRIER; i++)
        memcpy(medium.bytes + medium.writes[i].block * STORE_BLOCK, medium.writes[i].data, STORE_BLOCK);
    medium_forget(&medium);
}

/* The root that is found is perhaps not durable: what only the one before leads to must stay until it is. */
static void test_root_not_durable(void)
{
    enum { COUNT = 6000, BLOCKS = 16384 };
    begin(BLOCKS);
    uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
    for (uint64_t i = 0; i < COUNT; i++)
        put_block(ino, i, (uint8_t)(i + 1));
    NEED(store_commit(st) == 0);
    NEED(store_unlink(st, STORE_ROOT_INO, "f", 1, 3) == 0 && store_orphan_free(st, ino) == 0);
    uint8_t *durable = malloc(BLOCKS * STORE_BLOCK);
    NEED(durable);
    memcpy(durable, medium.bytes, BLOCKS * STORE_BLOCK);
    commit_without_last_barrier();
    medium_record(&medium, true);
    reopen();
    medium_record(&medium, false);
    power_fails_in_opening(durable);
    free(durable);
    reopen();
    for (uint64_t i = 0; i < COUNT; i++)
        NEED(get_block(ino, i) == (uint8_t)(i + 1));
    check();
}

static void test_log(void)
{
    begin(4096);
    struct store_dev_ops keeping = *medium.dev.ops;
    keeping.room = NULL; /* its writes would be counted */
    medium.dev.ops = &keeping;
    uint64_t a = make(STORE_ROOT_INO, "a", S_IFREG | 0644);
    put_block(a, 0, 1);
    NEED(store_sync(st) == 0);
    uint64_t writes = 0;
    for (int i = 0; i < 200; i++) { /* more than the log holds: commits come between */
        medium_record(&medium, true);
        put_block(a, (uint64_t)i % 5, (uint8_t)(i + 2));
        NEED(store_sync(st) == 0);
        medium_record(&medium, false);
        writes += medium.write_count;
        medium_forget(&medium);
    }
    NEED(writes < 200 * 4); /* data, log block, barrier; a few commits */
    make(STORE_ROOT_INO, "not-synced", S_IFREG);
    reopen();
    NEED(find(STORE_ROOT_INO, "a") == a && !find(STORE_ROOT_INO, "not-synced"));
    for (int i = 195; i < 200; i++)
        NEED(get_block(a, (uint64_t)i % 5) == (uint8_t)(i + 2));
    check();
}

/* How many blocks fit. is_synced: with the pool of written blocks, which must not be missing when room gets short. */
static uint64_t space_use(bool is_synced)
{
    struct store_info before, after;
    begin(1024);
    store_expect_sync(st, is_synced);
    store_info(st, &before);
    uint64_t ino = make(STORE_ROOT_INO, "full", S_IFREG | 0644), blocks = 0;
    static uint8_t data[STORE_BLOCK];
    int err;
    while ((err = store_write(st, ino, blocks, (const void *const[]){data}, 1, 0)) == 0)
        blocks++;
    NEED(err == -ENOSPC && blocks > 800);
    NEED(store_sync(st) == 0);
    const struct store_inode init = file_init(S_IFREG);
    uint64_t other;
    NEED(store_create(st, STORE_ROOT_INO, "x", 1, &init, &other) == -ENOSPC);
    NEED(store_unlink(st, STORE_ROOT_INO, "full", 4, 1) == 0 && store_orphan_free(st, ino) == 0);
    for (int round = 0; round < 3; round++) { /* what was freed can be used again, all of it */
        ino = make(STORE_ROOT_INO, "again", S_IFREG | 0644);
        for (uint64_t i = 0; i < blocks - 10; i++)
            put_block(ino, i, 1);
        NEED(store_unlink(st, STORE_ROOT_INO, "again", 5, 1) == 0 && store_orphan_free(st, ino) == 0);
    }
    NEED(store_commit(st) == 0);
    store_info(st, &after);
    NEED(after.free == before.free && after.inodes == 1);
    check();
    return blocks;
}

static void test_space(void)
{
    uint64_t blocks = space_use(false);
    store_close(st);
    st = NULL;
    medium_fini(&medium);
    NEED(space_use(true) == blocks);
}

static void test_xattrs(void)
{
    static char value[65536], back[65536], list[256];
    begin(4096);
    uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
    memset(value, 'v', sizeof(value));
    NEED(store_setxattr(st, ino, "user.big", value, sizeof(value), 0) == 0);
    NEED(store_setxattr(st, ino, "user.small", "1", 1, 0) == 0);
    NEED(store_setxattr(st, ino, "user.empty", "", 0, 0) == 0);
    NEED(store_setxattr(st, ino, "user.small", "2", 1, 1) == -EEXIST);
    NEED(store_setxattr(st, ino, "user.none", "2", 1, 2) == -ENODATA);
    NEED(store_sync(st) == 0);
    reopen();
    NEED(store_getxattr(st, ino, "user.big", back, sizeof(back)) == sizeof(value) && memcmp(value, back, sizeof(back)) == 0);
    NEED(store_getxattr(st, ino, "user.big", back, 10) == -ERANGE && store_getxattr(st, ino, "user.big", NULL, 0) == 65536);
    NEED(store_getxattr(st, ino, "user.small", back, 10) == 1 && back[0] == '1');
    NEED(store_getxattr(st, ino, "user.empty", back, 10) == 0);
    NEED(store_listxattr(st, ino, list, sizeof(list)) == 9 + 11 + 11);
    NEED(store_setxattr(st, ino, "user.big", "short", 5, 0) == 0);
    NEED(store_getxattr(st, ino, "user.big", back, sizeof(back)) == 5);
    NEED(store_removexattr(st, ino, "user.small") == 0 && store_removexattr(st, ino, "user.small") == -ENODATA);
    check();
}

static void test_orphans(void)
{
    struct store_info info;
    begin(4096);
    const struct store_inode init = file_init(S_IFREG);
    uint64_t tmp, named;
    NEED(store_tmpfile(st, &init, &tmp) == 0 && store_tmpfile(st, &init, &named) == 0);
    put_block(tmp, 0, 1);
    NEED(store_link(st, STORE_ROOT_INO, "named", 5, named, 1) == 0);
    NEED(store_commit(st) == 0);
    reopen();
    store_info(st, &info);
    NEED(info.inodes == 2 && find(STORE_ROOT_INO, "named") == named);
    check();
}

static void test_snapshots(void)
{
    struct store *old;
    static uint8_t data[STORE_BLOCK];
    begin(4096);
    uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
    for (uint64_t i = 0; i < 100; i++)
        put_block(ino, i, 1);
    NEED(store_snapshot_create(st, "one", 5) == 0 && store_snapshot_create(st, "one", 5) == -EEXIST);
    for (int round = 0; round < 5; round++) {
        for (uint64_t i = 0; i < 100; i++)
            put_block(ino, i, 2);
        NEED(store_commit(st) == 0);
    }
    NEED(store_unlink(st, STORE_ROOT_INO, "f", 1, 1) == 0 && store_orphan_free(st, ino) == 0);
    NEED(store_commit(st) == 0);
    reopen();
    check();
    NEED(find(STORE_ROOT_INO, "f") == 0);
    NEED(store_open_snapshot(&medium.dev, key, "one", &old) == 0);
    NEED(store_read(old, ino, 50, (void *const[]){data}, 1) == 0 && data[9] == 1);
    store_close(old);
    NEED(store_snapshot_rollback(st, "one") == 0 && find(STORE_ROOT_INO, "f") == ino && get_block(ino, 99) == 1);
    NEED(store_snapshot_delete(st, "one") == 0 && store_snapshot_delete(st, "one") == -ENOENT);
    reopen();
    NEED(get_block(ino, 99) == 1);
    check();
}

static void test_errors(void)
{
    begin(2048);
    uint64_t ino = make(STORE_ROOT_INO, "f", S_IFREG | 0644);
    put_block(ino, 0, 1);
    NEED(store_sync(st) == 0);
    medium.fail_at = 1;
    NEED(store_truncate(st, ino, 0, 3) == 0);
    NEED(store_commit(st) == -EIO && store_unlink(st, STORE_ROOT_INO, "f", 1, 1) == -EIO);
    medium.fail_at = -1;
    reopen();
    NEED(get_block(ino, 0) == 1);
}

/* Random changes beside a model: a bitmap of which of some files exist, and their first block. */
static void test_random(void)
{
    enum { FILES = 40 };
    uint8_t model[FILES] = {0};
    char name[16];
    srand(7);
    begin(2048);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % FILES;
        snprintf(name, sizeof(name), "f%d", i);
        uint64_t ino = find(STORE_ROOT_INO, name);
        NEED((ino != 0) == (model[i] != 0));
        if (ino && rand() % 4 == 0) {
            NEED(store_unlink(st, STORE_ROOT_INO, name, strlen(name), 1) == 0 && store_orphan_free(st, ino) == 0);
            model[i] = 0;
        } else {
            ino = ino ? ino : make(STORE_ROOT_INO, name, S_IFREG);
            model[i] = (uint8_t)(rand() % 250 + 1);
            put_block(ino, (uint64_t)rand() % 3 + 1, 9);
            put_block(ino, 0, model[i]);
        }
        if (rand() % 10 == 0)
            NEED(store_sync(st) == 0);
        if (rand() % 500 == 0) {
            NEED(store_sync(st) == 0);
            reopen();
            for (int k = 0; k < FILES; k++) {
                snprintf(name, sizeof(name), "f%d", k);
                ino = find(STORE_ROOT_INO, name);
                NEED((ino != 0) == (model[k] != 0) && (!ino || get_block(ino, 0) == model[k]));
            }
        }
    }
    check();
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"format", test_format}, {"names", test_names}, {"first-keys", test_first_keys}, {"ranges", test_ranges},
    {"many-names", test_many_names}, {"many-names-again", test_many_names_again}, {"data", test_data},
    {"extents", test_extents_at_once}, {"room", test_room}, {"root-not-durable", test_root_not_durable},
    {"log", test_log}, {"space", test_space}, {"xattrs", test_xattrs},
    {"orphans", test_orphans}, {"snapshots", test_snapshots}, {"errors", test_errors}, {"random", test_random},
};

/* False, and `why`, if it failed. */
static bool run(void (*test)(void), uint32_t seed)
{
    st = NULL;
    random_state = seed;
    srand(seed);
    if (setjmp(failed))
        return false;
    test();
    return true;
}

static uint32_t seed_any(void)
{
    uint32_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        abort();
    return seed;
}

/* All tests with any seed, or one, or one as it was. */
int main(int argc, char **argv)
{
    int failures = 0;
    uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : seed_any();
    for (size_t i = 0; i < ARRAY_COUNT(tests); i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
            continue;
        bool is_ok = run(tests[i].run, seed);
        printf(is_ok ? "ok store/%s\n" : "FAIL store/%s: %s (seed %u)\n", tests[i].name, why, seed);
        fflush(stdout);
        failures += !is_ok;
        if (st)
            store_close(st);
        medium_fini(&medium);
    }
    return failures > 0;
}
