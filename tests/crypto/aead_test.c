/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's AES-GCM as an ordinary program: vectors and OpenSSL for each engine that this processor has, and a proof that
 * decrypting straight from the host's memory reads each byte once: a child is stepped through it one instruction at a time, and what each
 * instruction loads is counted.
 */
#include <Zydis/Zydis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <openssl/evp.h>
#undef PAGE_MASK /* sys/user.h has others of these */
#undef PAGE_SIZE
#undef PAGE_SHIFT
#include "arch/arch.h"
#include "arch_cpu.h"
#include "base/string.h"
#include "sched/sched.h"
#include "crypto/aead.h"
#include "crypto/sha256.h"
#include "heap/heap.h"

#define BLOCK 4096

/* ---- what the provider finds in the kernel ------------------------------------------------------------------------------ */

/* The C library's loads the ends twice; memcpy is this one in all of the program (rules.mk). */
void *memcpy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((char *)to)[i] = ((const volatile char *)from)[i];
    return to;
}

bool arch_cpu_has_sha_ni, arch_cpu_has_vaes;

void task_fpu_begin(void)
{
}

void task_fpu_end(void)
{
}

void *page_alloc_zero(unsigned order)
{
    size_t size = (size_t)PAGE_SIZE << order;
    void *page = aligned_alloc(PAGE_SIZE, size);
    return page ? memset(page, 0, size) : NULL;
}

void page_free(void *pages, unsigned order)
{
    (void)order;
    free(pages);
}

bool mem_equal_ct(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

void mem_wipe(void *at, size_t size)
{
    explicit_bzero(at, size);
}

void sha256_salted(const void *salt, size_t salt_size, const void *data, size_t size, uint8_t hash[SHA256_SIZE])
{
    (void)salt, (void)salt_size, (void)data, (void)size, (void)hash;
    abort(); /* key_derive is not what is tested */
}

/* ---- results -------------------------------------------------------------------------------------------------------------- */

static const char *engine_name;
static int failures;

static void report(const char *name, bool is_ok)
{
    printf("%s crypto/aead-%s-%s\n", is_ok ? "ok" : "FAIL", engine_name, name);
    fflush(stdout);
    failures += !is_ok;
}

/* ---- vectors: McGrew and Viega's test cases 13 to 16 of the GCM specification, which NIST SP 800-38D refers to ----------------- */

struct vector {
    const char *key, *nonce, *aad, *plain, *sealed, *tag;
};

#define KEY_0  "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY_1  "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define PLAIN  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define SEALED "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"

static const struct vector vectors[] = {
    {KEY_0, "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {KEY_0, "000000000000000000000000", "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {KEY_1, "cafebabefacedbaddecaf888", "", PLAIN "1aafd255", SEALED "898015ad", "b094dac5d93471bdec1a502270e3cc6c"},
    {KEY_1, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", PLAIN, SEALED, "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static size_t hex_read(const char *hex, uint8_t *bytes)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            abort();
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

static bool vector_holds(const struct vector *v)
{
    uint8_t key_bytes[32], nonce[12], aad[32], plain[64], sealed[64], tag[16], out[64], computed[16];
    struct aead_key *key;
    hex_read(v->key, key_bytes);
    hex_read(v->nonce, nonce);
    hex_read(v->sealed, sealed);
    hex_read(v->tag, tag);
    size_t aad_size = hex_read(v->aad, aad), size = hex_read(v->plain, plain);
    if (aead_create(key_bytes, &key))
        return false;
    aead_seal(key, nonce, aad, aad_size, plain, out, size, computed);
    bool is_ok = memcmp(out, sealed, size) == 0 && memcmp(computed, tag, 16) == 0;
    is_ok = is_ok && aead_open(key, nonce, aad, aad_size, sealed, out, size, tag) == 0 && memcmp(out, plain, size) == 0;
    tag[15] ^= 1;
    is_ok = is_ok && aead_open(key, nonce, aad, aad_size, sealed, out, size, tag) == -EBADMSG;
    aead_destroy(key);
    return is_ok;
}

static bool vectors_hold(void)
{
    bool is_ok = true;
    for (size_t i = 0; i < ARRAY_COUNT(vectors); i++)
        is_ok = vector_holds(&vectors[i]) && is_ok;
    return is_ok;
}

/* ---- the same as OpenSSL, for all sizes --------------------------------------------------------------------------------------- */

static const uint8_t some_key[32] = "a key of thirty-two bytes, not s";
static uint8_t plain[3 * BLOCK], sealed[3 * BLOCK] aligned_to(BLOCK), opened[3 * BLOCK] aligned_to(BLOCK);

static void openssl_seal(const uint8_t nonce[12], const void *in, void *out, size_t size, uint8_t tag[16])
{
    int n;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, some_key, nonce);
    EVP_EncryptUpdate(c, out, &n, in, (int)size);
    EVP_EncryptFinal_ex(c, (uint8_t *)out + n, &n);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(c);
}

static bool same_as_openssl(struct aead_key *key)
{
    static uint8_t expected[BLOCK];
    uint8_t nonce[12] = {9}, tag[16], computed[16];
    for (size_t size = 0; size <= BLOCK; size = size < 600 ? size + 1 : size + 61) {
        nonce[3]++;
        openssl_seal(nonce, plain, expected, size, tag);
        aead_seal(key, nonce, NULL, 0, plain, sealed, size, computed);
        if (memcmp(sealed, expected, size) || memcmp(tag, computed, 16))
            return false;
        if (aead_open(key, nonce, NULL, 0, sealed, opened, size, tag) || memcmp(opened, plain, size))
            return false;
    }
    return true;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------------------------ */

static void pieces_make(struct aead_key *key, struct aead_piece pieces[3])
{
    for (size_t i = 0; i < 3; i++) {
        pieces[i] = (struct aead_piece){.nonce = {(uint8_t)i}, .in = sealed + i * BLOCK, .out = opened + i * BLOCK};
        aead_seal(key, pieces[i].nonce, NULL, 0, plain + i * BLOCK, sealed + i * BLOCK, BLOCK, pieces[i].tag);
    }
}

static bool pieces_open(struct aead_key *key)
{
    static const uint8_t zeros[BLOCK];
    struct aead_piece pieces[3];
    pieces_make(key, pieces);
    if (aead_open_pieces(key, pieces, 3, BLOCK) != 3 || memcmp(opened, plain, sizeof(plain)))
        return false;
    for (size_t byte = 0; byte < BLOCK; byte += 97) {
        sealed[BLOCK + byte] ^= 0x40;
        size_t n = aead_open_pieces(key, pieces, 3, BLOCK);
        sealed[BLOCK + byte] ^= 0x40;
        if (n != 1 || memcmp(opened + BLOCK, zeros, BLOCK))
            return false;
    }
    return true;
}

/* ---- each byte once ------------------------------------------------------------------------------------------------------------------ */

static unsigned char loads[BLOCK];

static void registers_of(const struct user_regs_struct *r, ZydisRegisterContext *c)
{
    const uint64_t values[16] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi, r->rdi,
                                 r->r8,  r->r9,  r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
    memset(c, 0, sizeof(*c));
    for (int i = 0; i < 16; i++)
        c->values[ZYDIS_REGISTER_RAX + i] = values[i];
}

/* What this instruction reads of the sealed block. The child was forked: its code is ours. False: something unknown. */
static bool loads_count(const ZydisDecoder *decoder, const struct user_regs_struct *regs)
{
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    ZydisRegisterContext context;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, (const void *)regs->rip, 15, &insn, operands)))
        return false;
    if (insn.meta.category == ZYDIS_CATEGORY_PREFETCH)
        return true; /* brings nothing into a register */
    registers_of(regs, &context);
    for (int i = 0; i < insn.operand_count; i++) {
        const ZydisDecodedOperand *o = &operands[i];
        uint64_t at, first = (uint64_t)sealed;
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->mem.type != ZYDIS_MEMOP_TYPE_MEM || !(o->actions & ZYDIS_OPERAND_ACTION_MASK_READ))
            continue;
        if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddressEx(&insn, o, regs->rip, &context, &at)))
            return false;
        for (uint64_t b = at; b < at + o->size / 8; b++) {
            if (b >= first && b < first + BLOCK && loads[b - first] < 255)
                loads[b - first]++;
        }
    }
    return true;
}

/* In the child, between two stops. */
static _Noreturn void child_open(struct aead_key *key, const struct aead_piece *piece)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    size_t n = aead_open_pieces(key, piece, 1, BLOCK);
    _exit(n == 1 ? 0 : 1);
}

/* Steps until the child ends. False: it did not open the block, or an instruction is unknown. */
static bool child_step(pid_t pid)
{
    struct user_regs_struct regs;
    ZydisDecoder decoder;
    int status;
    bool is_known = true;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    waitpid(pid, &status, 0);
    while (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0)
            is_known = loads_count(&decoder, &regs) && is_known;
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
        if (waitpid(pid, &status, 0) < 0)
            return false;
    }
    return is_known && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool reads_once(struct aead_key *key)
{
    struct aead_piece pieces[3];
    pieces_make(key, pieces);
    memset(loads, 0, sizeof(loads));
    pid_t pid = fork();
    if (pid == 0)
        child_open(key, pieces);
    bool is_ok = pid > 0 && child_step(pid);
    for (size_t i = 0; i < BLOCK; i++) {
        if (loads[i] != 1) {
            printf("# byte %zu is read %u times\n", i, loads[i]);
            return false;
        }
    }
    return is_ok;
}

/* ---- all of it, for an engine --------------------------------------------------------------------------------------------------------- */

static void engine_test(const char *name)
{
    struct aead_key *key;
    engine_name = name;
    report("vectors", vectors_hold());
    if (aead_create(some_key, &key))
        abort();
    report("openssl", same_as_openssl(key));
    report("pieces", pieces_open(key));
    report("reads-once", reads_once(key));
    aead_destroy(key);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 31 + i / 251);
    engine_test("avx2");
    arch_cpu_has_vaes = __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq");
    if (arch_cpu_has_vaes && arch_cpu_has_avx512())
        engine_test("vaes");
    else
        printf("# this processor has no VAES with AVX-512: that engine is not tested\n");
    return failures > 0;
}
