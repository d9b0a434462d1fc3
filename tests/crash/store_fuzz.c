/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RELIABILITY S2 for the store: its format is read as if the authentication were not there. An input is a list of patches
 * (block u16, offset u16, byte) to a small store; then it is opened, walked, checked, changed and committed. Anything but a
 * sanitizer's report or a hang is fine.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "workload.h"

#define BLOCKS 320

static struct medium template;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void nothing(struct workload *w)
{
    (void)w;
}

static void nothing_after(struct workload *w, int err)
{
    (void)w, (void)err;
}

static void template_make(void)
{
    struct workload w = {.seed = 3, .before_sync = nothing, .after_sync = nothing_after};
    log_level = LOG_OFF;
    workload_format(&template, BLOCKS, 8);
    if (store_open(&template.dev, workload_key, 0, &w.st))
        abort();
    workload_run(&w, WORKLOAD_MIXED, 80);
    store_close(w.st);
}

struct look {
    struct store_sink sink;
    uint64_t inodes[64];
    size_t count;
};

static bool look_at(struct store_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct look *l = container_of(sink, struct look, sink);
    volatile char last = len ? name[len - 1] : 0;
    (void)last, (void)type, (void)next_pos;
    l->inodes[l->count++] = ino;
    return l->count < ARRAY_COUNT(l->inodes);
}

static void ignore(struct store_report *report, uint64_t ino, uint64_t block)
{
    (void)report, (void)ino, (void)block;
}

static int errors;

static void inode_use(struct store *st, uint64_t ino)
{
    static uint8_t block[STORE_BLOCK];
    static char text[4096];
    struct store_inode inode;
    uint64_t at = 1;
    errors += store_inode_get(st, ino, &inode);
    for (uint64_t b = 0; b < 8; b++)
        errors += store_read(st, ino, b, (void *const[]){block}, 1);
    errors += store_seek(st, ino, &at, true);
    errors += (int)store_readlink(st, ino, text, sizeof(text));
    errors += (int)store_listxattr(st, ino, text, sizeof(text));
    errors += (int)store_getxattr(st, ino, "user.x", text, sizeof(text));
    errors += store_write(st, ino, 2, (const void *const[]){block}, 1, 0);
    errors += store_truncate(st, ino, 5000, 1);
}

static void store_use(struct store *st)
{
    struct store_report report = {.damaged = ignore};
    struct look look = {.sink = {look_at}};
    const struct store_inode init = {.mode = S_IFREG, .nlink = 1};
    uint64_t pos = 0, ino;
    unsigned type;
    errors += store_check(st, &report);
    errors += store_readdir(st, STORE_ROOT_INO, &pos, &look.sink);
    for (size_t i = 0; i < look.count && i < 8; i++)
        inode_use(st, look.inodes[i]);
    errors += store_lookup(st, STORE_ROOT_INO, "n1", 2, &ino, &type);
    errors += store_create(st, STORE_ROOT_INO, "fresh", 5, &init, &ino);
    errors += store_rename(st, STORE_ROOT_INO, "n1", 2, STORE_ROOT_INO, "n2", 2, false, 1);
    errors += store_unlink(st, STORE_ROOT_INO, "n3", 2, 1);
    errors += store_sync(st);
    errors += store_commit(st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct medium m;
    struct store *st;
    if (!template.bytes)
        template_make();
    medium_init(&m, BLOCKS);
    memcpy(m.bytes, template.bytes, BLOCKS * STORE_BLOCK);
    m.dev.blocks = template.dev.blocks;
    for (; size >= 5; size -= 5, data += 5) {
        unsigned block = (unsigned)(data[0] | data[1] << 8) % BLOCKS, off = (unsigned)(data[2] | data[3] << 8) % STORE_BLOCK;
        m.bytes[block * STORE_BLOCK + off] = data[4];
    }
    if (store_open(&m.dev, workload_key, 0, &st) == 0) {
        store_use(st);
        store_close(st);
    }
    medium_fini(&m);
    return 0;
}
