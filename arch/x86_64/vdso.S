/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO's image, as vdso/ makes it. */
    .section .rodata
    .balign 4096
    .globl arch_vdso_start, arch_vdso_end
    .hidden arch_vdso_start, arch_vdso_end
arch_vdso_start:
    .incbin "build/gen/vdso_x86_64.so"
arch_vdso_end:
    .section .note.GNU-stack, "", @progbits
