/* SPDX-License-Identifier: Apache-2.0 */
/* A process forks while its other threads run, sleep and touch memory. */
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

static const struct unit_test tests[] = {
    {"threads_and_forks", .user = threads_and_forks, .vcpus = 2, .seeds = 12},
    {"threads_and_forks_3", .user = threads_and_forks, .vcpus = 3, .seeds = 12},
};
UNIT_MAIN(tests)
