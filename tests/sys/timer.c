/* SPDX-License-Identifier: Apache-2.0 */
/* setitimer(2), alarm(2), timer_create(2), sleeping and clocks. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static volatile sig_atomic_t count;
static volatile int last_value, last_code;

static void on_count(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    count++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
}

static void install(int signo)
{
    struct sigaction action = {.sa_sigaction = on_count, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(signo, &action, NULL) == 0);
    count = 0;
}

static long long now_ns(clockid_t clock)
{
    struct timespec ts;
    CHECK(clock_gettime(clock, &ts) == 0);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void real_timer(void)
{
    struct itimerval value = {.it_value = {0, 10000}, .it_interval = {0, 10000}}, old;
    install(SIGALRM);
    CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
    while (count < 3)
        pause();
    CHECK(getitimer(ITIMER_REAL, &old) == 0 && old.it_interval.tv_usec == 10000);
    memset(&value, 0, sizeof(value));
    CHECK(setitimer(ITIMER_REAL, &value, &old) == 0 && old.it_interval.tv_usec == 10000);
    CHECK(alarm(100) == 0);
    unsigned left = alarm(0);
    CHECK(left == 100 || left == 99);
    CHECK_ERRNO(setitimer(9, &value, NULL), EINVAL);
}

static void cpu_timer(void)
{
    struct itimerval value = {.it_value = {0, 20000}};
    install(SIGPROF);
    CHECK(setitimer(ITIMER_PROF, &value, NULL) == 0);
    long long start = now_ns(CLOCK_MONOTONIC);
    while (!count)
        CHECK(now_ns(CLOCK_MONOTONIC) - start < 10000000000LL);
}

static void posix_timers(void)
{
    timer_t timer;
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 55};
    struct itimerspec value = {.it_value = {0, 5000000}, .it_interval = {0, 5000000}}, now;
    install(SIGUSR1);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &value, NULL) == 0);
    while (count < 3)
        pause();
    CHECK(last_value == 55 && last_code == SI_TIMER);
    CHECK(timer_gettime(timer, &now) == 0 && now.it_interval.tv_nsec == 5000000 &&
          now.it_value.tv_nsec > 0);
    CHECK(timer_getoverrun(timer) >= 0);
    /* What expires while the signal is blocked is counted. */
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    usleep(60000);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_overrun >= 2);
    CHECK(timer_getoverrun(timer) >= 2);
    CHECK(timer_delete(timer) == 0);
    CHECK_ERRNO(timer_delete(timer), EINVAL);
    CHECK_ERRNO(timer_create(999, &event, &timer), EINVAL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void sleeping(void)
{
    struct timespec span = {0, 20000000}, left = {9, 9}, bad = {0, 2000000000};
    long long start = now_ns(CLOCK_MONOTONIC);
    CHECK(nanosleep(&span, NULL) == 0);
    CHECK(now_ns(CLOCK_MONOTONIC) - start >= 20000000);
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
    struct timespec until;
    CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += 0;
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == 0);
    install(SIGALRM);
    struct itimerval value = {.it_value = {0, 10000}};
    CHECK(setitimer(ITIMER_REAL, &value, NULL) == 0);
    span.tv_sec = 5;
    CHECK(nanosleep(&span, &left) == -1 && errno == EINTR && left.tv_sec == 5 && count == 1);
}

static void clocks(void)
{
    struct rusage usage;
    struct tms tms;
    struct timespec res;
    long long a = now_ns(CLOCK_MONOTONIC), b = now_ns(CLOCK_MONOTONIC);
    CHECK(b >= a);
    CHECK(now_ns(CLOCK_REALTIME) > 1500000000LL * 1000000000);
    long long cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), thread = now_ns(CLOCK_THREAD_CPUTIME_ID);
    for (volatile int i = 0; i < 30000000; i++)
        ;
    CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) > cpu && now_ns(CLOCK_THREAD_CPUTIME_ID) > thread);
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0 &&
          usage.ru_utime.tv_sec + usage.ru_utime.tv_usec > 0);
    CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
    CHECK_ERRNO(getrusage(5, &usage), EINVAL);
    CHECK(times(&tms) != (clock_t)-1);
    CHECK(clock_getres(CLOCK_MONOTONIC, &res) == 0 && res.tv_sec == 0);
    clockid_t own;
    CHECK(clock_getcpuclockid(getpid(), &own) == 0 && now_ns(own) > 0);
    CHECK_ERRNO(clock_gettime(77, &res), EINVAL);
}

int main(void)
{
    real_timer();
    cpu_timer();
    posix_timers();
    sleeping();
    clocks();
    return 0;
}
