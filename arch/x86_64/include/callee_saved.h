/* SPDX-License-Identifier: Apache-2.0 */
/* For assembler: the registers that a function of the System V ABI keeps for its caller, on the stack and back. */
#pragma once

    .macro callee_saved_push
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro callee_saved_pop
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    .endm
