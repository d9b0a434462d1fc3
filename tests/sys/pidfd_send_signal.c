/* SPDX-License-Identifier: Apache-2.0 */
/* pidfd_send_signal(2): descriptors of pidfd_open and of /proc/<pid>, and siginfo that must fit the signal. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define P_PIDFD 3

static long send_signal(int fd, int signo, siginfo_t *info)
{
    return syscall(SYS_pidfd_send_signal, fd, signo, info, 0);
}

static void refusals(int fd)
{
    siginfo_t info = {.si_signo = SIGUSR2, .si_code = SI_QUEUE}; /* another signal than the one sent */
    CHECK_ERRNO(send_signal(fd, SIGUSR1, &info), EINVAL);
    info = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_USER}; /* the kernel's own word */
    CHECK_ERRNO(send_signal(fd, SIGUSR1, &info), EPERM);
    CHECK_ERRNO(send_signal(fd, 65, NULL), EINVAL);
    CHECK_ERRNO(send_signal(1, 0, NULL), EBADF);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 1U << 20), EINVAL);
}

static void folder(void)
{
    char name[40];
    int status;
    pid_t pid = fork();
    while (pid == 0)
        pause();
    refusals((int)syscall(SYS_pidfd_open, pid, 0));
    snprintf(name, sizeof(name), "/proc/%d", pid);
    int fd = open(name, O_RDONLY | O_DIRECTORY), other = open("/proc", O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0 && send_signal(fd, 0, NULL) == 0);
    CHECK_ERRNO(send_signal(other, 0, NULL), EBADF);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 1, 0), EBADF);
    CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, NULL, WEXITED), EBADF);
    CHECK_ERRNO(waitid(P_PIDFD, (id_t)-1, NULL, WEXITED), EINVAL);
    CHECK(send_signal(fd, SIGTERM, NULL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM);
    CHECK_ERRNO(send_signal(fd, 0, NULL), ESRCH);
}

int main(void)
{
    folder();
    return 0;
}
