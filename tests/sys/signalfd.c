/* SPDX-License-Identifier: Apache-2.0 */
/* signalfd(2). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static sigset_t set_of(int a, int b)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, a);
    if (b)
        sigaddset(&set, b);
    return set;
}

static struct signalfd_siginfo take(int fd)
{
    struct signalfd_siginfo info;
    CHECK(read(fd, &info, sizeof(info)) == sizeof(info));
    return info;
}

static void refuses(void)
{
    sigset_t set = set_of(SIGUSR1, 0);
    char small[100];
    int file = open("/tmp", O_RDONLY), fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
    CHECK_ERRNO(signalfd(file, &set, 0), EINVAL);
    CHECK_ERRNO(signalfd(999, &set, 0), EBADF);
    CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, nowhere, 8, 0), EFAULT);
    CHECK_ERRNO(read(fd, small, sizeof(small)), EINVAL);
    struct signalfd_siginfo info;
    CHECK_ERRNO(read(fd, &info, sizeof(info)), EAGAIN);
    CHECK_ERRNO(write(fd, &info, sizeof(info)), EINVAL);
    close(fd), close(file);
}

static void takes_signals(void)
{
    sigset_t set = set_of(SIGUSR1, SIGRTMIN + 1);
    struct signalfd_siginfo both[4];
    union sigval value = {.sival_int = 77};
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(poll(&p, 1, 0) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGUSR1) == 0);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
    struct signalfd_siginfo i = take(fd);
    CHECK(i.ssi_signo == SIGUSR1 && i.ssi_code == SI_USER && i.ssi_pid == (unsigned)getpid() && i.ssi_uid == getuid());
    CHECK_ERRNO(read(fd, &i, sizeof(i)), EAGAIN);
    CHECK(sigqueue(getpid(), SIGRTMIN + 1, value) == 0 && raise(SIGUSR1) == 0);
    CHECK(read(fd, both, sizeof(both)) == 2 * sizeof(both[0]));
    for (int n = 0; n < 2; n++) {
        if (both[n].ssi_signo == SIGUSR1)
            CHECK(both[n].ssi_code == SI_TKILL);
        else
            CHECK(both[n].ssi_signo == (unsigned)SIGRTMIN + 1 && both[n].ssi_code == SI_QUEUE && both[n].ssi_int == 77);
    }
    set = set_of(SIGUSR2, 0);
    CHECK(signalfd(fd, &set, 0) == fd);
    CHECK(kill(getpid(), SIGUSR1) == 0 && poll(&p, 1, 0) == 0);
    CHECK(kill(getpid(), SIGUSR2) == 0 && take(fd).ssi_signo == SIGUSR2);
    set = set_of(SIGUSR1, 0);
    CHECK(signalfd(fd, &set, 0) == fd && take(fd).ssi_signo == SIGUSR1);
    close(fd);
}

static void tells_of_children(void)
{
    sigset_t set = set_of(SIGCHLD, 0);
    int fd = signalfd(-1, &set, 0), status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    struct signalfd_siginfo i = take(fd);
    CHECK(i.ssi_signo == SIGCHLD && i.ssi_code == CLD_EXITED && i.ssi_pid == (unsigned)pid && i.ssi_status == 7);
    CHECK(waitpid(pid, &status, 0) == pid);
    close(fd);
}

static void *killer(void *arg)
{
    (void)arg;
    usleep(20000);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    return NULL;
}

static void wakes(void)
{
    pthread_t t;
    sigset_t set = set_of(SIGUSR1, 0);
    int fd = signalfd(-1, &set, 0), ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(pthread_create(&t, NULL, killer, NULL) == 0 && take(fd).ssi_signo == SIGUSR1);
    pthread_join(t, NULL);
    CHECK(pthread_create(&t, NULL, killer, NULL) == 0 && poll(&p, 1, 10000) == 1 && take(fd).ssi_signo == SIGUSR1);
    pthread_join(t, NULL);
    CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0 && epoll_wait(ep, &e, 1, 0) == 0);
    CHECK(pthread_create(&t, NULL, killer, NULL) == 0 && epoll_wait(ep, &e, 1, 10000) == 1 && take(fd).ssi_signo == SIGUSR1);
    pthread_join(t, NULL);
    CHECK(epoll_wait(ep, &e, 1, 0) == 0);
    close(ep), close(fd);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void is_interrupted(void)
{
    struct signalfd_siginfo info;
    struct sigaction sa = {.sa_handler = on_alarm};
    sigset_t set = set_of(SIGUSR1, 0);
    int fd = signalfd(-1, &set, 0);
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(read(fd, &info, sizeof(info)), EINTR);
    close(fd);
}

int main(void)
{
    sigset_t block = set_of(SIGUSR1, SIGUSR2);
    sigaddset(&block, SIGRTMIN + 1);
    sigaddset(&block, SIGCHLD);
    CHECK(sigprocmask(SIG_BLOCK, &block, NULL) == 0);
    refuses();
    takes_signals();
    tells_of_children();
    wakes();
    is_interrupted();
    return 0;
}
