/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch64: the shapes of arch.h (Arm ARM DDI 0487, AAPCS64). X18, the platform register, is the vCPU: kernel code is compiled
 * with -ffixed-x18, and a platform's entry code loads it.
 */
#pragma once
#include <stdint.h>

#define ARCH_MACHINE "aarch64"
#define ARCH_ELF_MACHINE 183 /* EM_AARCH64 */
#define ARCH_HWCAP       3UL /* AT_HWCAP: FP, ASIMD */
#define ARCH_CPU_FLAGS   "fp asimd"
#define ARCH_HWCAP2      0UL
#define ARCH_CLONE_TLS_IDX 3 /* clone(2): which argument is tls; the other of 3 and 4 is child_tid */

#define ARCH_CALLSITE_PATCHED 0 /* no window begins so: SVC traps here, nothing is patched (callsite.c) */

struct arch_regs {
    uint64_t x[31];
    uint64_t sp, pc, pstate;
    uint64_t nr;      /* the system call's number; ~0: it is none */
    uint64_t orig_x0; /* its first argument, which the result overwrites */
    uint64_t tls;     /* of a task that has not run yet */
    uint64_t pad;     /* keeps the stack aligned */
};

struct arch_context {
    uint64_t sp;
    uint64_t tls;
};

struct vcpu;

static inline struct vcpu *arch_vcpu(void)
{
    struct vcpu *vcpu;
    __asm__ volatile("mov %0, x18" : "=r"(vcpu)); /* volatile: a task moves between vCPUs when it sleeps */
    return vcpu;
}

static inline void arch_relax(void)
{
    __asm__ volatile("yield" : : : "memory");
}

/* The counter that clocks run on. */
static inline uint64_t arch_counter(void)
{
    uint64_t count;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
    return count;
}
