/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host signals that arrive while a thread is in the enclave, modelled as the asynchronous exit that the processor would
 * make of the event behind them: registers and XSAVE state go to the SSA frame, CSSA goes up, and the thread finds
 * itself in sgx_enter's way out.
 */

#include <cpuid.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "emulator.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define ARCH_SET_CPUID 0x1012 /* arch_prctl(2) */
#define ERROR_FETCH 16 /* of a page fault's error code: it was an instruction */
#define XSTATE_BV_OFF 512 /* the XSAVE header, in the signal frame's fpstate */
#define XSTATE_SIZE_OFF 480 /* struct _fpx_sw_bytes: magic1, extended_size, xfeatures, xstate_size */

enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16, VECTOR_AC = 17, VECTOR_XM = 19 };

static __thread struct emu_thread *self;
int emu_signal_handle(int signo, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t);

static void gprs_save(struct sgx_gprs *g, const ucontext_t *uc, uint64_t fs, uint64_t gs)
{
    const greg_t *r = uc->uc_mcontext.gregs;
    g->exitinfo = (struct sgx_exitinfo){0}, g->reserved = 0; /* URSP and URBP stay as they came with the entry */
    g->rax = (uint64_t)r[REG_RAX], g->rbx = (uint64_t)r[REG_RBX], g->rcx = (uint64_t)r[REG_RCX];
    g->rdx = (uint64_t)r[REG_RDX], g->rsi = (uint64_t)r[REG_RSI], g->rdi = (uint64_t)r[REG_RDI];
    g->rbp = (uint64_t)r[REG_RBP], g->rsp = (uint64_t)r[REG_RSP], g->rip = (uint64_t)r[REG_RIP];
    g->r8 = (uint64_t)r[REG_R8], g->r9 = (uint64_t)r[REG_R9], g->r10 = (uint64_t)r[REG_R10];
    g->r11 = (uint64_t)r[REG_R11], g->r12 = (uint64_t)r[REG_R12], g->r13 = (uint64_t)r[REG_R13];
    g->r14 = (uint64_t)r[REG_R14], g->r15 = (uint64_t)r[REG_R15];
    g->rflags = (uint64_t)r[REG_EFL];
    g->fsbase = fs;
    g->gsbase = gs;
}

/* The standard format of the signal frame is the one that the SSA frame has. State outside XFRM is left out. */
static void xsave_save(const struct sgx_enclave *e, uint8_t *area, ucontext_t *uc)
{
    uint8_t *fp = (uint8_t *)uc->uc_mcontext.fpregs;
    uint32_t size;
    memcpy(&size, fp + XSTATE_SIZE_OFF, sizeof(size));
    if (size > SGX_PAGE_SIZE - sizeof(struct sgx_gprs) - sizeof(struct sgx_exinfo))
        size = SGX_PAGE_SIZE - sizeof(struct sgx_gprs) - sizeof(struct sgx_exinfo);
    memcpy(area, fp, size);
    uint64_t state;
    memcpy(&state, area + XSTATE_BV_OFF, sizeof(state));
    state &= e->secs.attributes.xfrm;
    memset(area + XSTATE_BV_OFF, 0, 64);
    memcpy(area + XSTATE_BV_OFF, &state, sizeof(state));
    memset(area + XSTATE_SIZE_OFF - 16, 0, 48); /* software-reserved bytes of the signal frame */
    memset(fp + XSTATE_BV_OFF, 0, 8); /* what the host finds in the registers is synthetic */
}

/* What the processor reports in EXITINFO, and in EXINFO for #PF and #GP; valid 0: an interrupt. */
static void aex(struct emu_thread *t, ucontext_t *uc, uint64_t fs, struct sgx_exitinfo exit, uint64_t addr, uint32_t errcd)
{
    uint8_t *frame = (uint8_t *)(t->tcs.ossa + t->cssa * SGX_PAGE_SIZE * emu_enclave->secs.ssa_frame_size);
    struct sgx_gprs *g = (struct sgx_gprs *)(frame + SGX_PAGE_SIZE) - 1;
    struct sgx_exinfo *x = (struct sgx_exinfo *)g - 1;
    uint64_t gs;
    __asm__ volatile("rdgsbase %0" : "=r"(gs));
    gprs_save(g, uc, fs, gs);
    g->exitinfo = exit;
    *x = (struct sgx_exinfo){.maddr = addr, .errcd = errcd};
    xsave_save(emu_enclave, frame, uc);
    t->cssa++;
    atomic_store(&t->is_busy, false);
    t->run = (struct sgx_run){.vector = exit.vector, .error_code = errcd, .addr = addr & ~(uint64_t)(SGX_PAGE_SIZE - 1)};
    t->exit_kind = exit.valid ? SGX_RUN_EXCEPTION : SGX_RUN_INTERRUPTED;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)emu_aex_return;
    uc->uc_mcontext.gregs[REG_RDI] = (greg_t)t;
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)t->host_rsp;
    uc->uc_mcontext.gregs[REG_EFL] &= ~0x40500L; /* TF, DF, AC */
}

static struct sgx_exitinfo hardware(unsigned vector)
{
    unsigned type = vector == VECTOR_BP ? SGX_EXIT_SOFTWARE : SGX_EXIT_HARDWARE;
    return (struct sgx_exitinfo){.vector = vector & 0xff, .type = type & 7, .valid = 1};
}

/* An ENCLU that was not translated: does it here, and goes on behind it. 1: done. */
static int enclu_trapped(struct emu_thread *t, ucontext_t *uc)
{
    greg_t *r = uc->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)r[REG_RIP];
    if (memcmp(code, "\x0f\x01\xd7", 3) != 0)
        return 0;
    if ((uint32_t)r[REG_RAX] == SGX_EEXIT) {
        atomic_store(&t->is_busy, false);
        t->scratch[0] = (uint64_t)r[REG_RDI];
        r[REG_RIP] = r[REG_RBX];
        r[REG_RDX] = (greg_t)t;
        return 2;
    }
    r[REG_RAX] = (greg_t)emu_leaf(t, (uint32_t)r[REG_RAX], (uint64_t)r[REG_RBX], (uint64_t)r[REG_RCX], (uint64_t)r[REG_RDX]);
    r[REG_RIP] += 3;
    return 1;
}

/* CPUID, which faults on threads of vCPUs where the processor can make it so (arch_prctl(2)), as it is undefined in an enclave. */
static bool is_cpuid(const ucontext_t *uc)
{
    return uc->uc_mcontext.gregs[REG_TRAPNO] == VECTOR_GP && memcmp((const void *)uc->uc_mcontext.gregs[REG_RIP], "\x0f\xa2", 2) == 0;
}

/* The host's own, on such a thread: a library that is loaded late asks. */
static void cpuid_run(greg_t *r)
{
    unsigned a = (unsigned)r[REG_RAX], b, c = (unsigned)r[REG_RCX], d;
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1UL);
    __cpuid_count(a, c, a, b, c, d);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0UL);
    r[REG_RAX] = a, r[REG_RBX] = b, r[REG_RCX] = c, r[REG_RDX] = d;
    r[REG_RIP] += 2;
}

/* A signal in enclave mode. 1: the enclave goes on. */
static int enclave_signal(struct emu_thread *t, int signo, ucontext_t *uc, uint64_t fs)
{
    greg_t *r = uc->uc_mcontext.gregs;
    unsigned trap = (unsigned)r[REG_TRAPNO];
    int served;
    if (signo == EMU_SIGNAL) {
        aex(t, uc, fs, (struct sgx_exitinfo){0}, 0, 0);
        return 0;
    }
    switch (signo) {
    case SIGSYS: /* a syscall instruction: #UD, with RIP at it */
        r[REG_RIP] -= 2;
        aex(t, uc, fs, hardware(VECTOR_UD), 0, 0);
        return 0;
    case SIGILL:
        served = enclu_trapped(t, uc);
        if (served)
            return served == 1;
        aex(t, uc, fs, hardware(VECTOR_UD), 0, 0);
        return 0;
    case SIGTRAP:
        aex(t, uc, fs, hardware(trap == VECTOR_BP ? VECTOR_BP : VECTOR_DB), 0, 0);
        return 0;
    case SIGFPE:
        aex(t, uc, fs, hardware(trap == VECTOR_DE || trap == VECTOR_MF ? trap : VECTOR_XM), 0, 0);
        return 0;
    case SIGBUS: /* alignment, or a page that the host lost */
        aex(t, uc, fs, hardware(trap == VECTOR_AC ? VECTOR_AC : VECTOR_PF), (uint64_t)r[REG_CR2], (uint32_t)r[REG_ERR]);
        return 0;
    default:
        if (is_cpuid(uc)) {
            aex(t, uc, fs, hardware(VECTOR_UD), 0, 0);
            return 0;
        }
        aex(t, uc, fs, hardware(trap == VECTOR_PF ? VECTOR_PF : VECTOR_GP), trap == VECTOR_PF ? (uint64_t)r[REG_CR2] : 0,
            (uint32_t)r[REG_ERR]);
        return 0;
    }
}

/* A program jumped out of the enclave to where nothing can be run: its fault, not ours. (To code of the host, it would run on here.) */
static bool is_wild_jump(const struct emu_thread *t, int signo, const ucontext_t *uc)
{
    const greg_t *r = uc->uc_mcontext.gregs;
    return signo == SIGSEGV && t && atomic_load(&t->is_busy) && r[REG_TRAPNO] == VECTOR_PF && (r[REG_ERR] & ERROR_FETCH);
}

int emu_signal_handle(int signo, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t)
{
    greg_t *r = uc->uc_mcontext.gregs;
    uint64_t rip = (uint64_t)r[REG_RIP];
    if (!t)
        t = self;
    if (rip < emu_enclave->secs.size || is_wild_jump(t, signo, uc))
        return enclave_signal(t, signo, uc, fs);
    if (signo == EMU_SIGNAL) {
        if (!t)
            return 1;
        t->is_pending = 1;
        if (rip < (uint64_t)emu_resume_begin || rip >= (uint64_t)emu_resume_end)
            return 1;
        r[REG_RIP] = (greg_t)emu_resume_abort;
        r[REG_RDI] = (greg_t)t;
        return 0;
    }
    (void)info;
    if (signo == SIGSEGV && is_cpuid(uc)) {
        cpuid_run(r);
        return 1;
    }
    signal(signo, SIG_DFL); /* our own bug: die of it, at the same instruction */
    return 1;
}

int emu_signals_init(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))emu_signal_entry;
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigaction(signals[i], &sa, NULL) < 0)
            return -1;
    }
    return sigaction(EMU_SIGNAL, &sa, NULL);
}

/* Where Syscall User Dispatch is missing (Linux < 5.11, some sandboxes): the same rule as a seccomp filter. */
static int seccomp_init(uint64_t elrange_size)
{
    uint32_t high = (uint32_t)(elrange_size >> 32);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, high, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

int emu_thread_signals_init(struct emu_thread *t, uint64_t elrange_size)
{
    stack_t stack = {.ss_sp = t, .ss_size = EMU_STACK_SIZE};
    stack.ss_sp = (char *)t + ((sizeof(*t) + SGX_PAGE_SIZE - 1) & ~(size_t)(SGX_PAGE_SIZE - 1));
    stack.ss_size = EMU_STACK_SIZE - (size_t)((char *)stack.ss_sp - (char *)t);
    if (sigaltstack(&stack, NULL) < 0)
        return -1;
    self = t;
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0UL); /* where it cannot, CPUID shows programs the machine as it is */
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, elrange_size, (1UL << 47) - elrange_size, NULL) == 0)
        return 0;
    return seccomp_init(elrange_size);
}

void emu_thread_signals_fini(void)
{
    static const stack_t off = {.ss_flags = SS_DISABLE};
    prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1UL);
    self = NULL;
    sigaltstack(&off, NULL);
}
