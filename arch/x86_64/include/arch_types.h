/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64: the shapes of arch.h. Offsets are known to entry.S; arch.c asserts them. */
#pragma once
#include <stdint.h>

#define ARCH_MACHINE "x86_64"
#define ARCH_ELF_MACHINE 62 /* EM_X86_64 */
#define ARCH_HWCAP       0x178bfbffUL /* AT_HWCAP: CPUID.1:EDX of the x86-64 baseline */
#define ARCH_CPU_FLAGS   "fpu tsc cx8 cmov mmx fxsr sse sse2 syscall nx lm" /* the baseline, for /proc/cpuinfo */
#define ARCH_HWCAP2      0UL          /* no FSGSBASE: GS is the kernel's */
#define ARCH_CLONE_TLS_IDX 4          /* clone(2): which argument is tls; the other of 3 and 4 is child_tid */

#define ARCH_CALLSITE_PATCHED 0xe9 /* a patched window's first byte: jmp */

struct arch_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t orig_rax; /* the system call's number */
    uint64_t rip, rflags, rsp;
    uint64_t fs_base;  /* of a task that has not run yet */
    uint64_t kind;     /* enum arch_regs_kind */
    uint64_t pad;      /* keeps the stack aligned */
};

enum arch_regs_kind {
    ARCH_REGS_CALL, /* a patched call site: rip is in its trampoline; rcx, r11 and flags need not be restored */
    ARCH_REGS_TRAP, /* anywhere: everything is restored */
    ARCH_REGS_NEW,  /* never ran: FS too comes from here */
};

struct arch_context {
    uint64_t rsp;
    uint64_t fs_base;
};

struct vcpu;

static inline struct vcpu *arch_vcpu(void)
{
    struct vcpu *vcpu;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(vcpu)); /* volatile: a task moves between vCPUs when it sleeps */
    return vcpu;
}

static inline void arch_relax(void)
{
    __builtin_ia32_pause();
}

/* The counter that clocks run on. */
static inline uint64_t arch_counter(void)
{
    return __builtin_ia32_rdtsc();
}
