/* SPDX-License-Identifier: Apache-2.0 */
/* mq_overview(7): mq_open(3) and its like, by the raw system calls where the C library checks itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static const char name[] = "/naos-mqueue-test";
static char buf[9000];

static mqd_t fresh(long count, long size, int flags)
{
    struct mq_attr attr = {.mq_maxmsg = count, .mq_msgsize = size};
    mq_unlink(name);
    mqd_t q = mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &attr);
    CHECK(q >= 0);
    return q;
}

static void opens(void)
{
    struct mq_attr attr;
    mqd_t q = fresh(5, 100, 0);
    CHECK(fcntl(q, F_GETFD) == FD_CLOEXEC);
    CHECK(mq_getattr(q, &attr) == 0 && attr.mq_maxmsg == 5 && attr.mq_msgsize == 100 && attr.mq_curmsgs == 0 && attr.mq_flags == 0);
    CHECK_ERRNO(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
    CHECK_ERRNO(mq_open("/naos-no-such-queue", O_RDWR), ENOENT);
    CHECK_ERRNO(syscall(SYS_mq_open, "", O_RDWR), ENOENT);
    CHECK_ERRNO(syscall(SYS_mq_open, "a/b", O_RDWR), EACCES);
    memset(buf, 'x', 300);
    buf[300] = 0;
    CHECK_ERRNO(syscall(SYS_mq_open, buf, O_RDWR), ENAMETOOLONG);
    attr = (struct mq_attr){.mq_maxmsg = 0, .mq_msgsize = 10};
    CHECK_ERRNO(mq_open("/naos-bad", O_CREAT | O_RDWR, 0600, &attr), EINVAL);
    attr = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = -1};
    CHECK_ERRNO(mq_open("/naos-bad", O_CREAT | O_RDWR, 0600, &attr), EINVAL);
    attr = (struct mq_attr){.mq_flags = O_NONBLOCK};
    CHECK(mq_setattr(q, &attr, NULL) == 0 && mq_getattr(q, &attr) == 0 && attr.mq_flags == O_NONBLOCK);
    attr.mq_flags = O_APPEND;
    CHECK_ERRNO(mq_setattr(q, &attr, NULL), EINVAL);
    CHECK_ERRNO(mq_getattr(0, &attr), EBADF);
    CHECK_ERRNO(mq_getattr(999, &attr), EBADF);
    CHECK(mq_unlink(name) == 0);
    CHECK_ERRNO(mq_unlink(name), ENOENT);
    CHECK(mq_send(q, "x", 1, 0) == 0); /* lives on */
    CHECK(mq_close(q) == 0);
    CHECK_ERRNO(mq_send(q, "x", 1, 0), EBADF);
}

static void passes(void)
{
    unsigned prio;
    mqd_t q = fresh(4, 20, O_NONBLOCK);
    struct pollfd p = {q, POLLIN | POLLOUT, 0};
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    CHECK(mq_send(q, "low", 3, 1) == 0 && mq_send(q, "high", 4, 9) == 0 && mq_send(q, "low2", 4, 1) == 0 && mq_send(q, "", 0, 5) == 0);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
    CHECK_ERRNO(mq_send(q, "x", 1, 0), EAGAIN);
    CHECK_ERRNO(mq_receive(q, buf, 19, &prio), EMSGSIZE);
    CHECK(mq_receive(q, buf, 20, &prio) == 4 && prio == 9 && memcmp(buf, "high", 4) == 0);
    CHECK(mq_receive(q, buf, 20, &prio) == 0 && prio == 5);
    CHECK(mq_receive(q, buf, 20, &prio) == 3 && prio == 1 && memcmp(buf, "low", 3) == 0);
    CHECK(mq_receive(q, buf, 20, NULL) == 4 && memcmp(buf, "low2", 4) == 0);
    CHECK_ERRNO(mq_receive(q, buf, 20, NULL), EAGAIN);
    CHECK_ERRNO(mq_send(q, buf, 21, 0), EMSGSIZE);
    CHECK_ERRNO(mq_send(q, buf, 1, 32768), EINVAL);
    CHECK_ERRNO(mq_send(q, nowhere, 1, 0), EFAULT);
    mqd_t r = mq_open(name, O_RDONLY), w = mq_open(name, O_WRONLY);
    CHECK_ERRNO(mq_send(r, "x", 1, 0), EBADF);
    CHECK_ERRNO(mq_receive(w, buf, 20, NULL), EBADF);
    mq_close(q), mq_close(r), mq_close(w);
}

static void *late(void *arg)
{
    usleep(20000);
    CHECK(mq_send(*(mqd_t *)arg, "late", 4, 0) == 0);
    return NULL;
}

static void on_signal(int signo)
{
    (void)signo;
}

static void waits(void)
{
    pthread_t t;
    struct timespec when;
    struct sigaction sa = {.sa_handler = on_signal};
    int status;
    mqd_t q = fresh(2, 20, 0);
    CHECK(pthread_create(&t, NULL, late, &q) == 0 && mq_receive(q, buf, 20, NULL) == 4);
    pthread_join(t, NULL);
    clock_gettime(CLOCK_REALTIME, &when);
    CHECK_ERRNO(mq_timedreceive(q, buf, 20, NULL, &when), ETIMEDOUT);
    when.tv_nsec = 1000000000;
    CHECK_ERRNO(mq_timedreceive(q, buf, 20, NULL, &when), EINVAL);
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(mq_receive(q, buf, 20, NULL), EINTR);
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            CHECK(mq_send(q, (char *)&i, sizeof(i), 0) == 0);
        _exit(0);
    }
    for (int i = 0; i < 100; i++) {
        int got;
        CHECK(mq_receive(q, buf, 20, NULL) == sizeof(got));
        memcpy(&got, buf, sizeof(got));
        CHECK(got == i);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    mq_close(q);
}

static void notifies(void)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
    struct timespec no_time = {0, 0}, some_time = {10, 0};
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    mqd_t q = fresh(5, 20, 0);
    CHECK(mq_notify(q, &ev) == 0);
    CHECK_ERRNO(mq_notify(q, &ev), EBUSY);
    CHECK(mq_send(q, "x", 1, 0) == 0);
    CHECK(sigtimedwait(&set, &info, &some_time) == SIGUSR1 && info.si_code == SI_MESGQ && info.si_value.sival_int == 42);
    CHECK(info.si_pid == getpid());
    CHECK(mq_notify(q, &ev) == 0 && mq_send(q, "x", 1, 0) == 0); /* it was not empty */
    CHECK_ERRNO(sigtimedwait(&set, &info, &no_time), EAGAIN);
    CHECK(mq_notify(q, NULL) == 0 && mq_notify(q, &ev) == 0);
    mqd_t again = mq_open(name, O_RDWR);
    CHECK(mq_close(again) == 0); /* any descriptor of it */
    CHECK(mq_notify(q, &ev) == 0);
    ev.sigev_notify = 77;
    CHECK_ERRNO(mq_notify(q, &ev), EINVAL);
    ev.sigev_notify = SIGEV_SIGNAL;
    ev.sigev_signo = 100;
    CHECK_ERRNO(mq_notify(q, &ev), EINVAL);
    CHECK_ERRNO(mq_notify(0, NULL), EBADF);
    mq_close(q);
}

static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static int told_value;

static void tell(union sigval value)
{
    pthread_mutex_lock(&told_lock);
    told_value = value.sival_int;
    pthread_cond_signal(&told);
    pthread_mutex_unlock(&told_lock);
}

/* The C library starts a thread for it, that a datagram of the kernel wakes. */
static void notifies_by_thread(void)
{
    struct sigevent ev = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 43, .sigev_notify_function = tell};
    mqd_t q = fresh(5, 20, 0);
    for (int i = 0; i < 3; i++) {
        told_value = 0;
        CHECK(mq_notify(q, &ev) == 0);
        CHECK_ERRNO(mq_notify(q, &ev), EBUSY);
        CHECK(mq_send(q, "x", 1, 0) == 0);
        pthread_mutex_lock(&told_lock);
        while (told_value != 43)
            pthread_cond_wait(&told, &told_lock);
        pthread_mutex_unlock(&told_lock);
        CHECK(mq_receive(q, buf, sizeof(buf), NULL) == 1);
    }
    CHECK(mq_notify(q, &ev) == 0 && mq_notify(q, NULL) == 0 && mq_notify(q, &ev) == 0);
    mq_close(q);
    struct sigevent raw = {.sigev_notify = SIGEV_THREAD, .sigev_signo = 0, .sigev_value.sival_ptr = buf};
    q = fresh(5, 20, 0);
    CHECK(syscall(SYS_mq_notify, q, &raw) == -1 && (errno == EINVAL || errno == EBADF || errno == ENOTSOCK || errno == ECONNREFUSED));
    mq_close(q);
}

int main(void)
{
    notifies_by_thread();
    opens();
    passes();
    waits();
    notifies();
    CHECK(mq_unlink(name) == 0);
    return 0;
}
