/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says that CPUID gives: the enclave cannot ask (SDM vol. 3D: #UD). A claim, which arch/x86_64/cpuid.c makes a table
 * of that programs may be shown.
 */
#pragma once
#include <stdint.h>

#define CPUID_CLAIM_MAX 32

struct cpuid_claim {
    uint32_t leaf, sub;
    uint32_t regs[4]; /* EAX, EBX, ECX, EDX */
};
