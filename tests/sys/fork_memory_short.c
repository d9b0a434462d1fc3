/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child takes so much of what its parent reserved that the parent's turn may find no memory left. Somebody may be killed for that, as
 * Linux' killer would; the rest goes on, and memory is there again afterwards.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define SIZE (600UL << 20)
#define PAGE 4096

static int ends[2], back[2];

static void hog(char *at)
{
    char c;
    for (size_t i = 0; i < SIZE; i += PAGE)
        at[i] = 'h';
    CHECK(write(ends[1], "x", 1) == 1);
    if (read(back[0], &c, 1) != 1) /* the parent is gone */
        _exit(1);
    for (size_t i = 0; i < SIZE; i += 64 * PAGE)
        CHECK(at[i] == 'h');
    _exit(0);
}

static void owner(void)
{
    int status;
    char c, *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(at != MAP_FAILED);
    at[0] = 'o';
    pid_t pid = fork();
    if (pid == 0)
        hog(at);
    CHECK(close(ends[1]) == 0 && close(back[0]) == 0);
    CHECK(read(ends[0], &c, 1) >= 0);
    signal(SIGPIPE, SIG_IGN);
    CHECK(at[0] == 'o' && at[SIZE / 2] == 0);
    if (write(back[1], "x", 1) == 1)
        CHECK(at[SIZE - PAGE] == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    _exit(0);
}

int main(void)
{
    for (int round = 0; round < 2; round++) {
        int status;
        CHECK(pipe(ends) == 0 && pipe(back) == 0);
        pid_t pid = fork();
        if (pid == 0)
            owner();
        CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(back[0]) == 0 && close(back[1]) == 0);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    }
    return 0;
}
