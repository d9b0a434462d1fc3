/* SPDX-License-Identifier: Apache-2.0 */
/* Context switch, and accesses to user memory that survive faults. */
    .text
/* void arch_context_switch(struct arch_context *from, struct arch_context *to): struct switch_frame of arch.c */
    .globl arch_context_switch
    .type arch_context_switch, %function
arch_context_switch:
    stp x29, x30, [sp, #-16]!
    stp x27, x28, [sp, #-16]!
    stp x25, x26, [sp, #-16]!
    stp x23, x24, [sp, #-16]!
    stp x21, x22, [sp, #-16]!
    stp x19, x20, [sp, #-16]!
    mov x2, sp
    mrs x3, tpidr_el0
    stp x2, x3, [x0]
    ldp x2, x3, [x1]
    mov sp, x2
    msr tpidr_el0, x3
    ldp x19, x20, [sp], #16
    ldp x21, x22, [sp], #16
    ldp x23, x24, [sp], #16
    ldp x25, x26, [sp], #16
    ldp x27, x28, [sp], #16
    ldp x29, x30, [sp], #16
    ret
    .size arch_context_switch, . - arch_context_switch

/* The first switch to a task: X19 = entry, X20 = arg, from arch_context_init. */
    .globl arch_context_start
arch_context_start:
    mov x0, x20
    mov x29, xzr
    mov x30, xzr
    blr x19
    brk #1

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
    .type arch_user_copy, %function
arch_user_copy:
1:  cmp x2, #8
    b.lo 3f
2:  ldr x3, [x1]
    str x3, [x0]
    add x1, x1, #8
    add x0, x0, #8
    sub x2, x2, #8
    b 1b
3:  cbz x2, 5f
4:  ldrb w3, [x1]
    strb w3, [x0]
    add x1, x1, #1
    add x0, x0, #1
    sub x2, x2, #1
    b 3b
5:  mov x0, x2
    ret
    user_access 2b, 3b, 5b
    user_access 4b, 5b, 5b
    .size arch_user_copy, . - arch_user_copy

/* size_t arch_user_zero(void *dst, size_t size): bytes not zeroed */
    .globl arch_user_zero
    .type arch_user_zero, %function
arch_user_zero:
1:  cmp x1, #8
    b.lo 3f
2:  str xzr, [x0]
    add x0, x0, #8
    sub x1, x1, #8
    b 1b
3:  cbz x1, 5f
4:  strb wzr, [x0]
    add x0, x0, #1
    sub x1, x1, #1
    b 3b
5:  mov x0, x1
    ret
    user_access 2b, 3b, 5b
    user_access 4b, 5b, 5b
    .size arch_user_zero, . - arch_user_zero

/* int arch_user_load32(const uint32_t *from, uint32_t *value) */
    .globl arch_user_load32
    .type arch_user_load32, %function
arch_user_load32:
1:  ldr w2, [x0]
2:  str w2, [x1]
    mov w0, wzr
    ret
3:  mov w0, #-14
    ret
    user_access 1b, 2b, 3b
    .size arch_user_load32, . - arch_user_load32

/* int arch_user_cas32(uint32_t *at, uint32_t old, uint32_t new_value, uint32_t *seen) */
    .globl arch_user_cas32
    .type arch_user_cas32, %function
arch_user_cas32:
1:  ldaxr w4, [x0]
    cmp w4, w1
    b.ne 3f
2:  stlxr w5, w2, [x0]
    cbnz w5, 1b
    b 4f
3:  clrex
4:  str w4, [x3]
    mov w0, wzr
    ret
5:  mov w0, #-14
    ret
    user_access 1b, 3b, 5b
    .size arch_user_cas32, . - arch_user_cas32

    .section .note.GNU-stack, "", %progbits
