/* SPDX-License-Identifier: Apache-2.0 */
/* Places that assembly and C share: in struct vcpu (through GS) and struct arch_regs. trusted/boot.c asserts them. */
#pragma once

#define VCPU_SELF          0
#define VCPU_CURRENT       8
#define VCPU_USER_SP       16
#define VCPU_SYSCALL_ENTRY 24  /* what the trampolines jump through */
#define VCPU_USER_PC       32  /* where a full return to the user jumps through */
#define VCPU_EXIT_TARGET   40  /* of EEXIT, from RCX at EENTER */
#define VCPU_HOST_RSP      48
#define VCPU_HOST_RBP      56
#define VCPU_KERNEL_RSP    64  /* of the host call under way */
#define VCPU_STATE         72  /* VCPU_STATE_* */
#define VCPU_FRAME         80
#define VCPU_BUFFER        88
#define VCPU_EXC_RSP       96  /* the host's, while the exception entry runs */
#define VCPU_EXC_RBP       104
#define VCPU_EXC_TARGET    112
#define VCPU_CPUID_ENTRY   120 /* as VCPU_SYSCALL_ENTRY */

#define VCPU_STATE_NEW       0
#define VCPU_STATE_RUNNING   1
#define VCPU_STATE_HOST_CALL 2

#define REGS_SIZE 176
#define REGS_RIP  128
#define REGS_RFLAGS 136
#define REGS_KIND 160
#define USER_ONLY_FLAGS 0x40500 /* TF, DF, AC: never set in the kernel */

/* Distances from the GS base to the stacks' tops, see sgx_layout.h. */
#define BOOT_STACK_TOP 0
#define EXC_STACK_TOP  (5 * 4096) /* guard page and the boot stack's 4 pages lie between */
