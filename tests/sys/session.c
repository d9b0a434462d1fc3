/* SPDX-License-Identifier: Apache-2.0 */
/* setpgid(2), setsid(2), orphans and who takes them, orphaned groups, the parent's death. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static void ends_well(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void groups(void)
{
    int fds[2];
    char c;
    CHECK(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
        CHECK(read(fds[0], &c, 1) == 1);
        _exit(0);
    }
    CHECK(setpgid(pid, pid) == 0 && getpgid(pid) == pid);
    CHECK_ERRNO(setpgid(pid, 1 << 20), EPERM);
    CHECK_ERRNO(setpgid(0, -1), EINVAL);
    CHECK_ERRNO(setpgid(1 << 20, 0), ESRCH);
    CHECK_ERRNO(getpgid(1 << 20), ESRCH);
    CHECK(write(fds[1], "x", 1) == 1);
    ends_well(pid);
}

static void sessions(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
        CHECK_ERRNO(setsid(), EPERM);
        CHECK_ERRNO(setpgid(0, 0), EPERM);
        pid_t child = fork();
        if (child == 0) {
            CHECK(getsid(0) == getppid());
            _exit(0);
        }
        ends_well(child);
        _exit(0);
    }
    ends_well(pid);
}

static void subreaper(void)
{
    int on = 0, fds[2], status;
    pid_t orphan;
    CHECK(pipe(fds) == 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 &&
          on == 1);
    pid_t me = getpid(), pid = fork();
    if (pid == 0) {
        orphan = fork();
        if (orphan == 0) {
            while (getppid() != me)
                usleep(1000);
            _exit(12);
        }
        CHECK(write(fds[1], &orphan, sizeof(orphan)) == sizeof(orphan));
        _exit(0);
    }
    ends_well(pid);
    CHECK(read(fds[0], &orphan, sizeof(orphan)) == sizeof(orphan));
    CHECK(waitpid(orphan, &status, 0) == orphan && WEXITSTATUS(status) == 12);
}

/* A stopped job whose shell dies gets SIGHUP and SIGCONT. */
static void orphaned_group(void)
{
    int status;
    pid_t orphan;
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t shell = fork();
    if (shell == 0) {
        setsid();
        orphan = fork();
        if (orphan == 0) {
            setpgid(0, 0);
            for (;;)
                pause();
        }
        setpgid(orphan, orphan);
        kill(orphan, SIGSTOP);
        CHECK(waitpid(orphan, &status, WUNTRACED) == orphan && WIFSTOPPED(status));
        CHECK(write(fds[1], &orphan, sizeof(orphan)) == sizeof(orphan));
        _exit(0);
    }
    ends_well(shell);
    CHECK(read(fds[0], &orphan, sizeof(orphan)) == sizeof(orphan));
    CHECK(waitpid(orphan, &status, 0) == orphan && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGHUP);
}

static void parent_death(void)
{
    int status;
    pid_t orphan;
    int fds[2];
    CHECK(pipe(fds) == 0);
    pid_t parent = fork();
    if (parent == 0) {
        orphan = fork();
        if (orphan == 0) {
            CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
            orphan = getpid();
            CHECK(write(fds[1], &orphan, sizeof(orphan)) == sizeof(orphan));
            for (;;)
                pause();
        }
        CHECK(read(fds[0], &orphan, sizeof(orphan)) == sizeof(orphan));
        CHECK(write(fds[1], &orphan, sizeof(orphan)) == sizeof(orphan));
        _exit(0);
    }
    ends_well(parent);
    CHECK(read(fds[0], &orphan, sizeof(orphan)) == sizeof(orphan));
    CHECK(waitpid(orphan, &status, 0) == orphan && WIFSIGNALED(status) &&
          WTERMSIG(status) == SIGUSR1);
}

int main(void)
{
    groups();
    sessions();
    subreaper(); /* we take the orphans of what follows */
    orphaned_group();
    parent_death();
    return 0;
}
