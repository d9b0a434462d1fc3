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

/* HMAC-SHA-256 of label (at most 16 characters, zero-padded) and context under key. */
void key_derive(const uint8_t key[static 32], const char *label, const uint8_t context[static 16], uint8_t derived[static 32]);
