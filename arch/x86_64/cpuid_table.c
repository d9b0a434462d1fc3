/* SPDX-License-Identifier: Apache-2.0 */
#include "cpuid_table.h"
#include "base/string.h"

#define B(n)        (1u << (n))
#define EXTENDED    0x80000000u
#define MAX_BASIC   0x16u
#define LINE        64u /* bytes of a cache line */
#define XCR0_AVX512 0xe0u
#define XSAVE_LEGACY_SIZE 576u /* x87, SSE and the header */

/* ---- the claims --------------------------------------------------------------------------------------------- */

/*
 * Features that work in an enclave and whose state the kernel keeps. Left out: what is not there in an enclave or is the kernel's
 * (SGX, VMX, MONITOR, SYSENTER, FSGSBASE, since GS is the kernel's), state that is not kept (AMX, PKU, CET, MPX, APX), what
 * the host's registers govern (RDTSCP and RDPID show its TSC_AUX, WAITPKG, UINTR, speculation control), TSX, the hypervisor.
 */
static const struct {
    uint32_t leaf, sub;
    enum cpuid_reg reg;
    uint32_t allowed, with_avx512; /* the second, where XCR0 has AVX-512 */
} features[] = {
    /* sse3 pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 movbe popcnt aes xsave avx f16c rdrand */
    {1, 0, CPUID_ECX, B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | B(25) | B(26) | B(28) | B(29) | B(30), 0},
    /* bmi1 avx2 fdp_excptn bmi2 erms zero_fcs rdseed adx clflushopt clwb sha; avx512 f dq ifma pf er cd bw vl */
    {7, 0, CPUID_EBX, B(3) | B(5) | B(6) | B(8) | B(9) | B(13) | B(18) | B(19) | B(23) | B(24) | B(29),
     B(16) | B(17) | B(21) | B(26) | B(27) | B(28) | B(30) | B(31)},
    /* prefetchwt1 gfni vaes vpclmulqdq cldemote movdiri movdir64b; avx512 vbmi vbmi2 vnni bitalg vpopcntdq */
    {7, 0, CPUID_ECX, B(0) | B(8) | B(9) | B(10) | B(25) | B(27) | B(28), B(1) | B(6) | B(11) | B(12) | B(14)},
    /* fsrm serialize; avx512 4vnniw 4fmaps vp2intersect fp16 */
    {7, 0, CPUID_EDX, B(4) | B(14), B(2) | B(3) | B(8) | B(23)},
    /* sha512 sm3 sm4 avx_vnni cmpccxadd fzlrm fsrs fsrcs avx_ifma; avx512_bf16 */
    {7, 1, CPUID_EAX, B(0) | B(1) | B(2) | B(4) | B(7) | B(10) | B(11) | B(12) | B(23), B(5)},
    /* avx_vnni_int8 avx_ne_convert avx_vnni_int16 prefetchi */
    {7, 1, CPUID_EDX, B(4) | B(5) | B(10) | B(14), 0},
    /* lahf lzcnt sse4a misalignsse 3dnowprefetch topoext */
    {EXTENDED + 1, 0, CPUID_ECX, B(0) | B(5) | B(6) | B(7) | B(8) | B(22), 0},
    /* mmxext */
    {EXTENDED + 1, 0, CPUID_EDX, B(22), 0},
    /* invariant tsc */
    {EXTENDED + 7, 0, CPUID_EDX, B(8), 0},
    /* clzero xsaveerptr */
    {EXTENDED + 8, 0, CPUID_EBX, B(0) | B(2), 0},
};

/* Denied, the kernel would not work, or programs would fall back to ciphers that the caches betray. */
static const struct {
    uint32_t leaf;
    enum cpuid_reg reg;
    unsigned bit;
    const char *name;
} needed[] = {
    {1, CPUID_ECX, 1, "PCLMULQDQ"}, {1, CPUID_ECX, 9, "SSSE3"},  {1, CPUID_ECX, 19, "SSE4.1"}, {1, CPUID_ECX, 25, "AES"},
    {1, CPUID_ECX, 26, "XSAVE"},    {1, CPUID_ECX, 28, "AVX"},   {1, CPUID_ECX, 30, "RDRAND"}, {7, CPUID_EBX, 5, "AVX2"},
};

static const uint32_t *claim_find(const struct cpuid_source *from, uint32_t leaf, uint32_t sub)
{
    static const uint32_t none[4];
    for (size_t i = 0; i < from->count; i++) {
        if (from->claims[i].leaf == leaf && from->claims[i].sub == sub)
            return from->claims[i].regs;
    }
    return none;
}

static const char *claims_lack(const struct cpuid_source *from)
{
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++) {
        if (!(claim_find(from, needed[i].leaf, 0)[needed[i].reg] & B(needed[i].bit)))
            return needed[i].name;
    }
    return NULL;
}

static uint32_t claimed_features(const struct cpuid_source *from, uint32_t leaf, uint32_t sub, enum cpuid_reg reg)
{
    bool has_avx512 = (from->xcr0 & XCR0_AVX512) == XCR0_AVX512;
    for (size_t i = 0; i < ARRAY_COUNT(features); i++) {
        if (features[i].leaf == leaf && features[i].sub == sub && features[i].reg == reg)
            return claim_find(from, leaf, sub)[reg] & (features[i].allowed | (has_avx512 ? features[i].with_avx512 : 0));
    }
    return 0;
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

/* Rows of a leaf come one after the other. */
static void row_add(struct cpuid_table *t, uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    uint32_t *row = t->rows[t->row_count];
    CHECK(t->row_count < CPUID_ROWS && (leaf & ~EXTENDED) < CPUID_LEAVES);
    if (t->leaves[leaf >> 31][leaf & ~EXTENDED].count++ == 0)
        t->leaves[leaf >> 31][leaf & ~EXTENDED].first = (uint8_t)t->row_count;
    row[CPUID_EAX] = eax, row[CPUID_EBX] = ebx, row[CPUID_ECX] = ecx, row[CPUID_EDX] = edx;
    t->row_count++;
}

static void subs_mark(struct cpuid_table *t, uint32_t leaf)
{
    t->leaves[leaf >> 31][leaf & ~EXTENDED].has_subs = true;
}

void cpuid_table_get(const struct cpuid_table *t, unsigned vcpu, uint32_t leaf, uint32_t sub, uint32_t out[static 4])
{
    uint32_t low = leaf & ~EXTENDED, row = 0;
    unsigned count = 0;
    memset(out, 0, 4 * sizeof(*out));
    if (low < CPUID_LEAVES) {
        row = t->leaves[leaf >> 31][low].has_subs ? sub : 0;
        count = t->leaves[leaf >> 31][low].count;
    }
    if (row < count)
        memcpy(out, t->rows[t->leaves[leaf >> 31][low].first + row], 4 * sizeof(*out));
    if (leaf == 1)
        out[CPUID_EBX] |= vcpu << 24;
    else if (leaf == EXTENDED + 0x1e && count > 0)
        out[CPUID_EAX] = out[CPUID_EBX] = vcpu;
    else if (leaf == 0xb) {
        out[CPUID_ECX] |= sub & 0xff;
        out[CPUID_EDX] = vcpu;
    }
}

/* ---- who it is -------------------------------------------------------------------------------------------------- */

static bool is_amd(const struct cpuid_source *from)
{
    const uint32_t *v = claim_find(from, 0, 0);
    const uint32_t name[3] = {v[CPUID_EBX], v[CPUID_EDX], v[CPUID_ECX]};
    return memcmp(name, "AuthenticAMD", 12) == 0 || memcmp(name, "HygonGenuine", 12) == 0;
}

/* Four characters: they go to terminals and logs. */
static uint32_t printable(uint32_t text)
{
    uint8_t c[4];
    memcpy(c, &text, 4);
    for (unsigned i = 0; i < 4; i++)
        c[i] = c[i] == 0 || (c[i] >= ' ' && c[i] <= '~') ? c[i] : ' ';
    memcpy(&text, c, 4);
    return text;
}

static void names_add(struct cpuid_table *t, const struct cpuid_source *from)
{
    for (uint32_t leaf = EXTENDED + 2; leaf <= EXTENDED + 4; leaf++) {
        const uint32_t *c = claim_find(from, leaf, 0);
        uint32_t last = leaf == EXTENDED + 4 ? 0x00ffffffu : UINT32_MAX; /* the string ends */
        row_add(t, leaf, printable(c[0]), printable(c[1]), printable(c[2]), printable(c[3]) & last);
    }
}

/* ---- vCPUs: cores of one package, a thread each ---------------------------------------------------------------- */

static unsigned id_bits(const struct cpuid_source *from)
{
    unsigned bits = 0;
    while (B(bits) < from->vcpu_count)
        bits++;
    return bits;
}

static void topology_add(struct cpuid_table *t, const struct cpuid_source *from)
{
    enum { LEVEL_THREAD = 1 << 8, LEVEL_CORE = 2 << 8 };
    row_add(t, 0xb, 0, 1, LEVEL_THREAD, 0);
    row_add(t, 0xb, id_bits(from), from->vcpu_count, LEVEL_CORE, 0);
    subs_mark(t, 0xb);
}

/* ---- caches ------------------------------------------------------------------------------------------------------ */

enum { CACHE_L1D, CACHE_L1I, CACHE_L2, CACHE_L3, CACHE_COUNT };
struct cache {
    uint32_t size, ways; /* size 0: it is not there */
};
static const struct {
    uint32_t type_level; /* EAX[7:0] of leaf 4 */
    struct cache otherwise;
} cache_kinds[CACHE_COUNT] = {{0x21, {32 << 10, 8}}, {0x22, {32 << 10, 8}}, {0x43, {1 << 20, 16}}, {0x63, {0, 0}}};

/* Some size that a cache may have: programs divide by these numbers, and take buffers by them. */
static struct cache cache_sane(const uint32_t *c)
{
    uint64_t ways = (c[CPUID_EBX] >> 22) + 1, parts = (c[CPUID_EBX] >> 12 & 0x3ff) + 1, line = (c[CPUID_EBX] & 0xfff) + 1;
    uint64_t size = ways * parts * line; /* below 2^34 */
    size = MIN(size * ((uint64_t)c[CPUID_ECX] + 1), 1ULL << 30);
    ways = MIN(ways, 64u);
    size = MAX(size, 4096u) / (ways * LINE) * (ways * LINE);
    return (struct cache){(uint32_t)size, (uint32_t)ways};
}

static void caches_take(const struct cpuid_source *from, struct cache caches[CACHE_COUNT])
{
    const uint32_t leaf = is_amd(from) ? EXTENDED + 0x1d : 4;
    for (unsigned k = 0; k < CACHE_COUNT; k++) {
        caches[k] = cache_kinds[k].otherwise;
        for (uint32_t sub = 0; sub < CACHE_COUNT; sub++) {
            const uint32_t *c = claim_find(from, leaf, sub);
            if ((c[CPUID_EAX] & 0xff) == cache_kinds[k].type_level)
                caches[k] = cache_sane(c);
        }
    }
}

/* Intel's leaf 4, and AMD's 0x8000001D of the same form. */
static void caches_add(struct cpuid_table *t, const struct cpuid_source *from, uint32_t leaf, const struct cache *caches)
{
    const uint32_t ids = B(id_bits(from)) - 1, self_initialising = B(8);
    for (unsigned k = 0; k < CACHE_COUNT && caches[k].size > 0; k++) {
        uint32_t eax = cache_kinds[k].type_level | self_initialising | (k == CACHE_L3 ? ids << 14 : 0) | (leaf == 4 ? ids << 26 : 0);
        row_add(t, leaf, eax, (caches[k].ways - 1) << 22 | (LINE - 1), caches[k].size / (caches[k].ways * LINE) - 1, 0);
    }
    row_add(t, leaf, 0, 0, 0, 0); /* the end of the list */
    subs_mark(t, leaf);
}

static uint32_t ways_code(uint32_t ways)
{
    static const uint8_t least[] = {[0x1] = 1, [0x2] = 2, [0x4] = 4, [0x6] = 8, [0x8] = 16, [0xa] = 32, [0xb] = 48, [0xc] = 64};
    uint32_t code = 1;
    for (uint32_t i = 1; i < ARRAY_COUNT(least); i++)
        code = least[i] && least[i] <= ways ? i : code;
    return code;
}

static uint32_t l1_word(const struct cache *c)
{
    return MIN(c->size >> 10, 255u) << 24 | c->ways << 16 | 1 << 8 | LINE;
}

/* The older form, in KiB and units of 512 KiB. */
static void caches_old_add(struct cpuid_table *t, const struct cpuid_source *from, const struct cache *c)
{
    if (is_amd(from))
        row_add(t, EXTENDED + 5, 0, 0, l1_word(&c[CACHE_L1D]), l1_word(&c[CACHE_L1I]));
    row_add(t, EXTENDED + 6, 0, 0, MIN(c[CACHE_L2].size >> 10, 0xffffu) << 16 | ways_code(c[CACHE_L2].ways) << 12 | LINE,
            is_amd(from) && c[CACHE_L3].size ? c[CACHE_L3].size >> 19 << 18 | ways_code(c[CACHE_L3].ways) << 12 | 1 << 8 | LINE : 0);
}

/* ---- vector state -------------------------------------------------------------------------------------------------- */

/* At least what the instructions write, whatever the host says: programs make room by this. */
static uint32_t xsave_size(const struct cpuid_source *from)
{
    uint32_t size = XSAVE_LEGACY_SIZE;
    for (unsigned i = 2; i < CPUID_XSTATE_PARTS; i++)
        size = MAX(size, from->parts[i].size ? from->parts[i].off + from->parts[i].size : 0);
    return size;
}

static uint32_t xsavec_size(const struct cpuid_source *from)
{
    uint32_t size = XSAVE_LEGACY_SIZE;
    for (unsigned i = 2; i < CPUID_XSTATE_PARTS; i++)
        size += (from->parts[i].size + 63) & ~63u;
    return size;
}

static void xstate_add(struct cpuid_table *t, const struct cpuid_source *from)
{
    enum { XSAVEOPT_XSAVEC_XGETBV1 = 7 };
    row_add(t, 0xd, (uint32_t)from->xcr0, xsave_size(from), xsave_size(from), (uint32_t)(from->xcr0 >> 32));
    row_add(t, 0xd, XSAVEOPT_XSAVEC_XGETBV1, xsavec_size(from), 0, 0);
    for (unsigned i = 2; i < CPUID_XSTATE_PARTS; i++)
        row_add(t, 0xd, from->parts[i].size, from->parts[i].off, 0, 0);
    subs_mark(t, 0xd);
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static void basic_add(struct cpuid_table *t, const struct cpuid_source *from, const struct cache *caches)
{
    enum { OSXSAVE = B(27) };
    const uint32_t *name = claim_find(from, 0, 0);
    row_add(t, 0, MAX_BASIC, printable(name[CPUID_EBX]), printable(name[CPUID_ECX]), printable(name[CPUID_EDX]));
    row_add(t, 1, claim_find(from, 1, 0)[CPUID_EAX] & 0x0fff3fff, from->vcpu_count << 16 | (LINE / 8) << 8,
            claimed_features(from, 1, 0, CPUID_ECX) | OSXSAVE, CPUID_1_EDX);
    if (!is_amd(from)) {
        row_add(t, 2, 0xff01, 0, 0, 0); /* "see leaf 4" */
        caches_add(t, from, 4, caches);
    }
    row_add(t, 7, 1, claimed_features(from, 7, 0, CPUID_EBX), claimed_features(from, 7, 0, CPUID_ECX),
            claimed_features(from, 7, 0, CPUID_EDX));
    row_add(t, 7, claimed_features(from, 7, 1, CPUID_EAX), 0, 0, claimed_features(from, 7, 1, CPUID_EDX));
    subs_mark(t, 7);
    topology_add(t, from);
    xstate_add(t, from);
}

/* The clock, as the kernel's own clock has it. */
static void clock_add(struct cpuid_table *t, const struct cpuid_source *from)
{
    uint32_t mhz = (uint32_t)MIN(from->tsc_hz / 1000000, 0xffffu), times = 1;
    while (from->tsc_hz / times > UINT32_MAX)
        times++;
    row_add(t, 0x15, 1, times, (uint32_t)(from->tsc_hz / times), 0);
    row_add(t, 0x16, mhz, mhz, 100, 0);
}

static void extended_add(struct cpuid_table *t, const struct cpuid_source *from, const struct cache *caches)
{
    enum { SYSCALL = B(11), NX = B(20), LM = B(29), SAME_AS_1_EDX = 0x0183f3ff, VIRTUAL_BITS = 48 };
    uint32_t physical_bits = claim_find(from, EXTENDED + 8, 0)[CPUID_EAX] & 0xff;
    row_add(t, EXTENDED, is_amd(from) ? EXTENDED + 0x1e : EXTENDED + 8, 0, 0, 0);
    row_add(t, EXTENDED + 1, 0, 0, claimed_features(from, EXTENDED + 1, 0, CPUID_ECX),
            claimed_features(from, EXTENDED + 1, 0, CPUID_EDX) | SYSCALL | NX | LM | (is_amd(from) ? CPUID_1_EDX & SAME_AS_1_EDX : 0));
    names_add(t, from);
    caches_old_add(t, from, caches);
    row_add(t, EXTENDED + 7, 0, 0, 0, claimed_features(from, EXTENDED + 7, 0, CPUID_EDX));
    row_add(t, EXTENDED + 8, VIRTUAL_BITS << 8 | MIN(MAX(physical_bits, 36u), 52u), claimed_features(from, EXTENDED + 8, 0, CPUID_EBX),
            is_amd(from) ? id_bits(from) << 12 | (from->vcpu_count - 1) : 0, 0);
    if (is_amd(from)) {
        caches_add(t, from, EXTENDED + 0x1d, caches);
        row_add(t, EXTENDED + 0x1e, 0, 0, 0, 0);
    }
}

const char *cpuid_table_make(struct cpuid_table *t, const struct cpuid_source *from)
{
    struct cache caches[CACHE_COUNT];
    *t = (struct cpuid_table){0};
    const char *missing = claims_lack(from);
    if (missing)
        return missing;
    caches_take(from, caches);
    basic_add(t, from, caches);
    clock_add(t, from);
    extended_add(t, from, caches);
    return NULL;
}
