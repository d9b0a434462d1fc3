/* SPDX-License-Identifier: Apache-2.0 */
/* clone3(2): what is refused, and a process number of one's choice. */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static struct clone_args with(uint64_t flags)
{
    return (struct clone_args){.flags = flags, .exit_signal = SIGCHLD};
}

static long clone3(struct clone_args *args)
{
    return syscall(SYS_clone3, args, sizeof(*args));
}

static void refused(struct clone_args args, int error)
{
    CHECK_ERRNO(clone3(&args), error);
}

static void flags(void)
{
    refused(with(CLONE_SIGHAND), EINVAL);
    refused(with(CLONE_FS | CLONE_NEWNS), EINVAL);
    refused(with(CLONE_NEWIPC | CLONE_SYSVSEM), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWPID, 0, 0, 0, 0), EINVAL);
    struct clone_args args = with(0);
    args.exit_signal = 65;
    refused(args, EINVAL);
    CHECK_ERRNO(syscall(SYS_clone3, nowhere, sizeof(args)), EFAULT);
    CHECK_ERRNO(syscall(SYS_clone3, &args, 8), EINVAL);
}

static void number_of_choice(void)
{
    pid_t numbers[2] = {31234, 0};
    struct clone_args args = with(0);
    args.set_tid = (uintptr_t)numbers;
    args.set_tid_size = 1;
    long pid = clone3(&args);
    if (pid == 0)
        _exit(getpid() == numbers[0] ? 7 : 8);
    int status;
    CHECK(pid == numbers[0] && waitpid((pid_t)pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    numbers[0] = getpid();
    refused(args, EEXIST);
    numbers[0] = -1;
    refused(args, EINVAL);
    args.set_tid_size = 33;
    refused(args, EINVAL);
    args.set_tid = 0;
    args.set_tid_size = 1;
    refused(args, EINVAL);
}

int main(void)
{
    flags();
    if (geteuid() == 0)
        number_of_choice();
    return 0;
}
