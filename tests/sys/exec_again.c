/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2): a program that is run again and again finds its data, bss, stack and memory as new each time. */
#define _GNU_SOURCE
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define RUNS      40
#define BIG       (1 << 20)
#define TOGETHER  4

extern char **environ;
static char data[8192] = "fresh";
static char bss[65536];

/* Looks at everything, then spoils it. */
static int run(void)
{
    char *heap = malloc(BIG);
    char *area = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile char *brk_end = sbrk(65536);
    CHECK(heap && area != MAP_FAILED && brk_end != (char *)-1);
    CHECK(strcmp(data, "fresh") == 0 && data[8191] == 0);
    for (int i = 0; i < 65536; i++)
        CHECK(bss[i] == 0 && brk_end[i] == 0);
    for (int i = 0; i < BIG; i++)
        CHECK(area[i] == 0);
    memset(data, 'x', sizeof(data));
    memset(bss, 'x', sizeof(bss));
    memset((char *)brk_end, 'x', 65536);
    memset(area, 'x', BIG);
    memset(heap, 'x', BIG);
    CHECK(mprotect(area, BIG / 2, PROT_NONE) == 0);
    return 0;
}

static pid_t start(const char *self)
{
    char *argv[] = {(char *)self, "again", NULL};
    pid_t pid;
    CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0);
    return pid;
}

static void ends_well(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run();
    for (int i = 0; i < RUNS; i++)
        ends_well(start(argv[0]));
    for (int i = 0; i < RUNS / TOGETHER; i++) {
        pid_t pids[TOGETHER];
        for (int k = 0; k < TOGETHER; k++)
            pids[k] = start(argv[0]);
        for (int k = 0; k < TOGETHER; k++)
            ends_well(pids[k]);
    }
    return 0;
}
