/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of kernel code on the fake platform. A test file lists its tests and ends with UNIT_MAIN(tests); each runs in a
 * process of its own, as a task of a booted kernel, and prints `ok unit/FILE/NAME` or `FAIL unit/FILE/NAME: why`.
 */
#pragma once
#include "base/base.h"
#include "boot.h"
#include "platform/fake/fake.h"

struct unit_test {
    const char *name;
    void (*run)(void);
    unsigned vcpus;      /* default 1 */
    unsigned seeds;      /* runs it with so many seeds; default 1 */
    void (*user)(struct arch_regs *regs); /* instead of run: plays the first program of a booted kernel, see boot.h */
    void (*setup)(uint64_t seed);          /* before the kernel boots */
    bool may_hang;       /* the host may see to it that nothing ever happens again: that is an end too */
    bool plans_failures; /* says itself which allocations fail: left out of --nomem */
    bool is_nomem;       /* again with the n-th allocation failing, for all n: run must then fail cleanly or get by */
};

/* Ends the test as failed. */
#define EXPECT(cond) \
    do { \
        if (!(cond)) \
            unit_failed(#cond, __FILE__, __LINE__); \
    } while (0)
#define EXPECT_EQ(a, b) \
    do { \
        long long unit_a = (long long)(a), unit_b = (long long)(b); \
        if (unit_a != unit_b) \
            unit_failed_eq(#a, #b, unit_a, unit_b, __FILE__, __LINE__); \
    } while (0)
_Noreturn void unit_failed(const char *cond, const char *file, int line);
_Noreturn void unit_failed_eq(const char *a, const char *b, long long x, long long y, const char *file, int line);

/*
 * For tests that are run with failing allocations: `err` of a call that may then say -ENOMEM. True: it did, because it had to; the
 * test cleans up and returns. Any other error, or none where memory did fail on the way and mattered, is the test's to judge.
 */
bool unit_is_nomem(int64_t err);
bool unit_is_failing(void); /* an allocation failed in this run, or may */

int unit_main(const char *file, const struct unit_test *tests, size_t count, int argc, char **argv);
#define UNIT_MAIN(tests) \
    int main(int argc, char **argv); \
    int main(int argc, char **argv) \
    { \
        return unit_main(__FILE__, tests, ARRAY_COUNT(tests), argc, argv); \
    }

/* A second task next to the test's own; unit_join waits for its end. */
struct unit_task;
struct unit_task *unit_spawn(void (*entry)(void *arg), void *arg);
void unit_join(struct unit_task *t);
