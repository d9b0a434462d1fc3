/* SPDX-License-Identifier: Apache-2.0 */
/* The table of CPUID: an honest host, one that denies, and ones that say anything. */
#include "arch/x86_64/cpuid_table.h"
#include "base/string.h"
#include "unit.h"

#define EXTENDED 0x80000000u
#define XCR0_AVX512 0xe7u

/* As a server of 2023 answers. */
static const struct cpuid_claim honest[] = {
    {0, 0, {0x1c, 0x756e6547, 0x6c65746e, 0x49656e69}},
    {1, 0, {0xc06f2, 0x01020800, 0xfffa3203, 0x1f8bfbff}},
    {7, 0, {2, 0xf1bf2ffb, 0x1a415f46, 0x20814010}},
    {7, 1, {0x1c30, 0, 0, 0}},
    {4, 0, {0x04000121, 0x02c0003f, 0x3f, 0}},
    {4, 1, {0x04000122, 0x01c0003f, 0x3f, 0}},
    {4, 2, {0x04000143, 0x03c0003f, 0x7ff, 0}},
    {4, 3, {0x04004163, 0x04c0003f, 0x33fff, 0}},
    {EXTENDED + 1, 0, {0, 0, 0x121, 0x2c100800}},
    {EXTENDED + 2, 0, {0x65746e49, 0x1b29286c, 0x6f655820, 0x2952286e}},
    {EXTENDED + 4, 0, {0x41414141, 0x41414141, 0x41414141, 0x41414141}},
    {EXTENDED + 7, 0, {0, 0, 0, 0xffffffff}},
    {EXTENDED + 8, 0, {0x303934, 0xffffffff, 0xffffffff, 0xffffffff}},
};
static const struct xstate_part parts[CPUID_XSTATE_PARTS] = {[2] = {256, 576}, [5] = {64, 1088}, [6] = {512, 1152}, [7] = {1024, 1664}};

static struct cpuid_table table;
static struct cpuid_claim claims[CPUID_CLAIM_MAX];
static struct cpuid_source source;
static uint32_t r[4];

static void source_reset(void)
{
    memcpy(claims, honest, sizeof(honest));
    source = (struct cpuid_source){claims, ARRAY_COUNT(honest), 6, 2100000000, XCR0_AVX512, parts};
}

static uint32_t *get(uint32_t leaf, uint32_t sub)
{
    cpuid_table_get(&table, 3, leaf, sub, r);
    return r;
}

static void features(void)
{
    source_reset();
    EXPECT(!cpuid_table_make(&table, &source));
    EXPECT(get(0, 0)[1] == 0x756e6547 && get(0, 7)[0] == 0x16);
    EXPECT_EQ(get(1, 0)[0], 0xc06f2);
    EXPECT_EQ(get(1, 0)[2], 0x7ed83203); /* OSXSAVE, no hypervisor, x2APIC or PCID */
    EXPECT_EQ(get(1, 0)[3], 0x178bfbff);
    EXPECT_EQ(get(7, 0)[1] & (1u << 0 | 1u << 2 | 1u << 4 | 1u << 11), 0); /* FSGSBASE, SGX, HLE, RTM */
    EXPECT_EQ(get(7, 0)[2] & (1u << 3 | 1u << 5 | 1u << 22), 0);           /* PKU, WAITPKG, RDPID */
    EXPECT((get(7, 0)[1] & 1u << 16) && (get(7, 0)[2] & 1u << 11) && (get(7, 1)[0] & 1u << 5)); /* AVX-512 */
    EXPECT_EQ(get(EXTENDED + 1, 0)[3], 1u << 29 | 1u << 20 | 1u << 11); /* no RDTSCP */
    EXPECT_EQ(get(EXTENDED + 7, 0)[3], 1u << 8);
    source.xcr0 = 7;
    EXPECT(!cpuid_table_make(&table, &source));
    EXPECT_EQ(get(7, 0)[1] & (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31), 0);
    EXPECT_EQ(get(7, 0)[2] & (1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14), 0);
    EXPECT(get(7, 1)[0] == 0x1c10 && (get(7, 0)[2] & 1u << 9));
}

static void own_values(void)
{
    source_reset();
    EXPECT(!cpuid_table_make(&table, &source));
    EXPECT_EQ(get(1, 0)[1], 3u << 24 | 6u << 16 | 8u << 8);
    EXPECT(get(0xb, 0)[0] == 0 && get(0xb, 0)[1] == 1 && get(0xb, 0)[2] == 0x100 && get(0xb, 0)[3] == 3);
    EXPECT(get(0xb, 1)[0] == 3 && get(0xb, 1)[1] == 6 && get(0xb, 1)[2] == 0x201 && get(0xb, 1)[3] == 3);
    EXPECT(get(0xb, 0x1ff)[1] == 0 && get(0xb, 0x1ff)[2] == 0xff && get(0xb, 0x1ff)[3] == 3);
    EXPECT(get(0xd, 0)[0] == 0xe7 && get(0xd, 0)[1] == 2688 && get(0xd, 0)[2] == 2688);
    EXPECT_EQ(get(0xd, 1)[1], 576 + 256 + 64 + 512 + 1024);
    EXPECT(get(0xd, 2)[0] == 256 && get(0xd, 2)[1] == 576 && get(0xd, 3)[0] == 0 && get(0xd, 1000)[0] == 0);
    EXPECT((get(4, 0)[0] & 0x3ff) == 0x121 && get(4, 0)[1] == 0x02c0003f && get(4, 0)[2] == 0x3f);
    EXPECT(get(4, 3)[0] >> 26 == 7 && (get(4, 3)[0] >> 14 & 0xfff) == 7 && (get(4, 4)[0] & 31) == 0);
    EXPECT(get(0x15, 0)[0] == 1 && get(0x15, 0)[1] == 1 && get(0x15, 0)[2] == 2100000000 && get(0x16, 0)[0] == 2100);
    EXPECT(get(EXTENDED + 2, 0)[1] == 0x2029286c && get(EXTENDED + 4, 0)[3] == 0x414141); /* an escape is no character of a name */
    EXPECT(get(0x40000000, 0)[1] == 0 && get(0x12, 0)[0] == 0 && get(5, 0)[0] == 0 && get(UINT32_MAX, 0)[0] == 0 && get(0x7fffffff, 0)[0] == 0);
}

static void denied(void)
{
    source_reset();
    claims[1].regs[CPUID_ECX] &= ~(1u << 25);
    EXPECT(strcmp(cpuid_table_make(&table, &source), "AES") == 0);
    source_reset();
    claims[2].regs[CPUID_EBX] &= ~(1u << 5);
    EXPECT(strcmp(cpuid_table_make(&table, &source), "AVX2") == 0);
    source.count = 0;
    EXPECT(cpuid_table_make(&table, &source));
}

static void amd(void)
{
    source_reset();
    memcpy(claims[0].regs, (const uint32_t[]){0x10, 0x68747541, 0x444d4163, 0x69746e65}, 16);
    for (unsigned i = 4; i < 8; i++)
        claims[i].leaf = EXTENDED + 0x1d;
    EXPECT(!cpuid_table_make(&table, &source));
    EXPECT(get(EXTENDED, 0)[0] == EXTENDED + 0x1e && get(4, 0)[0] == 0 && get(2, 0)[0] == 0);
    EXPECT((get(EXTENDED + 0x1d, 3)[0] & 31) == 3 && (get(EXTENDED + 0x1d, 4)[0] & 31) == 0 && get(EXTENDED + 0x1e, 0)[0] == 3);
    EXPECT(get(EXTENDED + 5, 0)[2] == (48u << 24 | 12u << 16 | 1u << 8 | 64u));
    EXPECT((get(EXTENDED + 8, 0)[2] & 0xff) == 5 && get(EXTENDED + 8, 0)[2] >> 12 == 3);
}

static uint64_t seed;

static uint32_t any(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint32_t v = (uint32_t)(seed >> 32);
    return v % 4 == 0 ? 0 : v % 4 == 1 ? UINT32_MAX : v;
}

static bool is_cache_sane(const uint32_t *c)
{
    uint64_t ways = (c[1] >> 22) + 1, parts_of = (c[1] >> 12 & 0x3ff) + 1, line = (c[1] & 0xfff) + 1, sets = (uint64_t)c[2] + 1;
    return ways <= 64 && parts_of == 1 && line == 64 && ways * sets * line >= 2048 && ways * sets * line <= 1u << 30;
}

/* Whatever the host says, each value is one that could be, and what the kernel knows is as it knows it. */
static void lies(void)
{
    for (unsigned round = 0; round < 20000; round++) {
        source_reset();
        seed = round;
        source.vcpu_count = any() % 64 + 1;
        source.tsc_hz = 1000000 + (uint64_t)any() * (any() % 23);
        source.xcr0 = any() % 2 ? 7 : XCR0_AVX512;
        source.count = CPUID_CLAIM_MAX;
        bool is_amd = any() % 2;
        for (unsigned i = 0; i < CPUID_CLAIM_MAX; i++) {
            if (i >= ARRAY_COUNT(honest))
                claims[i].leaf = any(), claims[i].sub = any() % 4;
            for (unsigned k = 0; k < 4; k++)
                claims[i].regs[k] = any();
        }
        for (unsigned i = 4; i < 8 && is_amd; i++)
            claims[i].leaf = EXTENDED + 0x1d;
        for (unsigned i = 4; i < 8; i++)
            claims[i].regs[0] = (uint32_t[]){0x21, 0x22, 0x43, 0x63}[i - 4];
        if (is_amd)
            memcpy(claims[0].regs, (const uint32_t[]){0x10, 0x68747541, 0x444d4163, 0x69746e65}, 16);
        claims[1].regs[2] |= 1u << 1 | 1u << 9 | 1u << 19 | 1u << 25 | 1u << 26 | 1u << 28 | 1u << 30;
        claims[2].regs[1] |= 1u << 5;
        EXPECT(!cpuid_table_make(&table, &source));
        EXPECT_EQ(get(7, 0)[1] & (1u << 0 | 1u << 2 | 1u << 4 | 1u << 11 | 1u << 14), 0);
        EXPECT(get(0xd, 0)[1] == 2688 && get(0xd, 0)[0] == source.xcr0 && get(0xb, 1)[1] == source.vcpu_count);
        EXPECT((get(1, 0)[1] >> 16 & 0xff) == source.vcpu_count && (get(1, 0)[2] & 1u << 27) && get(1, 0)[3] == CPUID_1_EDX);
        EXPECT(source.xcr0 == XCR0_AVX512 || !(get(7, 0)[1] & 1u << 16));
        for (uint32_t sub = 0; get(is_amd ? EXTENDED + 0x1d : 4, sub)[0] & 31; sub++)
            EXPECT(sub < 4 && is_cache_sane(r));
        EXPECT(get(EXTENDED + 8, 0)[0] >> 8 == 48 && (get(EXTENDED + 8, 0)[0] & 0xff) >= 36 && (r[0] & 0xff) <= 52);
        uint64_t hz = (uint64_t)get(0x15, 0)[2] * get(0x15, 0)[1];
        EXPECT(hz <= source.tsc_hz && hz + 64 > source.tsc_hz);
    }
}

static const struct unit_test tests[] = {
    {"features", features}, {"own_values", own_values}, {"denied", denied}, {"amd", amd}, {"lies", lies},
};
UNIT_MAIN(tests)
