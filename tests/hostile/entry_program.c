/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in the enclave while entry.c meddles with each way in and out: takes all of them in each round, and looks whether
 * all is as it was. Exit status 99: it is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define WRONG 99
#define TERMS 1000

static volatile sig_atomic_t traps[65], is_expected;
static uint8_t *code; /* a function made at run time: its system call is in no table */

static void check(int is_right, const char *what)
{
    if (is_right)
        return;
    dprintf(2, "WRONG: %s\n", what);
    _exit(WRONG);
}

static void handler(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    check(is_expected == signo, "a signal that nothing here has caused");
    traps[signo]++;
    if (signo == SIGFPE) {
        check(info->si_addr == (void *)uc->uc_mcontext.gregs[REG_RIP], "si_addr of SIGFPE");
        uc->uc_mcontext.gregs[REG_RIP] += 2; /* div ecx */
    } else if (signo == SIGSEGV || signo == SIGBUS) {
        uc->uc_mcontext.gregs[REG_RIP] += 2; /* mov (rax), al */
    }
    /* SIGTRAP by the trap flag: goes on, until the flag is put out again */
}

/* Sums that depend on each rounding. */
static double sum_sse(void)
{
    double sum = 0;
    for (int i = 1; i < TERMS; i++)
        sum += 1.0 / (i * (double)i);
    return sum;
}

static long double sum_x87(void)
{
    long double sum = 0;
    for (int i = 1; i < TERMS; i++)
        sum += 1.0L / (i * (long double)i);
    return sum;
}

static void arithmetic(void)
{
    static double sse;
    static long double x87;
    double s = sum_sse();
    long double x = sum_x87();
    if (sse == 0)
        sse = s, x87 = x;
    check(memcmp(&s, &sse, 8) == 0 && memcmp(&x, &x87, 10) == 0, "floating point gives another result");
    check(s > 1.643 && s < 1.645 && (double)x > 1.643, "floating point");
}

/* All registers but those that a system call may change live over one that leaves the enclave. */
static void registers_keep(void)
{
    uint64_t in[8], out[8];
    uint16_t cw_in = 0x27f, cw = 0;
    uint32_t mxcsr_in = 0x3f80, mxcsr = 0, cw_std = 0x37f, mxcsr_std = 0x1f80;
    for (int i = 0; i < 8; i++)
        in[i] = 0x1111111111111111ULL * (unsigned)(i + 1);
    long result;
    __asm__ volatile("fldcw %[cwi]\n\tldmxcsr %[mxi]\n\tfld1\n\t"
                     "movdqu (%[in]), %%xmm0\n\tmovdqu 16(%[in]), %%xmm7\n\tmovdqu 32(%[in]), %%xmm8\n\tmovdqu 48(%[in]), %%xmm15\n\t"
                     "mov $0x2222222222222222, %%r12\n\tmov $0x3333333333333333, %%r13\n\t"
                     "mov $0x4444444444444444, %%r14\n\tmov $0x5555555555555555, %%r15\n\t"
                     "mov $0x6666666666666666, %%r8\n\t"
                     "syscall\n\t"
                     "movdqu %%xmm0, (%[out])\n\tmovdqu %%xmm7, 16(%[out])\n\tmovdqu %%xmm8, 32(%[out])\n\tmovdqu %%xmm15, 48(%[out])\n\t"
                     "fnstcw %[cw]\n\tstmxcsr %[mx]\n\tfstp %%st(0)\n\tfldcw %[cws]\n\tldmxcsr %[mxs]\n\t"
                     "add %%r12, %%r13\n\tadd %%r14, %%r15\n\tadd %%r13, %%r15\n\tadd %%r8, %%r15\n\tmov %%r15, %%r9\n\t"
                     "cmp %%r9, %[sum]\n\tje 1f\n\tmov $-1000, %%rax\n1:"
                     : "=a"(result), [cw] "=m"(cw), [mx] "=m"(mxcsr)
                     : "0"((long)SYS_write), "D"(1L), "S"(in), "d"(1L), [in] "r"(in), [out] "r"(out), [cwi] "m"(cw_in), [mxi] "m"(mxcsr_in),
                       [cws] "m"(cw_std), [mxs] "m"(mxcsr_std),
                       [sum] "r"(0x2222222222222222ULL + 0x3333333333333333ULL + 0x4444444444444444ULL + 0x5555555555555555ULL + 0x6666666666666666ULL)
                     : "rcx", "r8", "r9", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm7", "xmm8", "xmm15", "memory");
    check(result == 1, "a system call's result, or a register that it keeps");
    check(memcmp(in, out, sizeof(in)) == 0 && cw == cw_in && mxcsr == mxcsr_in, "vector state over a system call");
}

/* With a flag of the user's set: the kernel must not see it, and the user must have it again. TF: gone after a patched call. */
static void flags_keep(uint64_t flag)
{
    uint64_t pid, flags;
    is_expected = SIGTRAP;
    __asm__ volatile("sub $128, %%rsp\n\tpushfq\n\torq %2, (%%rsp)\n\tpopfq\n\tsyscall\n\tpushfq\n\tpop %1\n\tpushq $2\n\tpopfq\n\tadd $128, %%rsp"
                     : "=a"(pid), "=r"(flags) : "r"(flag), "0"((long)SYS_getpid) : "rcx", "r11", "memory", "cc");
    is_expected = 0;
    check(pid == (uint64_t)getpid() && (flag == 0x100 || (flags & flag) == flag), "flags over a system call");
}

/* The upper halves too. In a program that has not used x87 yet, so that the kernel takes its short way. */
__attribute__((target("avx"))) static void wide_registers_keep(void)
{
    uint64_t in[4] = {1, 2, 3, 0x7777777777777777ULL}, out[4] = {0};
    long result;
    __asm__ volatile("vmovdqu (%[in]), %%ymm0\n\tvmovdqu (%[in]), %%ymm15\n\tsyscall\n\tvmovdqu %%ymm15, (%[out])\n\tvzeroupper"
                     : "=a"(result)
                     : "0"((long)SYS_write), "D"(1L), "S"(in), "d"(1L), [in] "r"(in), [out] "r"(out)
                     : "rcx", "r11", "xmm0", "xmm15", "memory");
    check(result == 1 && memcmp(in, out, sizeof(in)) == 0, "wide registers over a system call");
}

/* The host may answer anything here. */
static void lies(void)
{
    char buf[100];
    check(read(0, buf, 10) <= 10, "read gave more than asked for");
}

static void faults(void)
{
    uint32_t q = 5, zero = 0;
    is_expected = SIGFPE;
    __asm__ volatile("xor %%edx, %%edx\n\tdiv %1" : "+a"(q) : "c"(zero) : "rdx", "cc");
    is_expected = SIGSEGV;
    __asm__ volatile("movb %%al, (%0)" : : "a"((long)8) : "memory");
    is_expected = 0;
}

static void memory(void)
{
    char *fresh = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd[2];
    check(fresh != MAP_FAILED && pipe(fd) == 0, "mmap, pipe");
    check(write(fd[1], fresh + 4096, 5000) == 5000 && read(fd[0], fresh + 1, 5000) == 5000, "the kernel touches fresh memory");
    check(write(fd[1], fresh + 8192, 3) == 3 && read(fd[0], fresh + 12288, 3) == 3, "a few bytes");
    check(write(fd[1], (void *)8, 3) == -1 && errno == EFAULT, "EFAULT of few");
    char *gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(write(fd[1], gone, 20) == -1 && errno == EFAULT, "EFAULT of a few words");
    check(write(fd[1], (void *)8, 300) == -1 && errno == EFAULT, "EFAULT of many");
    for (int i = 0; i < 16384; i++)
        check(fresh[i] == 0, "fresh memory is not zero");
    check(syscall(SYS_futex, (int *)gone, 0, 0, NULL, NULL, 0) == -1 && errno == EFAULT, "EFAULT of a futex");
    check(syscall(SYS_futex, (int *)fresh, 1, 1, NULL, NULL, 0) == 0, "a futex in fresh memory");
    /* FUTEX_WAKE_OP compares and exchanges in user memory: OP_ADD 1 */
    check(syscall(SYS_futex, (int *)fresh, 5, 1, NULL, (int *)(fresh + 4), 1 << 28 | 1 << 12) == 0 && fresh[4] == 1, "FUTEX_WAKE_OP");
    check(syscall(SYS_futex, (int *)fresh, 5, 1, NULL, (int *)gone, 1 << 28 | 1 << 12) == -1 && errno == EFAULT, "EFAULT of FUTEX_WAKE_OP");
    mprotect(gone, 4096, PROT_READ);
    check(syscall(SYS_futex, (int *)fresh, 5, 1, NULL, (int *)gone, 1 << 28 | 1 << 12) == -1 && errno == EFAULT, "EFAULT of FUTEX_WAKE_OP");
    int zero = open("/dev/zero", O_RDONLY);
    check(read(zero, fresh, 100) == 100 && read(zero, (void *)8, 100) == -1 && errno == EFAULT, "/dev/zero");
    close(zero), close(fd[0]), close(fd[1]);
    munmap(fresh, 16384), munmap(gone, 4096);
}

static void tasks(void)
{
    int status = 0;
    static unsigned round;
    char *const argv[] = {"/program", "wide", NULL};
    pid_t pid = fork();
    if (pid == 0 && round % 4 == 0)
        execve(argv[0], argv, NULL);
    if (pid == 0)
        _exit(7);
    check(pid > 0 && waitpid(pid, &status, 0) == pid && status == (round % 4 ? 7 : 8) << 8, "a child");
    round++;
    check(((long (*)(void))code)() == getpid(), "a system call that is in no table");
}

/*
 * An instruction of the image, and one made at run time. Where the processor does not make CPUID undefined, entry.c does: it is UD2
 * until it runs.
 */
static void cpuid_keep(void)
{
    static const uint8_t cpuid_code[] = {0x53, 0xb8, 1, 0, 0, 0, 0x31, 0xc9, 0x0f, 0x0b, 0x5b, 0xc3};
    static uint32_t first;
    memcpy(code + 64, cpuid_code, sizeof(cpuid_code));
    uint32_t a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    uint32_t made = ((uint32_t(*)(void))(code + 64))();
    first = first ? first : a;
    check(a == first && made == first && (d & 1), "cpuid");
}

static void setup(void)
{
    static const uint8_t getpid_code[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};
    static const int signals[] = {SIGFPE, SIGSEGV, SIGTRAP, SIGBUS, SIGILL, SIGSYS};
    struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_RESTART, .sa_sigaction = handler};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &sa, NULL);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(code != MAP_FAILED, "mmap of code");
    memcpy(code, getpid_code, sizeof(getpid_code));
}

/* Rounds without end: entry.c stops it. */
int main(int argc, char **argv)
{
    (void)argv;
    for (int i = 0; argc > 1 && i < 40; i++)
        wide_registers_keep();
    if (argc > 1)
        _exit(8);
    setup();
    for (;;) {
        arithmetic();
        registers_keep();
        lies();
        flags_keep(0x40000), flags_keep(0x400), flags_keep(0x40400);
        flags_keep(0x100);
        faults();
        cpuid_keep();
        memory();
        tasks();
        if (write(1, "ROUND\n", 6) != 6)
            return 1;
    }
}
