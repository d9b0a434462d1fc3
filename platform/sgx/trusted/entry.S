/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All ways into and out of the enclave (docs/design.md 6.3, 6.4). GS is the vCPU, set by the processor from the TCS.
 * Nothing of the host is believed: not its flags, its FPU state, nor its stack.
 */
#include "callee_saved.h"
#include "offsets.h"

/* ENCLU and the room that the emulator needs to make a call of it; clobbers R10, R11. The place is noted. */
    .macro enclu
771:
    .byte 0x0f, 0x01, 0xd7
    .byte 0x0f, 0x1f, 0x40, 0x00
    .pushsection .naos.enclu, "a"
    .long 771b - .
    .popsection
    .endm

/* Flags, MXCSR, x87 control word, all vector state: as after reset. Needs a stack; clobbers RAX, RDX. */
    .macro sanitise_state
    pushq $0x2
    popfq
    mov $0xffffffff, %eax
    mov $0xffffffff, %edx
    xrstor64 sgx_init_xsave(%rip)
    .endm

    .macro clear_registers
    xor %ecx, %ecx
    xor %edx, %edx
    xor %esi, %esi
    xor %edi, %edi
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    .endm

    .text

/* ---- EENTER. RAX = CSSA, RCX = where EEXIT goes; RDI, RSI from the host. ---------------------------------- */
    .globl sgx_entry
    .type sgx_entry, @function
sgx_entry:
    mov %rcx, %gs:VCPU_EXIT_TARGET
    cmp $0, %eax
    jne exception_entry
    cmpq $VCPU_STATE_HOST_CALL, %gs:VCPU_STATE
    je host_call_return
    cmpq $VCPU_STATE_NEW, %gs:VCPU_STATE
    jne refuse
    movq $VCPU_STATE_RUNNING, %gs:VCPU_STATE
    rdgsbase %rsp
    sub $BOOT_STACK_TOP, %rsp
    sanitise_state
    xor %ebp, %ebp
    call sgx_boot           /* (frame, boot block); does not return */
    ud2

/* An entry that our state does not allow: back out with nothing. */
refuse:
    mov %gs:VCPU_EXIT_TARGET, %rbx
    clear_registers
    mov %gs:SSA_URSP(0), %rsp
    mov %gs:SSA_URBP(0), %rbp
    mov $4, %eax
    enclu
    ud2

/* ---- host calls --------------------------------------------------------------------------------------------- */

/* void sgx_exit_enter(void): EEXIT; comes back when the host enters again. The caller keeps vector state. */
    .globl sgx_exit_enter
    .type sgx_exit_enter, @function
sgx_exit_enter:
    callee_saved_push
    rdfsbase %rax
    push %rax
    mov $0xffffffff, %eax
    mov $0xffffffff, %edx
    xrstor64 sgx_init_xsave(%rip)
    mov %rsp, %gs:VCPU_KERNEL_RSP
    mov %gs:VCPU_EXIT_TARGET, %rbx
    clear_registers
    mov %gs:SSA_URSP(0), %rsp
    mov %gs:SSA_URBP(0), %rbp
    movq $VCPU_STATE_HOST_CALL, %gs:VCPU_STATE
    xor %eax, %eax          /* flags say nothing either */
    mov $4, %eax
    enclu
    ud2

host_call_return:
    movq $VCPU_STATE_RUNNING, %gs:VCPU_STATE
    mov %gs:VCPU_KERNEL_RSP, %rsp
    sanitise_state
    pop %rax
    wrfsbase %rax
    callee_saved_pop
    ret
    .size sgx_exit_enter, . - sgx_exit_enter

/* ---- exceptions: CSSA > 0 -------------------------------------------------------------------------------------- */

exception_entry:
    cmp $1, %eax
    jne refuse_nested
    rdgsbase %rsp
    sub $EXC_STACK_TOP, %rsp
    pushq $0x2
    popfq
    xor %ebp, %ebp
    call sgx_exception      /* reads and changes the SSA frame */
    mov %gs:VCPU_EXIT_TARGET, %rbx
    clear_registers
    mov %gs:SSA_URSP(1), %rsp
    mov %gs:SSA_URBP(1), %rbp
    mov $4, %eax
    enclu
    ud2

/* An exception in the exception entry: our bug, or an attack. There is no frame to go on in. */
refuse_nested:
    mov %rcx, %rbx
    clear_registers
    mov %gs:SSA_URSP(2), %rsp
    mov %gs:SSA_URBP(2), %rbp
    mov $4, %eax
    enclu
    ud2

/*
 * Where sgx_exception sends user code that was interrupted: on the task's kernel stack, RDI = arch_regs (at RSP),
 * RSI = vector or -1 for an interrupt, RDX = error code, RCX = address. The user's vector state is live.
 */
    .globl sgx_trap_path
    .type sgx_trap_path, @function
sgx_trap_path:
    xor %ebp, %ebp
    call sgx_trap           /* then user_return */
    mov %rsp, %rdi
    jmp arch_user_enter

/*
 * Where it sends kernel code that faulted on user memory: RDI = struct user_fault on the same stack (at RSP), which
 * holds all registers of the access. sgx_user_fault sets its rip to the same place, or to the way out with an error.
 */
    .globl sgx_user_fault_path
    .type sgx_user_fault_path, @function
sgx_user_fault_path:
    mov %rsp, %rbx
    and $-16, %rsp
    call sgx_user_fault
    mov %rbx, %rsp
    pop %rax
    pop %rbx
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    pop %rbp
    pop %r8
    pop %r9
    pop %r10
    pop %r11
    pop %r12
    pop %r13
    pop %r14
    pop %r15
    popfq
    ret                     /* to rip; RSP is then what it was */

/* ---- calls of programs ------------------------------------------------------------------------------------------- */

/* struct arch_regs on the task's kernel stack; no flag changes before it is there. */
    .macro regs_push kind, pc, r11, scratch
    mov %rsp, %gs:VCPU_USER_SP
    mov %gs:VCPU_CURRENT, \scratch
    mov (\scratch), %rsp     /* task->kstack_top */
    pushq $0
    pushq \kind
    pushq $0
    pushq %gs:VCPU_USER_SP
    pushfq
    push \pc
    push %rax
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    pushq \r11
    callee_saved_push
    .endm

/* All but the last words of struct arch_regs, which is at RSP: RDI is the last to come back. */
    .macro regs_pop
    callee_saved_pop
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    .endm

/* CPUID, from a trampoline: RDX = where to go back to. Everything that the instruction leaves alone is put back. */
    .globl arch_cpuid_entry
    .type arch_cpuid_entry, @function
arch_cpuid_entry:
    regs_push $1, %rdx, %r11, %rbx /* ARCH_REGS_TRAP */
    testl $USER_ONLY_FLAGS, REGS_RFLAGS(%rsp)
    jz 1f
    pushq $0x2
    popfq
1:  xor %ebp, %ebp
    mov %rsp, %rdi
    call sgx_cpuid
    mov %rsp, %rdi
    jmp arch_user_enter

/* From a trampoline: RCX = where to go back to; no stack of ours yet. */
    .globl arch_syscall_entry
    .type arch_syscall_entry, @function
arch_syscall_entry:
    regs_push $0, %rcx, $0, %r11 /* ARCH_REGS_CALL */
    testl $USER_ONLY_FLAGS, REGS_RFLAGS(%rsp)
    jnz 3f
4:  xor %ebp, %ebp
    mov %rsp, %rdi
    call sgx_syscall
    cmpq $0, REGS_KIND(%rsp)
    jne 1f
    regs_pop
    add $8, %rsp
    pop %rcx
    add $8, %rsp
    pop %rsp
    .globl sgx_call_jump    /* all registers are the user's here: what faults is the user's doing */
sgx_call_jump:
    jmp *%rcx
    /* Direction, alignment or trap flag: not for the kernel, nor for whoever runs next; put back on the way out. */
3:  pushq $0x2
    popfq
    movq $1, REGS_KIND(%rsp) /* ARCH_REGS_TRAP */
    jmp 4b
1:  mov %rsp, %rdi
/* _Noreturn void arch_user_enter(struct arch_regs *regs) */
    .globl arch_user_enter
    .type arch_user_enter, @function
arch_user_enter:
    mov %rdi, %rsp
    cmpq $2, REGS_KIND(%rsp) /* ARCH_REGS_NEW */
    jne 2f
    mov 152(%rsp), %rax
    wrfsbase %rax
2:  regs_pop
    add $8, %rsp
    popq %gs:VCPU_USER_PC
    popfq
    pop %rsp
    .globl sgx_user_jump
sgx_user_jump:
    jmp *%gs:VCPU_USER_PC

/* ---- leaves that come back --------------------------------------------------------------------------------------- */

/* uint64_t sgx_enclu(uint32_t leaf, const void *rbx, void *rcx, void *rdx) */
    .globl sgx_enclu
    .type sgx_enclu, @function
sgx_enclu:
    push %rbx
    mov %edi, %eax
    mov %rsi, %rbx
    xchg %rdx, %rcx
    enclu
    pop %rbx
    ret

    .section .rodata
    .balign 64
    .globl sgx_init_xsave
sgx_init_xsave:             /* XSTATE_BV 0: every component in its initial state */
    .zero 24
    .long 0x1f80, 0xffff
    .zero 480
    .zero 64
    .zero 2304

/* Filled by the layout: the address of struct sgx_boot_params. */
    .section .data.boot_params, "aw"
    .balign 8
    .globl sgx_boot_params_addr
sgx_boot_params_addr:
    .quad 0

    .section .naos.layout, "a"
    .balign 8
    .quad 0x54554f59414c534e
    .long 1
    .long 2                 /* pages of per-vCPU data */
    .long sgx_entry - .
    .long sgx_boot_params_addr - .
    .long __enclu_start - .
    .long __enclu_end - .

    .section .note.GNU-stack, "", @progbits
