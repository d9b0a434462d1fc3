/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/include/callee_saved.h"

/*
 * Stand before the emulator's ways in and out (ld --wrap): what a host can leave in the processor before EENTER and ERESUME is
 * put there, and what the enclave leaves in it at EEXIT is kept. Layout of entry_exit: entry.c. One vCPU.
 */
    .macro wrap name, is_resume
    .globl __wrap_\name
    .type __wrap_\name, @function
__wrap_\name:
    callee_saved_push
    pushfq
    sub $16, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    mov $\is_resume, %esi
    call entry_poison_draw
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    mov %rdx, %r8
    mov $-1, %eax
    mov $-1, %edx
    xrstor64 entry_poison_state(%rip)
    mov %r8, %rdx
    mov entry_poison_word(%rip), %r8
    mov %r8, %r9
    mov %r8, %r10
    mov %r8, %r12
    mov %r8, %r13
    mov %r8, %r14
    mov %r8, %r15
    mov %r8, %rbp
    mov %r8, %rbx
    pushq entry_poison_flags(%rip)
    popfq
    call __real_\name
    pushq $2
    popfq
    ldmxcsr (%rsp)
    fnclex
    fldcw 4(%rsp)
    add $16, %rsp
    popfq
    callee_saved_pop
    ret
    .endm

    .text
    wrap emu_eenter, 0
    wrap emu_eresume, 1

    .globl __wrap_emu_enclu
    .type __wrap_emu_enclu, @function
__wrap_emu_enclu:
    pushfq
    cmp $4, %eax
    je 1f
    popfq
    jmp __real_emu_enclu
1:  popq entry_exit+128(%rip)
    mov %rax, entry_exit(%rip)
    mov %rbx, entry_exit+8(%rip)
    mov %rcx, entry_exit+16(%rip)
    mov %rdx, entry_exit+24(%rip)
    mov %rsi, entry_exit+32(%rip)
    mov %rdi, entry_exit+40(%rip)
    mov %rbp, entry_exit+48(%rip)
    mov %rsp, entry_exit+56(%rip)
    mov %r8, entry_exit+64(%rip)
    mov %r9, entry_exit+72(%rip)
    mov %r10, entry_exit+80(%rip)
    mov %r11, entry_exit+88(%rip)
    mov %r12, entry_exit+96(%rip)
    mov %r13, entry_exit+104(%rip)
    mov %r14, entry_exit+112(%rip)
    mov %r15, entry_exit+120(%rip)
    mov $1, %ecx
    xgetbv
    mov %eax, entry_exit+136(%rip)
    mov $-1, %eax
    mov $-1, %edx
    xsave64 entry_exit_state(%rip)
    xor %ecx, %ecx
    xor %edx, %edx
    mov $4, %eax
    jmp __real_emu_enclu
enclu_end:

/* FS is the enclave's in the code above, as it is in the emulator's own: a signal there finds the host's. */
#define UC_RIP 168
    .globl __wrap_emu_signal_entry
    .type __wrap_emu_signal_entry, @function
__wrap_emu_signal_entry:
    mov UC_RIP(%rdx), %rax
    lea __wrap_emu_enclu(%rip), %rcx
    cmp %rcx, %rax
    jb __real_emu_signal_entry
    lea enclu_end(%rip), %rcx
    cmp %rcx, %rax
    jae __real_emu_signal_entry
    push %rbx
    rdfsbase %rbx
    mov entry_host_fs(%rip), %rax
    wrfsbase %rax
    call __real_emu_signal_entry
    wrfsbase %rbx
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
