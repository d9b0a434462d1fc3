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
#include "tests/fuzz/calls.h"
#include "unit.h"

#define CALLS     80
#define PROGRAMS  100 /* of a seed */
#define HANDLER   0x77000000u /* where a caught signal would go; nothing is there */
#define SIGNAL_ALARM 14

static unsigned numbers[SYSCALL_TABLE_SIZE], number_count;

static void put(uint64_t at, const void *data, unsigned size)
{
    int err = copy_to_user(at, data, size);
    (void)err; /* a program may have taken its own scratch away */
}

static void get(uint64_t at, void *data, unsigned size)
{
    memset(data, 0, size);
    int err = copy_from_user(data, at, size);
    (void)err;
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
    put(scratch, action, sizeof(action));
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
    put(scratch, &action, sizeof(action));
    SYS(regs, rt_sigaction, SIGNAL_ALARM, scratch, 0, 8);
    put(scratch, interval, sizeof(interval));
    SYS(regs, setitimer, 0, scratch);
}

static bool is_verbose;
static uint64_t calls_made, calls_good;

static int64_t call_make(struct arch_regs *regs, const char *name, unsigned nr, const uint64_t a[6])
{
    if (is_verbose)
        fprintf(stderr, "%s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)\n", name, (unsigned long long)a[0], (unsigned long long)a[1],
                (unsigned long long)a[2], (unsigned long long)a[3], (unsigned long long)a[4], (unsigned long long)a[5]);
    int64_t result = fake_syscall(regs, nr, a);
    if (is_verbose)
        fprintf(stderr, " = %lld\n", (long long)result);
    calls_made++;
    calls_good += result >= 0;
    signal_return(regs);
    return result;
}

static bool is_fork(unsigned nr)
{
    const char *name = syscall_table[nr].name;
    return strcmp(name, "clone") == 0 || strcmp(name, "fork") == 0 || strcmp(name, "vfork") == 0 || strcmp(name, "clone3") == 0;
}

/* Any call of the table, its arguments by their kinds alone. */
static void call_any(struct arch_regs *regs, struct gen *g)
{
    unsigned nr = numbers[gen_random(g) % number_count];
    const struct syscall_entry *e = &syscall_table[nr];
    int kinds[6];
    uint64_t args[6];
    if (is_fork(nr) && gen_random(g) % 8)
        return;
    for (unsigned i = 0; i < e->count; i++)
        kinds[i] = (int)e->args[i].kind;
    gen_args(g, kinds, e->count, args);
    call_make(regs, e->name, nr, args);
}

/* One that has a meaning, with what earlier ones gave. */
static void call_meant(struct arch_regs *regs, struct calls *c)
{
    struct calls_one one;
    calls_draw(c, &one);
    calls_result(c, &one, call_make(regs, one.name, (unsigned)one.nr, one.args));
}

static void scratch_make(struct arch_regs *regs, struct calls *c)
{
    int64_t at = SYS(regs, mmap, 0, GEN_SCRATCH + GEN_HOLE, 3, 0x22, ~0ULL, 0);
    if (at < 0)
        user_exit(regs, 1);
    *c = (struct calls){.gen = {.state = fake_random(), .scratch = (uint64_t)at, .kernel = plat_info.kernel_start, .put = put}, .get = get};
    SYS(regs, munmap, (uint64_t)at + GEN_SCRATCH, GEN_HOLE);
    regs->sp = (uint64_t)SYS(regs, mmap, 0, 65536, 3, 0x22, ~0ULL, 0) + 65536;
    SYS(regs, setsid); /* what it does to its group does not reach pid 1 */
    signals_ignore(regs, (uaddr_t)at, 0);
    alarm_set(regs, (uaddr_t)at);
    put((uint64_t)at, "/tmp", 5);
    SYS(regs, chdir, (uint64_t)at);
}

static void program(struct arch_regs *regs)
{
    struct calls c;
    scratch_make(regs, &c);
    for (int i = 0; i < CALLS; i++) {
        if (gen_random(&c.gen) % 8)
            call_meant(regs, &c);
        else
            call_any(regs, &c.gen);
    }
    user_exit(regs, 0);
}

static void all_reap(struct arch_regs *regs)
{
    SYS(regs, kill, (uint64_t)-1, 9);
    while (SYS(regs, wait4, (uint64_t)-1) > 0)
        ;
}

static void programs_run(struct arch_regs *regs, void (*main)(struct arch_regs *regs), int count)
{
    uint64_t wait[2] = {0, 200 * 1000000};
    uaddr_t at = user_map(regs, 4096);
    signals_ignore(regs, at, 1);
    user_put(at, wait, sizeof(wait));
    numbers_list();
    is_verbose = getenv("FUZZ_VERBOSE");
    for (int i = 0; i < count; i++) {
        EXPECT(user_fork(regs, main) > 0);
        SYS(regs, nanosleep, at);
        all_reap(regs);
    }
}

static void random_programs(struct arch_regs *regs)
{
    if (SYS(regs, getpid) != 1)
        program(regs); /* exec of the image's program */
    programs_run(regs, program, PROGRAMS);
    printf("# %d programs, %llu calls, %llu without an error\n", PROGRAMS, (unsigned long long)calls_made, (unsigned long long)calls_good);
    user_exit(regs, 0);
}

/* ---- threads race ------------------------------------------------------------------------------------------------------- */

#define RACING_THREADS  3
#define RACING_CALLS    60
#define RACING_PROGRAMS 3
#define CLONE_THREAD_FLAGS 0x10f00u /* VM FS FILES SIGHAND THREAD */

static struct calls racing; /* of all threads: descriptors, memory, and what calls point to, which changes while they run */

static void racing_thread(struct arch_regs *regs)
{
    for (int i = 0; i < RACING_CALLS; i++)
        call_meant(regs, &racing);
    SYS(regs, exit, 0);
}

static void racing_start(struct arch_regs *regs)
{
    uint64_t pc = regs->pc;
    uint64_t stack = (uint64_t)SYS(regs, mmap, 0, 65536, 3, 0x22, ~0ULL, 0);
    regs->pc = (uintptr_t)racing_thread;
    SYS(regs, clone, CLONE_THREAD_FLAGS, stack + 65536);
    regs->pc = pc;
}

/* Some end with all threads at work. */
static void racing_program(struct arch_regs *regs)
{
    scratch_make(regs, &racing);
    for (int i = 0; i < RACING_THREADS; i++)
        racing_start(regs);
    for (uint64_t i = gen_random(&racing.gen) % (2 * RACING_CALLS); i > 0; i--)
        call_meant(regs, &racing);
    user_exit(regs, 0);
}

static void racing_threads(struct arch_regs *regs)
{
    if (SYS(regs, getpid) != 1)
        user_exit(regs, 0);
    programs_run(regs, racing_program, RACING_PROGRAMS);
    user_exit(regs, 0);
}

/* ---- memory fails ------------------------------------------------------------------------------------------------------- */

/* Each program under one allocation that fails, or, in every eighth, all from then on for a while. */
static void starved_program(struct arch_regs *regs)
{
    struct calls c;
    scratch_make(regs, &c);
    fake_fail(FAKE_FAULT_ALLOC, 1 + gen_random(&c.gen) % 300, gen_random(&c.gen) % 8 == 0);
    for (int i = 0; i < CALLS; i++)
        call_meant(regs, &c);
    user_exit(regs, 0);
}


static void starved_programs(struct arch_regs *regs)
{
    const uint64_t wait[2] = {0, 100 * 1000000};
    if (SYS(regs, getpid) != 1)
        starved_program(regs);
    uaddr_t at = user_map(regs, 4096);
    signals_ignore(regs, at, 1);
    user_put(at, wait, sizeof(wait));
    numbers_list();
    is_verbose = getenv("FUZZ_VERBOSE");
    for (int i = 0; i < PROGRAMS; i++) {
        EXPECT(user_fork(regs, starved_program) > 0);
        SYS(regs, nanosleep, at);
        fake_fail(FAKE_FAULT_ALLOC, 0, false);
        all_reap(regs);
    }
    printf("# %d programs of which an allocation fails\n", PROGRAMS);
    user_exit(regs, 0);
}

/* ---- each pointer argument of each call, where nothing is, or not enough, or the kernel ---------------------------------------- */

static unsigned bad_nr;

static uint64_t bad_address(const struct gen *g, unsigned idx)
{
    const uint64_t bad[] = {
        0, 1, g->scratch + GEN_SCRATCH, g->scratch + GEN_SCRATCH - 1, g->scratch + GEN_SCRATCH - 7, g->kernel, g->kernel - 4, plat_info.user_end,
        plat_info.user_end - 1, 1ULL << 47, 1ULL << 63, (uint64_t)-1, (uint64_t)-4096, (uint64_t)(uintptr_t)&bad_nr,
    };
    return idx < ARRAY_COUNT(bad) ? bad[idx] : 0;
}
#define BAD_COUNT 14

static bool is_pointer(unsigned kind)
{
    return kind == ARG_PTR || kind == ARG_ADDR || kind == ARG_STR || kind == ARG_BUF;
}

static void bad_pointers_program(struct arch_regs *regs)
{
    const struct syscall_entry *e = &syscall_table[bad_nr];
    struct calls c;
    int kinds[6];
    uint64_t args[6];
    scratch_make(regs, &c);
    for (unsigned i = 0; i < e->count; i++)
        kinds[i] = (int)e->args[i].kind;
    for (unsigned i = 0; i < e->count; i++) {
        for (unsigned k = 0; is_pointer(e->args[i].kind) && k < BAD_COUNT; k++) {
            gen_args(&c.gen, kinds, e->count, args);
            args[i] = bad_address(&c.gen, k);
            call_make(regs, e->name, bad_nr, args);
        }
    }
    user_exit(regs, 0);
}

static void bad_pointers(struct arch_regs *regs)
{
    if (SYS(regs, getpid) != 1)
        user_exit(regs, 0);
    numbers_list();
    for (unsigned i = 0; i < number_count; i++) {
        bad_nr = numbers[i];
        if (!is_fork(bad_nr))
            programs_run(regs, bad_pointers_program, 1);
    }
    printf("# %u calls with bad pointers\n", (unsigned)calls_made);
    user_exit(regs, 0);
}

static const struct unit_test tests[] = {
    {"bad_pointers", .user = bad_pointers, .vcpus = 2, .seeds = 2},
    {"starved_programs", .user = starved_programs, .vcpus = 2, .seeds = 10},
    {"racing_threads", .user = racing_threads, .vcpus = 4, .seeds = 300},
    {"random_programs", .user = random_programs, .vcpus = 2, .seeds = 100},
};
UNIT_MAIN(tests)
