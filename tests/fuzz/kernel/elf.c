/* SPDX-License-Identifier: Apache-2.0 */
/* The loader of programs: an input is a file that is executed, as a program or as the interpreter of one. */
#include <fcntl.h>
#include "target.h"

static uaddr_t path, buf, argv;

static void ready(struct arch_regs *regs)
{
    path = user_string(regs, "/tmp/program");
    buf = user_map(regs, 65536);
    argv = user_map(regs, 4096);
    const uint64_t args[2] = {path, 0};
    user_put(argv, args, sizeof(args));
}

static void exec(struct arch_regs *regs)
{
    SYS(regs, execve, path, argv, argv + 8);
    user_exit(regs, 1);
}

static void one(struct arch_regs *regs, const uint8_t *data, size_t size)
{
    int64_t fd = SYS(regs, openat, (uint64_t)AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, 0755);
    size = MIN(size, 65536u);
    user_put(buf, data, size);
    SYS(regs, write, (uint64_t)fd, buf, size);
    SYS(regs, close, (uint64_t)fd);
    int64_t pid = user_fork(regs, exec);
    if (pid > 0)
        SYS(regs, wait4, (uint64_t)pid);
}

const struct fuzz_target fuzz_target = {.user = one, .ready = ready};
