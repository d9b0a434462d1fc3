/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4). The provider is intel-ipsec-mb: its block functions, one message or sixteen at a time. */
#pragma once
#include "base/base.h"

#define SHA256_SIZE 32

/* hash(salt, data): the form that dm-verity uses. salt_size <= 64. Not to be called with a spinlock held for long. */
void sha256_salted(const void *salt, size_t salt_size, const void *data, size_t size, uint8_t hash[SHA256_SIZE]);
/* The plain hash of a message that comes in pieces: whole blocks of 64 bytes, then what is left (fewer than 64). */
struct sha256_stream {
    uint32_t state[8];
    uint64_t size;
};
void sha256_begin(struct sha256_stream *s);
void sha256_blocks(struct sha256_stream *s, const void *data, size_t size);
void sha256_end(struct sha256_stream *s, const void *rest, size_t size, uint8_t hash[SHA256_SIZE]);
/* As sha256_salted for `count` messages of equal size: up to sixteen go through the vector unit together. */
#define SHA256_LANES 16
void sha256_salted_many(const void *salt, size_t salt_size, const void *const *data, size_t size, size_t count,
                        uint8_t (*hashes)[SHA256_SIZE]);
