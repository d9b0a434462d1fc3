/* SPDX-License-Identifier: Apache-2.0 */
#include "rekey.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "crypto/random.h"
#include "files.h"

#define COPY_BLOCKS 64

struct link_seen {
    uint64_t from, to;
};

struct rekey {
    struct store_visit visit;
    struct store *from, *to;
    struct link_seen *links; /* inodes with several names, that were copied already */
    size_t link_count;
};

/* Data, extent by extent: holes stay holes. */
static int data_copy(struct rekey *r, uint64_t from, uint64_t to)
{
    void *blocks[COPY_BLOCKS];
    uint8_t *buf = malloc(COPY_BLOCKS * STORE_BLOCK);
    uint64_t at = 0, end;
    int err = buf ? 0 : -ENOMEM;
    for (size_t i = 0; buf && i < COPY_BLOCKS; i++)
        blocks[i] = buf + i * STORE_BLOCK;
    while (err == 0 && (err = store_seek(r->from, from, &at, true)) == 0) {
        end = at;
        err = store_seek(r->from, from, &end, false);
        for (size_t n; err == 0 && at < end; at += n) {
            n = MIN(end - at, (uint64_t)COPY_BLOCKS);
            err = store_read(r->from, from, at, blocks, n);
            if (err == 0)
                err = store_write(r->to, to, at, (const void *const *)blocks, n, 0);
        }
    }
    free(buf);
    return err == -ENXIO ? 0 : err;
}

static int xattrs_copy(struct rekey *r, uint64_t from, uint64_t to)
{
    static char names[1 << 16], value[1 << 16];
    int64_t size = store_listxattr(r->from, from, names, sizeof(names));
    for (int64_t at = 0; at < size; at += (int64_t)strlen(names + at) + 1) {
        int64_t n = store_getxattr(r->from, from, names + at, value, sizeof(value));
        int err = n < 0 ? (int)n : store_setxattr(r->to, to, names + at, value, (size_t)n, 0);
        if (err)
            return err;
    }
    return size < 0 ? (int)size : 0;
}

static uint64_t link_find(const struct rekey *r, uint64_t from)
{
    for (size_t i = 0; i < r->link_count; i++) {
        if (r->links[i].from == from)
            return r->links[i].to;
    }
    return 0;
}

static int link_note(struct rekey *r, uint64_t from, uint64_t to)
{
    void *grown = realloc(r->links, (r->link_count + 1) * sizeof(*r->links));
    if (!grown)
        return -ENOMEM;
    r->links = grown;
    r->links[r->link_count++] = (struct link_seen){from, to};
    return 0;
}

/* A fresh inode with one name, and all that belongs to it but its attributes. */
static int inode_copy(struct rekey *r, uint64_t dir, const char *name, uint64_t from, const struct store_inode *inode, uint64_t *to)
{
    struct store_inode init = *inode;
    char target[4096];
    init.nlink = S_ISDIR(inode->mode) ? 2 : 1;
    init.blocks = 0;
    init.size = S_ISDIR(inode->mode) ? 0 : inode->size;
    if (S_ISLNK(inode->mode)) {
        int64_t n = store_readlink(r->from, from, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = 0;
        return n < 0 ? (int)n : store_symlink(r->to, dir, name, strlen(name), &init, target, to);
    }
    int err = store_create(r->to, dir, name, strlen(name), &init, to);
    if (err == 0 && S_ISREG(inode->mode))
        err = data_copy(r, from, *to);
    return err ? err : xattrs_copy(r, from, *to);
}

static int copy_one(struct store_visit *v, const char *path, uint64_t from, const struct store_inode *inode)
{
    struct rekey *r = container_of(v, struct rekey, visit);
    const char *name;
    uint64_t dir, to = link_find(r, from);
    if (from == STORE_ROOT_INO)
        return 0;
    int err = store_path_parent(r->to, path, &dir, &name);
    if (err)
        return err;
    if (to)
        return store_link(r->to, dir, name, strlen(name), to, inode->ctime);
    err = inode_copy(r, dir, name, from, inode, &to);
    return err == 0 && inode->nlink > 1 && !S_ISDIR(inode->mode) ? link_note(r, from, to) : err;
}

/* Times and owners last: copying what is in a directory changed it. */
static int attrs_one(struct store_visit *v, const char *path, uint64_t from, const struct store_inode *inode)
{
    struct rekey *r = container_of(v, struct rekey, visit);
    struct store_inode to_inode;
    uint64_t to;
    (void)from;
    int err = store_path_find(r->to, path, &to);
    if (err == 0)
        err = store_inode_get(r->to, to, &to_inode);
    if (err)
        return err;
    uint64_t blocks = to_inode.blocks;
    uint32_t nlink = to_inode.nlink;
    to_inode = *inode;
    to_inode.blocks = blocks;
    to_inode.nlink = nlink;
    return store_inode_put(r->to, to, &to_inode);
}

int store_rekey(struct store *from, struct store_dev *dev, const uint8_t key[STORE_KEY_SIZE])
{
    struct rekey r = {.from = from};
    struct store_info info;
    struct store_superblock super = {.magic = STORE_MAGIC, .version = STORE_VERSION, .key_kind = STORE_KEY_FILE};
    store_info(from, &info);
    super.log_blocks = info.log_blocks;
    random_bytes(super.uuid, sizeof(super.uuid));
    int err = store_format(dev, key, &super, 0);
    if (err == 0)
        err = store_open(dev, key, 0, &r.to);
    if (err)
        return err;
    r.visit.each = copy_one;
    err = store_visit(from, STORE_ROOT_INO, "/", &r.visit);
    r.visit.each = attrs_one;
    if (err == 0)
        err = store_visit(from, STORE_ROOT_INO, "/", &r.visit);
    if (err == 0)
        err = store_commit(r.to);
    store_close(r.to);
    free(r.links);
    return err;
}
