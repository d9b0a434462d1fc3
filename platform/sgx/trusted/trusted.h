/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of platform/sgx/trusted share. */
#pragma once
#include "base/base.h"
#include "platform/plat.h"
#include "sched/sched.h"
#include "sgx_arch.h"
#include "sgx_layout.h"

extern const struct sgx_boot_params *const sgx_boot_params_addr;
extern char __text_start[], __text_end[], __bss_start[], __bss_end[];

/* entry.S */
void sgx_exit_enter(void);
uint64_t sgx_enclu(uint32_t leaf, const void *rbx, void *rcx, void *rdx);
void sgx_trap_path(void);
void sgx_user_fault_path(void);
void arch_syscall_entry(void);
void arch_cpuid_entry(void);

/* This vCPU's struct, from GS alone: also before sched has set it up. */
static inline struct vcpu *sgx_vcpu(void)
{
    uint64_t gs;
    __asm__ volatile("rdgsbase %0" : "=r"(gs));
    return (struct vcpu *)gs;
}

static inline uint64_t *sgx_vcpu_word(struct vcpu *vcpu, unsigned off)
{
    return (uint64_t *)((char *)vcpu + off);
}

/* Filled by init: what each vCPU runs. */
_Noreturn void kernel_main(struct vcpu *vcpu);                          /* vCPU 0 */
_Noreturn void kernel_main_secondary(struct vcpu *vcpu, unsigned id);  /* the others, once vCPU 0 is ready */
