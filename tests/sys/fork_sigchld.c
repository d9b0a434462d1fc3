/* SPDX-License-Identifier: Apache-2.0 */
/* As a shell does command substitution: children of children write into pipes, and SIGCHLD comes while their parents read. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static volatile int ended;

static void on_child(int signo)
{
    (void)signo;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ended++;
}

static int fibonacci(int n);

/* fibonacci(n), by a child that writes it down. */
static int by_child(int n)
{
    int pipe_fds[2], result = 0;
    size_t done = 0;
    CHECK(pipe(pipe_fds) == 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        result = fibonacci(n);
        CHECK(write(pipe_fds[1], &result, sizeof(result)) == sizeof(result));
        _exit(0);
    }
    close(pipe_fds[1]);
    for (ssize_t got = 1; got != 0; done += (size_t)(got > 0 ? got : 0)) {
        got = read(pipe_fds[0], (char *)&result + done, sizeof(result) - done + 1);
        CHECK(got >= 0 || errno == EINTR);
    }
    close(pipe_fds[0]);
    CHECK(done == sizeof(result));
    return result;
}

static int fibonacci(int n)
{
    return n < 2 ? n : by_child(n - 1) + by_child(n - 2);
}

int main(void)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        struct sigaction action = {.sa_handler = on_child, .sa_flags = restarts ? SA_RESTART : 0};
        CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
        CHECK(by_child(8) == 21);
    }
    while (ended < 2)
        usleep(1000);
    return 0;
}
