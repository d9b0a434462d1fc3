/* SPDX-License-Identifier: Apache-2.0 */
/* For the bench programs: each prints lines `name value unit`, the same natively and in an enclave. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_ROUNDS 7

static inline double bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline void bench_need(int is_ok, const char *what)
{
    if (is_ok)
        return;
    perror(what);
    exit(1);
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median time of one of `count` repetitions, of several rounds after one to warm up. */
static inline double bench_median_ns(void (*work)(void), int count)
{
    double rounds[BENCH_ROUNDS];
    work();
    for (int r = 0; r < BENCH_ROUNDS; r++) {
        double start = bench_now_ns();
        for (int i = 0; i < count; i++)
            work();
        rounds[r] = (bench_now_ns() - start) / count;
    }
    qsort(rounds, BENCH_ROUNDS, sizeof(rounds[0]), bench_compare);
    return rounds[BENCH_ROUNDS / 2];
}

static inline void bench_report(const char *name, double value, const char *unit)
{
    printf("%s %.5g %s\n", name, value, unit);
    fflush(stdout);
}

static inline void bench_run(const char *name, void (*work)(void), int count)
{
    bench_report(name, bench_median_ns(work, count), "ns");
}
