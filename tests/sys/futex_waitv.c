/* SPDX-License-Identifier: Apache-2.0 */
/* futex_waitv(2): one thread waits for any of several words. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define COUNT 128

static struct futex_waitv waiters[COUNT + 1];
static uint32_t *words;

static int waitv(unsigned count, const struct timespec *timeout, int clock)
{
    return (int)syscall(SYS_futex_waitv, waiters, count, 0, timeout, clock);
}

static void prepare(unsigned flags)
{
    for (int i = 0; i <= COUNT; i++)
        waiters[i] = (struct futex_waitv){.uaddr = (uintptr_t)&words[i % COUNT], .flags = FUTEX_32 | flags};
}

static struct timespec after(int clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void refuses(void)
{
    struct timespec t = after(CLOCK_MONOTONIC, 0), bad = {.tv_nsec = -1};
    prepare(FUTEX_PRIVATE_FLAG);
    CHECK_ERRNO(waitv(0, NULL, 0), EINVAL);
    CHECK_ERRNO(waitv(COUNT + 1, NULL, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_futex_waitv, waiters, 1, 1, NULL, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_futex_waitv, nowhere, 1, 0, NULL, 0), EFAULT);
    CHECK_ERRNO(waitv(1, &t, CLOCK_TAI), EINVAL);
    CHECK_ERRNO(waitv(1, &bad, CLOCK_MONOTONIC), EINVAL);
    waiters[1].flags = FUTEX_PRIVATE_FLAG;
    CHECK_ERRNO(waitv(2, &t, CLOCK_MONOTONIC), EINVAL);
    prepare(0);
    waiters[1].__reserved = 1;
    CHECK_ERRNO(waitv(2, &t, CLOCK_MONOTONIC), EINVAL);
    prepare(0);
    waiters[1].uaddr = 1;
    CHECK_ERRNO(waitv(2, &t, CLOCK_MONOTONIC), EINVAL);
    waiters[1].uaddr = 0;
    CHECK_ERRNO(waitv(2, &t, CLOCK_MONOTONIC), EFAULT);
    prepare(0);
    waiters[1].val = 7;
    CHECK_ERRNO(waitv(2, &t, CLOCK_MONOTONIC), EAGAIN);
}

static void times_out(int clock)
{
    struct timespec before = after(clock, 0), t = after(clock, 20), now;
    prepare(FUTEX_PRIVATE_FLAG);
    CHECK_ERRNO(waitv(COUNT, &t, clock), ETIMEDOUT);
    now = after(clock, 0);
    CHECK((now.tv_sec - before.tv_sec) * 1000 + (now.tv_nsec - before.tv_nsec) / 1000000 >= 19);
}

static int wake_flags;

/* Until somebody was there to be woken. */
static void *wake_last(void *arg)
{
    while (syscall(SYS_futex, &words[COUNT - 1], FUTEX_WAKE | wake_flags, 1, NULL, NULL, 0) == 0)
        usleep(100);
    return arg;
}

static void is_woken(int flags)
{
    pthread_t thread;
    prepare((unsigned)flags);
    wake_flags = flags;
    CHECK(pthread_create(&thread, NULL, wake_last, NULL) == 0);
    CHECK(waitv(COUNT, NULL, 0) == COUNT - 1);
    CHECK(pthread_join(thread, NULL) == 0);
    struct timespec t = after(CLOCK_MONOTONIC, 0);
    CHECK_ERRNO(waitv(COUNT, &t, CLOCK_MONOTONIC), ETIMEDOUT); /* none is left over in a queue */
    CHECK(syscall(SYS_futex, &words[0], FUTEX_WAKE | flags, 1, NULL, NULL, 0) == 0);
}

static void is_woken_by_child(void)
{
    int status;
    prepare(0);
    wake_flags = 0;
    pid_t pid = fork();
    if (pid == 0) {
        wake_last(NULL);
        _exit(0);
    }
    CHECK(waitv(COUNT, NULL, 0) == COUNT - 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    words = mmap(NULL, COUNT * sizeof(*words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(words != MAP_FAILED);
    refuses();
    times_out(CLOCK_MONOTONIC);
    times_out(CLOCK_REALTIME);
    is_woken(FUTEX_PRIVATE_FLAG);
    is_woken(0);
    is_woken_by_child();
    return 0;
}
