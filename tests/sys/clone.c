/* SPDX-License-Identifier: Apache-2.0 */
/* clone(2), clone3(2) and threads: identities, flags, join, thread-local storage. */
#define _GNU_SOURCE
#include <stdint.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static __thread int local = 5;
static int global;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *adds(void *arg)
{
    CHECK(local == 5);
    local = (int)(long)arg;
    CHECK(gettid() != getpid());
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&mutex);
        global++;
        pthread_mutex_unlock(&mutex);
    }
    CHECK(local == (int)(long)arg);
    return arg;
}

static void threads_share(void)
{
    pthread_t threads[8];
    void *result;
    for (long i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, adds, (void *)(i + 10)) == 0);
    for (long i = 0; i < 8; i++) {
        CHECK(pthread_join(threads[i], &result) == 0);
        CHECK((long)result == i + 10);
    }
    CHECK(global == 80000 && local == 5);
}

static void *nothing(void *arg)
{
    return arg;
}

static void create_and_join_often(void)
{
    for (int i = 0; i < 2000; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}

static int child_tid_now;

static int child_main(void *arg)
{
    (void)arg;
    CHECK(getpid() == child_tid_now); /* CLONE_CHILD_SETTID came before */
    return 9;
}

static void clone_sets_tids(void)
{
    int parent_tid = 0, status;
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid = clone(child_main, stack + 65536, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
                      NULL, &parent_tid, NULL, &child_tid_now);
    CHECK(pid > 0 && parent_tid == pid);
    CHECK(child_tid_now == 0); /* in the child's memory only */
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
    munmap(stack, 65536);
}

static void clone3_with_pidfd(void)
{
    int pidfd = -1, status;
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (unsigned long)&pidfd, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        _exit(4);
    CHECK(pid > 0 && pidfd >= 0);
    CHECK(waitpid((pid_t)pid, &status, 0) == pid && WEXITSTATUS(status) == 4);
    close(pidfd);
}

static void bad_flags(void)
{
    CHECK_ERRNO(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
    struct clone_args args = {.exit_signal = 200};
    CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone3, &args, 8), EINVAL);
}

static void *exits_process(void *arg)
{
    (void)arg;
    _exit(6);
}

static void exit_group_from_thread(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, exits_process, NULL);
        for (;;)
            pause();
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 6);
}

/* The leader goes first: the process lives on in its other thread. */
static void *outlives(void *arg)
{
    (void)arg;
    usleep(20000);
    CHECK(getpid() != gettid());
    _exit(8);
}

static void leader_exits_first(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, outlives, NULL);
        pthread_exit(NULL);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 8);
}

/* A thread pointer that the processor would not load. */
static void bad_tls(void)
{
    static const uintptr_t bad[] = {UINTPTR_MAX, (uintptr_t)1 << 63, (uintptr_t)1 << 48, (uintptr_t)0x8000 << 32};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_ERRNO(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, NULL, NULL, bad[i]), EPERM);
        CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_FS, bad[i]), EPERM);
    }
}

int main(void)
{
    bad_tls();
    threads_share();
    create_and_join_often();
    clone_sets_tids();
    clone3_with_pidfd();
    bad_flags();
    exit_group_from_thread();
    leader_exits_first();
    return 0;
}
