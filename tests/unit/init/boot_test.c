/* SPDX-License-Identifier: Apache-2.0 */
/* The whole kernel boots, and serves a program. */
#include "unit.h"
#include <string.h>

static void hello(struct arch_regs *regs)
{
    char text[32] = "";
    uaddr_t name = user_string(regs, "/etc/motd"), buf = user_map(regs, 4096);
    EXPECT_EQ(SYS(regs, getpid), 1);
    int64_t fd = SYS(regs, openat, (uint64_t)-100, name, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(SYS(regs, read, (uint64_t)fd, buf, 32), 18);
    user_get(text, buf, 18);
    EXPECT(strcmp(text, "the inner chamber\n") == 0);
    user_exit(regs, 0);
}

static void child(struct arch_regs *regs)
{
    EXPECT(SYS(regs, getpid) != 1);
    user_exit(regs, 7);
}

static void forks(struct arch_regs *regs)
{
    uint64_t value = 0x1234;
    uaddr_t at = user_map(regs, 4096);
    user_put(at, &value, sizeof(value));
    int64_t pid = user_fork(regs, child);
    EXPECT(pid > 1);
    EXPECT_EQ(user_wait(regs, pid), 7 << 8);
    user_get(&value, at, sizeof(value));
    EXPECT_EQ(value, 0x1234);
    user_exit(regs, 0);
}

static const struct unit_test tests[] = {
    {"hello", .user = hello, .vcpus = 1},
    {"hello_many_vcpus", .user = hello, .vcpus = 3, .seeds = 10},
    {"forks", .user = forks, .vcpus = 2, .seeds = 10},
};
UNIT_MAIN(tests)
