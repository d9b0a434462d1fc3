/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "erofs_write.h"
#include "tree.h"

#define BLOCK      4096u

/* The table of sites, as a file of the image. */
static int sites_put(struct tree_node *root, const struct bytes *table, struct error *err)
{
    struct tree_node *dir = tree_add(root, ".naos", S_IFDIR | 0755, NULL, 0);
    if (!dir)
        return error_set(err, "the image has a file or folder /.naos; that name is taken by naos itself, give yours another");
    return tree_add(dir, strrchr(CALLSITE_FILE, '/') + 1, S_IFREG | 0444, table->data, table->size) ? 0 : error_set(err, "out of memory");
}

static int image_seal(const char *path, struct image_facts *facts, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC), result = -1;
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_errno(err, "%s", path);
    } else {
        uint64_t size = ((uint64_t)st.st_size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
        if (size < 2 * BLOCK)
            size = 2 * BLOCK; /* one block would have a tree without levels */
        result = ftruncate(fd, (off_t)size) < 0 ? error_errno(err, "%s", path)
                                                : verity_append(fd, size, facts, err);
        if (result == 0 && fsync(fd) < 0)
            result = error_errno(err, "%s", path);
    }
    if (fd >= 0)
        close(fd);
    return result;
}

int image_write(const char *dir, const char *path, const struct image_options *options, struct image_facts *facts,
                struct callsite_totals *sites, struct error *err)
{
    struct bytes table;
    struct stat st;
    *facts = (struct image_facts){0};
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(
            err,
            "%s: there is no such folder; it holds what the enclave's root file system will hold",
            dir);
    if (callsites_collect(dir, options->with_cache, &table, sites, err) < 0)
        return -1;
    struct tree_node *root = tree_read(dir, err);
    int result = root ? sites_put(root, &table, err) : -1;
    if (result == 0)
        result = erofs_write(root, dir, path, options->progress, err);
    tree_free(root);
    free(table.data);
    return result < 0 ? -1 : image_seal(path, facts, err);
}
