/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host that the configuration names with their SHA-256: a tree in memory, whose pages come from outside. */
#include <linux/stat.h>
#include "base/log.h"
#include "crypto/sha256.h"
#include "fs/hostfs/internal.h"
#include "heap/heap.h"

#define HASHES_PER_PAGE (PAGE_SIZE / SHA256_SIZE)
#define CHUNK_ORDER     4
#define CHUNK_PAGES     (1U << CHUNK_ORDER)

/* Lives as long as the enclave. */
struct listed {
    const char *path;
    int fd;
    uint64_t size;
    uint8_t (**hashes)[SHA256_SIZE]; /* of pages, the last filled up with zeros; a page of them each */
};

/* ---- bytes of the host -------------------------------------------------------------------------------------------- */

/* Whole, or -EIO: a file that is shorter now is not what was verified. */
static int bytes_read(const struct listed *f, uint64_t off, char *buf, size_t size)
{
    size_t done = 0;
    while (done < size) {
        int64_t n = hostcall_file_get(f->fd, HOSTCALL_FILE_DATA, off + done, buf + done, size - done);
        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        done += (size_t)n;
    }
    return 0;
}

static int page_read(const struct listed *f, uint64_t idx, void *page)
{
    uint64_t off = idx << PAGE_SHIFT;
    size_t size = off < f->size ? MIN(f->size - off, PAGE_SIZE) : 0;
    memset((char *)page + size, 0, PAGE_SIZE - size);
    return bytes_read(f, off, page, size);
}

static uint8_t *hash_at(const struct listed *f, uint64_t idx)
{
    return f->hashes[idx / HASHES_PER_PAGE][idx % HASHES_PER_PAGE];
}

static int pages_verify(const struct listed *f, uint64_t idx, void *const *pages, size_t count)
{
    uint8_t hashes[SHA256_LANES][SHA256_SIZE];
    sha256_salted_many("", 0, (const void *const *)pages, PAGE_SIZE, count, hashes);
    for (size_t i = 0; i < count; i++) {
        if (mem_equal_ct(hashes[i], hash_at(f, idx + i), SHA256_SIZE))
            continue;
        log_error("%s: page %llu is not what was verified; the host changed the file", f->path, (unsigned long long)(idx + i));
        return -EIO;
    }
    return 0;
}

static int listed_fill(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    const struct listed *f = pc->owner;
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++)
        err = page_read(f, idx + i, pages[i]);
    for (size_t done = 0; done < count && err == 0; done += SHA256_LANES)
        err = pages_verify(f, idx + done, pages + done, MIN(count - done, (size_t)SHA256_LANES));
    return err;
}

static const struct pagecache_ops listed_ops = {.fill = listed_fill};

/* ---- verifying ---------------------------------------------------------------------------------------------------------- */

static int hashes_alloc(struct listed *f)
{
    uint64_t pages = align_up(f->size, PAGE_SIZE) >> PAGE_SHIFT, tables = (pages + HASHES_PER_PAGE - 1) / HASHES_PER_PAGE;
    f->hashes = heap_zalloc((tables + 1) * sizeof(*f->hashes));
    for (uint64_t i = 0; f->hashes && i < tables; i++) {
        f->hashes[i] = page_alloc(0);
        if (!f->hashes[i])
            return -ENOMEM;
    }
    return f->hashes ? 0 : -ENOMEM;
}

/* One chunk: into the hash of the whole, and the hashes of its pages. */
static int chunk_take(const struct listed *f, uint64_t idx, char *chunk, struct sha256_stream *whole, uint8_t hash[SHA256_SIZE])
{
    uint64_t off = idx << PAGE_SHIFT;
    size_t size = MIN(f->size - off, (uint64_t)CHUNK_PAGES << PAGE_SHIFT), count = align_up(size, PAGE_SIZE) >> PAGE_SHIFT;
    uint8_t hashes[SHA256_LANES][SHA256_SIZE];
    const void *pages[CHUNK_PAGES];
    for (size_t i = 0; i < count; i++)
        pages[i] = chunk + (i << PAGE_SHIFT);
    memset(chunk + size, 0, (count << PAGE_SHIFT) - size);
    int err = bytes_read(f, off, chunk, size);
    if (err)
        return err;
    sha256_blocks(whole, chunk, align_down(size, 64));
    if (off + size == f->size)
        sha256_end(whole, chunk + align_down(size, 64), size % 64, hash);
    sha256_salted_many("", 0, pages, PAGE_SIZE, count, hashes);
    for (size_t i = 0; i < count; i++)
        memcpy(hash_at(f, idx + i), hashes[i], SHA256_SIZE);
    return 0;
}

static int file_verify(struct listed *f, const uint8_t sha256[SHA256_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    struct sha256_stream whole;
    char *chunk = page_alloc(CHUNK_ORDER);
    int err = chunk ? hashes_alloc(f) : -ENOMEM;
    sha256_begin(&whole);
    if (f->size == 0)
        sha256_end(&whole, "", 0, hash);
    for (uint64_t idx = 0; idx << PAGE_SHIFT < f->size && err == 0; idx += CHUNK_PAGES)
        err = chunk_take(f, idx, chunk, &whole, hash);
    if (err == 0 && !mem_equal_ct(hash, sha256, SHA256_SIZE)) {
        log_error("%s on the host is not the file that naos.json names: its SHA-256 differs", f->path);
        err = -EIO;
    }
    if (chunk)
        page_free(chunk, CHUNK_ORDER);
    return err;
}

/* ---- the tree ------------------------------------------------------------------------------------------------------------ */

static size_t component_len(const char *path)
{
    size_t len = 0;
    while (path[len] && path[len] != '/')
        len++;
    return len;
}

/* From directory to directory; no links on the way. */
static int file_open(int root, const char *path)
{
    int at = root;
    for (;;) {
        size_t len = component_len(path);
        bool is_last = !path[len];
        int next = (int)hostcall_file_open(at, is_last ? HOSTCALL_FILE_READ : 0, 0, path, len);
        if (at != root)
            hostfs_fd_close(at);
        if (next < 0 || is_last)
            return next;
        at = next;
        path += len + 1;
    }
}

static int entry_make(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **result)
{
    mutex_lock(&dir->lock);
    int err = dir->ops->lookup(dir, name, len, result);
    if (err == -ENOENT)
        err = dir->ops->create(dir, name, len, mode, 0, result);
    mutex_unlock(&dir->lock);
    return err;
}

/* The file's inode, and the directories on the way. */
static int path_make(struct inode *root, const char *path, struct inode **result)
{
    struct inode *at = root, *next;
    inode_get(at);
    for (;;) {
        size_t len = component_len(path);
        bool is_last = !path[len];
        int err = entry_make(at, path, len, is_last ? S_IFREG | 0555 : S_IFDIR | 0555, &next);
        inode_put(at);
        if (err)
            return err;
        if (is_last) {
            *result = next;
            return 0;
        }
        at = next;
        path += len + 1;
    }
}

static int listed_open(int root, const struct hostfs_listed *want, struct listed **result)
{
    struct hostcall_file_stat st;
    struct listed *f = heap_zalloc(sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->path = want->path;
    f->fd = file_open(root, want->path);
    int err = f->fd < 0 ? f->fd : hostfs_stat(f->fd, &st);
    if (err == 0 && !S_ISREG(st.mode))
        err = -EINVAL;
    if (err) {
        log_error("%s cannot be read on the host (error %d)", want->path, -err);
        return err;
    }
    f->size = st.size;
    *result = f;
    return file_verify(f, want->sha256);
}

static int listed_add(struct superblock *sb, int root, const struct hostfs_listed *want)
{
    struct listed *f = NULL;
    struct inode *inode;
    struct pagecache *pages;
    int err = listed_open(root, want, &f);
    if (err == 0)
        err = path_make(sb->root, want->path, &inode);
    if (err)
        return err;
    err = S_ISREG(inode->mode) ? pagecache_create(&listed_ops, f, f->size, &pages) : -EEXIST;
    if (err == 0) {
        pagecache_put(inode->pages);
        inode->pages = pages;
        inode->size = f->size;
    }
    inode_put(inode);
    return err;
}

int hostfs_listed_fill(struct superblock *sb, const char *path, size_t count,
                       struct hostfs_listed (*at)(const void *list, size_t idx), const void *list)
{
    int root = (int)hostcall_file_open(0, HOSTCALL_FILE_ROOT, 0, path, strlen(path));
    int err = MIN(root, 0);
    for (size_t i = 0; i < count && err == 0; i++) {
        const struct hostfs_listed want = at(list, i);
        err = listed_add(sb, root, &want);
    }
    hostfs_fd_close(root);
    sb->is_read_only = true;
    return err;
}
