/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cipher of encrypted images (docs/image-format.md): each block under AES-256-GCM with the image's own key, its number as the nonce, its
 * tag in the blocks behind the data. What comes in was verified by the hash tree before, so a tag that does not fit means another key.
 */
#pragma once
#include "base/base.h"

struct image_cipher;

/* Where blocks of tags come from, verified. */
struct image_tags {
    int (*read)(void *from, uint64_t block, void *page);
    void *from;
    uint64_t first; /* block number of the first of them: as many as there are blocks of data */
};

/* -EACCES: the key is another one. */
nodiscard int image_cipher_create(const uint8_t key[static 32], const uint8_t salt[static 16], const struct image_tags *tags,
                                  struct image_cipher **result);
void image_cipher_destroy(struct image_cipher *c);
/* Decrypts blocks from `block` on in their pages. */
nodiscard int image_cipher_open(struct image_cipher *c, uint64_t block, void *const *pages, size_t count);
