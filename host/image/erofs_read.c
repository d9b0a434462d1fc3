/* SPDX-License-Identifier: Apache-2.0 */
#include "erofs_read.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "image_file.h"
#include "naos/erofs.h"
#include "store/image_crypt.h"

#define BLOCK     4096u
#define DEPTH_MAX 256

struct walk {
    const struct erofs_image *image;
    int (*visit)(void *context, const struct erofs_file *file, struct error *err);
    void *context;
    struct error *err;
    unsigned depth;
};

static int damaged(struct error *err, const char *what)
{
    return error_set(err, "the image is damaged: %s", what);
}

static const void *at(const struct erofs_image *image, uint64_t off, uint64_t size)
{
    return off <= image->size && size <= image->size - off ? image->data + off : NULL;
}

static int file_map(const char *path, struct erofs_image *image, struct error *err)
{
    uint64_t size;
    int fd = file_open(path, &size, err);
    *image = (struct erofs_image){0};
    if (fd < 0)
        return -1;
    void *data = mmap(NULL, size + 1, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        return error_errno(err, "%s", path);
    image->data = data;
    image->size = size;
    image->mapped_size = image->size + 1;
    return 0;
}

/* Its plain data, in memory, takes the place of the file. */
static int decrypt(const char *path, const uint8_t *key, const struct config_image *facts, struct erofs_image *image, struct error *err)
{
    if (!key)
        return error_set(err, "%s is encrypted; give its key", path);
    uint8_t *plain = mmap(NULL, facts->data_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (plain == MAP_FAILED)
        return error_errno(err, "%s", path);
    bool is_ok = facts->size <= image->size && facts->size - facts->data_size == image_tags_size(facts->data_size) &&
                 image_decrypt(image->data, facts->data_size, key, facts->key_salt, plain);
    erofs_close(image);
    image->data = plain;
    image->size = image->mapped_size = facts->data_size;
    return is_ok ? 0 : error_set(err, "%s: the key does not fit, or the file was changed", path);
}

int erofs_open(const char *path, const uint8_t *key, struct erofs_image *image, struct error *err)
{
    struct config_image facts;
    struct error not_ours; /* an image without a trailer is plain */
    if (file_map(path, image, err) < 0)
        return -1;
    bool is_encrypted = image_trailer_read(path, &facts, &not_ours) == 0 && facts.flags & CONFIG_IMAGE_ENCRYPTED;
    if (is_encrypted && decrypt(path, key, &facts, image, err) < 0) {
        erofs_close(image);
        return -1;
    }
    const struct erofs_super *s = at(image, EROFS_SUPER_OFF, sizeof(*s));
    if (!s || s->magic != EROFS_MAGIC || s->block_bits != 12 || s->feature_incompat) {
        erofs_close(image);
        return error_set(err, "%s is no image that naos wrote", path);
    }
    image->meta_off = (uint64_t)s->meta_block * BLOCK;
    image->root_nid = s->root_nid;
    return 0;
}

void erofs_close(struct erofs_image *image)
{
    munmap((void *)image->data, image->mapped_size);
}

/* ---- inodes --------------------------------------------------------------------------------------------------------------- */

static int content_find(const struct erofs_image *image, struct erofs_file *f, unsigned format, uint32_t block, uint64_t behind,
                        struct error *err)
{
    unsigned layout = (format >> 1) & 7;
    bool has_content = S_ISREG(f->mode) || S_ISDIR(f->mode) || S_ISLNK(f->mode);
    f->whole = f->tail = NULL;
    f->whole_size = 0;
    f->rdev = has_content ? 0 : block;
    if (!has_content || f->size == 0)
        return 0;
    if (layout != EROFS_LAYOUT_PLAIN && layout != EROFS_LAYOUT_INLINE)
        return damaged(err, "a layout that naos does not write");
    f->whole_size = layout == EROFS_LAYOUT_INLINE ? f->size / BLOCK * BLOCK : f->size;
    f->whole = at(image, (uint64_t)block * BLOCK, f->whole_size);
    f->tail = at(image, behind, f->size - f->whole_size);
    return f->whole && f->tail ? 0 : damaged(err, "content beyond its end");
}

static int inode_read(const struct erofs_image *image, uint64_t nid, struct erofs_file *f, struct error *err)
{
    uint64_t off = nid < image->size ? image->meta_off + nid * EROFS_SLOT : image->size;
    const struct erofs_inode_compact *c = at(image, off, sizeof(*c));
    const struct erofs_inode_extended *x = c && (c->format & 1) ? at(image, off, sizeof(*x)) : NULL;
    if (!c || ((c->format & 1) && !x))
        return damaged(err, "an inode beyond its end");
    uint64_t behind = off + (x ? sizeof(*x) : sizeof(*c)) + (c->xattr_count ? (c->xattr_count - 1u) * 4 + 12 : 0);
    f->mode = x ? x->mode : c->mode;
    f->size = x ? x->size : c->size;
    f->ino = x ? x->ino : c->ino;
    f->mtime = x ? (int64_t)x->mtime : 0;
    f->mtime_ns = x ? x->mtime_ns : 0;
    return content_find(image, f, c->format, x ? x->block : c->block, behind, err);
}

/* ---- directories ------------------------------------------------------------------------------------------------------------ */

static int node_walk(struct walk *w, uint64_t nid, const char *path);

static int entry_walk(struct walk *w, const char *dir, uint64_t nid, const char *name, size_t len)
{
    char path[PATH_MAX];
    if (memchr(name, '/', len) || len == 0)
        return damaged(w->err, "a name with a slash");
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return 0;
    if (snprintf(path, sizeof(path), "%s/%.*s", dir, (int)len, name) >= (int)sizeof(path))
        return damaged(w->err, "a path that is too long");
    return node_walk(w, nid, path);
}

static int block_walk(struct walk *w, const char *dir, const uint8_t *block, size_t size)
{
    struct erofs_dirent d, next;
    if (size < sizeof(d))
        return damaged(w->err, "a folder that is cut off");
    memcpy(&d, block, sizeof(d));
    size_t count = d.name_off / sizeof(d);
    if (count == 0 || d.name_off > size)
        return damaged(w->err, "a folder's names");
    for (size_t i = 0; i < count; i++, d = next) {
        next.name_off = (uint16_t)size;
        if (i + 1 < count)
            memcpy(&next, block + (i + 1) * sizeof(d), sizeof(d));
        size_t end = i + 1 < count ? next.name_off : size;
        if (d.name_off > end || end > size)
            return damaged(w->err, "a folder's names");
        const char *name = (const char *)block + d.name_off;
        if (entry_walk(w, dir, d.nid, name, strnlen(name, end - d.name_off)) < 0)
            return -1;
    }
    return 0;
}

static int dir_walk(struct walk *w, const struct erofs_file *f)
{
    for (uint64_t off = 0; off < f->size; off += BLOCK) {
        size_t size = f->size - off < BLOCK ? f->size - off : BLOCK;
        const uint8_t *block = off < f->whole_size ? f->whole + off : f->tail + (off - f->whole_size);
        if (block_walk(w, f->path, block, size) < 0)
            return -1;
    }
    return 0;
}

static int node_walk(struct walk *w, uint64_t nid, const char *path)
{
    struct erofs_file *f = malloc(sizeof(*f));
    if (!f || w->depth >= DEPTH_MAX) {
        free(f);
        return damaged(w->err, "folders in folders without end");
    }
    snprintf(f->path, sizeof(f->path), "%s", path);
    w->depth++;
    int result = inode_read(w->image, nid, f, w->err);
    if (result == 0)
        result = w->visit(w->context, f, w->err);
    if (result == 0 && S_ISDIR(f->mode))
        result = dir_walk(w, f);
    w->depth--;
    free(f);
    return result;
}

int erofs_walk(const struct erofs_image *image, int (*visit)(void *context, const struct erofs_file *file, struct error *err),
               void *context, struct error *err)
{
    struct walk w = {image, visit, context, err, 0};
    return node_walk(&w, image->root_nid, "");
}
