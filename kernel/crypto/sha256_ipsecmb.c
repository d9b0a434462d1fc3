/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intel-ipsec-mb 1.3 (Debian libipsec-mb-dev), its block functions alone: the manager that usually picks them asks CPUID,
 * which is not there in an enclave, and pulls in all other algorithms. Sixteen lanes with AVX-512, else two with SHA-NI, else
 * eight with AVX2: here 3.2 GB/s for SHA-NI and 1.2 GB/s for AVX2.
 * The vector functions have the digests transposed, word w of lane l at [w * 16 + l]; SHA-NI's lie one after the other.
 */
#include "arch/arch.h"
#include "arch_cpu.h"
#include "base/string.h"
#include "crypto/sha256.h"
#include "sched/sched.h"

#define BLOCK 64

struct sha256_args { /* SHA256_ARGS of the library: digests of 16 lanes, then the data pointers */
    uint32_t digest[8 * SHA256_LANES] aligned_to(64);
    const uint8_t *data[SHA256_LANES];
};

/* The library's own calling forms for C. */
void call_sha256_x16_avx512_from_c(struct sha256_args *args, uint64_t blocks);
void call_sha256_ni_x2_sse_from_c(struct sha256_args *args, uint64_t blocks);
void call_sha256_oct_avx2_from_c(struct sha256_args *args, uint64_t blocks);

struct engine {
    size_t lanes;
    size_t word_stride, lane_stride; /* of the digest state */
    void (*run)(struct sha256_args *args, uint64_t blocks);
};

static const struct engine *engine(void)
{
    static const struct engine avx512 = {16, 16, 1, call_sha256_x16_avx512_from_c}, sha_ni = {2, 1, 8, call_sha256_ni_x2_sse_from_c},
                               avx2 = {8, 16, 1, call_sha256_oct_avx2_from_c};
    return arch_cpu_has_avx512() ? &avx512 : arch_cpu_has_sha_ni ? &sha_ni : &avx2;
}

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* The last block of a message of `total` bytes, of which `tail` are left over: 1 or 2 blocks. */
static size_t pad(uint8_t *buf, const uint8_t *rest, size_t tail, uint64_t total)
{
    size_t size = tail + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    memset(buf, 0, size);
    memcpy(buf, rest, tail);
    buf[tail] = 0x80;
    uint64_t bits = __builtin_bswap64(total * 8);
    memcpy(buf + size - 8, &bits, 8);
    return size / BLOCK;
}

static void digest_out(const struct engine *e, const struct sha256_args *args, size_t lane, uint8_t hash[SHA256_SIZE])
{
    for (size_t w = 0; w < 8; w++) {
        uint32_t word = __builtin_bswap32(args->digest[w * e->word_stride + lane * e->lane_stride]);
        memcpy(hash + w * 4, &word, 4);
    }
}

/*
 * salt is 0 or 32 bytes as `naos build` writes it, and sizes are multiples of 64: so a message is
 *     [salt and the first 32 bytes] [the middle] [the last 32 bytes and the padding]       with a salt of 32
 *     [everything] [padding]                                                               without
 */
struct lanes {
    uint8_t head[SHA256_LANES][BLOCK], tail[SHA256_LANES][2 * BLOCK];
};

static struct lanes *lanes_take(uint32_t **in_use)
{
    static struct lanes buffers[4]; /* too large for a stack; one for each of a few vCPUs at a time */
    static uint32_t taken[4];
    size_t slot = 0;
    while (__atomic_exchange_n(&taken[slot], 1, __ATOMIC_ACQUIRE))
        slot = (slot + 1) % ARRAY_COUNT(taken);
    *in_use = &taken[slot];
    return &buffers[slot];
}

/* At most as many messages as the engine has lanes; spare lanes hash the first message again. */
static void hash_lanes(const struct engine *e, const void *salt, size_t salt_size, const void *const *data, size_t size,
                       size_t count, uint8_t (*hashes)[SHA256_SIZE])
{
    struct sha256_args args;
    uint32_t *in_use;
    struct lanes *l = lanes_take(&in_use);
    size_t head = salt_size ? BLOCK - salt_size : 0, middle = (size - head) / BLOCK, tail = (size - head) % BLOCK;
    size_t tail_blocks = 1;
    for (size_t i = 0; i < e->lanes; i++) {
        const uint8_t *d = data[i < count ? i : 0];
        for (size_t w = 0; w < 8; w++)
            args.digest[w * e->word_stride + i * e->lane_stride] = initial[w];
        memcpy(l->head[i], salt, salt_size);
        memcpy(l->head[i] + salt_size, d, head);
        tail_blocks = pad(l->tail[i], d + size - tail, tail, salt_size + size);
        args.data[i] = l->head[i];
    }
    task_fpu_begin();
    if (head)
        e->run(&args, 1);
    for (size_t i = 0; i < e->lanes; i++)
        args.data[i] = (const uint8_t *)data[i < count ? i : 0] + head;
    if (middle) /* the library counts down from it */
        e->run(&args, middle);
    for (size_t i = 0; i < e->lanes; i++)
        args.data[i] = l->tail[i];
    e->run(&args, tail_blocks);
    task_fpu_end();
    __atomic_store_n(in_use, 0, __ATOMIC_RELEASE);
    for (size_t i = 0; i < count; i++)
        digest_out(e, &args, i, hashes[i]);
}

void sha256_begin(struct sha256_stream *s)
{
    memcpy(s->state, initial, sizeof(s->state));
    s->size = 0;
}

/* All lanes do the same. */
void sha256_blocks(struct sha256_stream *s, const void *data, size_t size)
{
    const struct engine *e = engine();
    struct sha256_args args;
    CHECK(size % BLOCK == 0);
    if (size == 0)
        return;
    for (size_t i = 0; i < e->lanes; i++) {
        for (size_t w = 0; w < 8; w++)
            args.digest[w * e->word_stride + i * e->lane_stride] = s->state[w];
        args.data[i] = data;
    }
    task_fpu_begin();
    e->run(&args, size / BLOCK);
    task_fpu_end();
    for (size_t w = 0; w < 8; w++)
        s->state[w] = args.digest[w * e->word_stride];
    s->size += size;
}

void sha256_end(struct sha256_stream *s, const void *rest, size_t size, uint8_t hash[SHA256_SIZE])
{
    uint8_t last[2 * BLOCK];
    CHECK(size < BLOCK);
    sha256_blocks(s, last, pad(last, rest, size, s->size + size) * BLOCK);
    for (size_t w = 0; w < 8; w++) {
        uint32_t word = __builtin_bswap32(s->state[w]);
        memcpy(hash + w * 4, &word, 4);
    }
}

void sha256_salted_many(const void *salt, size_t salt_size, const void *const *data, size_t size, size_t count,
                        uint8_t (*hashes)[SHA256_SIZE])
{
    const struct engine *e = engine();
    CHECK(count > 0 && count <= SHA256_LANES && salt_size < BLOCK && size >= BLOCK);
    for (size_t first = 0; first < count; first += e->lanes)
        hash_lanes(e, salt, salt_size, data + first, size, MIN(count - first, e->lanes), hashes + first);
}

void sha256_salted(const void *salt, size_t salt_size, const void *data, size_t size, uint8_t hash[SHA256_SIZE])
{
    sha256_salted_many(salt, salt_size, &data, size, 1, (uint8_t(*)[SHA256_SIZE])hash);
}
