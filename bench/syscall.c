/* SPDX-License-Identifier: Apache-2.0 */
/* The way into the kernel and back. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "bench.h"

static void getppid_once(void)
{
    getppid();
}

static void clock_once(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
}

static void cpuid_once(void)
{
    unsigned a = 7, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

static void on_signal(int signo)
{
    (void)signo;
}

static void signal_once(void)
{
    raise(SIGUSR1);
}

int main(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    bench_run("getppid", getppid_once, 200000);
    bench_run("clock_gettime", clock_once, 200000);
    bench_run("cpuid", cpuid_once, 5000);
    bench_need(sigaction(SIGUSR1, &sa, NULL) == 0, "sigaction");
    bench_run("raise_handled", signal_once, 20000);
    return 0;
}
