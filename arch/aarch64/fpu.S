/* SPDX-License-Identifier: Apache-2.0 */
/* void arch_fpu_save(void *state) and arch_fpu_restore(const void *state): struct fpu_state of fpu.h. */
    .text
    .macro each_pair do
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    \do \n, %(\n + 1)
    .endr
    .endm

    .altmacro
    .macro pair_save n, m
    stp q\n, q\m, [x0, #16 * \n]
    .endm
    .macro pair_restore n, m
    ldp q\n, q\m, [x0, #16 * \n]
    .endm

    .globl arch_fpu_save
    .type arch_fpu_save, %function
arch_fpu_save:
    each_pair pair_save
    mrs x1, fpsr
    mrs x2, fpcr
    add x0, x0, #512
    stp w1, w2, [x0]
    ret
    .size arch_fpu_save, . - arch_fpu_save

    .globl arch_fpu_restore
    .type arch_fpu_restore, %function
arch_fpu_restore:
    each_pair pair_restore
    add x0, x0, #512
    ldp w1, w2, [x0]
    msr fpsr, x1
    msr fpcr, x2
    ret
    .size arch_fpu_restore, . - arch_fpu_restore

    .section .note.GNU-stack, "", %progbits
