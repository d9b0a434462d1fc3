/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In and out of the enclave. Offsets are those of struct emu_thread and struct sgx_gprs; emulator.c asserts them.
 * The host does not use GS. FS is the host's whenever C code of the host runs.
 */
#include "arch/x86_64/include/callee_saved.h"

#define T_HOST_RSP   0
#define T_HOST_FS    8
#define T_ENCLAVE_FS 16
#define T_ENCLAVE_GS 24
#define T_ENTRY      32
#define T_TCS        40
#define T_CSSA       48
#define T_GPRS       56
#define T_XSAVE      64
#define T_PENDING    72
#define T_EXIT_KIND  76
#define T_SCRATCH    80
#define G_EXITINFO   160
#define G_FSBASE     168
#define G_GSBASE     176
#define G_RFLAGS     128
#define G_RIP        136
#define G_URSP       144
#define G_URBP       152

    .text

    .macro host_state_save
    callee_saved_push
    sub $16, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    mov %rsp, T_HOST_RSP(%rdi)
    mov T_GPRS(%rdi), %rax  /* as EENTER and ERESUME leave them in the SSA frame */
    mov %rsp, G_URSP(%rax)
    mov %rbp, G_URBP(%rax)
    .endm

/* void emu_eenter(struct emu_thread *t, rdi, rsi, rdx) */
    .globl emu_eenter
    .type emu_eenter, @function
emu_eenter:
    host_state_save
    mov %rdi, %r11
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov T_ENCLAVE_FS(%r11), %rax
    wrfsbase %rax
    mov T_ENCLAVE_GS(%r11), %rax
    wrgsbase %rax
    pushfq                  /* EENTER puts TF out, and nothing else */
    andl $~0x100, (%rsp)
    popfq
    mov T_CSSA(%r11), %rax
    mov T_TCS(%r11), %rbx
    lea emu_eexit_target(%rip), %rcx
    jmp *T_ENTRY(%r11)

/* EEXIT jumps to what EENTER left in RCX. The emulator has set FS back and RAX, RCX; RDX has the thread. */
emu_eexit_target:
    mov T_SCRATCH(%rdx), %rdi
    movl $0, T_EXIT_KIND(%rdx)
    mov T_HOST_RSP(%rdx), %rsp
    jmp host_state_restore

/* From the signal handler, RDI = thread; the registers are the host's to use. */
    .globl emu_aex_return
emu_aex_return:
    mov T_HOST_RSP(%rdi), %rsp
host_state_restore:
    cld
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    add $16, %rsp
    callee_saved_pop
    ret
    .size emu_eenter, . - emu_eenter

/* void emu_eresume(struct emu_thread *t): everything from the SSA frame, nothing of the host's. */
    .globl emu_eresume
    .type emu_eresume, @function
emu_eresume:
    host_state_save
    .globl emu_resume_begin
emu_resume_begin:
    cmpl $0, T_PENDING(%rdi)
    jne emu_resume_abort
    mov T_XSAVE(%rdi), %rcx
    mov $-1, %eax
    mov $-1, %edx
    xrstor64 (%rcx)
    mov T_GPRS(%rdi), %rbx
    mov G_FSBASE(%rbx), %rax
    wrfsbase %rax
    mov G_GSBASE(%rbx), %rax
    wrgsbase %rax
    mov %ss, %eax
    push %rax
    pushq 32(%rbx)          /* rsp */
    pushq G_RFLAGS(%rbx)
    mov %cs, %eax
    push %rax
    pushq G_RIP(%rbx)
    mov 0(%rbx), %rax
    mov 8(%rbx), %rcx
    mov 16(%rbx), %rdx
    mov 40(%rbx), %rbp
    mov 48(%rbx), %rsi
    mov 56(%rbx), %rdi
    mov 64(%rbx), %r8
    mov 72(%rbx), %r9
    mov 80(%rbx), %r10
    mov 88(%rbx), %r11
    mov 96(%rbx), %r12
    mov 104(%rbx), %r13
    mov 112(%rbx), %r14
    mov 120(%rbx), %r15
    mov 24(%rbx), %rbx
    iretq
    .globl emu_resume_end
emu_resume_end:
/*
 * An interrupt came first, as if it had hit at the first instruction: the frame stays, and tells of an interrupt.
 * RDI = thread (the signal handler sets it when it sends us here).
 */
    .globl emu_resume_abort
emu_resume_abort:
    incq T_CSSA(%rdi)
    mov T_GPRS(%rdi), %rax
    movl $0, G_EXITINFO(%rax)
    mov T_HOST_FS(%rdi), %rax
    wrfsbase %rax
    movl $2, T_EXIT_KIND(%rdi)
    jmp emu_aex_return
    .size emu_eresume, . - emu_eresume

/*
 * A translated ENCLU: EAX = leaf, the return address is on the enclave's stack; R10 and R11 are the macro's to
 * lose. GS finds the thread: emu_threads_by_area[(gs - emu_vcpu_start) >> 16].
 */
    .globl emu_enclu
    .type emu_enclu, @function
emu_enclu:
    cmp $5, %eax
    je eaccept_fast
    cmp $6, %eax
    je emodpe_fast
enclu_slow:
    rdgsbase %r11
    sub emu_vcpu_start(%rip), %r11
    shr $16, %r11
    lea emu_threads_by_area(%rip), %r10
    mov (%r10,%r11,8), %r11
    rdfsbase %r10
    mov %r10, T_SCRATCH+16(%r11)
    mov T_HOST_FS(%r11), %r10
    wrfsbase %r10
    cmp $4, %eax
    jne 1f
    /* EEXIT: RBX = target. What the enclave left in RDI goes to the host. */
    mov %rdi, T_SCRATCH(%r11)
    mov %r11, %rdx
    jmp *%rbx
1:  /* a leaf that comes back: on the host's stack, with the enclave's registers kept */
    mov %rsp, T_SCRATCH+8(%r11)
    mov T_HOST_RSP(%r11), %rsp
    and $-64, %rsp
    push %r11
    push %rdx
    push %rbx
    push %rcx
    push %rsi
    push %rdi
    push %r8
    push %r9
    mov %rdx, %r8
    mov %rbx, %rdx
    mov %eax, %esi
    mov %r11, %rdi
    call emu_leaf           /* (thread, leaf, rbx, rcx, rdx) */
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rcx
    pop %rbx
    pop %rdx
    pop %r11
    mov T_SCRATCH+8(%r11), %rsp
    mov T_SCRATCH+16(%r11), %r10
    wrfsbase %r10
    ret

/*
 * EACCEPT and EMODPE come by the thousand, a page each, and touch nothing but the EPCM: what is as it should be is done here, without
 * changing FS and stack; all else by emu_leaf. Bits of the EPCM: emulator.h.
 */
    .macro epcm_find        /* R10 = the entry of the page in RCX */
    test $0xfff, %ecx
    jnz enclu_slow
    cmp emu_elrange_size(%rip), %rcx
    jae enclu_slow
    mov %rcx, %r10
    shr $12, %r10
    add emu_epcm(%rip), %r10
    mov (%rbx), %r11        /* SECINFO.FLAGS */
    .endm
    .macro eaccept_as flags, is, becomes
    cmp $\flags, %r11
    jne 2f
    cmpb $\is, (%r10)
    jne enclu_slow
    movb $\becomes, (%r10)
    xor %eax, %eax
    ret
2:
    .endm
eaccept_fast:
    epcm_find
    eaccept_as 0x20b, 27, 19   /* REG R W PENDING */
    eaccept_as 0x221, 145, 17  /* REG R PR */
    eaccept_as 0x410, 192, 64  /* TRIM MODIFIED */
    jmp enclu_slow
emodpe_fast:
    epcm_find
    movzbl (%r10), %eax
    and $24, %eax           /* REG, not PENDING */
    cmp $16, %eax
    mov $6, %eax
    jne enclu_slow
    and $7, %r11d
    orb %r11b, (%r10)
    xor %eax, %eax
    ret
    .size emu_enclu, . - emu_enclu
    .globl emu_switch_end
emu_switch_end:

/*
 * Every signal starts here. In the enclave, and in the code above, FS may be the enclave's and the thread is found
 * by its alternate stack; anywhere else FS is the host's, and the handler finds the thread by itself.
 * int emu_signal_handle(signo, info, context, fs found, thread or NULL): 1: go on as it was; 0: it went elsewhere.
 */
#define UC_RIP 168
#define UC_ERR 192
#define UC_TRAPNO 200
    .globl emu_signal_entry
    .type emu_signal_entry, @function
emu_signal_entry:
    pushq $0x2              /* Linux leaves AC as the enclave had it */
    popfq
    push %rbx
    rdfsbase %rcx
    mov %rcx, %rbx
    mov UC_RIP(%rdx), %rax
    cmp emu_elrange_size(%rip), %rax
    jb 1f
    cmp $11, %edi           /* SIGSEGV, a page fault of an instruction fetch: a jump out of the enclave, as far as we know */
    jne 4f
    cmpq $14, UC_TRAPNO(%rdx)
    jne 4f
    testb $16, UC_ERR(%rdx)
    jnz 1f
4:  xor %r8d, %r8d
    lea emu_eenter(%rip), %r9
    cmp %r9, %rax
    jb 2f
    lea emu_switch_end(%rip), %r9
    cmp %r9, %rax
    jae 2f
1:  mov %rsp, %r8
    and $-262144, %r8       /* EMU_STACK_SIZE */
    mov T_HOST_FS(%r8), %r9
    wrfsbase %r9
2:  cld
    call emu_signal_handle
    test %eax, %eax
    jz 3f
    wrfsbase %rbx
3:  pop %rbx
    ret
    .size emu_signal_entry, . - emu_signal_entry

    .section .note.GNU-stack, "", @progbits
