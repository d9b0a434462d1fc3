/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): children that compute and share no memory all get their turns, and so does the parent that wants to end them. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define CHILDREN_MAX 3
#define MEMORY_SIZE  (8 << 20)
#define TURNS        200 /* over all memory: more than a slice */

static pid_t children[CHILDREN_MAX];
static volatile int was_alarmed;

static void on_alarm(int signo)
{
    (void)signo;
    was_alarmed = 1;
    for (int i = 0; i < CHILDREN_MAX; i++) {
        if (children[i])
            kill(children[i], SIGKILL);
    }
}

/* Each has its own value everywhere, and never sees another's. */
static void compute(volatile unsigned char *memory, unsigned char value, int turns)
{
    memset((void *)memory, value, MEMORY_SIZE);
    for (int turn = 0; turns == 0 || turn < turns; turn++) {
        for (int i = 0; i < MEMORY_SIZE; i += 4096)
            CHECK(memory[i] == value);
    }
    _exit(7);
}

static void start(int count, volatile unsigned char *memory, int turns)
{
    for (int i = 0; i < count; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0)
            compute(memory, (unsigned char)(i + 1), turns);
    }
}

static void ends_of(int count, bool is_exit)
{
    for (int i = 0; i < count; i++) {
        int status;
        pid_t pid;
        while ((pid = waitpid(children[i], &status, 0)) < 0)
            CHECK(errno == EINTR);
        CHECK(pid == children[i]);
        CHECK(is_exit ? WIFEXITED(status) && WEXITSTATUS(status) == 7 : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        children[i] = 0;
    }
}

int main(void)
{
    volatile unsigned char *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
    for (int count = 1; count <= CHILDREN_MAX; count++) {
        start(count, memory, TURNS);
        ends_of(count, true);
        start(count, memory, 0);
        alarm(1);
        ends_of(count, false);
        CHECK(was_alarmed);
        was_alarmed = 0;
    }
    return 0;
}
