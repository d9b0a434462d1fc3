/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BLOCKS 64

int store_path_parent(struct store *st, const char *path, uint64_t *dir, const char **name)
{
    unsigned type;
    *dir = STORE_ROOT_INO;
    for (path += strspn(path, "/");; path += strspn(path, "/")) {
        size_t len = strcspn(path, "/");
        if (path[len + strspn(path + len, "/")] == 0) {
            *name = path;
            return 0;
        }
        int err = store_lookup(st, *dir, path, len, dir, &type);
        if (err)
            return err;
        path += len;
    }
}

int store_path_find(struct store *st, const char *path, uint64_t *ino)
{
    const char *name;
    unsigned type;
    int err = store_path_parent(st, path, ino, &name);
    return err || !*name ? err : store_lookup(st, *ino, name, strcspn(name, "/"), ino, &type);
}

/* ---- visiting -------------------------------------------------------------------------------------------------------- */

struct names {
    struct store_sink sink;
    struct {
        uint64_t ino;
        char name[NAME_MAX + 1];
    } *list;
    size_t count;
    bool is_full;
};

static bool name_add(struct store_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct names *n = container_of(sink, struct names, sink);
    void *list = n->count % 64 ? n->list : realloc(n->list, (n->count + 64) * sizeof(*n->list));
    (void)type, (void)next_pos;
    n->is_full = !list;
    if (!list)
        return false;
    n->list = list;
    n->list[n->count].ino = ino;
    snprintf(n->list[n->count++].name, sizeof(n->list->name), "%.*s", (int)len, name);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((const char *)a + sizeof(uint64_t), (const char *)b + sizeof(uint64_t));
}

int store_visit(struct store *st, uint64_t ino, const char *path, struct store_visit *v)
{
    struct names n = {.sink = {name_add}};
    struct store_inode inode;
    uint64_t pos = 0;
    char below[PATH_MAX];
    int err = store_inode_get(st, ino, &inode);
    if (err == 0)
        err = v->each(v, path, ino, &inode);
    if (err || !S_ISDIR(inode.mode))
        return err;
    err = store_readdir(st, ino, &pos, &n.sink);
    if (n.is_full)
        err = -ENOMEM;
    qsort(n.list, n.count, sizeof(*n.list), compare_names);
    for (size_t i = 0; i < n.count && err == 0; i++) {
        snprintf(below, sizeof(below), "%s/%s", strcmp(path, "/") ? path : "", n.list[i].name);
        err = store_visit(st, n.list[i].ino, below, v);
    }
    free(n.list);
    return err;
}

/* ---- copying ---------------------------------------------------------------------------------------------------------- */

static void blocks_point(uint8_t *buf, void **blocks)
{
    for (size_t i = 0; i < COPY_BLOCKS; i++)
        blocks[i] = buf + i * STORE_BLOCK;
}

int store_file_out(struct store *st, uint64_t ino, int fd)
{
    struct store_inode inode;
    void *blocks[COPY_BLOCKS];
    uint8_t *buf = malloc(COPY_BLOCKS * STORE_BLOCK);
    int err = buf ? store_inode_get(st, ino, &inode) : -ENOMEM;
    blocks_point(buf, blocks);
    for (uint64_t off = 0; err == 0 && off < inode.size; off += COPY_BLOCKS * STORE_BLOCK) {
        size_t size = MIN(inode.size - off, (uint64_t)COPY_BLOCKS * STORE_BLOCK);
        err = store_read(st, ino, off / STORE_BLOCK, blocks, (size + STORE_BLOCK - 1) / STORE_BLOCK);
        if (err == 0 && write(fd, buf, size) != (ssize_t)size)
            err = errno ? -errno : -EIO;
    }
    free(buf);
    return err;
}

static ssize_t read_full(int fd, uint8_t *buf, size_t size)
{
    size_t done = 0;
    for (ssize_t n = 1; n > 0 && done < size; done += n > 0 ? (size_t)n : 0) {
        n = read(fd, buf + done, size - done);
        if (n < 0)
            return -errno;
    }
    return (ssize_t)done;
}

int store_file_in(struct store *st, uint64_t ino, int fd)
{
    struct store_inode inode;
    void *blocks[COPY_BLOCKS];
    uint8_t *buf = malloc(COPY_BLOCKS * STORE_BLOCK);
    uint64_t size = 0;
    ssize_t n = 1;
    int err = buf ? 0 : -ENOMEM;
    blocks_point(buf, blocks);
    while (err == 0 && (n = read_full(fd, buf, COPY_BLOCKS * STORE_BLOCK)) > 0) {
        size_t count = ((size_t)n + STORE_BLOCK - 1) / STORE_BLOCK;
        memset(buf + n, 0, count * STORE_BLOCK - (size_t)n);
        err = store_write(st, ino, size / STORE_BLOCK, (const void *const *)blocks, count, 0);
        size += (size_t)n;
    }
    free(buf);
    if (err == 0)
        err = n < 0 ? (int)n : store_inode_get(st, ino, &inode);
    inode.size = size;
    return err ? err : store_inode_put(st, ino, &inode);
}
