/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2), timerfd_settime(2), timerfd_gettime(2). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static long long now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct itimerspec spec(long long next, long long interval)
{
    return (struct itimerspec){{interval / 1000000000, interval % 1000000000}, {next / 1000000000, next % 1000000000}};
}

static int set(int fd, int flags, long long next, long long interval)
{
    struct itimerspec s = spec(next, interval);
    return timerfd_settime(fd, flags, &s, NULL);
}

static uint64_t ticks(int fd)
{
    uint64_t n;
    CHECK(read(fd, &n, sizeof(n)) == sizeof(n));
    return n;
}

static void refuses(void)
{
    struct itimerspec s = spec(0, 0);
    uint64_t n;
    CHECK_ERRNO(timerfd_create(77, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), file = open("/tmp", O_RDONLY);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
    CHECK_ERRNO(read(fd, &n, 7), EINVAL);
    CHECK_ERRNO(write(fd, &n, 8), EINVAL);
    CHECK_ERRNO(set(fd, 8, 1, 0), EINVAL);
    CHECK_ERRNO(set(file, 0, 1, 0), EINVAL);
    CHECK_ERRNO(set(999, 0, 1, 0), EBADF);
    CHECK_ERRNO(timerfd_gettime(file, &s), EINVAL);
    CHECK_ERRNO(timerfd_gettime(999, &s), EBADF);
    CHECK_ERRNO(timerfd_settime(fd, 0, nowhere, NULL), EFAULT);
    CHECK_ERRNO(timerfd_settime(fd, 0, &s, nowhere), EFAULT);
    CHECK_ERRNO(timerfd_gettime(fd, nowhere), EFAULT);
    s.it_value.tv_nsec = 1000000000;
    CHECK_ERRNO(timerfd_settime(fd, 0, &s, NULL), EINVAL);
    s.it_value.tv_nsec = -1;
    CHECK_ERRNO(timerfd_settime(fd, 0, &s, NULL), EINVAL);
    close(fd), close(file);
}

static void fires(clockid_t clock)
{
    struct itimerspec s, old;
    int fd = timerfd_create(clock, 0);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(timerfd_gettime(fd, &s) == 0 && s.it_value.tv_sec == 0 && s.it_value.tv_nsec == 0);
    long long start = now_ns(CLOCK_MONOTONIC);
    CHECK(set(fd, 0, 20000000, 0) == 0 && poll(&p, 1, 0) == 0);
    CHECK(timerfd_gettime(fd, &s) == 0 && s.it_value.tv_nsec > 0 && s.it_value.tv_nsec <= 20000000);
    CHECK(ticks(fd) == 1 && now_ns(CLOCK_MONOTONIC) - start >= 20000000);
    CHECK(timerfd_gettime(fd, &s) == 0 && s.it_value.tv_nsec == 0);
    CHECK(set(fd, 0, 10000000, 5000000) == 0);
    usleep(42000);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN && ticks(fd) >= 7 && poll(&p, 1, 0) <= 1);
    CHECK(timerfd_gettime(fd, &s) == 0 && s.it_interval.tv_nsec == 5000000 && s.it_value.tv_nsec <= 5000000);
    s = spec(3000000000, 0);
    CHECK(timerfd_settime(fd, 0, &s, &old) == 0 && old.it_interval.tv_nsec == 5000000);
    CHECK(poll(&p, 1, 10) == 0);
    CHECK(set(fd, 0, 0, 5) == 0 && timerfd_gettime(fd, &s) == 0 && s.it_value.tv_sec == 0); /* disarmed */
    CHECK(poll(&p, 1, 10) == 0);
    start = now_ns(clock);
    CHECK(set(fd, TFD_TIMER_ABSTIME, start + 10000000, 0) == 0 && ticks(fd) == 1 && now_ns(clock) >= start + 10000000);
    CHECK(set(fd, TFD_TIMER_ABSTIME, 1, 0) == 0 && ticks(fd) == 1); /* long ago */
    CHECK(set(fd, TFD_TIMER_ABSTIME, start, 1000000) == 0 && ticks(fd) >= 10);
    CHECK(set(fd, 0, 1, 1) == 0); /* as fast as can be */
    usleep(1000);
    CHECK(ticks(fd) > 100000);
    close(fd);
}

static void set_clears_ticks(void)
{
    uint64_t n;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    CHECK(set(fd, 0, 1, 0) == 0);
    usleep(5000);
    CHECK(set(fd, 0, 1000000000, 0) == 0);
    CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
    close(fd);
}

int main(void)
{
    refuses();
    fires(CLOCK_MONOTONIC);
    fires(CLOCK_REALTIME);
    fires(CLOCK_BOOTTIME);
    set_clears_ticks();
    return 0;
}
