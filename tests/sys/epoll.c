/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7): epoll_create(2), epoll_ctl(2), epoll_wait(2) and its forms. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static struct epoll_event got[64];

static int ctl(int set, int op, int fd, unsigned events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    return epoll_ctl(set, op, fd, &e);
}

static int now(int set)
{
    return epoll_wait(set, got, 64, 0);
}

static void put(int fd)
{
    CHECK(write(fd, "x", 1) == 1);
}

static void take(int fd)
{
    char c;
    CHECK(read(fd, &c, 1) == 1);
}

static void refuses(void)
{
    int p[2], set = epoll_create1(EPOLL_CLOEXEC), file = open("/tmp", O_RDONLY);
    CHECK(set >= 0 && fcntl(set, F_GETFD) == FD_CLOEXEC && pipe(p) == 0 && file >= 0);
    CHECK_ERRNO(epoll_create(0), EINVAL);
    CHECK_ERRNO(epoll_create1(1), EINVAL);
    CHECK_ERRNO(ctl(set, EPOLL_CTL_ADD, 999, EPOLLIN), EBADF);
    CHECK_ERRNO(ctl(999, EPOLL_CTL_ADD, p[0], EPOLLIN), EBADF);
    CHECK_ERRNO(ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN), EINVAL);
    CHECK_ERRNO(ctl(set, EPOLL_CTL_ADD, set, EPOLLIN), EINVAL);
    CHECK_ERRNO(ctl(set, EPOLL_CTL_ADD, file, EPOLLIN), EPERM);
    CHECK_ERRNO(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN), ENOENT);
    CHECK_ERRNO(ctl(set, EPOLL_CTL_DEL, p[0], EPOLLIN), ENOENT);
    CHECK_ERRNO(ctl(set, 77, p[0], EPOLLIN), EINVAL);
    CHECK_ERRNO(epoll_ctl(set, EPOLL_CTL_ADD, p[0], nowhere), EFAULT);
    CHECK(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
    CHECK_ERRNO(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN), EEXIST);
    CHECK_ERRNO(epoll_wait(set, got, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(set, got, -1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(p[0], got, 1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(999, got, 1, 0), EBADF);
    put(p[1]);
    CHECK_ERRNO(epoll_wait(set, nowhere, 1, 0), EFAULT);
    CHECK(now(set) == 1);
    CHECK_ERRNO(read(set, got, 8), EINVAL);
    CHECK(epoll_ctl(set, EPOLL_CTL_DEL, p[0], NULL) == 0 && now(set) == 0);
    close(p[0]), close(p[1]), close(set), close(file);
}

static void level_and_edge(void)
{
    int p[2], set = epoll_create1(0);
    CHECK(pipe2(p, O_NONBLOCK) == 0 && ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0 && now(set) == 0);
    put(p[1]);
    CHECK(now(set) == 1 && got[0].events == EPOLLIN && got[0].data.fd == p[0] && now(set) == 1);
    take(p[0]);
    CHECK(now(set) == 0);
    CHECK(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET) == 0);
    put(p[1]);
    CHECK(now(set) == 1 && now(set) == 0);
    put(p[1]); /* each write is an edge, though the pipe was not empty */
    CHECK(now(set) == 1 && now(set) == 0);
    CHECK(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET) == 0 && now(set) == 1);
    CHECK(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT) == 0);
    CHECK(now(set) == 1 && now(set) == 0);
    put(p[1]);
    CHECK(now(set) == 0);
    CHECK(ctl(set, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT) == 0 && now(set) == 1);
    CHECK(ctl(set, EPOLL_CTL_MOD, p[0], 0) == 0 && now(set) == 0);
    close(p[1]);
    CHECK(now(set) == 1 && got[0].events == EPOLLHUP);
    close(p[0]);
    close(set);
}

static void out_and_errors(void)
{
    int p[2], set = epoll_create1(0);
    char buf[65536] = {0};
    CHECK(pipe2(p, O_NONBLOCK) == 0 && ctl(set, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET) == 0);
    CHECK(now(set) == 1 && got[0].events == EPOLLOUT && now(set) == 0);
    CHECK(write(p[1], buf, sizeof(buf)) == sizeof(buf) && now(set) == 0);
    CHECK(read(p[0], buf, sizeof(buf)) == sizeof(buf) && now(set) == 1 && got[0].events == EPOLLOUT);
    close(p[0]);
    CHECK(now(set) == 1 && got[0].events == (EPOLLOUT | EPOLLERR));
    close(p[1]);
    CHECK(now(set) == 0);
    close(set);
}

/* A member goes when the last descriptor of its file is closed, not before. */
static void follows_the_file(void)
{
    int p[2], set = epoll_create1(0);
    CHECK(pipe(p) == 0);
    int again = dup(p[0]);
    CHECK(ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0 && ctl(set, EPOLL_CTL_ADD, again, EPOLLIN) == 0);
    put(p[1]);
    CHECK(now(set) == 2);
    close(p[0]);
    CHECK(now(set) == 2);
    close(again);
    CHECK(now(set) == 0);
    close(p[1]);
    CHECK(pipe(p) == 0 && ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0); /* the number may be used again */
    close(set);
    close(p[0]), close(p[1]);
}

static void nests(void)
{
    int set[7], p[2];
    for (int i = 0; i < 7; i++)
        CHECK((set[i] = epoll_create1(0)) >= 0);
    CHECK(pipe(p) == 0 && ctl(set[0], EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
    CHECK(ctl(set[1], EPOLL_CTL_ADD, set[0], EPOLLIN) == 0);
    CHECK_ERRNO(ctl(set[0], EPOLL_CTL_ADD, set[1], EPOLLIN), ELOOP);
    struct pollfd f = {set[1], POLLIN, 0};
    CHECK(now(set[1]) == 0 && poll(&f, 1, 0) == 0);
    put(p[1]);
    CHECK(poll(&f, 1, 0) == 1 && f.revents == POLLIN);
    CHECK(now(set[1]) == 1 && got[0].data.fd == set[0] && now(set[1]) == 1);
    take(p[0]);
    CHECK(now(set[1]) == 0 && poll(&f, 1, 0) == 0 && now(set[0]) == 0);
    for (int i = 2; i < 5; i++)
        CHECK(ctl(set[i], EPOLL_CTL_ADD, set[i - 1], EPOLLIN) == 0);
    CHECK_ERRNO(ctl(set[5], EPOLL_CTL_ADD, set[4], EPOLLIN), ELOOP);
    CHECK_ERRNO(ctl(set[0], EPOLL_CTL_ADD, set[4], EPOLLIN), ELOOP);
    put(p[1]);
    CHECK(now(set[4]) == 1 && got[0].data.fd == set[3]);
    close(set[2]);
    CHECK(now(set[4]) == 0);
    for (int i = 0; i < 7; i++)
        if (i != 2)
            close(set[i]);
    close(p[0]), close(p[1]);
}

static void many(void)
{
    enum { N = 1000 };
    static int fds[N];
    static char seen[N];
    struct rlimit l;
    CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
    l.rlim_cur = l.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0);
    int set = epoll_create1(0);
    for (int i = 0; i < N; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (unsigned)i};
        CHECK((fds[i] = eventfd(i % 10 == 0, 0)) >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &e) == 0);
    }
    for (int round = 0; round < 4; round++) { /* a level-triggered member waits until the others had their turn */
        int n = epoll_wait(set, got, 30, 0);
        CHECK(n == 30);
        for (int i = 0; i < n; i++)
            seen[got[i].data.u32]++;
    }
    for (int i = 0; i < N; i++)
        CHECK(i % 10 ? !seen[i] : seen[i] == 1 || seen[i] == 2);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    CHECK(now(set) == 0);
    close(set);
}

static int writer_fd;
static void *late_writer(void *arg)
{
    usleep((useconds_t)(long)arg);
    put(writer_fd);
    return NULL;
}

static long ms_since(const struct timespec *start)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (t.tv_sec - start->tv_sec) * 1000 + (t.tv_nsec - start->tv_nsec) / 1000000;
}

static void on_signal(int signo)
{
    (void)signo;
}

static void waits(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct timespec start, t = {0, 20000000};
    sigset_t block, none;
    pthread_t thread;
    int p[2], set = epoll_create1(0);
    CHECK(pipe(p) == 0 && ctl(set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(epoll_wait(set, got, 1, 30) == 0 && ms_since(&start) >= 30);
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(syscall(SYS_epoll_pwait2, set, got, 1, &t, NULL, 8) == 0 && ms_since(&start) >= 20);
    t.tv_nsec = 1000000000;
    CHECK_ERRNO(syscall(SYS_epoll_pwait2, set, got, 1, &t, NULL, 8), EINVAL);
    writer_fd = p[1];
    for (long i = 0; i < 50; i++) {
        CHECK(pthread_create(&thread, NULL, late_writer, (void *)(i < 3 ? 10000L : 0L)) == 0);
        CHECK(epoll_wait(set, got, 1, -1) == 1);
        take(p[0]);
        pthread_join(thread, NULL);
    }
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(epoll_wait(set, got, 1, -1), EINTR);
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGALRM);
    CHECK(epoll_wait(set, got, 1, 5) == 0);
    CHECK_ERRNO(epoll_pwait(set, got, 1, -1, &none), EINTR);
    CHECK_ERRNO(syscall(SYS_epoll_pwait, set, got, 1, 0, &none, 4), EINVAL);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    close(p[0]), close(p[1]), close(set);
}

/* Many threads wait at one set; each event goes to one of them. */
static int shared_set, shared_fd;
static volatile int taken;

static void *collector(void *arg)
{
    struct epoll_event e;
    char c;
    (void)arg;
    for (;;) {
        CHECK(epoll_wait(shared_set, &e, 1, -1) == 1);
        ssize_t n = read(shared_fd, &c, 1);
        if (n == 0)
            return NULL;
        CHECK(n == 1 || errno == EAGAIN);
        if (n == 1)
            __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
    }
}

static void serves_threads(void)
{
    pthread_t t[4];
    int p[2];
    CHECK(pipe2(p, O_NONBLOCK) == 0);
    shared_set = epoll_create1(0);
    shared_fd = p[0];
    CHECK(ctl(shared_set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&t[i], NULL, collector, NULL) == 0);
    for (int i = 0; i < 2000; i++)
        put(p[1]);
    close(p[1]);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK(taken == 2000);
    close(p[0]), close(shared_set);
}

/* EPOLLEXCLUSIVE: of several sets that watch one file, at least one is told. */
static void exclusive(void)
{
    int fd = eventfd(0, EFD_NONBLOCK), a = epoll_create1(0), b = epoll_create1(0);
    CHECK(ctl(a, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE) == 0);
    CHECK(ctl(b, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET) == 0);
    CHECK_ERRNO(ctl(a, EPOLL_CTL_MOD, fd, EPOLLIN), EINVAL);
    CHECK_ERRNO(ctl(a, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    CHECK(epoll_ctl(a, EPOLL_CTL_DEL, fd, NULL) == 0);
    CHECK_ERRNO(ctl(a, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
    CHECK_ERRNO(ctl(a, EPOLL_CTL_ADD, b, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    CHECK(ctl(a, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE) == 0);
    uint64_t one = 1;
    CHECK(write(fd, &one, 8) == 8);
    CHECK(now(a) + now(b) >= 1);
    close(fd), close(a), close(b);
}

/* Files come and go while another thread waits. */
static void *waiter(void *arg)
{
    struct epoll_event e[8];
    (void)arg;
    for (;;) {
        int n = epoll_wait(shared_set, e, 8, -1);
        CHECK(n > 0);
        for (int i = 0; i < n; i++)
            if (e[i].data.fd == shared_fd)
                return NULL;
    }
}

static void closes_race(void)
{
    pthread_t t;
    shared_set = epoll_create1(0);
    shared_fd = eventfd(0, 0);
    CHECK(ctl(shared_set, EPOLL_CTL_ADD, shared_fd, EPOLLIN) == 0);
    CHECK(pthread_create(&t, NULL, waiter, NULL) == 0);
    for (int i = 0; i < 2000; i++) {
        int p[2];
        CHECK(pipe(p) == 0 && ctl(shared_set, EPOLL_CTL_ADD, p[0], EPOLLIN) == 0);
        put(p[1]);
        close(p[0]), close(p[1]);
    }
    uint64_t one = 1;
    CHECK(write(shared_fd, &one, 8) == 8);
    pthread_join(t, NULL);
    close(shared_fd), close(shared_set);
}

int main(void)
{
    refuses();
    level_and_edge();
    out_and_errors();
    follows_the_file();
    nests();
    many();
    waits();
    serves_threads();
    exclusive();
    closes_race();
    return 0;
}
