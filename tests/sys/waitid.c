/* SPDX-License-Identifier: Apache-2.0 */
/* waitid(2): siginfo, WNOWAIT, P_PIDFD; and pidfds. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static pid_t child_exiting(int code)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(code);
    return pid;
}

static void info_and_nowait(void)
{
    siginfo_t info;
    pid_t pid = child_exiting(33);
    for (int i = 0; i < 2; i++) {
        memset(&info, 0xff, sizeof(info));
        CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
        CHECK(info.si_signo == SIGCHLD && info.si_code == CLD_EXITED && info.si_status == 33);
        CHECK(info.si_pid == pid && info.si_uid == getuid());
    }
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0);
    CHECK_ERRNO(waitid(P_PID, (id_t)pid, &info, WEXITED), ECHILD);
    CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
}

static void states(void)
{
    siginfo_t info;
    pid_t pid = fork();
    while (pid == 0)
        pause();
    memset(&info, 0xff, sizeof(info));
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0 &&
          info.si_signo == 0);
    kill(pid, SIGSTOP);
    CHECK(waitid(P_PID, (id_t)pid, &info, WSTOPPED) == 0);
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
    kill(pid, SIGCONT);
    CHECK(waitid(P_PID, (id_t)pid, &info, WCONTINUED) == 0);
    CHECK(info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
    kill(pid, SIGKILL);
    CHECK(waitid(P_ALL, 0, &info, WEXITED) == 0);
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGKILL && info.si_pid == pid);
}

static void pidfds(void)
{
    siginfo_t info;
    pid_t pid = fork();
    while (pid == 0)
        pause();
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(fd >= 0);
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    CHECK(poll(&poller, 1, 0) == 0);
    CHECK(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0);
    CHECK(poll(&poller, 1, 5000) == 1 && (poller.revents & POLLIN));
    CHECK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == 0 && info.si_pid == pid);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_pidfd_open, pid, 0), ESRCH);
    close(fd);
}

int main(void)
{
    info_and_nowait();
    states();
    pidfds();
    return 0;
}
