/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of random system calls, one child after the other.
 *
 *     syscalls SEED COUNT          for the enclave, never for a real machine: it kills, mounts and removes what it can. The kernel must
 *                                  outlive them; what they do to themselves is their affair.
 *     syscalls alike SEED COUNT    only calls that must give the same on every Linux and do no harm; prints what each gave
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "calls.h"
#include "fuzz_calls.h"

#define CALLS     120
#define TIME_MS   400 /* for each */
#define KERNEL_AT 0xfc0000000ULL /* somewhere in the enclave's own range */
#define NOBODY    65534

static void put(uint64_t at, const void *data, unsigned size)
{
    memcpy((void *)at, data, size); /* if the program took its scratch away it dies here */
}

static void get(uint64_t at, void *data, unsigned size)
{
    struct iovec to = {data, size}, from = {(void *)at, size};
    memset(data, 0xff, size);
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0)
        memset(data, 0xff, size);
}

static void woken(int signo)
{
    (void)signo;
}

static int is_fork(long nr)
{
    return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3;
}

static void scratch_make(struct calls *c, uint64_t seed)
{
    /* not a multiple of what gen_random adds: the streams of two seeds would be the same, shifted */
    c->gen = (struct gen){.state = seed * 0xd1342543de82ef95ULL, .kernel = KERNEL_AT, .put = put};
    c->get = get;
    c->gen.scratch = (uint64_t)mmap(NULL, GEN_SCRATCH + GEN_HOLE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->is_alike) /* nothing else may come to lie there */
        mprotect((void *)(c->gen.scratch + GEN_SCRATCH), GEN_HOLE, PROT_NONE);
    else
        munmap((void *)(c->gen.scratch + GEN_SCRATCH), GEN_HOLE);
}

static int64_t call_make(long nr, const uint64_t a[6])
{
    int64_t result = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -1 ? -errno : result;
}

static void call_any(struct gen *g)
{
    const struct gen_call *call = &gen_calls[gen_random(g) % (sizeof(gen_calls) / sizeof(gen_calls[0]))];
    uint64_t a[6];
    if (is_fork(call->nr) && gen_random(g) % 8)
        return;
    gen_args(g, call->kinds, call->count, a);
    call_make(call->nr, a);
}

static void program(uint64_t seed)
{
    struct calls c = {0};
    struct calls_one one;
    struct sigaction action = {.sa_handler = woken};
    struct itimerval interval = {{0, 5000}, {0, 5000}};
    setsid();
    for (int signo = 1; signo < 65; signo++)
        signal(signo, SIG_DFL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);
    scratch_make(&c, seed);
    if (chdir("/tmp"))
        _exit(1);
    for (int i = 0; i < CALLS; i++) {
        if (gen_random(&c.gen) % 4 == 0) {
            call_any(&c.gen);
            continue;
        }
        calls_draw(&c, &one);
        calls_result(&c, &one, call_make(one.nr, one.args));
    }
    _exit(0);
}

static void reap(void)
{
    int status, left = TIME_MS;
    while (left-- > 0 && waitpid(-1, &status, WNOHANG) == 0)
        usleep(1000);
    kill(-1, SIGKILL);
    while (waitpid(-1, &status, 0) > 0)
        ;
}

static int programs_run(uint64_t seed, uint64_t count)
{
    for (int signo = 1; signo < 65; signo++)
        signal(signo, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    if (getpid() != 1) {
        fprintf(stderr, "syscalls: only for an enclave, as its first program\n");
        return 2;
    }
    for (uint64_t i = seed; i < seed + count; i++) {
        if (fork() == 0)
            program(i);
        reap();
    }
    return 0;
}

/* ---- alike ---------------------------------------------------------------------------------------------------------------- */

static struct trace {
    unsigned count;
    struct {
        const char *name;
        int64_t result;
        uint64_t args[6];
        int is_value;
    } calls[CALLS];
} *trace;

static void alike_program(uint64_t seed)
{
    struct calls c = {.is_alike = true};
    struct calls_one one;
    close_range(3, ~0U, 0);
    umask(022);
    if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        _exit(1);
    signal(SIGPIPE, SIG_IGN);
    scratch_make(&c, seed);
    for (int i = 0; i < CALLS; i++) {
        calls_draw(&c, &one);
        int64_t result = call_make(one.nr, one.args);
        calls_result(&c, &one, result);
        trace->calls[i].name = one.name;
        memcpy(trace->calls[i].args, one.args, sizeof(one.args));
        for (int k = 0; k < 6; k++) /* addresses differ */
            trace->calls[i].args[k] = one.args[k] > 1 << 24 && one.args[k] < 1ULL << 60 ? 0xadd : one.args[k];
        trace->calls[i].is_value = calls_is_value(&one);
        trace->calls[i].result = result;
        trace->count = (unsigned)i + 1;
    }
    _exit(0);
}

static void trace_print(uint64_t seed, int status)
{
    for (unsigned i = 0; i < trace->count; i++) {
        const uint64_t *a = trace->calls[i].args;
        printf("%llu.%u %s(%llx, %llx, %llx, %llx, %llx) = ", (unsigned long long)seed, i, trace->calls[i].name, (unsigned long long)a[0],
               (unsigned long long)a[1], (unsigned long long)a[2], (unsigned long long)a[3], (unsigned long long)a[4]);
        if (trace->calls[i].result < 0)
            printf("%s\n", strerrorname_np((int)-trace->calls[i].result));
        else if (trace->calls[i].is_value)
            puts("a value");
        else
            printf("%lld\n", (long long)trace->calls[i].result);
    }
    printf("%llu ends with %#x\n", (unsigned long long)seed, (unsigned)status);
}

/* Each in a folder of its own. The parent removes nothing: whoever runs this has the folder above. */
static void alike_one(uint64_t seed)
{
    char dir[32];
    int status = 0;
    snprintf(dir, sizeof(dir), "%llu", (unsigned long long)seed);
    trace->count = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (mkdir(dir, 0700) || (geteuid() == 0 && chown(dir, NOBODY, NOBODY)) || chdir(dir))
            _exit(1);
        alike_program(seed);
    }
    waitpid(pid, &status, 0);
    trace_print(seed, status);
}

int main(int argc, char **argv)
{
    int is_alike = argc > 1 && strcmp(argv[1], "alike") == 0;
    uint64_t seed = argc > 1 + is_alike ? strtoull(argv[1 + is_alike], NULL, 0) : 1, count = argc > 2 + is_alike ? strtoull(argv[2 + is_alike], NULL, 0) : 10;
    if (!is_alike)
        return programs_run(seed, count);
    trace = mmap(NULL, sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (getpid() == 1 && chdir("/tmp"))
        return 1;
    for (uint64_t i = seed; i < seed + count; i++) {
        alike_one(i);
        fflush(stdout);
    }
    return 0;
}
