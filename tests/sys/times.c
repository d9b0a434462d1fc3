/* SPDX-License-Identifier: Apache-2.0 */
/* times(2), getrusage(2), /proc/self/stat: the program's own time and the kernel's for it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static struct tms now(void)
{
    struct tms t;
    CHECK(times(&t) != -1);
    return t;
}

/* For so long of processor time, as the clock has it that does not tell one from the other. */
static int goes_on(double seconds)
{
    struct timespec cpu;
    static double end;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0);
    double at = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
    if (end == 0)
        end = at + seconds;
    else if (at >= end)
        return end = 0, 0;
    return 1;
}

static void compute(void)
{
    static volatile unsigned sink;
    for (int i = 0; i < 100000; i++)
        sink += (unsigned)i;
}

static void short_calls(void)
{
    for (int i = 0; i < 10000; i++)
        syscall(SYS_getppid);
}

static void long_call(void)
{
    static char buf[1 << 22];
    static int zero = -1;
    if (zero < 0)
        zero = open("/dev/zero", O_RDONLY);
    CHECK(read(zero, buf, sizeof(buf)) == sizeof(buf));
}

/* How much of the time is the kernel's is between these percentages; neither part goes back. */
static void counts(void (*what)(void), int least, int most)
{
    struct tms before = now(), last = before, t;
    while (goes_on(0.4)) {
        what();
        t = now();
        CHECK(t.tms_utime >= last.tms_utime && t.tms_stime >= last.tms_stime);
        last = t;
    }
    clock_t user = last.tms_utime - before.tms_utime, system = last.tms_stime - before.tms_stime;
    CHECK(user + system >= 30);
    CHECK(system * 100 > (user + system) * least && system * 100 < (user + system) * most);
}

static void stat_agrees(void)
{
    struct rusage usage, thread;
    unsigned long user, system;
    long child_user, child_system;
    FILE *f = fopen("/proc/self/stat", "r");
    CHECK(f && fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &user, &system, &child_user, &child_system) == 4);
    fclose(f);
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && getrusage(RUSAGE_THREAD, &thread) == 0);
    CHECK(user > 0 && system > 0 && child_user > 0 && child_system > 0);
    CHECK((unsigned long)usage.ru_utime.tv_sec >= user / 100 && (unsigned long)usage.ru_stime.tv_sec >= system / 100);
    CHECK(thread.ru_stime.tv_sec > 0 || thread.ru_stime.tv_usec > 0);
}

static void children(void)
{
    int status;
    struct rusage usage;
    CHECK(now().tms_cutime == 0 && now().tms_cstime == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(now().tms_utime <= 1 && now().tms_stime <= 5); /* of its own */
        counts(compute, -1, 50);
        counts(long_call, 50, 101);
        _exit(0);
    }
    CHECK(wait4(pid, &status, 0, &usage) == pid && status == 0);
    CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec > 0 && usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec > 0);
    CHECK(now().tms_cutime > 0 && now().tms_cstime > 0);
    CHECK(getrusage(RUSAGE_CHILDREN, &usage) == 0);
    CHECK(usage.ru_stime.tv_sec > 0 || usage.ru_stime.tv_usec > 0);
}

int main(void)
{
    counts(compute, -1, 50);
    counts(short_calls, 0, 101);
    counts(long_call, 50, 101);
    children();
    stat_agrees();
    CHECK_ERRNO(getrusage(7, NULL), EINVAL);
    return 0;
}
