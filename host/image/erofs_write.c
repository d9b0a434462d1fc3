/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS without compression, as Linux mounts it: superblock, inodes (all of the extended kind, the root's first), then data. The end of a
 * file that is short lies behind its inode. The same tree gives the same bytes. Written here rather than by mkfs.erofs, since that
 * takes neither files that are only in memory nor a time for folders alone.
 */
#include "erofs_write.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "naos/erofs.h"

#define BLOCK      4096u
#define INODE_SIZE sizeof(struct erofs_inode_extended)
#define INLINE_MAX 2048u /* longer ends get a block of their own: less is lost by padding */
#define THREADS    2
#define COPY_SIZE  (1u << 20)

static const uint8_t image_uuid[16] = {0x6e, 0x61, 0x6f, 0x73, 0, 0, 0x40, 0, 0x80, 0, 0x69, 0x6d, 0x61, 0x67, 0x65, 0};

struct writing {
    const char *dir;
    struct tree_node **nodes; /* all that have an inode, in order */
    size_t count, room;
    uint64_t meta_size; /* bytes, superblock included */
    uint64_t blocks;
    uint8_t *meta;
    int fd;
    atomic_size_t next;
    _Atomic uint64_t done;
    uint64_t total;
    void (*progress)(uint64_t done, uint64_t total);
    pthread_mutex_t lock; /* guards err, once something failed */
    atomic_bool has_failed;
    struct error *err;
};

/* ---- directories ----------------------------------------------------------------------------------------------------------- */

static unsigned type_of(mode_t mode)
{
    static const struct {
        mode_t mode;
        unsigned type;
    } types[] = {{S_IFREG, 1}, {S_IFDIR, 2}, {S_IFCHR, 3}, {S_IFBLK, 4}, {S_IFIFO, 5}, {S_IFSOCK, 6}, {S_IFLNK, 7}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if ((mode & S_IFMT) == types[i].mode)
            return types[i].type;
    }
    return 0;
}

struct entry {
    const char *name;
    const struct tree_node *node;
};

static const struct tree_node *inode_of(const struct tree_node *n)
{
    return n->same ? n->same : n;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static struct entry *entries_of(const struct tree_node *dir, size_t *count)
{
    struct entry *e = calloc(dir->child_count + 2, sizeof(*e));
    if (!e)
        return NULL;
    e[0] = (struct entry){".", dir};
    e[1] = (struct entry){"..", dir->parent ? dir->parent : dir};
    for (size_t i = 0; i < dir->child_count; i++)
        e[i + 2] = (struct entry){dir->children[i]->name, dir->children[i]};
    *count = dir->child_count + 2;
    qsort(e, *count, sizeof(*e), compare_entries);
    return e;
}

/* How many of the entries fit into one block, and its size. */
static size_t block_fill(const struct entry *e, size_t count, size_t *size)
{
    size_t n = 0;
    *size = 0;
    while (n < count && *size + sizeof(struct erofs_dirent) + strlen(e[n].name) <= BLOCK)
        *size += sizeof(struct erofs_dirent) + strlen(e[n++].name);
    return n;
}

static void block_put(const struct entry *e, size_t n, uint8_t *to)
{
    size_t name_off = n * sizeof(struct erofs_dirent);
    for (size_t i = 0; i < n; i++) {
        const struct erofs_dirent d = {inode_of(e[i].node)->nid, (uint16_t)name_off, (uint8_t)type_of(e[i].node->mode), 0};
        memcpy(to + i * sizeof(d), &d, sizeof(d));
        memcpy(to + name_off, e[i].name, strlen(e[i].name));
        name_off += strlen(e[i].name);
    }
}

/* The directory's content, if to is there; its size in any case. All blocks but the last are whole. */
static uint64_t dir_content(const struct tree_node *dir, uint8_t *to)
{
    size_t count, size = 0;
    uint64_t at = 0;
    struct entry *e = entries_of(dir, &count);
    for (size_t i = 0, n; e && i < count; i += n) {
        n = block_fill(e + i, count - i, &size);
        if (to)
            block_put(e + i, n, to + at);
        at += i + n < count ? BLOCK : size;
    }
    free(e);
    return at;
}

/* ---- where all goes --------------------------------------------------------------------------------------------------------- */

static bool node_note(struct writing *w, struct tree_node *n)
{
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 1024;
        struct tree_node **grown = realloc(w->nodes, room * sizeof(struct tree_node *));
        if (!grown)
            return false;
        w->nodes = grown;
        w->room = room;
    }
    w->nodes[w->count++] = n;
    return true;
}

static bool nodes_collect(struct writing *w, struct tree_node *n)
{
    bool is_ok = n->same || node_note(w, n);
    for (size_t i = 0; i < n->child_count && is_ok; i++)
        is_ok = nodes_collect(w, n->children[i]);
    return is_ok;
}

static void inode_place(struct writing *w, struct tree_node *n, uint64_t *at, uint32_t ino)
{
    if (S_ISDIR(n->mode)) {
        n->size = dir_content(n, NULL);
        n->nlink = 2;
        for (size_t i = 0; i < n->child_count; i++)
            n->nlink += S_ISDIR(n->children[i]->mode);
    }
    uint64_t tail = n->size % BLOCK;
    bool is_inline = tail > 0 && tail <= INLINE_MAX;
    uint64_t need = INODE_SIZE + (is_inline ? tail : 0);
    if (*at / BLOCK != (*at + need - 1) / BLOCK) /* neither an inode nor what lies behind it crosses a block */
        *at = (*at + BLOCK - 1) / BLOCK * BLOCK;
    n->ino = ino;
    n->nid = *at / EROFS_SLOT;
    n->layout = is_inline ? EROFS_LAYOUT_INLINE : EROFS_LAYOUT_PLAIN;
    *at = (*at + need + EROFS_SLOT - 1) / EROFS_SLOT * EROFS_SLOT;
    w->total += n->size;
}

static uint64_t data_blocks(const struct tree_node *n)
{
    return n->layout == EROFS_LAYOUT_INLINE ? n->size / BLOCK : (n->size + BLOCK - 1) / BLOCK;
}

static int all_place(struct writing *w, struct tree_node *root)
{
    uint64_t at = EROFS_SUPER_OFF + sizeof(struct erofs_super);
    if (!nodes_collect(w, root))
        return error_set(w->err, "out of memory");
    for (size_t i = 0; i < w->count; i++)
        inode_place(w, w->nodes[i], &at, (uint32_t)i + 1);
    w->meta_size = (at + BLOCK - 1) / BLOCK * BLOCK;
    w->blocks = w->meta_size / BLOCK;
    for (size_t i = 0; i < w->count; i++) {
        w->nodes[i]->block = w->blocks;
        w->blocks += data_blocks(w->nodes[i]);
    }
    if (w->blocks > UINT32_MAX)
        return error_set(w->err, "the image would have over 16 TiB");
    w->meta = calloc(1, w->meta_size);
    return w->meta ? 0 : error_set(w->err, "out of memory");
}

/* ---- metadata ---------------------------------------------------------------------------------------------------------------- */

static void super_put(struct writing *w, const struct tree_node *root)
{
    struct erofs_super s = {
        .magic = EROFS_MAGIC,
        .feature_compat = EROFS_COMPAT_MTIME,
        .block_bits = 12,
        .root_nid = (uint16_t)root->nid,
        .inodes = w->count,
        .blocks = (uint32_t)w->blocks,
    };
    memcpy(s.uuid, image_uuid, sizeof(s.uuid));
    memcpy(w->meta + EROFS_SUPER_OFF, &s, sizeof(s));
}

static uint32_t device_number(dev_t rdev)
{
    return (minor(rdev) & 0xff) | (major(rdev) << 8) | ((minor(rdev) & ~0xffu) << 12);
}

static uint8_t *inode_put(struct writing *w, const struct tree_node *n)
{
    bool is_device = S_ISCHR(n->mode) || S_ISBLK(n->mode);
    const struct erofs_inode_extended x = {
        .format = (uint16_t)(1 | n->layout << 1),
        .mode = (uint16_t)n->mode,
        .size = n->size,
        .ino = n->ino,
        .nlink = n->nlink,
        .block = is_device        ? device_number(n->rdev)
                 : data_blocks(n) ? (uint32_t)n->block
                                  : 0,
        .mtime = n->mtime > 0 ? (uint64_t)n->mtime : 0,
        .mtime_ns = n->mtime >= 0 ? n->mtime_ns : 0,
    };
    uint8_t *at = w->meta + n->nid * EROFS_SLOT;
    memcpy(at, &x, sizeof(x));
    return at + sizeof(x);
}

/* ---- data ---------------------------------------------------------------------------------------------------------------------- */

static void fail(struct writing *w, const struct tree_node *n, const char *why)
{
    char path[PATH_MAX];
    pthread_mutex_lock(&w->lock);
    if (!atomic_exchange(&w->has_failed, true))
        error_set(w->err, "%s%s: %s", w->dir, tree_path(n, path), why);
    pthread_mutex_unlock(&w->lock);
}

static bool data_write(const struct writing *w, const uint8_t *data, size_t size, uint64_t at)
{
    while (size > 0) {
        ssize_t n = pwrite(w->fd, data, size, (off_t)at);
        if (n <= 0)
            return false;
        data += n, at += (uint64_t)n, size -= (size_t)n;
    }
    return true;
}

/* What is in memory. */
static bool content_put(struct writing *w, const struct tree_node *n, uint8_t *tail, const uint8_t *data)
{
    uint64_t whole = n->layout == EROFS_LAYOUT_INLINE ? n->size / BLOCK * BLOCK : n->size;
    if (whole < n->size)
        memcpy(tail, data + whole, n->size - whole);
    return data_write(w, data, whole, n->block * BLOCK);
}

/* What is in a file, which must not change meanwhile. */
static const char *file_put(struct writing *w, const struct tree_node *n, uint8_t *tail, int in, uint8_t *buf)
{
    uint64_t whole = n->layout == EROFS_LAYOUT_INLINE ? n->size / BLOCK * BLOCK : n->size, at = 0;
    while (at < n->size) {
        uint64_t left = (at < whole ? whole : n->size) - at;
        uint8_t *to = at < whole ? buf : tail + (at - whole);
        ssize_t got = read(in, to, left < COPY_SIZE ? left : COPY_SIZE);
        if (got <= 0)
            return got < 0 ? strerror(errno) : "it became shorter while it was read";
        if (to == buf && !data_write(w, buf, (size_t)got, n->block * BLOCK + at))
            return strerror(errno);
        at += (uint64_t)got;
        atomic_fetch_add(&w->done, (uint64_t)got);
    }
    return NULL;
}

static void node_write(struct writing *w, const struct tree_node *n, uint8_t *buf)
{
    char path[PATH_MAX], full[2 * PATH_MAX];
    const char *why = NULL;
    uint8_t *tail = inode_put(w, n);
    if (S_ISDIR(n->mode)) {
        uint8_t *content = calloc(1, n->size);
        why = content && dir_content(n, content) == n->size && content_put(w, n, tail, content) ? NULL : "cannot be written";
        free(content);
    } else if (n->data) {
        why = content_put(w, n, tail, n->data) ? NULL : strerror(errno);
    } else if (S_ISREG(n->mode) && n->size > 0) {
        snprintf(full, sizeof(full), "%s%s", w->dir, tree_path(n, path));
        int in = open(full, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        why = in < 0 ? strerror(errno) : file_put(w, n, tail, in, buf);
        if (in >= 0)
            close(in);
    }
    if (why)
        fail(w, n, why);
}

static void *write_main(void *arg)
{
    struct writing *w = arg;
    uint8_t *buf = malloc(COPY_SIZE);
    for (size_t i = atomic_fetch_add(&w->next, 1); buf && i < w->count && !atomic_load(&w->has_failed); i = atomic_fetch_add(&w->next, 1))
        node_write(w, w->nodes[i], buf);
    if (!buf)
        fail(w, w->nodes[0], "out of memory");
    free(buf);
    return NULL;
}

/* The caller's thread watches, if there is something to show. */
static void all_write(struct writing *w)
{
    pthread_t threads[THREADS];
    unsigned started = 0;
    while (started < THREADS && pthread_create(&threads[started], NULL, write_main, w) == 0)
        started++;
    if (started == 0)
        write_main(w);
    while (w->progress && atomic_load(&w->next) < w->count && !atomic_load(&w->has_failed)) {
        w->progress(atomic_load(&w->done), w->total);
        usleep(50000);
    }
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

int erofs_write(struct tree_node *root, const char *dir, const char *path, const struct erofs_layout *layout, struct error *err)
{
    struct writing w = {.dir = dir, .err = err, .progress = layout->progress, .lock = PTHREAD_MUTEX_INITIALIZER};
    int result = all_place(&w, root);
    if (result == 0 && layout->placed)
        layout->placed(root, layout->context);
    w.fd = result == 0 ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (result == 0 && (w.fd < 0 || ftruncate(w.fd, (off_t)(w.blocks * BLOCK)) < 0))
        result = error_errno(err, "%s", path);
    if (result == 0) {
        super_put(&w, root);
        all_write(&w);
        if (atomic_load(&w.has_failed))
            result = -1;
        else if (!data_write(&w, w.meta, w.meta_size, 0))
            result = error_errno(err, "%s", path);
    }
    if (w.fd >= 0)
        close(w.fd);
    free(w.meta);
    free(w.nodes);
    return result;
}
