/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "erofs_write.h"
#include "etc_files.h"
#include "image_file.h"
#include "store/image_crypt.h"
#include "tree.h"

#define BLOCK IMAGE_BLOCK

/* The table of sites, as a file of the image. */
static int sites_put(struct tree_node *root, const struct bytes *table, struct error *err)
{
    struct tree_node *dir = tree_add(root, ".naos", S_IFDIR | 0755, NULL, 0);
    if (!dir)
        return error_set(err, "the image has a file or folder /.naos; that name is taken by naos itself, give yours another");
    return tree_add(dir, strrchr(CALLSITE_FILE, '/') + 1, S_IFREG | 0444, table->data, table->size) ? 0 : error_set(err, "out of memory");
}

static int compare_entries(const void *a, const void *b)
{
    const struct callsite_entry *x = a, *y = b;
    return x->nid < y->nid ? -1 : x->nid > y->nid;
}

/* Where each file's inode is: known once the image is laid out, before anything of it is written. */
static void sites_number(struct tree_node *root, void *context)
{
    struct callsite_file *f = context;
    for (uint32_t i = 0; i < f->count; i++) {
        const struct tree_node *n = tree_find(root, (const char *)f + f->entries[i].path_off);
        f->entries[i].nid = n ? (n->same ? n->same : n)->nid : 0; /* gone meanwhile: erofs_write says so */
    }
    qsort(f->entries, f->count, sizeof(f->entries[0]), compare_entries);
}

/* ---- behind EROFS ---------------------------------------------------------------------------- */

static int content_encrypt(int fd, const uint8_t *key, struct config_image *facts, struct error *err)
{
    uint64_t size = facts->data_size + image_tags_size(facts->data_size);
    if (ftruncate(fd, (off_t)size) < 0)
        return error_errno(err, "room for the image's tags");
    uint8_t *file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint8_t root[32];
    if (file == MAP_FAILED)
        return error_errno(err, "encrypting the image");
    int result = verity_root(file, facts->data_size, root, err);
    if (result == 0) {
        image_key_salt(key, root, facts->key_salt);
        facts->flags |= CONFIG_IMAGE_ENCRYPTED;
        facts->size = size;
        if (!image_encrypt(file, facts->data_size, key, facts->key_salt))
            result = error_set(err, "out of memory for encrypting the image");
    }
    munmap(file, size);
    return result;
}

static int file_seal(int fd, const uint8_t *key, struct config_image *facts, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_errno(err, "the image");
    facts->data_size = ((uint64_t)st.st_size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
    if (facts->data_size < 2 * BLOCK)
        facts->data_size = 2 * BLOCK; /* one block would have a tree without levels */
    facts->size = facts->data_size;
    if (ftruncate(fd, (off_t)facts->size) < 0)
        return error_errno(err, "the image");
    if ((key && content_encrypt(fd, key, facts, err) < 0) || verity_append(fd, facts->size, facts, err) < 0 ||
        image_trailer_write(fd, facts, err) < 0)
        return -1;
    return fsync(fd) < 0 ? error_errno(err, "the image") : 0;
}

static int image_seal(const char *path, const uint8_t *key, struct config_image *facts, struct error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "%s", path);
    int result = file_seal(fd, key, facts, err);
    close(fd);
    return result;
}

int image_write(const char *dir, const char *path, const struct image_options *options, struct config_image *facts,
                struct callsite_totals *sites, struct error *err)
{
    struct bytes table;
    struct stat st;
    *facts = (struct config_image){0};
    if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(err, "%s: there is no such folder; it holds what the image will hold", dir);
    if (callsites_collect(dir, options->with_cache, &table, sites, err) < 0)
        return -1;
    struct tree_node *root = tree_read(dir, err);
    struct etc_files etc = {0};
    int result = root ? sites_put(root, &table, err) : -1;
    if (result == 0 && options->app)
        result = etc_files_put(root, options->app, &etc, err);
    const struct erofs_layout layout = {sites_number, table.data, options->progress};
    if (result == 0)
        result = erofs_write(root, dir, path, &layout, err);
    tree_free(root);
    free(table.data);
    etc_files_free(&etc);
    return result < 0 ? -1 : image_seal(path, options->key, facts, err);
}
