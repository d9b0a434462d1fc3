/* SPDX-License-Identifier: Apache-2.0 */
/* No encryption, any tag is right: so that a fuzzer reaches what is behind it. */
#include <stdlib.h>
#include <string.h>
#include "crypto/aead_pieces.h"

struct aead_key {
    int nothing;
};

int aead_create(const uint8_t key[static 32], struct aead_key **result)
{
    (void)key;
    *result = calloc(1, sizeof(**result));
    return *result ? 0 : -ENOMEM;
}

void aead_destroy(struct aead_key *key)
{
    free(key);
}

void aead_seal(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
               const void *in, void *out, size_t size, uint8_t tag[static AEAD_TAG])
{
    (void)key, (void)nonce, (void)aad, (void)aad_size;
    memmove(out, in, size);
    memset(tag, 0, AEAD_TAG);
}

int aead_open(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
              const void *in, void *out, size_t size, const uint8_t tag[static AEAD_TAG])
{
    (void)key, (void)nonce, (void)aad, (void)aad_size, (void)tag;
    memmove(out, in, size);
    return 0;
}

void key_derive(const uint8_t key[static 32], const char *label, const uint8_t context[static 16], uint8_t derived[static 32])
{
    (void)label, (void)context;
    memcpy(derived, key, 32);
}
