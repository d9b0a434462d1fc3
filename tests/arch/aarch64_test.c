/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AArch64 parts as an ordinary program under qemu-user: memory functions against libc's, and signal frames against those of Linux,
 * which must take ours for its own, and we its.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "arch/aarch64/fpu.h"
#include "arch/arch.h"
#include "sched/sched.h"

#define EXPECT(cond) \
    do { \
        if (!(cond)) { \
            printf("FAIL aarch64/%s: line %d: %s\n", test_name, __LINE__, #cond); \
            exit(1); \
        } \
    } while (0)
#define STACK 65536

static const char *test_name;
static struct task idle;
static struct vcpu vcpu = {.current = &idle};
static uint8_t stacks[2][STACK] aligned_to(16);

/* libc may use X18 for itself: it is set before each piece of kernel code that asks for the vCPU. */
static void vcpu_set(void)
{
    __asm__ volatile("mov x18, %0" : : "r"(&vcpu));
}

/* The only task has none of its own. */
struct arch_regs *task_regs(struct task *task)
{
    (void)task;
    return NULL;
}

/* Where CHECK of base.h ends. */
_Noreturn void check_failed(const char *cond, const char *file, int line)
{
    printf("FAIL aarch64/%s: %s:%d: %s\n", test_name, file, line, cond);
    exit(1);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

void *kernel_memcpy(void *dst, const void *src, size_t size);
void *kernel_memmove(void *dst, const void *src, size_t size);
void *kernel_memset(void *dst, int c, size_t size);

static void buffers_fill(uint8_t *a, uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        a[i] = b[i] = (uint8_t)(i * 37 + (i >> 8));
}

static void memory(void)
{
    static uint8_t a[1024], b[1024];
    for (size_t size = 0; size < 200; size++) {
        for (size_t off = 0; off < 40; off++) {
            buffers_fill(a, b, sizeof(a));
            EXPECT(kernel_memcpy(a + off, a + 512, size) == a + off);
            memcpy(b + off, b + 512, size);
            EXPECT(kernel_memmove(a + 300 + off, a + 320, size) == a + 300 + off);
            memmove(b + 300 + off, b + 320, size);
            EXPECT(kernel_memset(a + 700 + off, (int)(size + 250), size) == a + 700 + off);
            memset(b + 700 + off, (int)(size + 250), size);
            EXPECT(memcmp(a, b, sizeof(a)) == 0);
        }
    }
}

/* ---- contexts ---------------------------------------------------------------------------------------------------------- */

static struct arch_context main_context, contexts[2];
static unsigned turns[2];

static void context_run(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    uint8_t here;
    for (;;) {
        EXPECT(&here > stacks[me] && &here < stacks[me] + STACK);
        turns[me]++;
        arch_context_switch(&contexts[me], me == 0 ? &contexts[1] : &main_context);
    }
}

static void context(void)
{
    uint64_t kept;
    for (size_t i = 0; i < 2; i++) {
        arch_context_init(&contexts[i], stacks[i] + STACK, context_run, (void *)(uintptr_t)i);
        __asm__ volatile("mrs %0, tpidr_el0" : "=r"(contexts[i].tls)); /* libc's own, in all of them */
    }
    for (unsigned i = 1; i <= 100; i++) {
        register uint64_t x19 __asm__("x19") = i * 19UL, x28 __asm__("x28") = i * 28UL;
        __asm__ volatile("" : "+r"(x19), "+r"(x28));
        arch_context_switch(&main_context, &contexts[0]);
        __asm__ volatile("add %0, %1, %2" : "=r"(kept) : "r"(x19), "r"(x28));
        EXPECT(kept == i * 47UL && turns[0] == i && turns[1] == i);
    }
}

/* ---- vector state ------------------------------------------------------------------------------------------------------- */

static void vector_state(void)
{
    static struct fpu_state fresh aligned_to(64), saved aligned_to(64), again aligned_to(64);
    EXPECT(arch_fpu_size() == sizeof(fresh));
    arch_fpu_init(&fresh);
    EXPECT(fresh.fpcr == 0 && fresh.v[31][1] == 0);
    for (unsigned i = 0; i < 32; i++) {
        saved.v[i][0] = i * 0x0101010101010101UL;
        saved.v[i][1] = ~saved.v[i][0];
    }
    saved.fpcr = 1u << 22; /* rounding up */
    saved.fpsr = 1u << 4;  /* inexact */
    arch_fpu_restore(&saved);
    arch_fpu_save(&again);
    arch_fpu_restore(&fresh);
    EXPECT(memcmp(saved.v, again.v, sizeof(saved.v)) == 0 && again.fpcr == saved.fpcr && again.fpsr == saved.fpsr);
}

/* ---- user memory ---------------------------------------------------------------------------------------------------------- */

struct user_access {
    int32_t start, end, fixup;
};
extern const struct user_access __ex_table_start[], __ex_table_end[];

static uint64_t at(const int32_t *off)
{
    return (uint64_t)((intptr_t)off + *off);
}

static void fault_handle(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)signo, (void)info;
    for (const struct user_access *a = __ex_table_start; a < __ex_table_end; a++) {
        if (uc->uc_mcontext.pc >= at(&a->start) && uc->uc_mcontext.pc < at(&a->end)) {
            uc->uc_mcontext.pc = at(&a->fixup);
            return;
        }
    }
    _exit(2);
}

static uint8_t *page_before_nothing(void)
{
    uint8_t *page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(page != MAP_FAILED && mprotect(page + PAGE_SIZE, PAGE_SIZE, PROT_NONE) == 0);
    return page;
}

static void user_memory(void)
{
    struct sigaction sa = {.sa_sigaction = fault_handle, .sa_flags = SA_SIGINFO};
    uint8_t *page = page_before_nothing(), *end = page + PAGE_SIZE, buf[64];
    uint32_t value = 0, seen;
    EXPECT(sigaction(SIGSEGV, &sa, NULL) == 0);
    memset(page, 7, PAGE_SIZE);
    EXPECT(arch_user_copy(buf, page + 1, 61) == 0 && buf[60] == 7);
    EXPECT(arch_user_copy(buf, end - 16, 40) == 24);
    EXPECT(arch_user_copy(end - 24, buf, 64) == 40);
    EXPECT(arch_user_copy(buf, end - 3, 3) == 0);
    EXPECT(arch_user_zero(end - 8, 8) == 0 && end[-1] == 0 && arch_user_zero(end - 8, 9) == 1);
    EXPECT(arch_user_load32((uint32_t *)(void *)end, &value) == -EFAULT);
    *(uint32_t *)(void *)page = 5;
    EXPECT(arch_user_load32((uint32_t *)(void *)page, &value) == 0 && value == 5);
    EXPECT(arch_user_cas32((uint32_t *)(void *)page, 4, 9, &seen) == 0 && seen == 5 && *(uint32_t *)(void *)page == 5);
    EXPECT(arch_user_cas32((uint32_t *)(void *)page, 5, 9, &seen) == 0 && seen == 5 && *(uint32_t *)(void *)page == 9);
    EXPECT(arch_user_cas32((uint32_t *)(void *)end, 4, 9, &seen) == -EFAULT);
    signal(SIGSEGV, SIG_DFL);
}

/* ---- registers ------------------------------------------------------------------------------------------------------------ */

static void registers(void)
{
    struct arch_regs regs, copy;
    char line[128];
    uint64_t args[6];
    vcpu_set();
    arch_regs_init(&regs, 0x1000, 0x2000);
    EXPECT(arch_regs_pc(&regs) == 0x1000 && arch_regs_sp(&regs) == 0x2000 && arch_regs_syscall_nr(&regs) == ~0ULL);
    regs.nr = 64;
    for (unsigned i = 0; i < 6; i++)
        regs.x[i] = 10 + i;
    regs.orig_x0 = 10;
    arch_regs_set_result(&regs, -EINTR);
    arch_regs_syscall_args(&regs, args);
    EXPECT(args[0] == 10 && args[5] == 15 && arch_regs_result(&regs) == -EINTR);
    arch_regs_restart_syscall(&regs, 128);
    EXPECT(regs.pc == 0xffc && regs.x[0] == 10 && regs.x[8] == 128);
    regs.tls = 0x7000;
    vcpu_set();
    arch_regs_fork(&copy, &regs);
    EXPECT(copy.tls == 0x7000 && copy.pc == regs.pc);
    EXPECT(arch_regs_show(&regs, 0, line, sizeof(line)) && strstr(line, "x2 0xc"));
    EXPECT(arch_regs_show(&regs, 10, line, sizeof(line)) && strstr(line, "pc 0xffc") && !arch_regs_show(&regs, 12, line, sizeof(line)));
}

/* ---- signal frames --------------------------------------------------------------------------------------------------------- */

static struct arch_regs seen_regs;
static struct fpu_state seen_fpu aligned_to(64);
static struct arch_signal seen_signal;
static int seen_result;

/* A frame of Linux's, taken by our parser. It lies where siginfo does. */
static void frame_take(int signo, siginfo_t *info, void *context)
{
    struct fpu_state live aligned_to(64);
    const ucontext_t *uc = context;
    (void)signo;
    seen_regs = (struct arch_regs){.sp = (uint64_t)info};
    arch_fpu_save(&live);
    seen_result = arch_sigframe_parse(info, &seen_regs, &seen_fpu, &seen_signal);
    arch_fpu_restore(&live);
    EXPECT(seen_regs.pc == uc->uc_mcontext.pc && seen_regs.sp == uc->uc_mcontext.sp && seen_regs.x[29] == uc->uc_mcontext.regs[29]);
}

static void linux_frame(void)
{
    struct sigaction sa = {.sa_sigaction = frame_take, .sa_flags = SA_SIGINFO};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    EXPECT(sigprocmask(SIG_SETMASK, &mask, NULL) == 0 && sigaction(SIGUSR1, &sa, NULL) == 0 && raise(SIGUSR1) == 0);
    EXPECT(seen_result == 0 && seen_signal.mask == 1UL << (SIGUSR2 - 1));
    sigemptyset(&mask);
    EXPECT(sigprocmask(SIG_SETMASK, &mask, NULL) == 0);
}

static volatile uint64_t resumed_x5, resumed_sp, resumed_v7;
static ucontext_t back;

/* Where Linux goes on after it took our frame. */
static void resumed(void)
{
    uint64_t x5, sp, v7;
    __asm__ volatile("mov %0, x5\n\tmov %1, sp\n\tfmov %2, d7" : "=r"(x5), "=r"(sp), "=r"(v7));
    resumed_x5 = x5;
    resumed_sp = sp;
    resumed_v7 = v7;
    setcontext(&back);
}

static _Noreturn void sigreturn_from(uaddr_t frame)
{
    __asm__ volatile("mov sp, %0\n\tmov x8, %1\n\tsvc #0" : : "r"(frame), "i"(SYS_rt_sigreturn) : "x8", "memory");
    __builtin_unreachable();
}

static void frame_built(void)
{
    static uint8_t stack[2 * STACK] aligned_to(16), info[128];
    static struct fpu_state fpu aligned_to(64);
    struct arch_regs regs = {.sp = (uint64_t)(stack + STACK), .pc = (uint64_t)resumed, .pstate = 1UL << 31};
    const struct arch_signal sig = {.signo = 10, .siginfo = info, .handler = 0x4000, .restorer = 0x5000, .mask = 0, .altstack_flags = SS_DISABLE};
    volatile bool is_back = false;
    regs.x[5] = 0x5555;
    fpu.v[7][0] = 0x7777;
    uaddr_t frame = arch_sigframe_place(regs.sp);
    EXPECT(frame % 16 == 0 && frame + arch_sigframe_size() <= regs.sp);
    arch_sigframe_build((void *)frame, frame, &sig, &regs, &fpu);
    EXPECT(regs.pc == 0x4000 && regs.x[0] == 10 && regs.x[1] == frame && regs.x[30] == 0x5000 && arch_sigframe_find(&regs) == frame);
    getcontext(&back);
    if (!is_back) {
        is_back = true;
        sigreturn_from(frame);
    }
    EXPECT(resumed_x5 == 0x5555 && resumed_v7 == 0x7777 && resumed_sp <= (uint64_t)(stack + STACK) && resumed_sp > (uint64_t)stack);
    ((uint8_t *)frame)[128 + 176 + 288] ^= 1; /* the magic of the vector state: behind siginfo, ucontext's head and the registers */
    EXPECT(arch_sigframe_parse((void *)frame, &regs, &fpu, &seen_signal) == -EINVAL);
    ((uint8_t *)frame)[128 + 176 + 288] ^= 1;
    EXPECT(arch_sigframe_parse((void *)frame, &regs, &fpu, &seen_signal) == 0 && regs.x[5] == 0x5555 && regs.pstate == 1UL << 31);
}

int main(void)
{
    const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {{"memory", memory}, {"context", context}, {"vector_state", vector_state}, {"user_memory", user_memory},
                 {"registers", registers}, {"linux_frame", linux_frame}, {"frame_built", frame_built}};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        test_name = tests[i].name;
        tests[i].run();
        printf("ok aarch64/%s\n", test_name);
    }
    return 0;
}
