/* SPDX-License-Identifier: Apache-2.0 */
/* vfork(2) and posix_spawn(3): the parent waits, memory is shared until the exec. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

extern char **environ;
static volatile int shared;

static void parent_sees_writes(void)
{
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 17;
        _exit(3);
    }
    CHECK(pid > 0 && shared == 17);
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

static void spawns(const char *self)
{
    int status;
    pid_t pid;
    char *argv[] = {"vfork", "child", NULL};
    CHECK(posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 11);
    CHECK(posix_spawn(&pid, "/does/not/exist", NULL, NULL, argv, environ) == ENOENT);
}

static void failed_exec_lets_go(void)
{
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/does/not/exist", "x", NULL);
        _exit(errno == ENOENT ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 11;
    parent_sees_writes();
    for (int i = 0; i < 20; i++)
        spawns("/proc/self/exe");
    failed_exec_lets_go();
    (void)argv;
    return 0;
}
