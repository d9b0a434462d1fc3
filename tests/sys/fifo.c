/* SPDX-License-Identifier: Apache-2.0 */
/* fifo(7): named pipes, and how open(2) waits for the other end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static char dir[] = "/tmp/fifo.XXXXXX", name[64];

static void *open_writer(void *arg)
{
    usleep((useconds_t)(long)arg);
    int fd = open(name, O_WRONLY);
    CHECK(fd >= 0 && write(fd, "w", 1) == 1);
    CHECK(close(fd) == 0);
    return NULL;
}

static void *open_reader(void *arg)
{
    char c;
    usleep((useconds_t)(long)arg);
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == 'r');
    CHECK(close(fd) == 0);
    return NULL;
}

static void opens_wait_for_each_other(void)
{
    pthread_t t;
    char c;
    CHECK(pthread_create(&t, NULL, open_writer, (void *)20000) == 0);
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == 'w' && read(fd, &c, 1) == 0);
    close(fd);
    pthread_join(t, NULL);
    CHECK(pthread_create(&t, NULL, open_reader, (void *)20000) == 0);
    fd = open(name, O_WRONLY);
    CHECK(fd >= 0 && write(fd, "r", 1) == 1);
    pthread_join(t, NULL);
    close(fd);
    for (int i = 0; i < 200; i++) { /* also when the other end comes and goes at once */
        CHECK(pthread_create(&t, NULL, open_writer, (void *)0) == 0);
        fd = open(name, O_RDONLY);
        CHECK(fd >= 0 && read(fd, &c, 1) == 1 && read(fd, &c, 1) == 0);
        close(fd);
        pthread_join(t, NULL);
    }
}

static void opens_without_waiting(void)
{
    char c;
    struct pollfd p = {.events = POLLIN};
    CHECK_ERRNO(open(name, O_WRONLY | O_NONBLOCK), ENXIO);
    int r = open(name, O_RDONLY | O_NONBLOCK);
    CHECK(r >= 0 && read(r, &c, 1) == 0);
    p.fd = r;
    CHECK(poll(&p, 1, 0) == 0); /* no hang-up before there was a writer */
    int w = open(name, O_WRONLY | O_NONBLOCK);
    CHECK(w >= 0);
    CHECK_ERRNO(read(r, &c, 1), EAGAIN);
    CHECK(write(w, "x", 1) == 1 && poll(&p, 1, 0) == 1 && p.revents == POLLIN && read(r, &c, 1) == 1);
    close(w);
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLHUP && read(r, &c, 1) == 0);
    close(r);
    int rw = open(name, O_RDWR);
    CHECK(rw >= 0 && write(rw, "y", 1) == 1 && read(rw, &c, 1) == 1 && c == 'y');
    p = (struct pollfd){.fd = rw, .events = POLLIN | POLLOUT};
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    CHECK(write(rw, "z", 1) == 1 && poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
    close(rw);
    r = open(name, O_RDONLY | O_NONBLOCK);
    CHECK(r >= 0 && read(r, &c, 1) == 0); /* what nobody read is gone with the last descriptor */
    close(r);
    CHECK_ERRNO(open(name, O_RDONLY | O_NONBLOCK | O_DIRECT), EINVAL);
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void is_interrupted(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(open(name, O_RDONLY), EINTR);
    ualarm(20000, 0);
    CHECK_ERRNO(open(name, O_WRONLY), EINTR);
    CHECK_ERRNO(open(name, O_WRONLY | O_NONBLOCK), ENXIO); /* the reader that gave up is not counted */
}

static void is_a_file(void)
{
    struct stat st;
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_size == 0 && (st.st_mode & 0777) == 0640);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
    close(fd);
    CHECK_ERRNO(truncate(name, 0), EINVAL);
    CHECK_ERRNO(open(name, O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(mkfifo(name, 0600), EEXIST);
    fd = open(name, O_PATH);
    CHECK(fd >= 0);
    CHECK_ERRNO(read(fd, &st, 1), EBADF);
    close(fd);
    fd = open(name, O_RDWR | O_TRUNC);
    CHECK(fd >= 0);
    close(fd);
}

static void two_processes(void)
{
    static char buf[100000];
    size_t total = 0;
    ssize_t n;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(name, O_WRONLY);
        CHECK(fd >= 0);
        for (int i = 0; i < 10; i++)
            CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
        _exit(0);
    }
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0);
    while ((n = read(fd, buf, 7777)) > 0)
        total += (size_t)n;
    CHECK(n == 0 && total == 1000000);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(fd);
}

int main(void)
{
    umask(022);
    CHECK(mkdtemp(dir));
    snprintf(name, sizeof(name), "%s/f", dir);
    CHECK(mkfifo(name, 0640) == 0);
    opens_wait_for_each_other();
    is_interrupted();
    is_a_file();
    two_processes();
    opens_without_waiting();
    CHECK(unlink(name) == 0 && rmdir(dir) == 0);
    return 0;
}
