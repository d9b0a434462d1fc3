/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which vector state the processor keeps for us. In an enclave CPUID is not there, but XGETBV is: XCR0 is SECS.ATTRIBUTES.XFRM
 * (SDM vol. 3D, EENTER), so the host cannot make it say what is not so.
 */
#pragma once
#include "base/base.h"
#include "naos/cpuid.h"

#define ARCH_XFRM_KNOWN 0xe7u /* x87, SSE, AVX, and the three components of AVX-512 */
#define ARCH_XFRM_AVX512 0xe0u

static inline uint64_t arch_cpu_xfrm(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low & ARCH_XFRM_KNOWN;
}

/*
 * Makes the table that programs are shown out of what the host claims (cpuid.c). NULL, or the name of a feature that the kernel
 * needs and the host denies. Runs on the first vCPU, before anything else uses vector registers.
 */
const char *arch_cpuid_init(const struct cpuid_claim *claims, size_t count, unsigned vcpu_count, uint64_t tsc_hz);
/* EAX, EBX, ECX, EDX as programs on this vCPU see them. */
void arch_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[static 4]);

/* By the host's claim: no register says so in an enclave. Where it lies, the enclave stops with #UD. */
extern bool arch_cpu_has_sha_ni, arch_cpu_has_vaes;

static inline bool arch_cpu_has_avx512(void)
{
    return (arch_cpu_xfrm() & ARCH_XFRM_AVX512) == ARCH_XFRM_AVX512;
}
