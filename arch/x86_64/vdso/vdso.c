/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO: time without entering the kernel. A shared object of its own that lies in programs' memory, right behind a
 * page with the kernel's clock_page (vvar). What it cannot answer it asks the kernel, in the way of a patched call site.
 */
#include <linux/time.h>
#include "time/clock.h"

#define NR_CLOCK_GETTIME 228
#define NR_CLOCK_GETRES  229
#define VCPU_ID_OFF      "128" /* of struct vcpu, asserted by trusted/boot.c */

extern const volatile struct clock_page vvar __attribute__((visibility("hidden")));

int __vdso_clock_gettime(int clock, struct timespec *ts);
int __vdso_clock_getres(int clock, struct timespec *ts);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
long __vdso_time(long *at);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

/* As in a trampoline (callsite.c): lea 8(%rip), %rcx; jmp *%gs:24 */
static long kernel_call(long nr, long a, long b)
{
    long result;
    __asm__ volatile(".byte 0x48, 0x8d, 0x0d, 0x08, 0, 0, 0, 0x65, 0xff, 0x24, 0x25, 0x18, 0, 0, 0"
                     : "=a"(result) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

static uint64_t counter(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Monotonic time, and real time if that is asked for: of one state of the page. */
static int64_t now(bool wants_realtime)
{
    int64_t ns;
    uint32_t seq;
    do {
        seq = __atomic_load_n(&vvar.seq, __ATOMIC_ACQUIRE);
        uint64_t ticks = counter(), base = vvar.base_tsc;
        ticks = ticks > base ? ticks - base : 0;
        ns = vvar.base_ns + (int64_t)((unsigned __int128)ticks * vvar.mult >> vvar.shift);
        ns += wants_realtime ? vvar.realtime_offset : 0;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((seq & 1) || __atomic_load_n(&vvar.seq, __ATOMIC_RELAXED) != seq);
    return ns;
}

int __vdso_clock_gettime(int clock, struct timespec *ts)
{
    bool is_realtime = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
    bool is_monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE ||
                        clock == CLOCK_BOOTTIME;
    if (!is_realtime && !is_monotonic)
        return (int)kernel_call(NR_CLOCK_GETTIME, clock, (long)ts);
    int64_t ns = now(is_realtime);
    *ts = (struct timespec){ns / NS_PER_S, ns % NS_PER_S};
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec *ts)
{
    return (int)kernel_call(NR_CLOCK_GETRES, clock, (long)ts);
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
    int64_t ns = now(true);
    if (tv)
        *tv = (struct timeval){ns / NS_PER_S, ns % NS_PER_S / NS_PER_US};
    if (tz)
        *tz = (struct timezone){0};
    return 0;
}

long __vdso_time(long *at)
{
    long seconds = now(true) / NS_PER_S;
    if (at)
        *at = seconds;
    return seconds;
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    unsigned id;
    (void)unused;
    __asm__ volatile("mov %%gs:" VCPU_ID_OFF ", %0" : "=r"(id));
    if (cpu)
        *cpu = id;
    if (node)
        *node = 0;
    return 0;
}

#define ALIAS(name) __attribute__((weak, alias("__vdso_" #name)))
int clock_gettime(int clock, struct timespec *ts) ALIAS(clock_gettime);
int clock_getres(int clock, struct timespec *ts) ALIAS(clock_getres);
int gettimeofday(struct timeval *tv, struct timezone *tz) ALIAS(gettimeofday);
long time(long *at) ALIAS(time);
long getcpu(unsigned *cpu, unsigned *node, void *unused) ALIAS(getcpu);
