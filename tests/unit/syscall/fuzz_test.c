/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of random system calls against the whole kernel under sanitizers. A program may end in any way; the kernel goes
 * on, and pid 1 kills and reaps what is left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mm/usercopy.h"
#include "platform/plat.h"
#include "syscall/dispatch.h"
#include "tests/fuzz/sysgen.h"
#include "unit.h"

#define CALLS     150
#define HANDLER   0x77000000u /* where a caught signal would go; nothing is there */
#define SIGNAL_ALARM 14

static unsigned numbers[SYSCALL_TABLE_SIZE], number_count;

static void put(uint64_t at, const void *data, unsigned size)
{
    int err = copy_to_user(at, data, size);
    (void)err; /* a program may have taken its own scratch away */
}

static void numbers_list(void)
{
    number_count = 0;
    for (unsigned nr = 0; nr < SYSCALL_TABLE_SIZE; nr++) {
        if (syscall_table[nr].call)
            numbers[number_count++] = nr;
    }
}

/* A handler that does nothing: back by rt_sigreturn. */
static void signal_return(struct arch_regs *regs)
{
    for (int depth = 0; regs->pc == HANDLER && depth < 64; depth++)
        SYS(regs, rt_sigreturn);
}

/* Pid 1 cannot be ended by a program that finds a way to send it a signal. */
static void signals_ignore(struct arch_regs *regs, uaddr_t scratch, uint64_t handler)
{
    const uint64_t action[4] = {handler};
    user_put(scratch, action, sizeof(action));
    for (uint64_t signo = 1; signo <= 64; signo++)
        SYS(regs, rt_sigaction, signo, scratch, 0, 8);
}

/* Sleeps end: a timer interrupts them. */
static void alarm_set(struct arch_regs *regs, uaddr_t scratch)
{
    const struct {
        uint64_t handler, flags, restorer, mask;
    } action = {HANDLER, 0x04000000, HANDLER, 0};
    const uint64_t interval[4] = {0, 1000, 0, 1000}; /* 1 ms */
    user_put(scratch, &action, sizeof(action));
    EXPECT_EQ(SYS(regs, rt_sigaction, SIGNAL_ALARM, scratch, 0, 8), 0);
    user_put(scratch, interval, sizeof(interval));
    EXPECT_EQ(SYS(regs, setitimer, 0, scratch), 0);
}

static bool is_verbose;

static void call_one(struct arch_regs *regs, struct gen *g)
{
    unsigned nr = numbers[gen_random(g) % number_count];
    const struct syscall_entry *e = &syscall_table[nr];
    int kinds[6];
    uint64_t args[6];
    bool is_fork = strcmp(e->name, "clone") == 0 || strcmp(e->name, "fork") == 0 || strcmp(e->name, "vfork") == 0 ||
                   strcmp(e->name, "clone3") == 0;
    if (is_fork && gen_random(g) % 8)
        return;
    for (unsigned i = 0; i < e->count; i++)
        kinds[i] = (int)e->args[i].kind;
    gen_args(g, kinds, e->count, args);
    if (is_verbose)
        fprintf(stderr, "%s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)\n", e->name, (unsigned long long)args[0],
                (unsigned long long)args[1], (unsigned long long)args[2], (unsigned long long)args[3], (unsigned long long)args[4],
                (unsigned long long)args[5]);
    int64_t result = fake_syscall(regs, nr, args);
    if (is_verbose)
        fprintf(stderr, " = %lld\n", (long long)result);
    signal_return(regs);
}

static void program(struct arch_regs *regs)
{
    struct gen g = {.state = fake_random(), .kernel = plat_info.kernel_start, .put = put};
    int64_t at = SYS(regs, mmap, 0, GEN_SCRATCH + GEN_HOLE, 3, 0x22, ~0ULL, 0);
    if (at < 0)
        user_exit(regs, 1);
    g.scratch = (uint64_t)at;
    SYS(regs, munmap, g.scratch + GEN_SCRATCH, GEN_HOLE);
    regs->sp = user_map(regs, 65536) + 65536;
    SYS(regs, setsid); /* what it does to its group does not reach pid 1 */
    signals_ignore(regs, g.scratch, 0);
    alarm_set(regs, g.scratch);
    for (int i = 0; i < CALLS; i++)
        call_one(regs, &g);
    user_exit(regs, 0);
}

static void all_reap(struct arch_regs *regs)
{
    SYS(regs, kill, (uint64_t)-1, 9);
    while (SYS(regs, wait4, (uint64_t)-1) > 0)
        ;
}

static void programs_run(struct arch_regs *regs, int count)
{
    uint64_t wait[2] = {0, 200 * 1000000};
    uaddr_t at = user_map(regs, 4096);
    signals_ignore(regs, at, 1);
    user_put(at, wait, sizeof(wait));
    numbers_list();
    is_verbose = getenv("FUZZ_VERBOSE");
    for (int i = 0; i < count; i++) {
        EXPECT(user_fork(regs, program) > 0);
        SYS(regs, nanosleep, at);
        all_reap(regs);
    }
}

static void random_programs(struct arch_regs *regs)
{
    if (SYS(regs, getpid) != 1)
        program(regs); /* exec of the image's program */
    programs_run(regs, 20);
    user_exit(regs, 0);
}

static const struct unit_test tests[] = {
    {"random_programs", .user = random_programs, .vcpus = 2, .seeds = 20},
};
UNIT_MAIN(tests)
