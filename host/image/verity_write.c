/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of dm-verity, format 1 (Linux Documentation/admin-guide/device-mapper/verity.rst):
 * SHA-256 of 4 KiB blocks, 128 hashes a block, the root's level first.
 */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "image.h"

#define BLOCK     4096u
#define HASH      32u
#define PER_BLOCK (BLOCK / HASH)
#define LEVEL_MAX 9
#define THREAD_MAX 16u
#define SPAN_MIN  1024 /* blocks that are worth a thread */

static uint64_t blocks_for(uint64_t hashes)
{
    return (hashes + PER_BLOCK - 1) / PER_BLOCK;
}

struct span {
    const uint8_t *from;
    uint64_t count;
    uint8_t *to;
};

static void *span_hash(void *arg)
{
    const struct span *s = arg;
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    for (uint64_t i = 0; i < s->count; i++) {
        EVP_DigestInit_ex2(ctx, md, NULL);
        EVP_DigestUpdate(ctx, s->from + i * BLOCK, BLOCK);
        EVP_DigestFinal_ex(ctx, s->to + i * HASH, NULL);
    }
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    return NULL;
}

/* Hashes `count` blocks at `from`, one after the other, into `to`; long runs by as many threads as there are processors. */
static void level_hash(const uint8_t *from, uint64_t count, uint8_t *to)
{
    pthread_t threads[THREAD_MAX];
    struct span spans[THREAD_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = processors < 1 || count < SPAN_MIN ? 1 : processors < THREAD_MAX ? (unsigned)processors : THREAD_MAX, started = 0;
    uint64_t each = (count + n - 1) / n;
    for (unsigned i = 0; i < n; i++) {
        uint64_t first = i * each, left = first < count ? count - first : 0;
        spans[i] = (struct span){from + first * BLOCK, left < each ? left : each, to + first * HASH};
    }
    while (started < n - 1 && pthread_create(&threads[started], NULL, span_hash, &spans[started]) == 0)
        started++;
    for (unsigned i = started; i < n; i++)
        span_hash(&spans[i]);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

static int tree_write(int fd, uint64_t at, const uint8_t *tree, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, tree, size, (off_t)at);
        if (n <= 0)
            return error_errno(err, "writing the image's hash tree");
        tree += n, at += (uint64_t)n, size -= (size_t)n;
    }
    return 0;
}

/* The tree over data, to be freed; *size in bytes. */
static uint8_t *tree_make(const uint8_t *data, uint64_t data_size, size_t *size)
{
    uint64_t counts[LEVEL_MAX], total = 0;
    unsigned levels = 0;
    for (uint64_t n = blocks_for(data_size / BLOCK);; n = blocks_for(n)) {
        counts[levels++] = n;
        total += n;
        if (n == 1)
            break;
    }
    uint8_t *tree = calloc(total, BLOCK);
    const uint8_t *below = data;
    uint64_t below_count = data_size / BLOCK, start = total;
    for (unsigned i = 0; i < levels && tree; i++) { /* the leaves lie at the end */
        start -= counts[i];
        level_hash(below, below_count, tree + start * BLOCK);
        below = tree + start * BLOCK;
        below_count = counts[i];
    }
    *size = total * BLOCK;
    return tree;
}

int verity_root(const uint8_t *data, uint64_t size, uint8_t root_hash[32], struct error *err)
{
    size_t tree_size = 0;
    uint8_t *tree = tree_make(data, size, &tree_size);
    if (!tree)
        return error_errno(err, "hashing the image");
    level_hash(tree, 1, root_hash);
    free(tree);
    return 0;
}

int verity_append(int fd, uint64_t data_size, struct config_image *facts, struct error *err)
{
    size_t size = 0;
    void *data = mmap(NULL, data_size, PROT_READ, MAP_SHARED, fd, 0);
    uint8_t *tree = data == MAP_FAILED ? NULL : tree_make(data, data_size, &size);
    if (!tree)
        return error_errno(err, "hashing the image");
    level_hash(tree, 1, facts->root_hash);
    facts->size = facts->hash_off = data_size;
    munmap(data, data_size);
    int result = tree_write(fd, data_size, tree, size, err);
    free(tree);
    return result;
}

int verity_check(int fd, uint64_t file_size, const struct config_image *facts, struct error *err)
{
    uint8_t root[HASH];
    size_t size = 0;
    uint8_t *file = mmap(NULL, file_size, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED || facts->size % BLOCK || facts->size < 2 * BLOCK || facts->hash_off != facts->size ||
        facts->size > file_size)
        return error_set(err, "the image has not the size that the configuration says");
    uint8_t *tree = tree_make(file, facts->size, &size);
    if (!tree)
        return error_errno(err, "hashing the image");
    level_hash(tree, 1, root);
    int result = 0;
    if (memcmp(root, facts->root_hash, HASH) != 0)
        result = error_set(err, "the image is not the one that was signed: its root hash differs");
    else if (file_size - facts->size < size || memcmp(file + facts->size, tree, size) != 0)
        result = error_set(err, "the image's hash tree is damaged: reading from it would fail");
    free(tree);
    munmap(file, file_size);
    return result;
}
