/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), ppoll(2). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static long ms_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

static void knows_descriptors(void)
{
    int p[2];
    CHECK(pipe(p) == 0);
    struct pollfd f[4] = {{p[0], POLLIN, 77}, {-1, POLLIN, 77}, {p[1], POLLOUT, 77}, {999, POLLIN, 77}};
    CHECK(poll(f, 4, 0) == 2 && f[0].revents == 0 && f[1].revents == 0 && f[2].revents == POLLOUT && f[3].revents == POLLNVAL);
    CHECK(poll(f, 2, 0) == 0);
    CHECK(poll(NULL, 0, 0) == 0);
    CHECK_ERRNO(poll(nowhere, 1, 0), EFAULT);
    int fd = open("/tmp", O_RDONLY);
    struct pollfd g = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    CHECK(poll(&g, 1, 0) == 1 && g.revents == (POLLIN | POLLOUT));
    close(fd);
    fd = open("/tmp", O_PATH);
    g = (struct pollfd){fd, POLLIN, 0};
    CHECK(poll(&g, 1, 0) == 1 && g.revents == POLLNVAL);
    close(fd);
    close(p[1]);
    f[0].events = 0; /* hang-up is told unasked */
    CHECK(poll(f, 1, -1) == 1 && f[0].revents == POLLHUP);
    close(p[0]);
}

static void many(void)
{
    enum { N = 300 };
    static struct pollfd f[N];
    static int p[N][2];
    struct rlimit old, low = {10, 0};
    for (int i = 0; i < N; i++) {
        CHECK(pipe(p[i]) == 0);
        f[i] = (struct pollfd){p[i][0], POLLIN, 0};
    }
    CHECK(poll(f, N, 0) == 0);
    CHECK(write(p[7][1], "x", 1) == 1 && write(p[299][1], "x", 1) == 1);
    CHECK(poll(f, N, -1) == 2 && f[7].revents == POLLIN && f[299].revents == POLLIN);
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    low.rlim_max = old.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK_ERRNO(poll(f, 11, 0), EINVAL);
    CHECK(poll(f, 10, 0) == 1);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    for (int i = 0; i < N; i++)
        close(p[i][0]), close(p[i][1]);
}

static void times_out(void)
{
    struct timespec start, t = {0, 30000000};
    int p[2];
    CHECK(pipe(p) == 0);
    struct pollfd f = {p[0], POLLIN, 0};
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(poll(&f, 1, 50) == 0 && ms_since(&start) >= 50);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(poll(NULL, 0, 20) == 0 && ms_since(&start) >= 20);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(ppoll(&f, 1, &t, NULL) == 0 && ms_since(&start) >= 30);
    t = (struct timespec){0, 30000000};
    CHECK(syscall(SYS_ppoll, &f, 1, &t, NULL, 8) == 0 && t.tv_sec == 0 && t.tv_nsec == 0);
    CHECK(write(p[1], "x", 1) == 1);
    t = (struct timespec){5, 0};
    CHECK(syscall(SYS_ppoll, &f, 1, &t, NULL, 8) == 1 && t.tv_sec == 4 && t.tv_nsec > 0);
    t = (struct timespec){0, 1000000000};
    CHECK_ERRNO(ppoll(&f, 1, &t, NULL), EINVAL);
    t = (struct timespec){-1, 0};
    CHECK_ERRNO(ppoll(&f, 1, &t, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_ppoll, &f, 1, (void *)8, NULL, 8), EFAULT);
    close(p[0]), close(p[1]);
}

static int wake_fd;
static void *waker(void *arg)
{
    usleep((useconds_t)(long)arg);
    CHECK(write(wake_fd, "x", 1) == 1);
    return NULL;
}

static void is_woken(void)
{
    pthread_t t;
    int p[2], q[2];
    char c;
    CHECK(pipe(p) == 0 && pipe(q) == 0);
    struct pollfd f[3] = {{q[0], POLLIN, 0}, {p[0], POLLIN, 0}, {p[0], POLLIN, 0}};
    wake_fd = p[1];
    for (long i = 0; i < 100; i++) {
        CHECK(pthread_create(&t, NULL, waker, (void *)(i < 5 ? i * 5000 : 0)) == 0);
        CHECK(poll(f, 3, 10000) == 2 && f[0].revents == 0 && f[1].revents == POLLIN && f[2].revents == POLLIN);
        CHECK(read(p[0], &c, 1) == 1);
        pthread_join(t, NULL);
    }
    close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static volatile sig_atomic_t caught;
static void on_signal(int signo)
{
    caught = signo;
}

static void signals_end_it(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t block, none, old;
    struct timespec t = {5, 0}, start;
    sigaction(SIGALRM, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(poll(NULL, 0, -1), EINTR); /* SA_RESTART makes no difference */
    CHECK(caught == SIGALRM);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
    raise(SIGUSR1);
    CHECK(poll(NULL, 0, 10) == 0 && caught == SIGALRM);
    CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, &t, &none, 8), EINTR);
    CHECK(caught == SIGUSR1 && t.tv_sec == 4);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &none) == 0 && sigismember(&none, SIGUSR1) == 1);
    CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, &t, &none, 7), EINVAL);
    CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, &t, 8, 8), EFAULT);
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    /* Without a handler the call goes on, with the time that is left. */
    signal(SIGALRM, SIG_IGN);
    clock_gettime(CLOCK_MONOTONIC, &start);
    ualarm(20000, 0);
    CHECK(poll(NULL, 0, 60) == 0 && ms_since(&start) >= 60 && ms_since(&start) < 5000);
}

int main(void)
{
    knows_descriptors();
    many();
    times_out();
    is_woken();
    signals_end_it();
    return 0;
}
