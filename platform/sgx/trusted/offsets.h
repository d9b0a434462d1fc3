/* SPDX-License-Identifier: Apache-2.0 */
/* Places that assembly and C share: in struct vcpu (through GS) and struct arch_regs. trusted/boot.c asserts them. */
#pragma once

#define VCPU_SELF          0
#define VCPU_CURRENT       8
#define VCPU_USER_SP       16
#define VCPU_SYSCALL_ENTRY 24  /* what the trampolines jump through */
#define VCPU_USER_PC       32  /* where a full return to the user jumps through */
#define VCPU_EXIT_TARGET   40  /* of EEXIT, from RCX at the last EENTER */
#define VCPU_KERNEL_RSP    48  /* of the host call under way */
#define VCPU_STATE         56  /* VCPU_STATE_* */
#define VCPU_FRAME         64
#define VCPU_BUFFER        72
#define VCPU_STACK_GUARD   80  /* as rules.mk tells the compiler; the same on all vCPUs */
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

/*
 * The host's stack as the last EENTER or ERESUME of this CSSA found it: the processor keeps it in the SSA frame. (Not what EENTER alone
 * found: after an exception the host resumes from wherever it is by then.) From the GS base: 10 pages to the end of the first.
 */
#define SSA_FRAME_END(cssa) ((cssa) * 4096 - 10 * 4096)
#define SSA_URSP(cssa) (SSA_FRAME_END(cssa) - 40)
#define SSA_URBP(cssa) (SSA_FRAME_END(cssa) - 32)
