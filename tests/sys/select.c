/* SPDX-License-Identifier: Apache-2.0 */
/* select(2), pselect(2). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "check.h"

static int p[2];

static void finds_the_ready(void)
{
    fd_set in, out, except;
    struct timeval t = {0, 0};
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(p[0], &in);
    FD_SET(p[1], &out);
    FD_SET(p[0], &except);
    CHECK(select(p[1] + 1, &in, &out, &except, &t) == 1);
    CHECK(!FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out) && !FD_ISSET(p[0], &except));
    FD_SET(p[0], &in);
    CHECK(write(p[1], "x", 1) == 1);
    CHECK(select(p[1] + 1, &in, &out, &except, NULL) == 2 && FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
    CHECK(select(p[0] + 1, &in, NULL, NULL, NULL) == 1);
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    FD_SET(p[1], &in); /* p[1] is not below the count */
    CHECK(p[1] == p[0] + 1 && select(p[1], &in, NULL, NULL, NULL) == 1 && !FD_ISSET(p[1], &in));
    CHECK(select(0, NULL, NULL, NULL, &t) == 0);
}

static void refuses(void)
{
    fd_set in;
    struct timeval t = {0, 0};
    FD_ZERO(&in);
    FD_SET(40, &in);
    CHECK_ERRNO(select(41, &in, NULL, NULL, &t), EBADF);
    CHECK(FD_ISSET(40, &in));
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &t), EINVAL);
    t.tv_sec = -1;
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_select, 1, 8, NULL, NULL, NULL), EFAULT);
    CHECK_ERRNO(syscall(SYS_select, 0, NULL, NULL, NULL, 8), EFAULT);
    struct timespec ts = {0, 1000000000};
    CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &ts, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, 8), EFAULT);
}

static void tells_the_time_left(void)
{
    fd_set in;
    struct timeval t = {0, 30000};
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    CHECK(syscall(SYS_select, p[0] + 1, &in, NULL, NULL, &t) == 1 && t.tv_sec == 0 && t.tv_usec > 0);
    t = (struct timeval){0, 30000};
    CHECK(syscall(SYS_select, 0, NULL, NULL, NULL, &t) == 0 && t.tv_sec == 0 && t.tv_usec == 0);
    t = (struct timeval){0, 3500000};
    CHECK(syscall(SYS_select, p[0] + 1, &in, NULL, NULL, &t) == 1 && t.tv_sec >= 2 && t.tv_usec < 1000000);
    struct timespec ts = {3, 0};
    CHECK(syscall(SYS_pselect6, p[0] + 1, &in, NULL, NULL, &ts, NULL) == 1 && ts.tv_sec == 2);
}

static volatile sig_atomic_t caught;
static void on_signal(int signo)
{
    caught = signo;
}

static void signals_end_it(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t block, none;
    struct timespec ts = {5, 0};
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(select(0, NULL, NULL, NULL, NULL), EINTR);
    CHECK(caught == SIGALRM);
    caught = 0;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
    CHECK(caught == SIGALRM);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static void *writer(void *arg)
{
    (void)arg;
    usleep(20000);
    CHECK(write(p[1], "y", 1) == 1);
    return NULL;
}

static void is_woken(void)
{
    pthread_t t;
    fd_set in;
    char c;
    CHECK(read(p[0], &c, 1) == 1);
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    CHECK(pthread_create(&t, NULL, writer, NULL) == 0);
    CHECK(select(p[0] + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(p[0], &in));
    pthread_join(t, NULL);
    close(p[1]);
    CHECK(read(p[0], &c, 1) == 1);
    CHECK(select(p[0] + 1, &in, NULL, NULL, NULL) == 1 && FD_ISSET(p[0], &in)); /* the end is readable */
}

/* More seconds than there are. */
static void endless(void)
{
    struct timeval tv = {INT64_MAX, 2000000};
    CHECK_ERRNO(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), EINVAL);
}

int main(void)
{
    endless();
    CHECK(pipe(p) == 0);
    finds_the_ready();
    refuses();
    tells_the_time_left();
    signals_end_it();
    is_woken();
    return 0;
}
