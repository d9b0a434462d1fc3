/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX record locks, open file description locks, flock(2). */
#include "fs.h"
#include <signal.h>
#include <sys/file.h>

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock lk = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, cmd, &lk);
}

static struct flock who(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock lk = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    CHECK(fcntl(fd, cmd, &lk) == 0);
    return lk;
}

/* What a child finds that asks for a write lock of [start, start + len). */
static struct flock seen_by_child(const char *name, off_t start, off_t len)
{
    int status, back[2];
    struct flock lk;
    CHECK(pipe(back) == 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(name, O_RDWR);
        lk = who(fd, F_GETLK, F_WRLCK, start, len);
        _exit(write(back[1], &lk, sizeof(lk)) == sizeof(lk) ? 0 : 1);
    }
    CHECK(read(back[0], &lk, sizeof(lk)) == sizeof(lk));
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(back[0]);
    close(back[1]);
    return lk;
}

static void test_ranges(void)
{
    put_file("f", "0123456789", 0644);
    int fd = open("f", O_RDWR);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0);
    CHECK(who(fd, F_GETLK, F_WRLCK, 0, 0).l_type == F_UNLCK); /* one's own are no conflict */
    struct flock lk = seen_by_child("f", 0, 0);
    CHECK(lk.l_type == F_WRLCK && lk.l_start == 10 && lk.l_len == 10 && lk.l_pid == getpid() && lk.l_whence == SEEK_SET);
    CHECK(seen_by_child("f", 0, 10).l_type == F_UNLCK && seen_by_child("f", 20, 0).l_type == F_UNLCK);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 20, 10) == 0); /* neighbours become one */
    lk = seen_by_child("f", 0, 0);
    CHECK(lk.l_start == 10 && lk.l_len == 20);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 15, 5) == 0); /* in the middle: two */
    lk = seen_by_child("f", 0, 0);
    CHECK(lk.l_start == 10 && lk.l_len == 5);
    lk = seen_by_child("f", 15, 0);
    CHECK(lk.l_start == 20 && lk.l_len == 10);
    CHECK(lock(fd, F_SETLK, F_RDLCK, 22, 2) == 0);
    lk = seen_by_child("f", 22, 1);
    CHECK(lk.l_type == F_RDLCK && lk.l_start == 22 && lk.l_len == 2);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0 && seen_by_child("f", 0, 0).l_type == F_UNLCK);
    struct flock end = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 0};
    CHECK(fcntl(fd, F_SETLK, &end) == 0);
    lk = seen_by_child("f", 0, 0);
    CHECK(lk.l_start == 8 && lk.l_len == 0);
    struct flock before = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = -2};
    CHECK(fcntl(fd, F_SETLK, &before) == 0 && seen_by_child("f", 0, 10).l_type == F_UNLCK);
    CHECK(seen_by_child("f", 0, 0).l_start == 10);
}

static void test_errors(void)
{
    put_file("f", "", 0644);
    int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY), path = open("f", O_PATH);
    CHECK_ERRNO(lock(ro, F_SETLK, F_WRLCK, 0, 0), EBADF);
    CHECK_ERRNO(lock(wo, F_SETLK, F_RDLCK, 0, 0), EBADF);
    CHECK_ERRNO(lock(path, F_SETLK, F_RDLCK, 0, 0), EBADF);
    CHECK_ERRNO(lock(ro, F_SETLK, F_RDLCK, -1, 0), EINVAL);
    CHECK_ERRNO(lock(ro, F_SETLK, F_RDLCK, 1, -2), EINVAL);
    CHECK_ERRNO(lock(ro, F_SETLK, 77, 0, 0), EINVAL);
    CHECK_ERRNO(lock(ro, F_GETLK, F_UNLCK, 0, 0), EINVAL);
    CHECK_ERRNO(lock(99, F_SETLK, F_RDLCK, 0, 0), EBADF);
    CHECK_ERRNO(fcntl(ro, F_SETLK, (void *)8), EFAULT);
    struct flock odd = {.l_type = F_RDLCK, .l_whence = 9};
    CHECK_ERRNO(fcntl(ro, F_SETLK, &odd), EINVAL);
    CHECK(lock(ro, F_SETLK, F_RDLCK, INT64_MAX, 1) == 0);
    CHECK_ERRNO(lock(ro, F_SETLK, F_RDLCK, INT64_MAX, 2), EOVERFLOW);
    odd = (struct flock){.l_type = F_RDLCK, .l_pid = 1};
    CHECK_ERRNO(fcntl(ro, F_OFD_SETLK, &odd), EINVAL);
}

static void test_conflict(void)
{
    int status;
    put_file("f", "", 0644);
    int fd = open("f", O_RDWR);
    CHECK(lock(fd, F_SETLK, F_RDLCK, 0, 10) == 0);
    pid_t child = fork();
    if (child == 0) {
        int mine = open("f", O_RDWR);
        CHECK_ERRNO(lock(mine, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
        CHECK(lock(mine, F_SETLK, F_RDLCK, 5, 1) == 0);
        CHECK(lock(mine, F_SETLK, F_WRLCK, 10, 1) == 0);
        CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0); /* not the parent's: another owner */
        CHECK_ERRNO(lock(mine, F_SETLK, F_WRLCK, 0, 1), EAGAIN);
        CHECK(lock(mine, F_SETLK, F_RDLCK, 5, 1) == 0);
        CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 10) == 0); /* the parent lets go */
        _exit(0);
    }
    usleep(100000);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0); /* the dead hold nothing */
}

static void test_close_releases(void)
{
    put_file("f", "", 0644);
    int fd = open("f", O_RDWR), other = open("f", O_RDONLY);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0 && seen_by_child("f", 0, 0).l_type == F_WRLCK);
    close(other); /* any descriptor of the file */
    CHECK(seen_by_child("f", 0, 0).l_type == F_UNLCK);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 0) == 0);
    close(dup(fd));
    CHECK(seen_by_child("f", 0, 0).l_type == F_UNLCK);
}

static void noop(int signo)
{
    (void)signo;
}

static void test_signal(void)
{
    int status, ready[2];
    put_file("f", "", 0644);
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        int mine = open("f", O_RDWR);
        CHECK(lock(mine, F_SETLK, F_WRLCK, 0, 0) == 0 && write(ready[1], "x", 1) == 1);
        pause();
        _exit(0);
    }
    char c;
    CHECK(read(ready[0], &c, 1) == 1);
    struct sigaction sa = {.sa_handler = noop};
    sigaction(SIGALRM, &sa, NULL);
    int fd = open("f", O_RDWR);
    ualarm(50000, 0);
    CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 0, 0), EINTR);
    ualarm(50000, 0);
    CHECK_ERRNO(lock(fd, F_OFD_SETLKW, F_WRLCK, 0, 0), EINTR);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
    CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 0) == 0);
}

static void test_deadlock(void)
{
    int status, ready[2];
    put_file("f", "", 0644);
    CHECK(pipe(ready) == 0);
    int fd = open("f", O_RDWR);
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(lock(fd, F_SETLK, F_WRLCK, 1, 1) == 0 && write(ready[1], "x", 1) == 1);
        CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0); /* until the parent gives up */
        _exit(0);
    }
    char c;
    CHECK(read(ready[0], &c, 1) == 1);
    usleep(100000);
    CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 1) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void test_ofd(void)
{
    put_file("f", "", 0644);
    int a = open("f", O_RDWR), b = open("f", O_RDWR);
    CHECK(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
    CHECK_ERRNO(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    CHECK_ERRNO(lock(b, F_SETLK, F_WRLCK, 5, 1), EAGAIN);
    struct flock lk = who(b, F_OFD_GETLK, F_WRLCK, 0, 0);
    CHECK(lk.l_type == F_WRLCK && lk.l_pid == -1 && lk.l_len == 10);
    int again = dup(a);
    close(a); /* the description lives on */
    CHECK_ERRNO(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN);
    close(again);
    CHECK(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1) == 0);
}

static void test_flock(void)
{
    int status;
    put_file("f", "", 0644);
    int a = open("f", O_RDONLY), b = open("f", O_RDONLY);
    CHECK(flock(a, LOCK_EX) == 0);
    CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(dup(a), LOCK_EX) == 0); /* the same description */
    CHECK(flock(a, LOCK_SH) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0);
    CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(a, LOCK_UN) == 0 && flock(b, LOCK_EX | LOCK_NB) == 0 && flock(b, LOCK_UN) == 0);
    CHECK_ERRNO(flock(a, 77), EINVAL);
    CHECK_ERRNO(flock(99, LOCK_SH), EBADF);
    CHECK(lock(open("f", O_RDWR), F_SETLK, F_WRLCK, 0, 0) == 0 && flock(a, LOCK_EX) == 0); /* two kinds, no conflict */
    pid_t child = fork();
    if (child == 0)
        _exit(flock(a, LOCK_UN) ? 1 : 0); /* inherited: it is the parent's lock */
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(flock(b, LOCK_EX | LOCK_NB) == 0);
}

static void test_flock_waits(void)
{
    int status;
    put_file("f", "", 0644);
    int a = open("f", O_RDONLY);
    CHECK(flock(a, LOCK_EX) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(a);
        int b = open("f", O_RDONLY);
        CHECK(flock(b, LOCK_EX) == 0);
        _exit(7);
    }
    usleep(100000);
    CHECK(waitpid(child, &status, WNOHANG) == 0);
    close(a); /* the last descriptor */
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}

FS_MAIN(test_ranges, test_errors, test_conflict, test_close_releases, test_signal, test_deadlock, test_ofd, test_flock,
        test_flock_waits)
