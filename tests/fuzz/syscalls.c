/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of random system calls, one child after the other, for the enclave (never for a real machine: it kills, mounts and
 * removes what it can). usage: syscalls SEED COUNT. The kernel must outlive them; what they do to themselves is their affair.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fuzz_calls.h"

#define CALLS     120
#define TIME_MS   400 /* for each */
#define KERNEL_AT 0xfc0000000ULL /* somewhere in the enclave's own range */

static void put(uint64_t at, const void *data, unsigned size)
{
    memcpy((void *)at, data, size); /* if the program took its scratch away it dies here */
}

static void woken(int signo)
{
    (void)signo;
}

static int is_fork(long nr)
{
    return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3;
}

static void program(uint64_t seed)
{
    struct gen g = {.state = seed * 0x9e3779b97f4a7c15ULL, .kernel = KERNEL_AT, .put = put};
    struct sigaction action = {.sa_handler = woken};
    struct itimerval interval = {{0, 5000}, {0, 5000}};
    setsid();
    for (int signo = 1; signo < 65; signo++)
        signal(signo, SIG_DFL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);
    g.scratch = (uint64_t)mmap(NULL, GEN_SCRATCH + GEN_HOLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap((void *)(g.scratch + GEN_SCRATCH), GEN_HOLE);
    for (int i = 0; i < CALLS; i++) {
        const struct gen_call *call = &gen_calls[gen_random(&g) % (sizeof(gen_calls) / sizeof(gen_calls[0]))];
        uint64_t a[6];
        if (is_fork(call->nr) && gen_random(&g) % 8)
            continue;
        gen_args(&g, call->kinds, call->count, a);
        syscall(call->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    _exit(0);
}

static void reap(pid_t pid)
{
    int status, left = TIME_MS;
    while (left-- > 0 && waitpid(pid, &status, WNOHANG) == 0)
        usleep(1000);
    kill(-1, SIGKILL);
    while (waitpid(-1, &status, 0) > 0)
        ;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, count = argc > 2 ? strtoull(argv[2], NULL, 0) : 10;
    for (int signo = 1; signo < 65; signo++)
        signal(signo, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    if (getpid() != 1) {
        fprintf(stderr, "syscalls: only for an enclave, as its first program\n");
        return 2;
    }
    for (uint64_t i = seed; i < seed + count; i++) {
        pid_t pid = fork();
        if (pid == 0)
            program(i);
        reap(pid);
    }
    return 0;
}
