/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPUID: the same from a program's own text and from code that is written at run time, all registers as the instruction leaves them,
 * sizes that are true, and no loss under signals and threads. (A patched instruction, and a trap, in the enclave.)
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/time.h>
#include "check.h"

#define FSGSBASE 1u    /* of leaf 7, EBX: hidden in the enclave */
#define OSXSAVE  (1u << 27)
#define ARITHMETIC_FLAGS 0x8d5u

struct result {
    uint64_t rax, rbx, rcx, rdx, rflags;
};

/* void cpuid_full(uint64_t rax, uint64_t rcx, uint64_t rflags, struct result *, uint64_t kept[6]) */
void cpuid_full(uint64_t rax, uint64_t rcx, uint64_t rflags, struct result *result, uint64_t kept[6]);
__asm__(".text\n"
        "cpuid_full:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "push %r8; push %rcx\n"
        "mov %rdi, %rax; mov %rsi, %rcx\n"
        "push %rdx; mov $0x1111, %r8d; mov $0x2222, %r9d; mov $0x3333, %r10d; mov $0x4444, %r11d; mov $0x5555, %r15d\n"
        "mov %rsp, %rbp; movq $0x77, -64(%rsp); popfq\n"
        "cpuid\n"
        "pushfq; pop %r12\n"
        "pop %rsi; pop %rdi\n"
        "mov %rax, (%rsi); mov %rbx, 8(%rsi); mov %rcx, 16(%rsi); mov %rdx, 24(%rsi); mov %r12, 32(%rsi)\n"
        "mov %r8, (%rdi); mov %r9, 8(%rdi); mov %r10, 16(%rdi); mov %r11, 24(%rdi); mov %r15, 32(%rdi)\n"
        "mov -64(%rbp), %rax; mov %rax, 40(%rdi)\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n");

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static void registers(void)
{
    const uint64_t flags[] = {0x202, 0x202 | ARITHMETIC_FLAGS, 0x202 | 0x400 | 0x41, 0x202 | 0x880};
    for (unsigned i = 0; i < 4; i++) {
        struct result r;
        uint64_t kept[6];
        uint32_t plain[4];
        cpuid(7, 0, plain);
        cpuid_full(0xdeadbeef00000007, 0xcafe000000000000, flags[i], &r, kept);
        __asm__ volatile("cld");
        CHECK(r.rax == plain[0] && r.rbx == plain[1] && r.rcx == plain[2] && r.rdx == plain[3]);
        CHECK((r.rflags & ~0x200UL) == (flags[i] & ~0x200UL));
        CHECK(kept[0] == 0x1111 && kept[1] == 0x2222 && kept[2] == 0x3333 && kept[3] == 0x4444 && kept[4] == 0x5555);
        CHECK(kept[5] == 0x77); /* the red zone */
    }
}

static void (*written)(uint32_t leaf, uint32_t sub, uint32_t r[4]);

static void code_write(void)
{
    static const uint8_t code[] = {
        0x53, 0x49, 0x89, 0xd0, 0x89, 0xf8, 0x89, 0xf1,                         /* push rbx; mov r8, rdx; mov eax, edi; mov ecx, esi */
        0x0f, 0xa2, 0x41, 0x89, 0x00, 0x41, 0x89, 0x58, 0x04,                   /* cpuid; mov [r8], eax; mov [r8 + 4], ebx */
        0x41, 0x89, 0x48, 0x08, 0x41, 0x89, 0x50, 0x0c, 0x5b, 0xc3,             /* mov [r8 + 8], ecx; mov [r8 + 12], edx; pop rbx; ret */
    };
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    memcpy(page, code, sizeof(code));
    CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
    written = (void (*)(uint32_t, uint32_t, uint32_t *))page;
}

/* On one processor, whose number some leaves tell. */
static void pin(void)
{
    cpu_set_t set;
    CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            CPU_ZERO(&set);
            CPU_SET(cpu, &set);
            CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
            return;
        }
    }
}

/* A software model whose processor cannot make CPUID fault shows code that is written at run time the machine as it is. */
static bool is_model_unfaulted(void)
{
    uint32_t a[4], b[4];
    cpuid(7, 0, a);
    written(7, 0, b);
    return (a[1] ^ b[1]) & FSGSBASE;
}

static void same_everywhere(void)
{
    static const uint32_t leaves[] = {0, 1, 2, 4, 7, 0xb, 0xd, 0x15, 0x80000000, 0x80000001, 0x80000002, 0x80000006, 0x80000008, 0x8000001d};
    uint32_t a[4], b[4];
    for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        for (uint32_t sub = 0; sub < (is_model_unfaulted() ? 0u : 10u); sub++) {
            cpuid(leaves[i], sub, a);
            written(leaves[i], sub, b);
            CHECK(memcmp(a, b, sizeof(a)) == 0);
        }
    }
    cpuid(0, 0, a);
    written(0, 0, b);
    CHECK(memcmp(&a[1], &b[1], 12) == 0 && a[0] >= 0xd);
}

static void vector_state(void)
{
    static uint8_t area[64 << 10] __attribute__((aligned(64)));
    uint32_t one[4], state[4], compact[4], low, high;
    cpuid(1, 0, one);
    if (!(one[2] & OSXSAVE))
        return;
    cpuid(0xd, 0, state);
    cpuid(0xd, 1, compact);
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    CHECK((low & ~state[0]) == 0 && (high & ~state[3]) == 0);
    CHECK(state[1] >= 576 && state[1] <= state[2] && state[2] < sizeof(area));
    memset(area, 0xa5, sizeof(area));
    memset(area + 512, 0, 64);
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    for (size_t i = state[1]; i < sizeof(area); i++)
        CHECK(area[i] == 0xa5);
    if (!(compact[0] & 2))
        return;
    memset(area, 0xa5, sizeof(area));
    memset(area + 512, 0, 64);
    __asm__ volatile("xsavec64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    for (size_t i = compact[1]; i < sizeof(area); i++)
        CHECK(area[i] == 0xa5);
}

static void topology(void)
{
    uint32_t one[4], level[4], most[4];
    cpuid(0, 0, most);
    cpuid(1, 0, one);
    if (most[0] < 0xb)
        return;
    cpuid(0xb, 0, level);
    CHECK(level[1] == 0 || ((level[3] & 0xff) == one[1] >> 24 && (level[2] >> 8 & 0xff) == 1));
    for (uint32_t sub = 1; sub < 8 && level[1] > 0; sub++) {
        cpuid(0xb, sub, level);
        CHECK((level[2] & 0xff) == sub && (level[3] & 0xff) == one[1] >> 24);
    }
    CHECK(level[1] == 0); /* the list ends */
}

static volatile sig_atomic_t alarms;

static void alarm_handle(int signo)
{
    uint32_t r[4];
    (void)signo;
    cpuid(0, 0, r);
    written(0, 0, r);
    alarms++;
}

static void *compare_all_the_time(void *arg)
{
    uint32_t first[4], again[4];
    cpuid(7, 0, first);
    for (unsigned i = 0; i < 3000; i++) {
        cpuid(7, 0, again);
        CHECK(memcmp(first, again, sizeof(first)) == 0);
        if (i % 10 == 0 && !*(bool *)arg) {
            written(7, 0, again);
            CHECK(memcmp(first, again, sizeof(first)) == 0);
        }
    }
    return NULL;
}

static void disturbed(void)
{
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    bool is_unfaulted = is_model_unfaulted();
    pthread_t threads[3];
    struct sigaction sa = {.sa_handler = alarm_handle, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, compare_all_the_time, &is_unfaulted) == 0);
    while (alarms < 20)
        compare_all_the_time(&is_unfaulted);
    for (unsigned i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

static void step_handle(int signo)
{
    (void)signo;
}

/* With the trap flag set on the way in. (The enclave drops it there, CAVEATS.md.) */
static void stepped(void)
{
    struct sigaction sa = {.sa_handler = step_handle};
    struct result r;
    uint64_t kept[6];
    uint32_t plain[4];
    CHECK(sigaction(SIGTRAP, &sa, NULL) == 0);
    cpuid(7, 0, plain);
    cpuid_full(7, 0, 0x302, &r, kept);
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" : : : "cc", "memory");
    CHECK(r.rax == plain[0] && r.rbx == plain[1] && r.rcx == plain[2] && r.rdx == plain[3]);
}

int main(void)
{
    code_write();
    registers();
    disturbed();
    pin();
    same_everywhere();
    vector_state();
    topology();
    stepped();
    return 0;
}
