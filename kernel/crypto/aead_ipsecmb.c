/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto/aead.h by intel-ipsec-mb 1.3, its functions called directly (sha256_ipsecmb.c says why): on vectors of AVX-512 where
 * there are, else AES-NI with AVX2, which every processor with SGX2 has.
 */
#include "arch/arch.h"
#include "arch_cpu.h"
#include "base/string.h"
#include "crypto/aead.h"
#include "crypto/sha256.h"
#include "heap/heap.h"
#include "sched/sched.h"

struct aead_key {
    uint8_t expanded[PAGE_SIZE]; /* the library's gcm_key_data: round keys, then hash keys; under 2 KiB, 64-byte aligned */
};

struct gcm_context { /* the library's gcm_context_data is 88 bytes */
    uint8_t opaque[128] aligned_to(64);
};

void aes_keyexp_256_enc_avx2(const void *key, struct aead_key *round_keys);

typedef void precomp_t(struct aead_key *key);
typedef void gcm_t(const struct aead_key *key, struct gcm_context *context, void *out, const void *in, uint64_t size,
                   const uint8_t *nonce, const void *aad, uint64_t aad_size, uint8_t *tag, uint64_t tag_size);
precomp_t aes_gcm_precomp_256_avx_gen4, aes_gcm_precomp_256_vaes_avx512;
gcm_t aes_gcm_enc_256_avx_gen4, aes_gcm_dec_256_avx_gen4, aes_gcm_enc_256_vaes_avx512, aes_gcm_dec_256_vaes_avx512;

static const struct engine {
    precomp_t *precomp; /* the layout of its results is the engine's own */
    gcm_t *seal, *open;
    bool reads_once; /* open loads each byte once, if the size is a multiple of ONCE_STEP: tests/crypto counts */
} avx2 = {aes_gcm_precomp_256_avx_gen4, aes_gcm_enc_256_avx_gen4, aes_gcm_dec_256_avx_gen4, false},
  vaes = {aes_gcm_precomp_256_vaes_avx512, aes_gcm_enc_256_vaes_avx512, aes_gcm_dec_256_vaes_avx512, true};
#define ONCE_STEP 256
#define CACHE_LINE 64

static const struct engine *engine(void)
{
    return arch_cpu_has_avx512() && arch_cpu_has_vaes ? &vaes : &avx2;
}

/* Where the library notes null arguments; its own would bring the C library along. */
extern int imb_errno;
extern const int imb_errno_types[256];
int imb_errno;
const int imb_errno_types[256];

int aead_create(const uint8_t key[static 32], struct aead_key **result)
{
    struct aead_key *k = page_alloc_zero(0);
    if (!k)
        return -ENOMEM;
    task_fpu_begin();
    aes_keyexp_256_enc_avx2(key, k);
    engine()->precomp(k);
    task_fpu_end();
    *result = k;
    return 0;
}

void aead_destroy(struct aead_key *key)
{
    if (!key)
        return;
    mem_wipe(key, sizeof(*key));
    page_free(key, 0);
}

void aead_seal(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
               const void *in, void *out, size_t size, uint8_t tag[static AEAD_TAG])
{
    struct gcm_context context;
    task_fpu_begin();
    engine()->seal(key, &context, out, in, size, nonce, aad, aad_size, tag, AEAD_TAG);
    task_fpu_end();
}

int aead_open(const struct aead_key *key, const uint8_t nonce[static AEAD_NONCE], const void *aad, size_t aad_size,
              const void *in, void *out, size_t size, const uint8_t tag[static AEAD_TAG])
{
    struct gcm_context context;
    uint8_t computed[AEAD_TAG];
    task_fpu_begin();
    engine()->open(key, &context, out, in, size, nonce, aad, aad_size, computed, AEAD_TAG);
    task_fpu_end();
    if (mem_equal_ct(computed, tag, AEAD_TAG))
        return 0;
    memset(out, 0, size);
    return -EBADMSG;
}

/*
 * Plaintext and tag must come of the same bytes: where an engine loads some twice, they are copied out of the host's reach first.
 * Either way they are read in whole aligned words, as Intel asks of enclaves (INTEL-SA-00615, INTEL-SA-00657).
 */
static bool piece_open(const struct engine *e, const struct aead_key *key, const struct aead_piece *piece, size_t size)
{
    struct gcm_context context;
    uint8_t computed[AEAD_TAG];
    const void *in = piece->in;
    if (!e->reads_once || size % ONCE_STEP) {
        memcpy(piece->out, in, size);
        in = piece->out;
    }
    e->open(key, &context, piece->out, in, size, piece->nonce, NULL, 0, computed, AEAD_TAG);
    if (mem_equal_ct(computed, piece->tag, AEAD_TAG))
        return true;
    memset(piece->out, 0, size);
    return false;
}

/* The processor follows a stream to the end of its page only. */
static void prefetch(const char *at, size_t size)
{
    for (size_t off = 0; off < size; off += CACHE_LINE)
        __builtin_prefetch(at + off);
}

size_t aead_open_pieces(const struct aead_key *key, const struct aead_piece *pieces, size_t count, size_t size)
{
    const struct engine *e = engine();
    size_t done = 0;
    if (count > 0)
        prefetch(pieces[0].in, size);
    task_fpu_begin();
    for (; done < count; done++) {
        if (done + 1 < count)
            prefetch(pieces[done + 1].in, size);
        if (!piece_open(e, key, &pieces[done], size))
            break;
    }
    task_fpu_end();
    return done;
}

/* H(pad of the key, message): the hash takes its first 32 bytes as a salt. */
static void hmac_half(const uint8_t key[static 32], uint8_t pad, const uint8_t message[static 32], uint8_t digest[static 32])
{
    uint8_t first[32], rest[64];
    for (int i = 0; i < 32; i++)
        first[i] = key[i] ^ pad;
    memset(rest, pad, 32);
    memcpy(rest + 32, message, 32);
    sha256_salted(first, sizeof(first), rest, sizeof(rest), digest);
    mem_wipe(first, sizeof(first));
}

void key_derive(const uint8_t key[static 32], const char *label, const uint8_t context[static 16], uint8_t derived[static 32])
{
    uint8_t message[32] = {0}, inner[32];
    memcpy(message, label, MIN(strlen(label), (size_t)16));
    memcpy(message + 16, context, 16);
    hmac_half(key, 0x36, message, inner);
    hmac_half(key, 0x5c, inner, derived);
    mem_wipe(inner, sizeof(inner));
}
