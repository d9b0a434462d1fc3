/* SPDX-License-Identifier: Apache-2.0 */
/* splice(2), tee(2), vmsplice(2), and sendfile(2) into pipes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "check.h"

enum { SIZE = 300000 };
static char data[SIZE], buf[SIZE + 100], name[] = "/tmp/splice.XXXXXX";
static int p[2], q[2], file;

static void open_pipes(int flags)
{
    CHECK(pipe2(p, flags) == 0 && pipe2(q, flags) == 0);
}

static void close_pipes(void)
{
    close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static int bytes_in(int fd)
{
    int n = -1;
    CHECK(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}

static void file_to_pipe(void)
{
    loff_t off = 1000;
    open_pipes(0);
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    CHECK(splice(file, NULL, p[1], NULL, SIZE, 0) == 65536 && lseek(file, 0, SEEK_CUR) == 65536 && bytes_in(p[0]) == 65536);
    CHECK_ERRNO(splice(file, NULL, p[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK(read(p[0], buf, SIZE) == 65536 && memcmp(buf, data, 65536) == 0);
    CHECK(splice(file, &off, p[1], NULL, 5000, 0) == 5000 && off == 6000 && lseek(file, 0, SEEK_CUR) == 65536);
    CHECK(read(p[0], buf, SIZE) == 5000 && memcmp(buf, data + 1000, 5000) == 0);
    off = SIZE - 10;
    CHECK(splice(file, &off, p[1], NULL, 5000, 0) == 10 && splice(file, &off, p[1], NULL, 5000, 0) == 0);
    CHECK(read(p[0], buf, SIZE) == 10 && memcmp(buf, data + SIZE - 10, 10) == 0);
    CHECK(sendfile(p[1], file, &(off_t){7}, 100) == 100 && read(p[0], buf, SIZE) == 100 && memcmp(buf, data + 7, 100) == 0);
    close_pipes();
}

static void pipe_to_file(void)
{
    char other[] = "/tmp/splice.XXXXXX";
    int out = mkstemp(other);
    loff_t off = 3;
    open_pipes(0);
    CHECK(write(p[1], data, 10000) == 10000);
    CHECK(splice(p[0], NULL, out, NULL, 6000, 0) == 6000 && bytes_in(p[0]) == 4000 && lseek(out, 0, SEEK_CUR) == 6000);
    CHECK(splice(p[0], NULL, out, NULL, SIZE, 0) == 4000);
    CHECK(pread(out, buf, SIZE, 0) == 10000 && memcmp(buf, data, 10000) == 0);
    CHECK(write(p[1], "xyz", 3) == 3 && splice(p[0], NULL, out, &off, 3, 0) == 3 && off == 6);
    CHECK(pread(out, buf, 10, 0) == 10 && memcmp(buf + 3, "xyz", 3) == 0);
    CHECK_ERRNO(splice(p[0], NULL, out, NULL, 3, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK(fcntl(out, F_SETFL, O_APPEND) == 0);
    CHECK_ERRNO(splice(p[0], NULL, out, NULL, 3, 0), EINVAL);
    close(p[1]);
    CHECK(fcntl(out, F_SETFL, 0) == 0 && splice(p[0], NULL, out, NULL, 3, 0) == 0);
    p[1] = dup(out);
    close(out), unlink(other);
    close_pipes();
}

static void pipe_to_pipe(void)
{
    open_pipes(0);
    CHECK(write(p[1], data, 9000) == 9000);
    CHECK(tee(p[0], q[1], 5000, 0) == 5000 && bytes_in(p[0]) == 9000 && bytes_in(q[0]) == 5000);
    CHECK(read(q[0], buf, SIZE) == 5000 && memcmp(buf, data, 5000) == 0);
    CHECK(splice(p[0], NULL, q[1], NULL, 5000, 0) == 5000 && bytes_in(p[0]) == 4000);
    CHECK(read(q[0], buf, SIZE) == 5000 && memcmp(buf, data, 5000) == 0);
    CHECK(splice(p[0], NULL, q[1], NULL, SIZE, 0) == 4000 && read(q[0], buf, SIZE) == 4000 && memcmp(buf, data + 5000, 4000) == 0);
    CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERRNO(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
    close(p[1]);
    CHECK(splice(p[0], NULL, q[1], NULL, 1, 0) == 0 && tee(p[0], q[1], 1, 0) == 0);
    p[1] = dup(0);
    close_pipes();
}

static void user_to_pipe(void)
{
    struct iovec iov[2] = {{data, 3000}, {data + 3000, 5000}}, big = {data, SIZE}, in = {buf, SIZE};
    open_pipes(0);
    CHECK(vmsplice(p[1], iov, 2, 0) == 8000);
    CHECK(read(p[0], buf, SIZE) == 8000 && memcmp(buf, data, 8000) == 0);
    CHECK(vmsplice(p[1], &big, 1, 0) > 0);
    memset(buf, 0, SIZE);
    CHECK(vmsplice(p[0], &in, 1, 0) > 0 && memcmp(buf, data, 4096) == 0);
    CHECK(vmsplice(p[1], iov, 0, 0) == 0);
    CHECK_ERRNO(vmsplice(file, iov, 1, 0), EBADF);
    CHECK_ERRNO(vmsplice(p[1], iov, 1025, 0), EINVAL);
    CHECK_ERRNO(vmsplice(p[1], nowhere, 1, 0), EFAULT);
    close_pipes();
}

static void refuses(void)
{
    loff_t off = 0;
    open_pipes(0);
    CHECK(splice(p[0], NULL, q[1], NULL, 0, 0) == 0);
    CHECK_ERRNO(splice(p[0], NULL, q[1], NULL, 1, 0x100), EINVAL);
    CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERRNO(splice(file, NULL, file, NULL, 1, 0), EINVAL);
    CHECK_ERRNO(splice(p[1], NULL, file, NULL, 1, 0), EBADF);
    CHECK_ERRNO(splice(file, NULL, p[0], NULL, 1, 0), EBADF);
    CHECK_ERRNO(splice(999, NULL, p[1], NULL, 1, 0), EBADF);
    CHECK_ERRNO(splice(file, NULL, 999, NULL, 1, 0), EBADF);
    CHECK_ERRNO(splice(p[0], &off, file, NULL, 1, 0), ESPIPE);
    CHECK_ERRNO(splice(file, NULL, p[1], &off, 1, 0), ESPIPE);
    CHECK_ERRNO(splice(file, nowhere, p[1], NULL, 1, 0), EFAULT);
    off = -1;
    CHECK_ERRNO(splice(file, &off, p[1], NULL, 1, 0), EINVAL);
    CHECK_ERRNO(tee(p[0], p[1], 1, 0), EINVAL);
    CHECK_ERRNO(tee(file, p[1], 1, 0), EINVAL);
    CHECK_ERRNO(tee(p[1], q[1], 1, 0), EBADF);
    signal(SIGPIPE, SIG_IGN);
    close(p[0]);
    CHECK_ERRNO(splice(file, NULL, p[1], NULL, 1, 0), EPIPE);
    p[0] = dup(0);
    close_pipes();
}

static void through_sockets(void)
{
    int s[2];
    open_pipes(0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(write(s[0], data, 5000) == 5000);
    ssize_t total = 0;
    while (total < 5000) {
        ssize_t n = splice(s[1], NULL, p[1], NULL, SIZE, 0);
        CHECK(n > 0);
        total += n;
    }
    CHECK(splice(p[0], NULL, s[1], NULL, 5000, 0) == 5000);
    CHECK(recv(s[0], buf, 5000, MSG_WAITALL) == 5000 && memcmp(buf, data, 5000) == 0);
    close(s[0]), close(s[1]);
    close_pipes();
}

static void *mover(void *arg)
{
    (void)arg;
    while (splice(p[0], NULL, q[1], NULL, 20000, 0) > 0)
        ;
    close(q[1]);
    return NULL;
}

static void *feeder(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        CHECK(write(p[1], data, SIZE) == SIZE);
    close(p[1]);
    return NULL;
}

static void streams(void)
{
    pthread_t a, b;
    size_t total = 0;
    ssize_t n;
    open_pipes(0);
    CHECK(pthread_create(&a, NULL, feeder, NULL) == 0 && pthread_create(&b, NULL, mover, NULL) == 0);
    while ((n = read(q[0], buf, 10007)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            CHECK(buf[i] == data[(total + (size_t)i) % SIZE]);
        total += (size_t)n;
    }
    CHECK(total == 10 * SIZE);
    pthread_join(a, NULL), pthread_join(b, NULL);
    close(p[0]), close(q[0]);
}

int main(void)
{
    for (int i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 + i / 251);
    file = mkstemp(name);
    CHECK(file >= 0 && write(file, data, SIZE) == SIZE);
    file_to_pipe();
    pipe_to_file();
    pipe_to_pipe();
    user_to_pipe();
    refuses();
    through_sockets();
    streams();
    CHECK(unlink(name) == 0);
    return 0;
}
