/* SPDX-License-Identifier: Apache-2.0 */
#include "block/image_cipher.h"
#include "base/log.h"
#include "base/string.h"
#include "crypto/aead.h"
#include "heap/heap.h"
#include "naos/image.h"

struct image_cipher {
    struct image_tags source;
    struct aead_key *key;
    uint8_t **tags; /* by tag block, counted from the first: a copy, or NULL */
};

/* A block of tags is kept once it is there: 0.4 % of the data that is used. A second reader may have been faster. */
static int tags_get(struct image_cipher *c, uint64_t nr, const uint8_t **result)
{
    uint8_t *page = __atomic_load_n(&c->tags[nr], __ATOMIC_ACQUIRE), *none = NULL;
    *result = page;
    if (page)
        return 0;
    page = page_alloc(0);
    if (!page)
        return -ENOMEM;
    int err = c->source.read(c->source.from, c->source.first + nr, page);
    if (err == 0 && __atomic_compare_exchange_n(&c->tags[nr], &none, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        *result = page;
        return 0;
    }
    page_free(page, 0);
    *result = none;
    return err;
}

static int block_open(struct image_cipher *c, uint64_t block, void *page)
{
    uint8_t nonce[AEAD_NONCE] = {0};
    const uint8_t *tags;
    int err = tags_get(c, block / IMAGE_TAGS_PER_BLOCK, &tags);
    if (err)
        return err;
    memcpy(nonce, &block, sizeof(block));
    err = aead_open(c->key, nonce, NULL, 0, page, page, PAGE_SIZE, tags + block % IMAGE_TAGS_PER_BLOCK * AEAD_TAG);
    return err ? -EACCES : 0;
}

int image_cipher_open(struct image_cipher *c, uint64_t block, void *const *pages, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++)
        err = block_open(c, block + i, pages[i]);
    return err;
}

int image_cipher_create(const uint8_t key[static 32], const uint8_t salt[static 16], const struct image_tags *tags,
                        struct image_cipher **result)
{
    uint8_t own[32];
    struct image_cipher *c = heap_zalloc(sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->source = *tags;
    c->tags = heap_zalloc((tags->first + IMAGE_TAGS_PER_BLOCK - 1) / IMAGE_TAGS_PER_BLOCK * sizeof(*c->tags));
    key_derive(key, IMAGE_KEY_LABEL, salt, own);
    int err = c->tags ? aead_create(own, &c->key) : -ENOMEM;
    mem_wipe(own, sizeof(own));
    if (err)
        image_cipher_destroy(c);
    else
        *result = c;
    return err;
}

void image_cipher_destroy(struct image_cipher *c)
{
    if (!c)
        return;
    aead_destroy(c->key);
    heap_free(c->tags);
    heap_free(c);
}
