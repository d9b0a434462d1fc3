/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's vector state. It stays live in the processor while the kernel works for the task; a context switch, a host
 * call and crypto save it. Components: x87, SSE, AVX, and AVX-512 where the enclave's XFRM has it: XSAVE
 * leaves out what XCR0 does not have.
 */
#include "arch/arch.h"
#include "arch_cpu.h"
#include "base/string.h"
#include "fpu.h"

bool arch_cpu_has_sha_ni, arch_cpu_has_vaes;

size_t arch_fpu_size(void)
{
    return ARCH_XSAVE_SIZE;
}

void arch_fpu_init(void *state)
{
    memset(state, 0, ARCH_XSAVE_SIZE);
    *(uint16_t *)state = 0x37f;                    /* x87 control word */
    *(uint32_t *)((char *)state + 24) = 0x1f80;    /* MXCSR */
}

/*
 * XSAVE and XRSTOR take 150 ns for a switch, whatever is in use. Most programs use SSE and AVX only: then moving the sixteen
 * registers takes a third of it. The buffer is the same as XSAVEC leaves, so either way of restoring reads it.
 */
#define XSTATE_SSE      2u
#define XSTATE_AVX      4u
#define MXCSR_OFF       24
#define XSTATE_BV_OFF   512
#define XCOMP_BV_OFF    520
#define XCOMP_COMPACTED (1ULL << 63)
#define XCOMP_MINE      (XCOMP_COMPACTED | 7)

/* The lower halves lie at 160; the upper ones at 576, as AVX is the first of the components behind the header. */
#define FOR_EACH_REGISTER(do) \
    do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)
#define AT(base, n)    #base " + 16 * " #n "(%0)"
#define XMM_STORE(n)   "vmovdqu %%xmm" #n ", " AT(160, n) "\n\t"
#define XMM_LOAD(n)    "vmovdqu " AT(160, n) ", %%xmm" #n "\n\t" /* zeroes the upper half */
#define HIGH_STORE(n)  "vextractf128 $1, %%ymm" #n ", " AT(576, n) "\n\t"
#define HIGH_LOAD(n)   "vinsertf128 $1, " AT(576, n) ", %%ymm" #n ", %%ymm" #n "\n\t"

/* The components that are not in their initial state. */
static uint32_t components_in_use(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
    return low;
}

static uint64_t *header_word(const void *state, unsigned off)
{
    return (uint64_t *)((char *)(uintptr_t)state + off);
}

static void registers_save(void *state, bool has_avx)
{
    __asm__ volatile("vstmxcsr %0" : "=m"(*(uint32_t *)((char *)state + MXCSR_OFF)));
    __asm__ volatile(FOR_EACH_REGISTER(XMM_STORE) : : "r"(state) : "memory");
    if (has_avx)
        __asm__ volatile(FOR_EACH_REGISTER(HIGH_STORE) : : "r"(state) : "memory");
}

static void registers_restore(const void *state, bool has_avx)
{
    __asm__ volatile("vldmxcsr %0" : : "m"(*(const uint32_t *)((const char *)state + MXCSR_OFF)));
    __asm__ volatile(FOR_EACH_REGISTER(XMM_LOAD) : : "r"(state) : "memory");
    if (has_avx)
        __asm__ volatile(FOR_EACH_REGISTER(HIGH_LOAD) : : "r"(state) : "memory");
}

void arch_fpu_save(void *state)
{
    uint32_t used = components_in_use() & ARCH_XFRM_KNOWN;
    if (used & ~(XSTATE_SSE | XSTATE_AVX)) {
        __asm__ volatile("xsavec64 %0" : "=m"(*(uint8_t(*)[ARCH_XSAVE_SIZE])state) : "a"(ARCH_XFRM_KNOWN), "d"(0));
        return;
    }
    registers_save(state, used & XSTATE_AVX);
    *header_word(state, XSTATE_BV_OFF) = used | XSTATE_SSE;
    *header_word(state, XCOMP_BV_OFF) = XCOMP_MINE;
}

void arch_fpu_restore(const void *state)
{
    const uint64_t saved = *header_word(state, XSTATE_BV_OFF), others = ~(uint64_t)(XSTATE_SSE | XSTATE_AVX);
    bool is_compacted = *header_word(state, XCOMP_BV_OFF) & XCOMP_COMPACTED;
    if (!is_compacted || (saved & others) || !(saved & XSTATE_SSE) || (components_in_use() & ARCH_XFRM_KNOWN & others))
        __asm__ volatile("xrstor64 %0" : : "m"(*(const uint8_t(*)[ARCH_XSAVE_SIZE])state), "a"(ARCH_XFRM_KNOWN), "d"(0));
    else
        registers_restore(state, saved & XSTATE_AVX);
}

void arch_fpu_save_standard(void *state)
{
    memset((char *)state + 512, 0, 64);
    __asm__ volatile("xsave64 %0" : "+m"(*(uint8_t(*)[ARCH_XSAVE_SIZE])state) : "a"(ARCH_XFRM_KNOWN), "d"(0));
}
