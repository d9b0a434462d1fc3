/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of a file: each in a child, so that one that dies takes nothing with it. */
#include "unit.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "platform/fake/setup.h"
#include "sched/sched.h"
#include "sync/waitq.h"

#define NOMEM_MAX   20000
#define EXIT_FAILED 1  /* also what unit_failed ends with: without memory a test need not come to its end */
#define EXIT_NO_MORE 2
#define TIME_LIMIT  120 /* seconds a test, all its runs together */

static uint64_t fail_at; /* of this run; 0: none */
static uint64_t nomem_at; /* --nomem: the allocation of the whole run that fails; 0: none */

void unit_failed(const char *cond, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: expected %s\n", file, line, cond);
    _exit(1);
}

void unit_failed_eq(const char *a, const char *b, long long x, long long y, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: %s is %lld, %s is %lld\n", file, line, a, x, b, y);
    _exit(1);
}

bool unit_is_failing(void)
{
    return fail_at != 0;
}

bool unit_is_nomem(int64_t err)
{
    return err == -ENOMEM && fake_has_failed(FAKE_FAULT_ALLOC);
}

/* ---- tasks ---------------------------------------------------------------------------------------------------------- */

struct unit_task {
    struct task task;
    struct spinlock lock;
    struct waitq ended;
    bool has_ended;
    void (*entry)(void *arg);
    void *arg;
};

static void task_main(void *arg)
{
    struct unit_task *t = arg;
    t->entry(t->arg);
    spin_lock(&t->lock);
    t->has_ended = true;
    waitq_wake_all(&t->ended, 0);
    spin_unlock(&t->lock);
}

struct unit_task *unit_spawn(void (*entry)(void *arg), void *arg)
{
    struct unit_task *t = calloc(1, sizeof(*t));
    t->entry = entry;
    t->arg = arg;
    waitq_init(&t->ended);
    if (task_init(&t->task, NULL, task_main, t))
        unit_failed("a task", __FILE__, __LINE__);
    task_start(&t->task);
    return t;
}

void unit_join(struct unit_task *t)
{
    spin_lock(&t->lock);
    while (!t->has_ended) {
        int err = waitq_sleep_uninterruptible(&t->ended, &t->lock, NS_NEVER);
        EXPECT_EQ(err, 0);
    }
    spin_unlock(&t->lock);
    task_fini(&t->task);
    free(t);
}

/* ---- one run ---------------------------------------------------------------------------------------------------------- */

static void body(void *arg)
{
    const struct unit_test *test = arg;
    if (!test->is_nomem) {
        test->run();
        return;
    }
    /* Once to fill caches that stay, then for all n; what a failed run leaves behind is a leak. */
    fail_at = 0;
    test->run();
    test->run();
    size_t before = fake_heap_count;
    for (fail_at = 1; fail_at < NOMEM_MAX; fail_at++) {
        fake_fail(FAKE_FAULT_ALLOC, fail_at, false);
        test->run();
        bool has_failed = fake_has_failed(FAKE_FAULT_ALLOC);
        fake_fail(FAKE_FAULT_ALLOC, 0, false);
        if (!has_failed)
            break;
        if (fake_heap_count > before + 64) {
            fprintf(stderr, "allocation %llu failed: %zu blocks are left over\n", (unsigned long long)fail_at,
                    fake_heap_count - before);
            _exit(1);
        }
    }
    printf("# %llu allocation failures\n", (unsigned long long)fail_at - 1);
}

static void run_child(const struct unit_test *test, uint64_t seed)
{
    struct fake_params params = {
        .seed = seed, .vcpu_count = test->vcpus ? test->vcpus : 1, .switch_every = test->vcpus > 1 ? 1 + (unsigned)seed % 7 : 0,
        .memory_size = 512u << 20,
    };
    alarm(TIME_LIMIT);
    unit_boot_config(&params);
    fake_init(&params);
    fake_vcpu_setup(&params);
    if (test->user)
        unit_boot_host();
    fake_user = test->user;
    fake_may_hang = test->may_hang || nomem_at;
    if (test->setup)
        test->setup(seed);
    if (nomem_at)
        fake_fail(FAKE_FAULT_ALLOC, nomem_at, false);
    fake_run(test->user ? NULL : body, (void *)(uintptr_t)test);
    fflush(stdout);
    if (nomem_at) /* tells the parent whether there are so many */
        _exit(fake_has_failed(FAKE_FAULT_ALLOC) ? EXIT_FAILED : EXIT_NO_MORE);
    if (test->user && fake_exit_status != 0 && !test->may_hang) {
        fprintf(stderr, "the first program ended with %d\n", fake_exit_status);
        _exit(1);
    }
    _exit(0);
}

/* The child's stderr comes back as the reason. */
static int run_seed(const struct unit_test *test, uint64_t seed, char *why, size_t size)
{
    int pipe_fds[2], status;
    if (pipe(pipe_fds))
        return -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_fds[1], 2);
        close(pipe_fds[0]);
        run_child(test, seed);
    }
    close(pipe_fds[1]);
    size_t len = 0;
    char rest[512];
    for (ssize_t n; (n = read(pipe_fds[0], len + 1 < size ? why + len : rest, len + 1 < size ? size - len - 1 : sizeof(rest))) > 0;)
        len += len + 1 < size ? (size_t)n : 0;
    why[len] = 0;
    close(pipe_fds[0]);
    waitpid(pid, &status, 0);
    return status;
}

static bool run(const char *file, const struct unit_test *test, uint64_t first_seed, unsigned seeds)
{
    static char why[1 << 20];
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        int status = run_seed(test, seed, why, sizeof(why));
        if (status == 0)
            continue;
        printf("FAIL unit/%s/%s: seed %llu, status %#x\n%s\n", file, test->name, (unsigned long long)seed, (unsigned)status, why);
        return false;
    }
    printf("ok unit/%s/%s\n", file, test->name);
    return true;
}

/* ---- the n-th allocation of a test fails ------------------------------------------------------------------------------- */

/* Good: an error that the test did not expect, or an end that says that there is no memory. Bad: a sanitizer's report, a panic, a hang. */
static bool nomem_is_good(int status, const char *why)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) <= EXIT_NO_MORE;
    return WTERMSIG(status) == SIGABRT && strstr(why, "memory") && !strstr(why, "Sanitizer");
}

/* How many allocations the test makes, to a power of two that is larger. */
static uint64_t nomem_limit(const struct unit_test *test)
{
    static char why[4096];
    uint64_t limit = 16;
    for (nomem_at = limit; limit < 1 << 20; nomem_at = limit *= 2) {
        int status = run_seed(test, 1, why, sizeof(why));
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_MORE)
            break;
    }
    return limit;
}

/* count points, spread over all; 0: all. */
static bool nomem_run(const char *file, const struct unit_test *test, uint64_t count)
{
    static char why[1 << 20];
    uint64_t limit = nomem_limit(test), step = count ? MAX(limit / count, 1u) : 1, points = 0;
    bool is_over = false;
    for (nomem_at = 1 + step / 3; nomem_at < limit && !is_over; nomem_at += step, points++) {
        int status = run_seed(test, 1, why, sizeof(why));
        if (!nomem_is_good(status, why)) {
            printf("FAIL unit-nomem/%s/%s: allocation %llu, status %#x\n%.3000s\n", file, test->name, (unsigned long long)nomem_at, (unsigned)status, why);
            return false;
        }
        is_over = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_MORE;
    }
    printf("# %llu allocation failures of less than %llu\nok unit-nomem/%s/%s\n", (unsigned long long)points, (unsigned long long)limit, file, test->name);
    return true;
}

/* tests/unit/FOLDER/FILE_test.c as FOLDER/FILE. */
static const char *short_name(const char *file)
{
    static char name[128];
    const char *at = strstr(file, "tests/unit/");
    snprintf(name, sizeof(name), "%s", at ? at + 11 : file);
    char *end = strstr(name, "_test.c");
    if (end)
        *end = 0;
    return name;
}

/* usage: FILE_test [NAME [SEED [COUNT]]], or FILE_test --nomem COUNT [NAME] */
int unit_main(const char *file, const struct unit_test *tests, size_t count, int argc, char **argv)
{
    bool is_good = true;
    bool is_nomem = argc > 2 && strcmp(argv[1], "--nomem") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; is_nomem && i < count; i++) {
        if ((argc < 4 || strcmp(argv[3], tests[i].name) == 0) && !tests[i].is_nomem && !tests[i].plans_failures)
            is_good &= nomem_run(short_name(file), &tests[i], strtoull(argv[2], NULL, 0));
    }
    for (size_t i = 0; !is_nomem && i < count; i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
            continue;
        if (argc > 2)
            is_good &= run(short_name(file), &tests[i], strtoull(argv[2], NULL, 0), argc > 3 ? (unsigned)atoi(argv[3]) : 1);
        else
            is_good &= run(short_name(file), &tests[i], 1, MAX(tests[i].seeds, 1u));
    }
    return is_good ? 0 : 1;
}
