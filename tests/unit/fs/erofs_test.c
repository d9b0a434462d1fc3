/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS without the hash tree in front of it: this file has a block device of its own in its place. Reads the whole image, then
 * images with random damage: errors, never a fault.
 */
#include "fs/erofs/erofs.h"
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/string.h"
#include "block/verity.h"
#include "heap/heap.h"
#include "image.h"
#include "unit.h"

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

static void device_load(void)
{
    FILE *f = fopen(UNIT_IMAGE_PATH, "rb");
    device.size = UNIT_IMAGE_DATA_SIZE;
    device.bytes = malloc(device.size);
    EXPECT(f && device.bytes && fread(device.bytes, 1, device.size, f) == device.size);
    fclose(f);
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
    EXPECT(len > 0 && len <= 255);
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
        EXPECT(n <= (int64_t)sizeof(buf));
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
    EXPECT(n <= (int64_t)sizeof(text));
    if (inode->ops->getxattr)
        n = inode->ops->getxattr(inode, "user.x", text, sizeof(text));
    if (S_ISDIR(inode->mode) && inode->ops->readdir && depth < 8)
        dir_read(inode, depth);
    else if (S_ISREG(inode->mode))
        file_read(inode);
    else if (S_ISLNK(inode->mode) && inode->ops->readlink)
        n = inode->ops->readlink(inode, text, sizeof(text));
    EXPECT(n <= (int64_t)sizeof(text));
}

static int image_read(void)
{
    struct superblock *sb;
    budget = 600;
    files = bytes = 0;
    int err = erofs_mount(&device, &sb);
    if (err)
        return err;
    inode_read(sb->root, 0);
    return 0;
}

static void reads_all(void)
{
    device_load();
    EXPECT_EQ(image_read(), 0);
    EXPECT_EQ(files, 404);
    EXPECT(bytes > 1600000);
}

/* Damage lies where metadata are: in the first blocks, and behind them with less weight. */
static void damage(uint8_t *pristine)
{
    static const uint8_t values[] = {0, 1, 2, 4, 0x7f, 0x80, 0xff, 0xfe};
    memcpy(device.bytes, pristine, device.size);
    for (unsigned i = 1 + fake_random() % 12; i > 0; i--) {
        size_t range = fake_random() % 3 ? 64 << 10 : device.size;
        size_t at = fake_random() % 4 ? fake_random() % range : 1024 + fake_random() % 128;
        device.bytes[at] = fake_random() % 2 ? values[fake_random() % sizeof(values)] : (uint8_t)fake_random();
    }
}

static void survives_damage(void)
{
    unsigned mounted = 0;
    device_load();
    uint8_t *pristine = malloc(device.size);
    memcpy(pristine, device.bytes, device.size);
    for (int i = 0; i < 150; i++) {
        damage(pristine);
        mounted += image_read() == 0;
    }
    printf("# %u of 150 damaged images could be mounted\n", mounted);
}

static const struct unit_test tests[] = {
    {"reads_all", reads_all},
    {"survives_damage", survives_damage, .seeds = 8},
};
UNIT_MAIN(tests)
