/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2): waiting, waking, moving, timeouts, between processes, robust lists. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static long futex(void *addr, int op, unsigned value, void *timeout, void *addr2, unsigned value3)
{
    return syscall(SYS_futex, addr, op, value, timeout, addr2, value3);
}

static void errors(void)
{
    unsigned word = 1;
    struct timespec little = {0, 10000000}, past = {0, 0};
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 1, &little, NULL, 0), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, &past, NULL, ~0U), ETIMEDOUT);
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((char *)&word + 1, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EINVAL);
    CHECK_ERRNO(futex((void *)4096, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EFAULT);
    CHECK_ERRNO(futex(&word, 99, 1, NULL, NULL, 0), ENOSYS);
    CHECK(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0);
}

static unsigned words[2];
static int waiting;

static void *waits(void *arg)
{
    unsigned bits = (unsigned)(long)arg;
    __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    while (futex(&words[0], FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, bits) == -1)
        CHECK(errno == EINTR);
    return NULL;
}

static void start(pthread_t *threads, int n, int bits)
{
    waiting = 0;
    for (int i = 0; i < n; i++)
        CHECK(pthread_create(&threads[i], NULL, waits, (void *)(long)(bits ? bits << i : -1)) == 0);
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < n)
        usleep(1000);
    usleep(20000);
}

static void finish(pthread_t *threads, int n)
{
    for (int i = 0; i < n; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void counts(void)
{
    pthread_t threads[4];
    start(threads, 4, 0);
    CHECK(futex(&words[0], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1);
    CHECK(futex(&words[0], FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 3);
    finish(threads, 4);
    start(threads, 2, 1);
    CHECK(futex(&words[0], FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 2) == 1);
    CHECK(futex(&words[0], FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 1) == 1);
    finish(threads, 2);
}

static void requeue(void)
{
    pthread_t threads[4];
    start(threads, 4, 0);
    CHECK_ERRNO(futex(&words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)INT_MAX, &words[1], 5),
                EAGAIN);
    CHECK(futex(&words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)INT_MAX, &words[1], 0) == 4);
    CHECK(futex(&words[0], FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 0);
    CHECK(futex(&words[1], FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0) == 3);
    finish(threads, 4);
}

static void wake_op(void)
{
    pthread_t threads[2];
    start(threads, 2, 0);
    words[1] = 7;
    long n = futex(&words[0], FUTEX_WAKE_OP_PRIVATE, 2, (void *)1, &words[1],
                   FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 7));
    CHECK(n == 2 && words[1] == 10);
    words[1] = 0;
    finish(threads, 2);
}

/* A semaphore in shared memory, handed to and fro. */
static void between_processes(void)
{
    sem_t *sems = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(sem_init(&sems[0], 1, 0) == 0 && sem_init(&sems[1], 1, 0) == 0);
    pid_t pid = fork();
    for (int i = 0; i < 200; i++) {
        if (pid == 0) {
            CHECK(sem_wait(&sems[0]) == 0 && sem_post(&sems[1]) == 0);
        } else {
            CHECK(sem_post(&sems[0]) == 0 && sem_wait(&sems[1]) == 0);
        }
    }
    if (pid == 0)
        _exit(0);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    munmap(sems, 4096);
}

static void *dies_with_it(void *arg)
{
    CHECK(pthread_mutex_lock(arg) == 0);
    return NULL;
}

static void robust(void)
{
    pthread_mutex_t mutex;
    pthread_mutexattr_t attr;
    pthread_t thread;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    CHECK(pthread_mutex_init(&mutex, &attr) == 0);
    CHECK(pthread_create(&thread, NULL, dies_with_it, &mutex) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *takes_turns(void *arg)
{
    int me = (int)(long)arg;
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&cond, &lock);
        turn = !me;
        pthread_cond_signal(&cond);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void conditions(void)
{
    pthread_t threads[2];
    for (long i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, takes_turns, (void *)i) == 0);
    finish(threads, 2);
}

int main(void)
{
    errors();
    counts();
    requeue();
    wake_op();
    between_processes();
    robust();
    conditions();
    return 0;
}
