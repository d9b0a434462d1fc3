/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/sha256.h in plain C (FIPS 180-4), where the library of the enclave cannot be: for tests only. */
#include "crypto/sha256.h"
#include <string.h>

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct sha256 {
    uint32_t state[8];
    uint8_t block[64];
    uint64_t size;
};

static uint32_t rotr(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void block_hash(struct sha256 *c)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)c->block[4 * i] << 24 | (uint32_t)c->block[4 * i + 1] << 16 | (uint32_t)c->block[4 * i + 2] << 8 | c->block[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, c->state, sizeof(s));
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
        uint32_t t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        c->state[i] += s[i];
}

static void update(struct sha256 *c, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size > 0) {
        size_t used = c->size % 64, n = MIN(size, 64 - used);
        memcpy(c->block + used, p, n);
        c->size += n, p += n, size -= n;
        if (c->size % 64 == 0)
            block_hash(c);
    }
}

static void finish(struct sha256 *c, uint8_t hash[32])
{
    static const uint8_t pad[64] = {0x80};
    uint8_t length[8];
    uint64_t bits = c->size * 8;
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    update(c, pad, 1 + (119 - c->size % 64) % 64);
    update(c, length, sizeof(length));
    for (int i = 0; i < 32; i++)
        hash[i] = (uint8_t)(c->state[i / 4] >> (24 - 8 * (i % 4)));
}

#define INITIAL {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

void sha256_salted(const void *salt, size_t salt_size, const void *data, size_t size, uint8_t hash[SHA256_SIZE])
{
    struct sha256 c = {.state = INITIAL};
    if (salt_size)
        update(&c, salt, salt_size);
    update(&c, data, size);
    finish(&c, hash);
}

void sha256_begin(struct sha256_stream *s)
{
    *s = (struct sha256_stream){.state = INITIAL};
}

void sha256_blocks(struct sha256_stream *s, const void *data, size_t size)
{
    struct sha256 c = {.size = s->size};
    CHECK(size % 64 == 0);
    memcpy(c.state, s->state, sizeof(c.state));
    update(&c, data, size);
    memcpy(s->state, c.state, sizeof(c.state));
    s->size = c.size;
}

void sha256_end(struct sha256_stream *s, const void *rest, size_t size, uint8_t hash[SHA256_SIZE])
{
    struct sha256 c = {.size = s->size};
    memcpy(c.state, s->state, sizeof(c.state));
    update(&c, rest, size);
    finish(&c, hash);
}

void sha256_salted_many(const void *salt, size_t salt_size, const void *const *data, size_t size, size_t count,
                        uint8_t (*hashes)[SHA256_SIZE])
{
    for (size_t i = 0; i < count; i++)
        sha256_salted(salt, salt_size, data[i], size, hashes[i]);
}
