/* SPDX-License-Identifier: Apache-2.0 */
/* wait4(2): which child, what status, when to return without one. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static pid_t child_exiting(int code)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(code);
    return pid;
}

static pid_t child_pausing(void)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    while (pid == 0)
        pause();
    return pid;
}

static void one_of_many(void)
{
    int status;
    pid_t a = child_exiting(1), b = child_exiting(2);
    CHECK(waitpid(b, &status, 0) == b && WEXITSTATUS(status) == 2);
    CHECK(waitpid(-1, &status, 0) == a && WEXITSTATUS(status) == 1);
    CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
    CHECK_ERRNO(waitpid(a, &status, WNOHANG), ECHILD);
    CHECK_ERRNO(waitpid(1 << 20, &status, 0), ECHILD);
    CHECK_ERRNO(waitpid(-1, &status, 0x10000), EINVAL);
}

static void nohang_and_kill(void)
{
    int status;
    struct rusage usage;
    pid_t pid = child_pausing();
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    CHECK(kill(pid, SIGTERM) == 0);
    CHECK(wait4(pid, &status, 0, &usage) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK(kill(pid, 0) == -1 && errno == ESRCH);
}

static void stop_and_continue(void)
{
    int status;
    pid_t pid = child_pausing();
    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0); /* told once */
    CHECK(kill(pid, SIGCONT) == 0);
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK(kill(pid, SIGKILL) == 0); /* also a stopped one dies */
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void by_group(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        _exit(7);
    }
    setpgid(pid, pid);
    CHECK(waitpid(-pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
}

static void ignored_children_leave_no_zombie(void)
{
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = child_exiting(0);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    one_of_many();
    nohang_and_kill();
    stop_and_continue();
    by_group();
    ignored_children_leave_no_zombie();
    return 0;
}
