/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#define AT_CWD ((uint64_t)-100)
enum { CREATE = 0100, WRITE = 1 };

static void link_make(struct arch_regs *regs, const char *text, const char *name)
{
    EXPECT_EQ(SYS(regs, symlinkat, user_string(regs, text), AT_CWD, user_string(regs, name)), 0);
}

/* The last component lies in the text of one link and is a link itself: the first text is gone by then. */
static void last_in_link_text(struct arch_regs *regs)
{
    link_make(regs, "/tmp/two", "/tmp/one");
    link_make(regs, "/tmp/three", "/tmp/two");
    link_make(regs, "made", "/tmp/three");
    int64_t fd = SYS(regs, openat, AT_CWD, user_string(regs, "/tmp/one"), CREATE | WRITE, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(SYS(regs, faccessat, AT_CWD, user_string(regs, "/tmp/made"), 0), 0);
    user_exit(regs, 0);
}

static void loops_end(struct arch_regs *regs)
{
    EXPECT_EQ(SYS(regs, openat, AT_CWD, user_string(regs, "/deep/loop"), 0), -ELOOP);
    link_make(regs, "/tmp/b/x", "/tmp/a");
    link_make(regs, "/tmp/a/y", "/tmp/b");
    EXPECT_EQ(SYS(regs, openat, AT_CWD, user_string(regs, "/tmp/a"), CREATE | WRITE, 0600), -ELOOP);
    user_exit(regs, 0);
}

static const struct unit_test tests[] = {
    {"last_in_link_text", .user = last_in_link_text},
    {"loops_end", .user = loops_end},
};
UNIT_MAIN(tests)
