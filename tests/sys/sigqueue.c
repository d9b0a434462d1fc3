/* SPDX-License-Identifier: Apache-2.0 */
/* Queued signals, sigtimedwait(2), sending to groups, permission of siginfo. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static int values[16], value_count;

static void on_value(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)context;
    CHECK(info->si_code == SI_QUEUE && info->si_pid == getpid());
    values[value_count++] = info->si_value.sival_int;
}

static void realtime_signals_queue(void)
{
    struct sigaction action = {.sa_sigaction = on_value, .sa_flags = SA_SIGINFO};
    sigset_t set;
    CHECK(sigaction(SIGRTMIN + 1, &action, NULL) == 0);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}) == 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(value_count == 5);
    for (int i = 0; i < 5; i++)
        CHECK(values[i] == i);
}

static void timed_wait(void)
{
    sigset_t set;
    siginfo_t info;
    struct timespec none = {0, 0}, little = {0, 20000000}, long_time = {10, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK_ERRNO(sigtimedwait(&set, &info, &none), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&set, &info, &little), EAGAIN);
    CHECK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77}) == 0);
    CHECK(sigtimedwait(&set, &info, &none) == SIGUSR1 && info.si_value.sival_int == 77);
    pid_t pid = fork();
    if (pid == 0) {
        usleep(20000);
        _exit(3);
    }
    CHECK(sigtimedwait(&set, &info, &long_time) == SIGCHLD);
    CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 3);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void groups(void)
{
    int status;
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            setpgid(0, pids[0]);
            for (;;)
                pause();
        }
        CHECK(setpgid(pids[i], pids[0]) == 0);
    }
    CHECK(kill(-pids[0], SIGTERM) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && WTERMSIG(status) == SIGTERM);
    CHECK_ERRNO(kill(-pids[0], SIGTERM), ESRCH);
}

static void no_forged_info(void)
{
    siginfo_t info = {.si_code = SI_USER};
    pid_t pid = fork();
    while (pid == 0)
        pause();
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), EPERM);
    CHECK_ERRNO(kill(pid, 65), EINVAL);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

int main(void)
{
    realtime_signals_queue();
    timed_wait();
    groups();
    no_forged_info();
    return 0;
}
