/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/aead.h by OpenSSL, for tools and tests on the host. One thread at a time. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/aead_pieces.h"

struct aead_key {
    EVP_CIPHER_CTX *seal, *open;
};

int aead_create(const uint8_t key[static 32], struct aead_key **result)
{
    struct aead_key *k = calloc(1, sizeof(*k));
    if (!k)
        return -ENOMEM;
    k->seal = EVP_CIPHER_CTX_new();
    k->open = EVP_CIPHER_CTX_new();
    if (!k->seal || !k->open || EVP_EncryptInit_ex(k->seal, EVP_aes_256_gcm(), NULL, key, NULL) != 1 ||
        EVP_DecryptInit_ex(k->open, EVP_aes_256_gcm(), NULL, key, NULL) != 1) {
        aead_destroy(k);
        return -ENOMEM;
    }
    *result = k;
    return 0;
}

void aead_destroy(struct aead_key *key)
{
    if (!key)
        return;
    EVP_CIPHER_CTX_free(key->seal);
    EVP_CIPHER_CTX_free(key->open);
    free(key);
}

void aead_seal(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
               const void *in, void *out, size_t size, uint8_t tag[static AEAD_TAG])
{
    int n;
    CHECK(EVP_EncryptInit_ex(key->seal, NULL, NULL, NULL, nonce) == 1);
    if (aad_size > 0)
        CHECK(EVP_EncryptUpdate(key->seal, NULL, &n, aad, (int)aad_size) == 1);
    CHECK(EVP_EncryptUpdate(key->seal, out, &n, in, (int)size) == 1);
    CHECK(EVP_EncryptFinal_ex(key->seal, (uint8_t *)out + n, &n) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(key->seal, EVP_CTRL_GCM_GET_TAG, AEAD_TAG, tag) == 1);
}

int aead_open(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
              const void *in, void *out, size_t size, const uint8_t tag[static AEAD_TAG])
{
    int n;
    bool is_good = EVP_DecryptInit_ex(key->open, NULL, NULL, NULL, nonce) == 1;
    if (is_good && aad_size > 0)
        is_good = EVP_DecryptUpdate(key->open, NULL, &n, aad, (int)aad_size) == 1;
    is_good = is_good && EVP_DecryptUpdate(key->open, out, &n, in, (int)size) == 1;
    is_good = is_good && EVP_CIPHER_CTX_ctrl(key->open, EVP_CTRL_GCM_SET_TAG, AEAD_TAG, (void *)(uintptr_t)tag) == 1;
    is_good = is_good && EVP_DecryptFinal_ex(key->open, (uint8_t *)out + n, &n) == 1;
    if (!is_good)
        memset(out, 0, size);
    return is_good ? 0 : -EBADMSG;
}

void key_derive(const uint8_t key[static 32], const char *label, const uint8_t context[static 16], uint8_t derived[static 32])
{
    uint8_t message[32] = {0};
    unsigned size = 32;
    memcpy(message, label, strlen(label) < 16 ? strlen(label) : 16);
    memcpy(message + 16, context, 16);
    CHECK(HMAC(EVP_sha256(), key, 32, message, sizeof(message), derived, &size) != NULL);
}
