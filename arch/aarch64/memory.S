/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy, memmove and memset: 32 bytes at a time in general registers, then bytes. Addresses need no alignment (AAPCS64, normal memory). */
    .text
/* void *memmove(void *dst, const void *src, size_t size): backward where dst lies in src's range */
    .globl memmove
    .type memmove, %function
memmove:
    sub x3, x0, x1
    cmp x3, x2
    b.hs memcpy
    add x4, x0, x2
    add x5, x1, x2
1:  subs x2, x2, #32
    b.lo 2f
    ldp x6, x7, [x5, #-16]!
    ldp x8, x9, [x5, #-16]!
    stp x6, x7, [x4, #-16]!
    stp x8, x9, [x4, #-16]!
    b 1b
2:  add x2, x2, #32
3:  cbz x2, 4f
    ldrb w6, [x5, #-1]!
    strb w6, [x4, #-1]!
    sub x2, x2, #1
    b 3b
4:  ret
    .size memmove, . - memmove

/* void *memcpy(void *dst, const void *src, size_t size) */
    .globl memcpy
    .type memcpy, %function
memcpy:
    mov x4, x0
1:  subs x2, x2, #32
    b.lo 2f
    ldp x6, x7, [x1], #16
    ldp x8, x9, [x1], #16
    stp x6, x7, [x4], #16
    stp x8, x9, [x4], #16
    b 1b
2:  add x2, x2, #32
3:  cbz x2, 4f
    ldrb w6, [x1], #1
    strb w6, [x4], #1
    sub x2, x2, #1
    b 3b
4:  ret
    .size memcpy, . - memcpy

/* void *memset(void *dst, int c, size_t size) */
    .globl memset
    .type memset, %function
memset:
    mov x4, x0
    and x1, x1, #0xff
    mov x5, #0x0101010101010101
    mul x5, x1, x5
1:  subs x2, x2, #32
    b.lo 2f
    stp x5, x5, [x4], #16
    stp x5, x5, [x4], #16
    b 1b
2:  add x2, x2, #32
3:  cbz x2, 4f
    strb w5, [x4], #1
    sub x2, x2, #1
    b 3b
4:  ret
    .size memset, . - memset

    .section .note.GNU-stack, "", %progbits
