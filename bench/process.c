/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: fork, vfork, spawn. process [STATIC [DYNAMIC]]: programs that exit with 0 at once; `true` beside this one,
 * and /bin/true.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

#define HEAP_SIZE (64UL << 20)

static const char *program;
static char beside[PATH_MAX];
extern char **environ;

static void wait_for(pid_t pid)
{
    int status;
    bench_need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "wait");
}

static void fork_exit_wait(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    wait_for(pid);
}

static double fork_alone_ns(void)
{
    double start = bench_now_ns();
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    double took = bench_now_ns() - start;
    wait_for(pid);
    return took;
}

static void spawn_wait(void)
{
    char *argv[] = {(char *)program, NULL};
    pid_t pid;
    bench_need(posix_spawn(&pid, program, NULL, NULL, argv, environ) == 0, "posix_spawn");
    wait_for(pid);
}

static void vfork_exec_wait(void)
{
    char *argv[] = {(char *)program, NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execve(program, argv, environ);
        _exit(127);
    }
    wait_for(pid);
}

static void fork_exec_wait(void)
{
    char *argv[] = {(char *)program, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execve(program, argv, environ);
        _exit(127);
    }
    wait_for(pid);
}

static void fork_of_heap(void)
{
    double rounds[BENCH_ROUNDS];
    char *heap = mmap(NULL, HEAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bench_need(heap != MAP_FAILED, "mmap");
    memset(heap, 1, HEAP_SIZE);
    for (int i = 0; i < BENCH_ROUNDS; i++)
        rounds[i] = fork_alone_ns();
    qsort(rounds, BENCH_ROUNDS, sizeof(rounds[0]), bench_compare);
    bench_report("fork_64mb", rounds[BENCH_ROUNDS / 2] / 1e3, "us");
    bench_report("fork_exit_wait_64mb", bench_median_ns(fork_exit_wait, 3) / 1e3, "us");
    munmap(heap, HEAP_SIZE);
}

static void report_us(const char *name, void (*work)(void), int count)
{
    bench_report(name, bench_median_ns(work, count) / 1e3, "us");
}

static void program_beside(const char *self)
{
    const char *slash = strrchr(self, '/');
    snprintf(beside, sizeof(beside), "%.*s/true", slash ? (int)(slash - self) : 1, slash ? self : ".");
}

int main(int argc, char **argv)
{
    program_beside(argv[0]);
    report_us("fork_exit_wait", fork_exit_wait, 100);
    program = argc > 1 ? argv[1] : beside;
    report_us("spawn_static", spawn_wait, 100);
    report_us("vfork_exec_static", vfork_exec_wait, 100);
    report_us("fork_exec_static", fork_exec_wait, 100);
    program = argc > 2 ? argv[2] : "/bin/true";
    if (access(program, X_OK) == 0)
        report_us("spawn_dynamic", spawn_wait, 50);
    fork_of_heap();
    return 0;
}
