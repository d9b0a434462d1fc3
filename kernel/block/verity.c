/* SPDX-License-Identifier: Apache-2.0 */
/* dm-verity: Documentation/admin-guide/device-mapper/verity.rst of Linux. Levels lie from the root down. */
#include "block/verity.h"
#include "block/image_cipher.h"
#include "base/log.h"
#include "base/spinlock.h"
#include "base/string.h"
#include "crypto/sha256.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"

#define HASHES_PER_BLOCK (VERITY_BLOCK / SHA256_SIZE)
#define LEVELS_MAX 8

struct verity {
    struct verity_params params;
    unsigned levels;
    uint64_t level_start[LEVELS_MAX]; /* hash block numbers; level 0 has the hashes of data blocks */
    uint64_t hash_blocks;
    uint8_t **verified;               /* by hash block number: a copy that was verified, or NULL */
    struct image_cipher *cipher;      /* NULL: it is not encrypted */
};

static uint64_t blocks_verified;

uint64_t verity_blocks(const struct verity *v)
{
    return v->params.data_size / VERITY_BLOCK;
}

uint64_t verity_id(const struct verity *v)
{
    uint64_t id;
    memcpy(&id, v->params.root_hash, sizeof(id));
    return id;
}

uint64_t verity_verified_count(void)
{
    return __atomic_load_n(&blocks_verified, __ATOMIC_RELAXED);
}

/* Sizes of the levels from the leaves up; then their places from the root down. */
static int levels_layout(struct verity *v)
{
    uint64_t counts[LEVELS_MAX], blocks = v->params.size / VERITY_BLOCK;
    do {
        if (v->levels == LEVELS_MAX)
            return -EINVAL;
        blocks = (blocks + HASHES_PER_BLOCK - 1) / HASHES_PER_BLOCK;
        counts[v->levels++] = blocks;
    } while (blocks > 1);
    for (unsigned level = v->levels; level-- > 0;) {
        v->level_start[level] = v->hash_blocks;
        v->hash_blocks += counts[level];
    }
    return 0;
}

static void hash_of(const struct verity *v, const void *block, uint8_t hash[SHA256_SIZE])
{
    sha256_salted(v->params.salt, v->params.salt_size, block, VERITY_BLOCK, hash);
}

/* The block's copy is kept if it is what its parent says. A second reader may have been faster: then its copy stays. */
static int hash_block_verify(struct verity *v, uint64_t nr, const uint8_t *expected, const uint8_t **result)
{
    uint8_t hash[SHA256_SIZE];
    uint8_t *copy = page_alloc(0), *none = NULL;
    if (!copy)
        return -ENOMEM;
    host_copy_in(copy, v->params.host_addr + v->params.hash_off + nr * VERITY_BLOCK, VERITY_BLOCK);
    hash_of(v, copy, hash);
    if (!mem_equal_ct(hash, expected, SHA256_SIZE)) {
        log_error("image of %s: hash block %llu is not what was signed; the image file was changed or damaged", v->params.name,
                  (unsigned long long)nr);
        page_free(copy, 0);
        return -EIO;
    }
    if (__atomic_compare_exchange_n(&v->verified[nr], &none, copy, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        *result = copy;
    } else {
        page_free(copy, 0);
        *result = none;
    }
    return 0;
}

/* The verified hash of a data block: down from the root, through blocks that are verified already where they are. */
static int hash_find(struct verity *v, uint64_t block, const uint8_t **hash)
{
    const uint8_t *expected = v->params.root_hash;
    for (unsigned level = v->levels; level-- > 0;) {
        uint64_t idx = block;
        for (unsigned i = 0; i < level; i++)
            idx /= HASHES_PER_BLOCK;
        uint64_t nr = v->level_start[level] + idx / HASHES_PER_BLOCK;
        const uint8_t *hashes = __atomic_load_n(&v->verified[nr], __ATOMIC_ACQUIRE);
        if (!hashes) {
            int err = hash_block_verify(v, nr, expected, &hashes);
            if (err)
                return err;
        }
        expected = hashes + idx % HASHES_PER_BLOCK * SHA256_SIZE;
    }
    *hash = expected;
    return 0;
}

static int blocks_verify(struct verity *v, uint64_t block, void *const *pages, size_t count)
{
    uint8_t hashes[SHA256_LANES][SHA256_SIZE];
    sha256_salted_many(v->params.salt, v->params.salt_size, (const void *const *)pages, VERITY_BLOCK, count, hashes);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *expected;
        int err = hash_find(v, block + i, &expected);
        if (err)
            return err;
        if (!mem_equal_ct(hashes[i], expected, SHA256_SIZE)) {
            log_error("image of %s: block %llu is not what was signed; the image file was changed or damaged", v->params.name,
                      (unsigned long long)(block + i));
            return -EIO;
        }
    }
    __atomic_fetch_add(&blocks_verified, count, __ATOMIC_RELAXED);
    return 0;
}

/* As it lies in the file. */
static int raw_read(struct verity *v, uint64_t block, void *const *pages, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count; i++)
        host_copy_in(pages[i], v->params.host_addr + (block + i) * VERITY_BLOCK, VERITY_BLOCK);
    for (size_t done = 0; done < count && err == 0; done += SHA256_LANES)
        err = blocks_verify(v, block + done, pages + done, MIN(count - done, (size_t)SHA256_LANES));
    return err;
}

static int tags_read(void *from, uint64_t block, void *page)
{
    return raw_read(from, block, &page, 1);
}

int verity_read(struct verity *v, uint64_t block, void *const *pages, size_t count)
{
    int err = block + count > verity_blocks(v) || block + count < block ? -EIO : raw_read(v, block, pages, count);
    if (err == 0 && v->cipher)
        err = image_cipher_open(v->cipher, block, pages, count);
    for (size_t i = 0; i < count && err; i++)
        memset(pages[i], 0, VERITY_BLOCK);
    return err;
}

static bool is_whole(uint64_t size)
{
    return size > 0 && size % VERITY_BLOCK == 0;
}

/* The sizes fit to each other and into what the host mapped; then how the tree lies. */
static int params_check(struct verity *v)
{
    const struct verity_params *p = &v->params;
    uint64_t tags = p->key ? align_up((p->data_size / VERITY_BLOCK) * 16, (uint64_t)VERITY_BLOCK) : 0, tree_size, end;
    if (!is_whole(p->size) || !is_whole(p->data_size) || p->data_size > p->size || p->size - p->data_size != tags || p->salt_size > 32)
        return -EINVAL;
    int err = levels_layout(v);
    if (err == 0 && (!size_mul(v->hash_blocks, VERITY_BLOCK, &tree_size) || !size_add(p->hash_off, tree_size, &end) ||
                     end > p->host_size || p->size > p->host_size))
        err = -EINVAL;
    return err;
}

/* Whether the key is the right one shows at the first block. */
static int cipher_open(struct verity *v)
{
    const struct image_tags tags = {tags_read, v, verity_blocks(v)};
    void *page = page_alloc(0);
    int err = page ? image_cipher_create(v->params.key, v->params.key_salt, &tags, &v->cipher) : -ENOMEM;
    v->params.key = NULL;
    if (err == 0)
        err = verity_read(v, 0, &page, 1);
    if (page)
        page_free(page, 0);
    return err;
}

int verity_open(const struct verity_params *params, struct verity **result)
{
    const uint8_t *hash;
    struct verity *v = heap_zalloc(sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->params = *params;
    int err = params_check(v);
    if (err == 0) {
        v->verified = heap_zalloc(v->hash_blocks * sizeof(*v->verified));
        err = v->verified ? hash_find(v, 0, &hash) : -ENOMEM;
    }
    if (err == 0 && params->key)
        err = cipher_open(v);
    if (err) {
        image_cipher_destroy(v->cipher);
        heap_free(v->verified);
        heap_free(v);
    } else {
        *result = v;
    }
    return err;
}
