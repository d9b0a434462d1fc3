/* SPDX-License-Identifier: Apache-2.0 */
/* A block that holds its own nonce and tag: root records and log blocks. */
#pragma once
#include "crypto/aead.h"
#include "crypto/random.h"
#include "fs/store/format.h"

/* body: STORE_SEALED_SIZE bytes; block: STORE_BLOCK. */
static inline void seal_block(const struct aead_key *key, const void *aad, size_t aad_size, const void *body, void *block)
{
    struct store_seal *seal = block;
    *seal = (struct store_seal){0};
    random_bytes(seal->nonce, sizeof(seal->nonce));
    aead_seal(key, seal->nonce, aad, aad_size, body, seal + 1, STORE_SEALED_SIZE, seal->tag);
}

static inline nodiscard int unseal_block(const struct aead_key *key, const void *aad, size_t aad_size, const void *block,
                                         void *body)
{
    const struct store_seal *seal = block;
    return aead_open(key, seal->nonce, aad, aad_size, seal + 1, body, STORE_SEALED_SIZE, seal->tag);
}
