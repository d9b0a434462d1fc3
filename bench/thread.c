/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: making them, switching between them, and running them side by side. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

#define SWITCHES 20000
#define COMPUTE  100000000UL

static void *nothing(void *arg)
{
    return arg;
}

static void create_join(void)
{
    pthread_t t;
    bench_need(pthread_create(&t, NULL, nothing, NULL) == 0, "pthread_create");
    pthread_join(t, NULL);
}

/* ---- two that hand a word to and fro ---------------------------------------------------------------------- */

static uint32_t turn;

static void turn_wait(uint32_t mine)
{
    uint32_t seen;
    while ((seen = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL);
}

static void turn_give(uint32_t other)
{
    __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
}

static void *futex_other(void *arg)
{
    for (int i = 0; i < SWITCHES; i++) {
        turn_wait(1);
        turn_give(0);
    }
    return arg;
}

static void futex_ping_pong(void)
{
    pthread_t t;
    bench_need(pthread_create(&t, NULL, futex_other, NULL) == 0, "pthread_create");
    for (int i = 0; i < SWITCHES; i++) {
        turn_give(1);
        turn_wait(0);
    }
    pthread_join(t, NULL);
}

/* ---- two on one processor ------------------------------------------------------------------------------------ */

static void *yielder(void *arg)
{
    for (int i = 0; i < SWITCHES; i++)
        sched_yield();
    return arg;
}

static void yield_two(void)
{
    pthread_t t;
    bench_need(pthread_create(&t, NULL, yielder, NULL) == 0, "pthread_create");
    yielder(NULL);
    pthread_join(t, NULL);
}

static void context_switch(void)
{
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof(all), &all);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    bench_need(sched_setaffinity(0, sizeof(one), &one) == 0, "sched_setaffinity");
    bench_report("context_switch", bench_median_ns(yield_two, 1) / (2 * SWITCHES), "ns");
    bench_need(sched_setaffinity(0, sizeof(all), &all) == 0, "sched_setaffinity");
}

/* ---- compute ---------------------------------------------------------------------------------------------------- */

static void *compute(void *arg)
{
    uint64_t x = 1;
    for (uint64_t i = 0; i < COMPUTE; i++)
        x = x * 6364136223846793005UL + 1442695040888963407UL;
    *(volatile uint64_t *)arg = x;
    return NULL;
}

static double compute_ns(int threads)
{
    pthread_t t[8];
    uint64_t results[8];
    double start = bench_now_ns();
    for (int i = 0; i < threads; i++)
        bench_need(pthread_create(&t[i], NULL, compute, &results[i]) == 0, "pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(t[i], NULL);
    return bench_now_ns() - start;
}

int main(void)
{
    bench_run("thread_create_join", create_join, 2000);
    bench_report("futex_ping_pong", bench_median_ns(futex_ping_pong, 1) / SWITCHES, "ns");
    context_switch();
    double one = compute_ns(1);
    bench_report("compute_one_thread", one / 1e6, "ms");
    bench_report("compute_two_threads_speedup", 2 * one / compute_ns(2), "x");
    return 0;
}
