/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/include/callee_saved.h"

/*
 * int sgx_device_enter(rdi, rsi, rdx, leaf, enter, run): calls __vdso_sgx_enter_enclave(rdi, rsi, rdx, leaf, 0, 0, run). It keeps
 * RBX and RBP; the enclave clears all others, so they are kept here.
 */
    .text
    .globl sgx_device_enter
    .type sgx_device_enter, @function
sgx_device_enter:
    callee_saved_push
    push %r9                /* the seventh argument, on an aligned stack: seven pushes and the return address */
    mov %r8, %rax
    xor %r8d, %r8d
    xor %r9d, %r9d
    call *%rax
    pop %r9
    callee_saved_pop
    ret
    .size sgx_device_enter, . - sgx_device_enter

    .section .note.GNU-stack, "", @progbits
