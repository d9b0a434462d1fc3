/* SPDX-License-Identifier: Apache-2.0 */
/* Context switch, and accesses to user memory that survive faults. */
#include "callee_saved.h"

    .text
/* void arch_context_switch(struct arch_context *from, struct arch_context *to) */
    .globl arch_context_switch
    .type arch_context_switch, @function
arch_context_switch:
    callee_saved_push
    rdfsbase %rax
    mov %rax, 8(%rdi)
    mov %rsp, (%rdi)
    mov (%rsi), %rsp
    mov 8(%rsi), %rax
    wrfsbase %rax
    callee_saved_pop
    ret
    .size arch_context_switch, . - arch_context_switch

/* The first switch to a task: R12 = entry, R13 = arg, from arch_context_init. */
    .globl arch_context_start
arch_context_start:
    mov %r13, %rdi
    xor %ebp, %ebp
    call *%r12
    ud2

/*
 * An access that faults goes on at its fixup, unless the page can be brought in. The table says which instructions
 * may: start, end, fixup.
 */
    .macro user_access start, end, fixup
    .pushsection .ex_table, "a"
    .balign 4
    .long \start - .
    .long \end - .
    .long \fixup - .
    .popsection
    .endm

/* size_t arch_user_copy(void *dst, const void *src, size_t size): bytes not copied */
    .globl arch_user_copy
    .type arch_user_copy, @function
arch_user_copy:
    mov %rdx, %rcx
    cmp $64, %rdx
    ja 2f
    shr $3, %rcx
    and $7, %edx
    jmp 5f
4:  mov (%rsi), %rax
41: mov %rax, (%rdi)
42: add $8, %rsi
    add $8, %rdi
    dec %rcx
5:  test %rcx, %rcx
    jnz 4b
    mov %rdx, %rcx
    jmp 7f
6:  mov (%rsi), %al
61: mov %al, (%rdi)
62: inc %rsi
    inc %rdi
    dec %rcx
7:  test %rcx, %rcx
    jnz 6b
    xor %eax, %eax
    ret
2:  rep movsb
3:  mov %rcx, %rax
    ret
8:  lea (%rdx,%rcx,8), %rax /* words left, and the tail */
    ret
    user_access 2b, 3b, 3b
    user_access 4b, 42b, 8b
    user_access 6b, 62b, 3b
    .size arch_user_copy, . - arch_user_copy

/* size_t arch_user_zero(void *dst, size_t size): bytes not zeroed */
    .globl arch_user_zero
    .type arch_user_zero, @function
arch_user_zero:
    mov %rsi, %rcx
    xor %eax, %eax
1:  rep stosb
2:  mov %rcx, %rax
    ret
    user_access 1b, 2b, 2b

/* int arch_user_load32(const uint32_t *from, uint32_t *value) */
    .globl arch_user_load32
    .type arch_user_load32, @function
arch_user_load32:
1:  mov (%rdi), %eax
2:  mov %eax, (%rsi)
    xor %eax, %eax
    ret
3:  mov $-14, %eax
    ret
    user_access 1b, 2b, 3b

/* int arch_user_cas32(uint32_t *at, uint32_t old, uint32_t new_value, uint32_t *seen) */
    .globl arch_user_cas32
    .type arch_user_cas32, @function
arch_user_cas32:
    mov %esi, %eax
1:  lock cmpxchg %edx, (%rdi)
2:  mov %eax, (%rcx)
    xor %eax, %eax
    ret
3:  mov $-14, %eax
    ret
    user_access 1b, 2b, 3b

    .section .note.GNU-stack, "", @progbits
