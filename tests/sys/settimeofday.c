/* SPDX-License-Identifier: Apache-2.0 */
/* settimeofday(2), clock_settime(2), clock_adjtime(2) and others: what is refused, before any clock would change. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static void times_of_day(void)
{
    struct timeval tv = {.tv_sec = 100, .tv_usec = -1};
    struct timezone tz = {.tz_minuteswest = 15 * 60 + 1};
    CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
    tv.tv_usec = 1000000;
    CHECK_ERRNO(syscall(SYS_settimeofday, &tv, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_settimeofday, nowhere, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_settimeofday, NULL, nowhere), EFAULT);
    if (geteuid() == 0)
        CHECK_ERRNO(syscall(SYS_settimeofday, NULL, &tz), EINVAL);
    CHECK(seteuid(65534) == 0 || geteuid() != 0);
    CHECK_ERRNO(syscall(SYS_settimeofday, NULL, &tz), EPERM);
    CHECK(seteuid(getuid()) == 0);
}

static void clocks(void)
{
    clockid_t mine;
    struct timespec ts = {.tv_sec = 1};
    struct timex tx = {0};
    timer_t timer;
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts), EINVAL);
    CHECK(clock_getcpuclockid(getpid(), &mine) == 0);
    CHECK_ERRNO(syscall(SYS_clock_settime, mine, &ts), EPERM);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, 1000, &tx), EINVAL);
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC_COARSE, NULL, &timer), EOPNOTSUPP);
    CHECK_ERRNO(timer_create(1000, NULL, &timer), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), EOPNOTSUPP);
}

int main(void)
{
    times_of_day();
    clocks();
    return 0;
}
