/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"
#include "base/string.h"
#include "platform/plat.h"
#include "sched/sched.h"

#define RESEED_BYTES (1U << 20)
#define POOL_BLOCKS  8

/* Each use overwrites the key with the first bytes of the new output: what was given out cannot be computed again. */
struct generator {
    uint32_t key[8];
    uint8_t pool[POOL_BLOCKS * 64];
    size_t left;       /* unused bytes at the pool's end */
    size_t until_reseed;
};

static struct generator generators[VCPU_MAX];

static uint32_t rotl(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b, *d = rotl(*d ^ *a, 16);
    *c += *d, *b = rotl(*b ^ *c, 12);
    *a += *b, *d = rotl(*d ^ *a, 8);
    *c += *d, *b = rotl(*b ^ *c, 7);
}

void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint8_t out[64])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, s[16];
    memcpy(start + 4, key, 32);
    start[12] = counter;
    memcpy(start + 13, nonce, 12);
    memcpy(s, start, sizeof(s));
    for (int i = 0; i < 10; i++) {
        for (int k = 0; k < 4; k++)
            quarter_round(&s[k], &s[k + 4], &s[k + 8], &s[k + 12]);
        for (int k = 0; k < 4; k++)
            quarter_round(&s[k], &s[4 + (k + 1) % 4], &s[8 + (k + 2) % 4], &s[12 + (k + 3) % 4]);
    }
    for (int i = 0; i < 16; i++)
        s[i] += start[i];
    memcpy(out, s, sizeof(s));
    mem_wipe(s, sizeof(s));
    mem_wipe(start, sizeof(start));
}

static void reseed(struct generator *g)
{
    uint32_t seed[8];
    if (plat_entropy(seed, sizeof(seed)))
        plat_panic("the processor gives no entropy (RDRAND failed)");
    for (int i = 0; i < 8; i++)
        g->key[i] ^= seed[i];
    mem_wipe(seed, sizeof(seed));
    g->until_reseed = RESEED_BYTES;
}

static void refill(struct generator *g)
{
    static const uint32_t nonce[3];
    if (g->until_reseed < sizeof(g->pool))
        reseed(g);
    g->until_reseed -= sizeof(g->pool);
    for (uint32_t i = 0; i < POOL_BLOCKS; i++)
        chacha20_block(g->key, i, nonce, g->pool + i * 64);
    memcpy(g->key, g->pool, sizeof(g->key));
    mem_wipe(g->pool, sizeof(g->key));
    g->left = sizeof(g->pool) - sizeof(g->key);
}

void random_init(void)
{
    reseed(&generators[0]);
}

void random_bytes(void *buf, size_t size)
{
    struct generator *g = &generators[arch_vcpu()->id];
    for (uint8_t *out = buf; size > 0;) {
        if (g->left == 0)
            refill(g);
        size_t n = MIN(size, g->left);
        uint8_t *from = g->pool + sizeof(g->pool) - g->left;
        memcpy(out, from, n);
        mem_wipe(from, n);
        g->left -= n;
        out += n;
        size -= n;
    }
}

uint32_t random_u32(void)
{
    uint32_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}
