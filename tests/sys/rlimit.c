/* SPDX-License-Identifier: Apache-2.0 */
/* getrlimit(2), setrlimit(2), prlimit(2): values, inheritance, and some that bite. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static void values(void)
{
    struct rlimit limit, old;
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0 && old.rlim_cur <= old.rlim_max);
    limit = old;
    limit.rlim_cur = 50;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(prlimit(0, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_cur == 50);
    limit.rlim_cur = limit.rlim_max + 1;
    if (limit.rlim_max != RLIM_INFINITY)
        CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
    CHECK_ERRNO(getrlimit(99, &limit), EINVAL);
    CHECK_ERRNO(prlimit(1 << 20, RLIMIT_NOFILE, NULL, &limit), ESRCH);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
}

static void of_a_child(void)
{
    struct rlimit limit = {100, 200}, seen;
    int status;
    pid_t pid = fork();
    while (pid == 0)
        pause();
    CHECK(prlimit(pid, RLIMIT_CORE, &limit, NULL) == 0);
    CHECK(prlimit(pid, RLIMIT_CORE, NULL, &seen) == 0 && seen.rlim_cur == 100 &&
          seen.rlim_max == 200);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
}

static void open_files(void)
{
    struct rlimit limit, old;
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    limit = old;
    limit.rlim_cur = 10;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int fd, n = 0;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    CHECK(errno == EMFILE && n <= 7);
    for (int i = 3; i < 10; i++)
        close(i);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
}

/* A process that computes too long is told, then killed. */
static void cpu(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {1, 2};
        CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
        for (;;)
            ;
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
}

/* Above fs.nr_open nobody may go. */
static void most_files(void)
{
    unsigned long most = 0;
    FILE *f = fopen("/proc/sys/fs/nr_open", "r");
    CHECK(f && fscanf(f, "%lu", &most) == 1 && fclose(f) == 0);
    struct rlimit limit = {1, most + 1};
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}

/* Nobody says that a core was written where none may be. */
static void no_core(void)
{
    int status;
    struct rlimit none = {0, 0};
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
        abort();
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && !WCOREDUMP(status));
}

int main(void)
{
    most_files();
    no_core();
    values();
    of_a_child();
    open_files();
    cpu();
    return 0;
}
