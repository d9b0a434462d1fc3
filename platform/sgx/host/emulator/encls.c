/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECREATE, EADD, EEXTEND, EINIT, EREMOVE: what the driver asks of the processor. The measurement is made here, by
 * itself, and compared with what the signer computed (host/image/measure.c): the two share no code.
 */

#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init and its like: the newer calls load providers and tables for 2 ms */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "emulator.h"

struct sgx_enclave *emu_enclave;

static int refuse(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return -1;
}

static void measure(struct sgx_enclave *e, const void *record, size_t size)
{
    SHA256_Update(e->measurement, record, size);
}

/* ---- ECREATE ------------------------------------------------------------------------------------------ */

static const char *secs_fault(const struct sgx_secs *s)
{
    if (s->size < 2 * SGX_PAGE_SIZE || (s->size & (s->size - 1)))
        return "ECREATE: SECS.SIZE is not a power of two";
    if (s->base & (s->size - 1))
        return "ECREATE: SECS.BASEADDR is not aligned to SECS.SIZE";
    if ((s->attributes.xfrm & 3) != 3 || !(s->attributes.flags & SGX_FLAGS_MODE64BIT) || (s->attributes.flags & SGX_FLAGS_INIT))
        return "ECREATE: SECS.ATTRIBUTES are not legal";
    if (s->misc_select & ~SGX_MISC_EXINFO)
        return "ECREATE: SECS.MISCSELECT has unknown bits";
    if (s->ssa_frame_size == 0)
        return "ECREATE: SECS.SSAFRAMESIZE is 0";
    return NULL;
}

/* The host process must not have anything where the enclave goes. */
static int range_reserve(uint64_t size, char *why, size_t why_size)
{
    void *at = mmap((void *)SGX_USER_START, size - SGX_USER_START, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == (void *)SGX_USER_START) {
        madvise(at, size - SGX_USER_START, MADV_HUGEPAGE); /* a fault costs microseconds: few, where much is touched */
        return 0;
    }
    snprintf(why, why_size, "addresses %#llx to %#llx of the host process are not free: %s; "
             "is vm.mmap_min_addr above 65536, or the program not a PIE?",
             SGX_USER_START, (unsigned long long)size, strerror(errno));
    return -1;
}

int emu_ecreate(struct sgx_enclave *e, const struct sgx_secs *secs, char *why, size_t why_size)
{
    const char *fault = secs_fault(secs);
    if (fault)
        return refuse(why, why_size, fault);
    if (range_reserve(secs->size, why, why_size) < 0)
        return -1;
    e->secs = *secs;
    e->epcm = mmap(NULL, secs->size / SGX_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    e->measurement = malloc(sizeof(SHA256_CTX));
    if (!e->measurement)
        return refuse(why, why_size, "out of memory");
    SHA256_Init(e->measurement);
    struct { char tag[8]; uint32_t ssa_frame_size; uint64_t size; uint8_t zero[44]; } __attribute__((packed)) record = {
        .tag = "ECREATE", .ssa_frame_size = secs->ssa_frame_size, .size = secs->size};
    measure(e, &record, sizeof(record));
    emu_enclave = e;
    return 0;
}

/* ---- EADD, EEXTEND --------------------------------------------------------------------------------------- */

static const char *tcs_fault(const struct sgx_enclave *e, const struct sgx_tcs *tcs)
{
    if (tcs->flags & ~1ULL || tcs->cssa != 0)
        return "EADD: TCS.FLAGS or TCS.CSSA is not legal";
    if (tcs->ossa % SGX_PAGE_SIZE || tcs->ossa >= e->secs.size || tcs->oentry >= e->secs.size)
        return "EADD: TCS.OSSA or TCS.OENTRY lies outside the enclave";
    if (tcs->ofsbase % SGX_PAGE_SIZE || tcs->ogsbase % SGX_PAGE_SIZE || (tcs->fslimit & 0xfff) != 0xfff || (tcs->gslimit & 0xfff) != 0xfff)
        return "EADD: TCS segment bases or limits are not legal";
    return NULL;
}

static int thread_add(struct sgx_enclave *e, uint64_t addr, const struct sgx_tcs *tcs, char *why, size_t why_size)
{
    if (e->vcpu_count == EMU_VCPU_MAX)
        return refuse(why, why_size, "EADD: more TCSs than the emulator takes");
    struct emu_thread *t = mmap(NULL, 2 * EMU_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t == MAP_FAILED)
        return refuse(why, why_size, "out of memory");
    t = (struct emu_thread *)(((uintptr_t)t + EMU_STACK_SIZE - 1) & ~(uintptr_t)(EMU_STACK_SIZE - 1));
    t->tcs = *tcs;
    t->tcs_addr = addr;
    t->vcpu = e->vcpu_count;
    t->entry = e->secs.base + tcs->oentry;
    t->enclave_fs = e->secs.base + tcs->ofsbase;
    t->enclave_gs = e->secs.base + tcs->ogsbase;
    e->threads[e->vcpu_count++] = t;
    return 0;
}

int emu_eadd(struct sgx_enclave *e, const struct sgx_page *page, char *why, size_t why_size)
{
    uint64_t off = page->addr - e->secs.base;
    uint8_t *entry = &e->epcm[off / SGX_PAGE_SIZE];
    bool is_tcs = page->secinfo == SGX_SECINFO_TCS;
    if (e->is_initialised || off >= e->secs.size || off % SGX_PAGE_SIZE || *entry)
        return refuse(why, why_size, "EADD: the page is not a free page of an enclave in the making");
    if (!is_tcs && ((page->secinfo & ~7ULL) != SGX_SECINFO_REG || (page->secinfo & 3) == SGX_SECINFO_W))
        return refuse(why, why_size, "EADD: SECINFO is not legal");
    struct { char tag[8]; uint64_t off; uint8_t secinfo[48]; } record = {.tag = "EADD", .off = off};
    memcpy(record.secinfo, &page->secinfo, sizeof(page->secinfo));
    measure(e, &record, sizeof(record));
    if (is_tcs) {
        const char *fault = tcs_fault(e, (const struct sgx_tcs *)page->data);
        *entry = EPCM_TCS;
        return fault ? refuse(why, why_size, fault) : thread_add(e, page->addr, (const struct sgx_tcs *)page->data, why, why_size);
    }
    *entry = EPCM_REG | (page->secinfo & 7);
    return 0;
}

void emu_eextend(struct sgx_enclave *e, const struct sgx_page *page)
{
    struct {
        char tag[8];
        uint64_t off;
        uint8_t zero[48], data[256];
    } chunks[SGX_PAGE_SIZE / 256]; /* a page's sixteen EEXTENDs: one call of the hash for all */
    for (unsigned i = 0; i < SGX_PAGE_SIZE / 256; i++) {
        memset(&chunks[i], 0, offsetof(typeof(chunks[i]), data));
        memcpy(chunks[i].tag, "EEXTEND", sizeof(chunks[i].tag));
        chunks[i].off = page->addr - e->secs.base + i * 256;
        memcpy(chunks[i].data, page->data + i * 256, 256);
    }
    measure(e, chunks, sizeof(chunks));
}

/* ---- EINIT --------------------------------------------------------------------------------------------- */

/* The end of what PKCS #1 version 1.5 signs with SHA-256, before the hash. */
static const uint8_t digest_info[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

/* What S^3 mod N must be: 00 01 ff ... ff 00, the information about the hash, the hash of both parts. */
static void signed_message(const struct sgx_sigstruct *sig, uint8_t message[SGX_KEY_SIZE])
{
    uint8_t *hash = message + SGX_KEY_SIZE - 32;
    SHA256_CTX sha;
    memset(message, 0xff, SGX_KEY_SIZE);
    message[0] = 0, message[1] = 1;
    hash[-1 - (int)sizeof(digest_info)] = 0;
    memcpy(hash - sizeof(digest_info), digest_info, sizeof(digest_info));
    SHA256_Init(&sha);
    SHA256_Update(&sha, sig, SGX_SIGSTRUCT_PART1_SIZE);
    SHA256_Update(&sha, (const uint8_t *)sig + SGX_SIGSTRUCT_PART2_OFF, SGX_SIGSTRUCT_PART2_SIZE);
    SHA256_Final(hash, &sha);
}

static bool is_number(const BIGNUM *n, const uint8_t bytes[SGX_KEY_SIZE], bool is_little)
{
    uint8_t is[SGX_KEY_SIZE];
    int size = is_little ? BN_bn2lebinpad(n, is, sizeof(is)) : BN_bn2binpad(n, is, sizeof(is));
    return size > 0 && memcmp(is, bytes, sizeof(is)) == 0;
}

/*
 * As the processor does it: Q1 = floor(S^2 / N), Q2 = floor((S^3 - Q1 * S * N) / N) must be those that are given, and what is left is
 * the message. (The library's own verification takes three times as long to get ready as all of this.)
 */
static bool is_signature_good(const struct sgx_sigstruct *sig)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_lebin2bn(sig->modulus, SGX_KEY_SIZE, NULL), *s = BN_lebin2bn(sig->signature, SGX_KEY_SIZE, NULL);
    BIGNUM *q1 = BN_new(), *q2 = BN_new(), *r = BN_new(), *t = BN_new();
    uint8_t message[SGX_KEY_SIZE];
    signed_message(sig, message);
    bool is_good = BN_cmp(s, n) < 0 && BN_sqr(t, s, ctx) && BN_div(q1, r, t, n, ctx) && BN_mul(t, s, r, ctx) && BN_div(q2, r, t, n, ctx) &&
                   is_number(q1, sig->q1, true) && is_number(q2, sig->q2, true) && is_number(r, message, false);
    BN_free(n), BN_free(s), BN_free(q1), BN_free(q2), BN_free(r), BN_free(t);
    BN_CTX_free(ctx);
    return is_good;
}

static const char *sigstruct_fault(const struct sgx_enclave *e, const struct sgx_sigstruct *sig, const uint8_t mrenclave[32])
{
    const struct sgx_attributes *want = &sig->attributes, *mask = &sig->attributes_mask, *is = &e->secs.attributes;
    if (memcmp(sig->header, SGX_SIGSTRUCT_HEADER, 16) != 0 || memcmp(sig->header2, SGX_SIGSTRUCT_HEADER2, 16) != 0 ||
        (sig->vendor != 0 && sig->vendor != 0x8086) || sig->exponent != 3)
        return "EINIT: SGX_INVALID_SIG_STRUCT: the SIGSTRUCT's header, vendor or exponent is not legal";
    if (!is_signature_good(sig))
        return "EINIT: SGX_INVALID_SIGNATURE: the SIGSTRUCT is not signed by the key in it";
    if (memcmp(sig->enclave_hash, mrenclave, 32) != 0)
        return "EINIT: SGX_INVALID_MEASUREMENT: the enclave is not the one that was signed: kernel or configuration has changed; run naos build";
    if ((is->flags & mask->flags) != (want->flags & mask->flags) || (is->xfrm & mask->xfrm) != (want->xfrm & mask->xfrm) ||
        (e->secs.misc_select & sig->misc_mask) != (sig->misc_select & sig->misc_mask))
        return "EINIT: SGX_INVALID_ATTRIBUTE: attributes or MISCSELECT are not those that were signed";
    return NULL;
}

int emu_einit(struct sgx_enclave *e, const struct sgx_sigstruct *sig, char *why, size_t why_size)
{
    SHA256_CTX sha;
    if (e->is_initialised)
        return refuse(why, why_size, "EINIT: the enclave is initialised already");
    SHA256_Final(e->secs.mrenclave, e->measurement);
    free(e->measurement);
    e->measurement = NULL;
    const char *fault = sigstruct_fault(e, sig, e->secs.mrenclave);
    if (fault)
        return refuse(why, why_size, fault);
    SHA256_Init(&sha);
    SHA256_Update(&sha, sig->modulus, SGX_KEY_SIZE);
    SHA256_Final(e->secs.mrsigner, &sha);
    e->secs.isv_prod_id = sig->isv_prod_id;
    e->secs.isv_svn = sig->isv_svn;
    e->secs.attributes.flags |= SGX_FLAGS_INIT;
    e->is_initialised = true;
    return emu_fuse_key_load(e->fuse_key, why, why_size);
}

void emu_eremove_all(struct sgx_enclave *e)
{
    if (emu_enclave == e) {
        munmap((void *)SGX_USER_START, e->secs.size - SGX_USER_START);
        munmap(e->epcm, e->secs.size / SGX_PAGE_SIZE);
        emu_enclave = NULL;
    }
    for (unsigned i = 0; i < e->vcpu_count; i++)
        munmap(e->threads[i], EMU_STACK_SIZE);
    free(e);
}
