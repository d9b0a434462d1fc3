/* SPDX-License-Identifier: Apache-2.0 */
/* A process forks while its other threads run, sleep and touch memory. */
#include "mm/usercopy.h"
#include "platform/fake/fake.h"
#include "unit.h"

#define CLONE_THREAD_FLAGS 0x10f00u /* VM FS FILES SIGHAND THREAD */
#define THREADS 2
#define ROUNDS  12

static uaddr_t data, stacks;

static void thread_main(struct arch_regs *regs)
{
    uint64_t seen, tid = (uint64_t)SYS(regs, gettid), time[2] = {0, 300000};
    uaddr_t own = data + 4096 * (1 + tid % 8);
    for (int i = 0; i < ROUNDS; i++) {
        user_put(own, &tid, sizeof(tid));
        user_put(own + 64, time, sizeof(time));
        SYS(regs, nanosleep, own + 64);
        user_get(&seen, own, sizeof(seen));
        EXPECT_EQ(seen, tid);
    }
    SYS(regs, exit, 0);
}

static void child(struct arch_regs *regs)
{
    uint64_t mine = (uint64_t)SYS(regs, getpid), seen;
    user_put(data, &mine, sizeof(mine));
    user_get(&seen, data, sizeof(seen));
    EXPECT_EQ(seen, mine);
    user_exit(regs, 7);
}

static void thread_start(struct arch_regs *regs, unsigned idx)
{
    uint64_t pc = regs->pc;
    regs->pc = (uintptr_t)thread_main;
    EXPECT(SYS(regs, clone, CLONE_THREAD_FLAGS, stacks + 65536 * (idx + 1)) > 0);
    regs->pc = pc;
}

static void threads_and_forks(struct arch_regs *regs)
{
    uint64_t mark, seen;
    data = user_map(regs, 1 << 16);
    stacks = user_map(regs, 65536 * THREADS);
    for (int round = 0; round < 4; round++) {
        for (unsigned i = 0; i < THREADS; i++)
            thread_start(regs, i);
        uaddr_t big = user_map(regs, 1 << 20);
        for (unsigned off = 0; off < 1 << 20; off += 4096) {
            mark = off;
            user_put(big + off, &mark, sizeof(mark));
        }
        int64_t pid = user_fork(regs, child);
        EXPECT_EQ(user_wait(regs, pid), 7 << 8);
        for (unsigned off = 0; off < 1 << 20; off += 4096) {
            user_get(&seen, big + off, sizeof(seen));
            EXPECT_EQ(seen, off);
        }
        EXPECT_EQ(SYS(regs, munmap, big, 1 << 20), 0);
        uint64_t time[2] = {0, 50000000};
        user_put(data, time, sizeof(time));
        SYS(regs, nanosleep, data);
    }
    user_exit(regs, 0);
}

/* ---- memory that comes in part ----------------------------------------------------------------------------------------- */

#define PART_SIZE (256UL << 10)
static uint64_t part_fail;

/* What fails the first time is there the second time, or not; it is the child's alone. */
static void part_child(struct arch_regs *regs)
{
    const uint64_t mark = 0x5555;
    int failed = 0;
    fake_fail(FAKE_FAULT_COMMIT, part_fail, false);
    for (uint64_t off = 0; off < PART_SIZE; off += 4096)
        failed += copy_to_user(data + off, &mark, sizeof(mark)) != 0;
    fake_fail(FAKE_FAULT_COMMIT, 0, false);
    for (uint64_t off = 0; off < PART_SIZE; off += 4096)
        failed += copy_to_user(data + off, &mark, sizeof(mark)) != 0;
    const uint64_t time[2] = {0, 50000000};
    failed += copy_to_user(data, time, sizeof(time)) != 0;
    SYS(regs, nanosleep, data); /* the parent looks meanwhile */
    user_exit(regs, failed >= 0 ? 7 : 8);
}

/* Leaves stale pages behind, where the second cluster is. */
static void part_first(struct arch_regs *regs)
{
    const uint64_t mark = 0x4444;
    user_put(data + (64UL << 10), &mark, sizeof(mark));
    user_exit(regs, 7);
}

/* Stale pages and fresh ones, which the child asks for in one go while the n-th change of memory fails: the parent finds its own zeros. */
static void commit_in_part(struct arch_regs *regs)
{
    uint64_t seen;
    for (part_fail = 1; part_fail < 12; part_fail++) {
        data = user_map(regs, PART_SIZE);
        EXPECT_EQ(user_wait(regs, user_fork(regs, part_first)), 7 << 8);
        int64_t pid = user_fork(regs, part_child);
        SYS(regs, sched_yield);
        for (uint64_t off = 0; off < PART_SIZE; off += 4096) {
            user_get(&seen, data + off, sizeof(seen));
            EXPECT_EQ(seen, 0);
        }
        int64_t status = user_wait(regs, pid);
        EXPECT(status == 7 << 8 || status == 9);
    }
    user_exit(regs, 0);
}

/* ---- a fork for which there is no memory ------------------------------------------------------------------------------ */

static void spare_child(struct arch_regs *regs)
{
    user_exit(regs, 7);
}

/* The n-th allocation of a fork fails: the parent keeps what it has, and the next fork finds all of it. */
static void fork_or_nothing(struct arch_regs *regs)
{
    uint64_t seen;
    data = user_map(regs, PART_SIZE);
    for (uint64_t off = 0; off < PART_SIZE; off += 4096)
        user_put(data + off, &off, sizeof(off));
    bool has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        fake_fail(FAKE_FAULT_ALLOC, n, false);
        int64_t pid = user_fork(regs, spare_child);
        has_failed = fake_has_failed(FAKE_FAULT_ALLOC);
        fake_fail(FAKE_FAULT_ALLOC, 0, false);
        EXPECT(pid > 0 || has_failed);
        for (uint64_t off = 0; off < PART_SIZE; off += 4096) {
            user_get(&seen, data + off, sizeof(seen));
            EXPECT_EQ(seen, off);
        }
        if (pid > 0)
            EXPECT_EQ(user_wait(regs, pid), 7 << 8);
    }
    user_exit(regs, 0);
}

static const struct unit_test tests[] = {
    {"fork_or_nothing", .user = fork_or_nothing, .plans_failures = true},
    {"commit_in_part", .user = commit_in_part, .seeds = 2},
    {"threads_and_forks", .user = threads_and_forks, .vcpus = 2, .seeds = 12},
    {"threads_and_forks_3", .user = threads_and_forks, .vcpus = 3, .seeds = 12},
};
UNIT_MAIN(tests)
