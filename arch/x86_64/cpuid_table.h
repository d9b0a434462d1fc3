/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs see of CPUID (docs/design.md 6.4a). Nothing here asks the processor: cpuid.c does, and tests do without.
 *
 * The host's claims are not believed. Feature bits pass through a list of what works in an enclave and what the kernel keeps the
 * state of; the rest is made from what the enclave knows: vCPUs, XCR0, the sizes of vector state, the clock. What is left to lie
 * about is: which of those features the processor has (a false "yes" ends in #UD), the names, and the sizes of caches.
 */
#pragma once
#include "base/base.h"
#include "naos/cpuid.h"

#define CPUID_1_EDX        0x178bfbffu /* the x86-64 baseline, and AT_HWCAP */
#define CPUID_XSTATE_PARTS 32u
#define CPUID_LEAVES       0x20u       /* of 0..., and of 0x80000000... */
#define CPUID_ROWS         96u

enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct xstate_part { /* of the standard format; size 0: XCR0 does not have it */
    uint32_t size, off;
};

struct cpuid_source {
    const struct cpuid_claim *claims; /* the host's */
    size_t count;
    unsigned vcpu_count;              /* 1..64 */
    uint64_t tsc_hz, xcr0;
    const struct xstate_part *parts;  /* CPUID_XSTATE_PARTS, as measured */
};

struct cpuid_table {
    struct {
        uint8_t first, count; /* rows */
        bool has_subs;        /* by ECX; else all sub-leaves are the same */
    } leaves[2][CPUID_LEAVES];
    unsigned row_count;
    uint32_t rows[CPUID_ROWS][4];
};

/* NULL, or the name of what the kernel cannot do without and the host denies. */
const char *cpuid_table_make(struct cpuid_table *t, const struct cpuid_source *from);
/* What is in no row is zero. */
void cpuid_table_get(const struct cpuid_table *t, unsigned vcpu, uint32_t leaf, uint32_t sub, uint32_t out[static 4]);
