/* SPDX-License-Identifier: Apache-2.0 */
/* FUTEX_LOCK_PI and its like, and the mutexes that the C library makes of them. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

#define THREADS 4
#define ROUNDS  5000

static uint32_t word;

static long futex(int op, const struct timespec *timeout)
{
    return syscall(SYS_futex, &word, op | FUTEX_PRIVATE_FLAG, 0, timeout, NULL, 0);
}

static void *contend(void *arg)
{
    struct timespec past = {1, 0};
    CHECK_ERRNO(futex(FUTEX_TRYLOCK_PI, NULL), EAGAIN);
    CHECK_ERRNO(futex(FUTEX_LOCK_PI, &past), ETIMEDOUT);
    CHECK_ERRNO(futex(FUTEX_UNLOCK_PI, NULL), EPERM);
    return arg;
}

static void raw(void)
{
    pthread_t thread;
    CHECK_ERRNO(futex(FUTEX_UNLOCK_PI, NULL), EPERM);
    CHECK(futex(FUTEX_LOCK_PI, NULL) == 0 && word == (uint32_t)gettid());
    CHECK_ERRNO(futex(FUTEX_LOCK_PI, NULL), EDEADLK);
    CHECK(pthread_create(&thread, NULL, contend, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(futex(FUTEX_UNLOCK_PI, NULL) == 0 && word == 0);
    word = 999999; /* nobody */
    CHECK_ERRNO(futex(FUTEX_LOCK_PI, NULL), ESRCH);
    word = 0;
}

static struct shared {
    pthread_mutex_t mutex;
    unsigned long count;
} *shared;

static void *count_up(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(pthread_mutex_lock(&shared->mutex) == 0);
        shared->count++;
        CHECK(pthread_mutex_unlock(&shared->mutex) == 0);
    }
    return arg;
}

static void counted(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count_up, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(shared->count == THREADS * ROUNDS);
}

static void counted_by_processes(void)
{
    int status;
    for (int i = 0; i < THREADS; i++) {
        if (fork() == 0) {
            count_up(NULL);
            _exit(0);
        }
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(wait(&status) > 0 && status == 0);
    CHECK(shared->count == THREADS * ROUNDS);
}

/* The lock goes from a process to one that surely waits for it. */
static void handed_to_a_process(void)
{
    int status;
    CHECK(pthread_mutex_lock(&shared->mutex) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(pthread_mutex_lock(&shared->mutex) == 0);
        CHECK(pthread_mutex_unlock(&shared->mutex) == 0);
        _exit(0);
    }
    while (!(__atomic_load_n(&shared->mutex.__data.__lock, __ATOMIC_SEQ_CST) & FUTEX_WAITERS))
        sched_yield();
    CHECK(pthread_mutex_unlock(&shared->mutex) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* A child dies with the lock while others wait for it. */
static void owner_dies(void)
{
    int status;
    for (int i = 0; i < THREADS; i++) {
        if (fork() == 0) {
            int err = pthread_mutex_lock(&shared->mutex);
            CHECK(err == 0 || err == EOWNERDEAD);
            if (err == EOWNERDEAD)
                CHECK(pthread_mutex_consistent(&shared->mutex) == 0);
            sched_yield();
            _exit(0);
        }
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(wait(&status) > 0 && status == 0);
    CHECK(pthread_mutex_lock(&shared->mutex) == EOWNERDEAD);
}

static void mutex_make(int robust, int of_processes)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
    CHECK(pthread_mutexattr_setrobust(&attr, robust) == 0 && pthread_mutexattr_setpshared(&attr, of_processes) == 0);
    memset(shared, 0, sizeof(*shared));
    CHECK(pthread_mutex_init(&shared->mutex, &attr) == 0);
}

int main(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    raw();
    mutex_make(PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
    counted();
    mutex_make(PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
    counted_by_processes();
    handed_to_a_process();
    mutex_make(PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
    owner_dies();
    return 0;
}
