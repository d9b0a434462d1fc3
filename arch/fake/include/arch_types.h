/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake architecture: kernel code as part of an ordinary program. Contexts are fibers, the user is a C function, and all
 * vCPUs run on one thread, which goes from one to another where they meet (locks, pauses, host calls) as a seed says:
 * what a test finds happens again. What differs between real processors is taken from the one it is compiled for.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#if defined(__aarch64__)
#define ARCH_MACHINE "aarch64"
#define ARCH_ELF_MACHINE 183
#define ARCH_CLONE_TLS_IDX 3
#else
#define ARCH_MACHINE "x86_64"
#define ARCH_ELF_MACHINE 62
#define ARCH_CLONE_TLS_IDX 4
#endif
#define ARCH_HWCAP     0UL
#define ARCH_HWCAP2    0UL
#define ARCH_CPU_FLAGS "fake"
#define ARCH_CALLSITE_PATCHED 0xe9

/* pc: a function of the test that plays the user, or an address in the user range (then fake_user plays it). */
struct arch_regs {
    uint64_t pc, sp, tls;
    uint64_t nr, args[6];
    int64_t result;
};

struct fiber;
struct arch_context {
    struct fiber *fiber;
};

struct vcpu;
extern struct vcpu *fake_vcpu;

static inline struct vcpu *arch_vcpu(void)
{
    return fake_vcpu;
}

void arch_relax(void);       /* lets another vCPU run */
uint64_t arch_counter(void); /* virtual time: goes on by itself, and to the next deadline when all wait */

#define ARCH_LOOKS_AT_LOCKS
void arch_lock_wanted(const void *lock, unsigned rank);
void arch_lock_taken(const void *lock, unsigned rank);
void arch_lock_dropped(const void *lock);
