/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2): what processes share. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static long kcmp(pid_t one, pid_t other, int type, unsigned long a, unsigned long b)
{
    return syscall(SYS_kcmp, one, other, type, a, b);
}

static void child(pid_t parent, int flags)
{
    pid_t me = (pid_t)syscall(SYS_getpid);
    CHECK(kcmp(me, parent, KCMP_FILE, 0, 0) == 0 && kcmp(me, parent, KCMP_FILE, 0, 1) > 0);
    CHECK((kcmp(me, parent, KCMP_FILES, 0, 0) == 0) == !!(flags & CLONE_FILES));
    CHECK((kcmp(me, parent, KCMP_FS, 0, 0) == 0) == !!(flags & CLONE_FS));
    CHECK(kcmp(me, parent, KCMP_VM, 0, 0) > 0 && kcmp(me, parent, KCMP_SIGHAND, 0, 0) > 0);
    _exit(0);
}

static void shares(int flags)
{
    int status;
    pid_t parent = getpid();
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        child(parent, flags);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    pid_t me = getpid();
    int fd = open("/", O_RDONLY), same = dup(fd), other = open("/", O_RDONLY);
    CHECK(dup2(fd, 0) == 0 && dup2(other, 1) == 1);
    CHECK(kcmp(me, me, KCMP_FILE, (unsigned)fd, (unsigned)same) == 0 && kcmp(me, me, KCMP_FILE, (unsigned)fd, (unsigned)other) > 0);
    CHECK(kcmp(me, me, KCMP_VM, 0, 0) == 0);
    CHECK_ERRNO(kcmp(me, me, KCMP_FILE, 1, 1000), EBADF);
    CHECK_ERRNO(kcmp(me, me, 99, 0, 0), EINVAL);
    CHECK_ERRNO(kcmp(me, me, -1, 0, 0), EINVAL);
    CHECK_ERRNO(kcmp(999999, me, KCMP_VM, 0, 0), ESRCH);
    shares(0);
    shares(CLONE_FILES);
    shares(CLONE_FS);
    return 0;
}
