/* SPDX-License-Identifier: Apache-2.0 */
/* fcntl(2): leases, directory notices, the owner of a file and the signals it gets. */
#include "fs.h"
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

static sigset_t waited;

static void signals_block(int signo)
{
    sigemptyset(&waited);
    sigaddset(&waited, signo);
    CHECK(sigprocmask(SIG_BLOCK, &waited, NULL) == 0);
}

static siginfo_t signal_wait(int signo)
{
    siginfo_t info;
    CHECK(sigwaitinfo(&waited, &info) == signo);
    return info;
}

static bool signal_is_there(void)
{
    const struct timespec none = {0, 0};
    return sigtimedwait(&waited, NULL, &none) > 0;
}

/* ---- leases ---- */

static void test_lease_rules(void)
{
    put_file("f", "x", 0644);
    int rw = open("f", O_RDWR);
    CHECK(fcntl(rw, F_GETLEASE) == F_UNLCK);
    CHECK_ERRNO(fcntl(rw, F_SETLEASE, F_RDLCK), EAGAIN); /* open for writing, by itself */
    CHECK(fcntl(rw, F_SETLEASE, F_WRLCK) == 0 && fcntl(rw, F_GETLEASE) == F_WRLCK);
    CHECK(fcntl(rw, F_SETLEASE, F_UNLCK) == 0 && fcntl(rw, F_GETLEASE) == F_UNLCK);
    int ro = open("f", O_RDONLY);
    CHECK_ERRNO(fcntl(rw, F_SETLEASE, F_WRLCK), EAGAIN); /* open twice */
    CHECK_ERRNO(fcntl(ro, F_SETLEASE, F_RDLCK), EAGAIN);
    close(rw);
    CHECK(fcntl(ro, F_SETLEASE, F_RDLCK) == 0);
    int second = open("f", O_RDONLY);
    CHECK(fcntl(second, F_SETLEASE, F_RDLCK) == 0);
    CHECK_ERRNO(fcntl(second, F_SETLEASE, F_WRLCK), EAGAIN);
    close(second);
    CHECK(fcntl(ro, F_SETLEASE, F_UNLCK) == 0);
    CHECK_ERRNO(fcntl(ro, F_SETLEASE, F_UNLCK), EAGAIN);
    CHECK_ERRNO(fcntl(ro, F_SETLEASE, 77), EINVAL);
    CHECK_ERRNO(fcntl(open(".", O_RDONLY), F_SETLEASE, F_RDLCK), EINVAL);
}

static void user_part(void)
{
    CHECK_ERRNO(fcntl(open("root", O_RDONLY), F_SETLEASE, F_RDLCK), EACCES);
}

static void test_lease_owner(void)
{
    put_file("root", "", 0666);
    as_user(USER, user_part);
}

static void opens_nonblock(void)
{
    CHECK_ERRNO(open("f", O_RDONLY | O_NONBLOCK), EAGAIN);
}

static void opens_and_reads(void)
{
    check_content("f", "held");
}

static int held;

static void closes_and_reads(void)
{
    close(held); /* its own copy, so that the parent's close is the last */
    opens_and_reads();
}

static void truncates(void)
{
    CHECK(truncate("f", 0) == 0);
}

static pid_t start(void (*part)(void))
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        part();
        _exit(0);
    }
    return child;
}

static void end(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void test_lease_break(void)
{
    signals_block(SIGRTMIN);
    put_file("f", "held", 0644);
    int f = open("f", O_RDONLY);
    CHECK(fcntl(f, F_SETSIG, SIGRTMIN) == 0 && fcntl(f, F_SETLEASE, F_WRLCK) == 0);
    in_child(opens_nonblock);
    siginfo_t info = signal_wait(SIGRTMIN);
    CHECK(info.si_fd == f && info.si_code == POLL_MSG);
    CHECK(fcntl(f, F_GETLEASE) == F_RDLCK); /* what it is to become */
    CHECK(fcntl(f, F_SETLEASE, F_RDLCK) == 0);
    in_child(opens_and_reads); /* goes with it */
    pid_t child = start(truncates);
    signal_wait(SIGRTMIN);
    CHECK(stat_of("f").st_size == 4); /* it waits */
    CHECK(fcntl(f, F_GETLEASE) == F_UNLCK && fcntl(f, F_SETLEASE, F_UNLCK) == 0);
    end(child);
    CHECK(stat_of("f").st_size == 0);
}

static void test_lease_close(void)
{
    signals_block(SIGIO);
    put_file("f", "held", 0644);
    held = open("f", O_RDWR);
    CHECK(fcntl(held, F_SETLEASE, F_WRLCK) == 0);
    pid_t child = start(closes_and_reads);
    signal_wait(SIGIO);
    close(held);
    end(child);
}

/* ---- directories ---- */

static void test_notify(void)
{
    signals_block(SIGRTMIN);
    int dir = open(".", O_RDONLY), f = open("f", O_CREAT | O_RDWR, 0644);
    CHECK_ERRNO(fcntl(f, F_NOTIFY, DN_CREATE), ENOTDIR);
    CHECK(fcntl(dir, F_SETSIG, SIGRTMIN) == 0 && fcntl(dir, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT) == 0);
    CHECK(!signal_is_there());
    put_file("new", "", 0644);
    CHECK(signal_wait(SIGRTMIN).si_fd == dir);
    CHECK(unlink("new") == 0);
    signal_wait(SIGRTMIN);
    CHECK(fcntl(dir, F_NOTIFY, 0) == 0);
    put_file("new", "", 0644);
    CHECK(!signal_is_there());
    CHECK(fcntl(dir, F_NOTIFY, DN_ATTRIB) == 0); /* once */
    CHECK(chmod("new", 0600) == 0);
    signal_wait(SIGRTMIN);
    CHECK(chmod("new", 0644) == 0 && !signal_is_there());
}

/* ---- owners ---- */

static void test_owner(void)
{
    struct f_owner_ex ex = {.type = F_OWNER_TID, .pid = gettid()}, got;
    int f = open("f", O_CREAT | O_RDWR, 0644);
    CHECK(fcntl(f, F_GETOWN_EX, &got) == 0 && got.pid == 0);
    CHECK(fcntl(f, F_SETOWN, getpid()) == 0);
    CHECK(fcntl(f, F_GETOWN_EX, &got) == 0 && got.type == F_OWNER_PID && got.pid == getpid());
    CHECK(fcntl(f, F_SETOWN_EX, &ex) == 0 && fcntl(f, F_GETOWN_EX, &got) == 0 && got.type == F_OWNER_TID);
    CHECK(fcntl(f, F_SETOWN, -getpgrp()) == 0);
    CHECK(fcntl(f, F_GETOWN_EX, &got) == 0 && got.type == F_OWNER_PGRP && got.pid == getpgrp());
    CHECK_ERRNO(fcntl(f, F_SETOWN, 0x3fffffff), ESRCH);
    ex.type = 9;
    CHECK_ERRNO(fcntl(f, F_SETOWN_EX, &ex), EINVAL);
    CHECK_ERRNO(fcntl(f, F_GETOWN_EX, nowhere), EFAULT);
    CHECK(fcntl(f, F_GETSIG) == 0 && fcntl(f, F_SETSIG, SIGUSR2) == 0 && fcntl(f, F_GETSIG) == SIGUSR2);
    CHECK_ERRNO(fcntl(f, F_SETSIG, 99), EINVAL);
    CHECK(fcntl(f, F_SETFL, O_ASYNC) == 0 && !(fcntl(f, F_GETFL) & O_ASYNC)); /* not for plain files */
    CHECK_ERRNO(fcntl(f, F_GETPIPE_SZ), EBADF);
}

static void async_check(int from, int to, int owner)
{
    signals_block(SIGIO);
    CHECK(fcntl(from, F_SETOWN, owner) == 0 && fcntl(from, F_SETSIG, 0) == 0 && fcntl(from, F_SETFL, O_ASYNC) == 0);
    CHECK(!signal_is_there() && write(to, "a", 1) == 1);
    CHECK(signal_wait(SIGIO).si_code == SI_KERNEL);
    CHECK(fcntl(from, F_SETFL, 0) == 0 && write(to, "b", 1) == 1 && !signal_is_there());
    signals_block(SIGRTMIN + 1);
    CHECK(fcntl(from, F_SETSIG, SIGRTMIN + 1) == 0 && fcntl(from, F_SETFL, O_ASYNC) == 0 && write(to, "c", 1) == 1);
    siginfo_t info = signal_wait(SIGRTMIN + 1);
    CHECK(info.si_fd == from && info.si_code == POLL_IN && (info.si_band & POLLIN));
    CHECK(fcntl(from, F_SETFL, 0) == 0);
}

static void test_async(void)
{
    int ends[2], pair[2];
    CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && setpgid(0, 0) == 0);
    async_check(ends[0], ends[1], getpid());
    async_check(pair[0], pair[1], getpid());
    async_check(pair[0], pair[1], -getpgrp());
}

FS_MAIN(test_lease_rules, test_lease_owner, test_lease_break, test_lease_close, test_notify, test_owner, test_async)
