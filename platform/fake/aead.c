/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto/aead.h for tests where the enclave's library cannot be: not AES, but it round-trips, and notices each changed bit. A
 * ChaCha20 stream, and a tag of SHA-256 over key, nonce and everything.
 */
#include "crypto/aead_pieces.h"
#include <stdlib.h>
#include <string.h>
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "heap/heap.h"

struct aead_key {
    uint32_t words[8];
};

int aead_create(const uint8_t key[static 32], struct aead_key **result)
{
    *result = heap_alloc(sizeof(**result));
    if (!*result)
        return -ENOMEM;
    memcpy((*result)->words, key, 32);
    return 0;
}

void aead_destroy(struct aead_key *key)
{
    heap_free(key);
}

static void stream(const struct aead_key *key, const uint8_t nonce[AEAD_NONCE], const uint8_t *in, uint8_t *out, size_t size)
{
    uint32_t words[3];
    uint8_t block[64];
    memcpy(words, nonce, AEAD_NONCE);
    for (size_t off = 0; off < size; off++) {
        if (off % 64 == 0)
            chacha20_block(key->words, (uint32_t)(off / 64), words, block);
        out[off] = in[off] ^ block[off % 64];
    }
}

static void tag_of(const struct aead_key *key, const uint8_t nonce[AEAD_NONCE], const void *aad, size_t aad_size, const void *sealed,
                   size_t size, uint8_t tag[AEAD_TAG])
{
    uint8_t all[32 + AEAD_NONCE + SHA256_SIZE], hash[SHA256_SIZE];
    memcpy(all, key->words, 32);
    memcpy(all + 32, nonce, AEAD_NONCE);
    sha256_salted(NULL, 0, aad, aad_size, all + 32 + AEAD_NONCE);
    sha256_salted(all, sizeof(all), sealed, size, hash);
    memcpy(tag, hash, AEAD_TAG);
}

void aead_seal(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size, const void *in,
               void *out, size_t size, uint8_t tag[static AEAD_TAG])
{
    stream(key, nonce, in, out, size);
    tag_of(key, nonce, aad, aad_size, out, size, tag);
}

int aead_open(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size, const void *in,
              void *out, size_t size, const uint8_t tag[static AEAD_TAG])
{
    uint8_t expected[AEAD_TAG];
    tag_of(key, nonce, aad, aad_size, in, size, expected);
    if (memcmp(expected, tag, AEAD_TAG) != 0) {
        memset(out, 0, size);
        return -EBADMSG;
    }
    stream(key, nonce, in, out, size);
    return 0;
}

void key_derive(const uint8_t key[static 32], const char *label, const uint8_t context[static 16], uint8_t derived[static 32])
{
    uint8_t text[32] = {0};
    size_t len = strlen(label);
    memcpy(text, label, MIN(len, 16));
    memcpy(text + 16, context, 16);
    sha256_salted(key, 32, text, sizeof(text), derived);
}
