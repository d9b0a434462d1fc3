/* SPDX-License-Identifier: Apache-2.0 */
/* What a program can leave in its flags and program counter: the kernel must survive all of it, and give the right signal. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "check.h"

#define NON_CANONICAL 0x8000000000001234ULL
#define FLAG_TF 0x100UL
#define FLAG_DF 0x400UL
#define FLAG_AC 0x40000UL

static volatile sig_atomic_t traps, faults;
static sigjmp_buf back;

/* Runs `what` in a child and returns how that ended. */
static int status_of(void (*what)(void))
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        what();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void handler_nowhere(void)
{
    struct sigaction sa = {.sa_handler = (void (*)(int))NON_CANONICAL};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    raise(SIGUSR1);
}

static void go_nowhere(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    (void)signo, (void)info;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)NON_CANONICAL;
}

static void sigreturn_nowhere(void)
{
    struct sigaction sa = {.sa_sigaction = go_nowhere, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
    raise(SIGUSR1);
}

static void jump_nowhere(void)
{
    __asm__ volatile("jmp *%0" : : "r"(NON_CANONICAL));
}

static void on_trap(int signo)
{
    (void)signo;
    traps++;
}

static void on_fault(int signo)
{
    (void)signo;
    faults++;
    siglongjmp(back, 1);
}

static void flags_or(unsigned long set)
{
    __asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "r"(set) : "memory", "cc");
}

static void flags_clear(unsigned long clear)
{
    __asm__ volatile("pushfq\n\tandq %0, (%%rsp)\n\tpopfq" : : "r"(~clear) : "memory", "cc");
}

/* A system call with flags set: fork's wrapper and libc are kept out of it. */
static long getppid_with(unsigned long set)
{
    long result;
    __asm__ volatile("pushfq\n\torq %2, (%%rsp)\n\tpopfq\n\tsyscall\n\tpushfq\n\tandq %3, (%%rsp)\n\tpopfq"
                     : "=a"(result)
                     : "0"(110L), "r"(set), "r"(~set)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

static void single_steps(void)
{
    struct sigaction sa = {.sa_handler = on_trap};
    CHECK(sigaction(SIGTRAP, &sa, NULL) == 0);
    flags_or(FLAG_TF);
    __asm__ volatile("nop\n\tnop\n\tnop");
    flags_clear(FLAG_TF);
    CHECK(traps >= 3);
    CHECK(getppid_with(FLAG_TF) == getppid());
}

static void alignment(void)
{
    char buf[16] = {0};
    volatile uint32_t sink;
    struct sigaction sa = {.sa_handler = on_fault};
    CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
    CHECK(getppid_with(FLAG_AC) == getppid());
    CHECK(getppid_with(FLAG_DF) == getppid());
    if (sigsetjmp(back, 1) == 0) {
        flags_or(FLAG_AC);
        sink = *(volatile uint32_t *)(buf + 1);
        flags_clear(FLAG_AC);
        (void)sink;
    }
    flags_clear(FLAG_AC);
}

int main(void)
{
    CHECK(WTERMSIG(status_of(handler_nowhere)) == SIGSEGV);
    CHECK(WTERMSIG(status_of(sigreturn_nowhere)) == SIGSEGV);
    CHECK(WTERMSIG(status_of(jump_nowhere)) == SIGSEGV);
    CHECK(status_of(single_steps) == 0);
    CHECK(status_of(alignment) == 0);
    return 0;
}
