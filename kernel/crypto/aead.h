/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM (NIST SP 800-38D), 96-bit nonces, 128-bit tags, and keys derived from keys. In the kernel by intel-ipsec-mb,
 * in the host's tools by OpenSSL. A nonce is never used twice with one key: callers take random ones.
 */
#pragma once
#include "base/base.h"

#define AEAD_NONCE 12
#define AEAD_TAG   16

struct aead_key;
nodiscard int aead_create(const uint8_t key[static 32], struct aead_key **result);
void aead_destroy(struct aead_key *key); /* wipes it; NULL is fine */
/* in and out may be the same. What is sealed must not be where others can change it. */
void aead_seal(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
               const void *in, void *out, size_t size, uint8_t tag[static AEAD_TAG]);
/* -EBADMSG: it is not what was sealed; out is wiped. */
nodiscard int aead_open(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
                        const void *in, void *out, size_t size, const uint8_t tag[static AEAD_TAG]);

/* One of several messages of a size that are opened at once, without additional data. */
struct aead_piece {
    uint8_t nonce[AEAD_NONCE], tag[AEAD_TAG];
    const void *in; /* may be memory that others change meanwhile: each byte is read once, or copied first */
    void *out;      /* is elsewhere */
};
/* How many opened: those before the first that is not what was sealed, whose out is wiped. */
nodiscard size_t aead_open_pieces(const struct aead_key *key, const struct aead_piece *pieces, size_t count, size_t size);

/* HMAC-SHA-256 of label (at most 16 characters, zero-padded) and context under key. */
void key_derive(const uint8_t key[static 32], const char *label, const uint8_t context[static 16], uint8_t derived[static 32]);
