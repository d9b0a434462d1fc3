/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS without the hash tree in front of it: a block device in memory in the place of block/verity.c, and a reader of all that an
 * image holds. Included by the unit test and by the fuzz target.
 */
#pragma once
#include "fs/erofs/erofs.h"
#include <stdlib.h>
#include <sys/stat.h>
#include "base/string.h"
#include "block/verity.h"
#include "heap/heap.h"

struct verity {
    uint8_t *bytes;
    size_t size;
};
static struct verity device;

int verity_open(const struct verity_params *params, struct verity **v)
{
    (void)params, (void)v;
    return -EINVAL;
}

int verity_read(struct verity *v, uint64_t block, void *const *pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (block + i >= v->size / VERITY_BLOCK)
            return -EIO;
        memcpy(pages[i], v->bytes + (block + i) * VERITY_BLOCK, VERITY_BLOCK);
    }
    return 0;
}

uint64_t verity_blocks(const struct verity *v)
{
    return v->size / VERITY_BLOCK;
}

uint64_t verity_id(const struct verity *v)
{
    return v->size;
}

uint64_t verity_verified_count(void)
{
    return 0;
}

/* ---- reading all of it ---------------------------------------------------------------------------------------------- */

#define NAMES_MAX 64
struct names {
    struct dir_sink sink;
    unsigned count;
    struct {
        char name[256];
        size_t len;
    } list[NAMES_MAX];
};
static unsigned budget; /* of inodes: damage may make a tree without end */
static uint64_t files, bytes;

static bool emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct names *n = container_of(sink, struct names, sink);
    (void)ino, (void)type, (void)next_pos;
    CHECK(len > 0 && len <= 255);
    if (n->count == NAMES_MAX)
        return false;
    memcpy(n->list[n->count].name, name, len);
    n->list[n->count++].len = len;
    return true;
}

static void file_read(struct inode *inode)
{
    static char buf[65536];
    int64_t n = 1;
    files++;
    for (uint64_t off = 0; inode->pages && n > 0 && off < 4 << 20; off += (uint64_t)n) {
        n = pagecache_read(inode->pages, off, buf, sizeof(buf));
        CHECK(n <= (int64_t)sizeof(buf));
        bytes += n > 0 ? (uint64_t)n : 0;
    }
}

static void inode_read(struct inode *inode, unsigned depth);

static void dir_read(struct inode *dir, unsigned depth)
{
    uint64_t pos = 0, last;
    struct names *names = malloc(sizeof(*names));
    do {
        last = pos;
        names->count = 0;
        names->sink.emit = emit;
        if (dir->ops->readdir(dir, &pos, &names->sink))
            break;
        for (unsigned i = 0; i < names->count && budget > 0; i++, budget--) {
            struct inode *inode;
            if (dir->ops->lookup(dir, names->list[i].name, names->list[i].len, &inode))
                continue;
            inode_read(inode, depth + 1);
            inode_put(inode);
        }
    } while (names->count > 0 && pos != last && budget > 0);
    free(names);
}

static void inode_read(struct inode *inode, unsigned depth)
{
    char text[5000];
    int64_t n = inode->ops->listxattr ? inode->ops->listxattr(inode, text, sizeof(text)) : 0;
    CHECK(n <= (int64_t)sizeof(text));
    if (inode->ops->getxattr)
        n = inode->ops->getxattr(inode, "user.x", text, sizeof(text));
    if (S_ISDIR(inode->mode) && inode->ops->readdir && depth < 8)
        dir_read(inode, depth);
    else if (S_ISREG(inode->mode))
        file_read(inode);
    else if (S_ISLNK(inode->mode) && inode->ops->readlink)
        n = inode->ops->readlink(inode, text, sizeof(text));
    CHECK(n <= (int64_t)sizeof(text));
}

static int image_read(void)
{
    struct superblock *sb;
    budget = 600;
    files = bytes = 0;
    int err = erofs_mount(&device, &sb);
    if (err)
        return err;
    struct statfs_info info;
    CHECK(sb->ops->statfs(sb, &info) == 0);
    inode_read(sb->root, 0);
    superblock_put(sb);
    return 0;
}
