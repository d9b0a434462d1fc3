/* SPDX-License-Identifier: Apache-2.0 */
/* MSG_OOB: urgent data of TCP and of Unix streams, beside the stream and in it. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/ioctl.h>
#include "net.h"
#include "check.h"

static int events_of(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};
    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static int at_mark(int fd)
{
    int is = -1;
    CHECK(ioctl(fd, SIOCATMARK, &is) == 0);
    return is;
}

/* The byte waits beside the stream; a read ends where it was sent. */
static void beside(int fd[2])
{
    char buf[16] = {0};
    fd_set except;
    struct timeval none = {0};
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_OOB), EINVAL);
    CHECK(send(fd[1], "one", 3, 0) == 3 && send(fd[1], "two!", 4, MSG_OOB) == 4 && send(fd[1], "three", 5, 0) == 5);
    CHECK(events_of(fd[0]) == (POLLIN | POLLPRI));
    FD_ZERO(&except);
    FD_SET(fd[0], &except);
    CHECK(select(fd[0] + 1, NULL, NULL, &except, &none) == 1 && FD_ISSET(fd[0], &except));
    CHECK(recv(fd[0], buf, 1, MSG_OOB | MSG_PEEK) == 1 && buf[0] == '!');
    struct iovec iov = {buf, 4};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    CHECK(recvmsg(fd[0], &m, MSG_OOB) == 1 && buf[0] == '!' && m.msg_flags & MSG_OOB);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_OOB), EINVAL);
    CHECK(events_of(fd[0]) == POLLIN && at_mark(fd[0]) == 0);
    CHECK(recv(fd[0], buf, 2, 0) == 2 && memcmp(buf, "on", 2) == 0);
    CHECK(recv(fd[0], buf, 16, 0) == 4 && memcmp(buf, "etwo", 4) == 0);
    CHECK(recv(fd[0], buf, 16, 0) == 5 && memcmp(buf, "three", 5) == 0);
    CHECK(at_mark(fd[0]) == 0 && events_of(fd[0]) == 0);
}

/* Who reads on past the mark does not get the byte any more. */
static void passed_over(int fd[2])
{
    char buf[16];
    CHECK(send(fd[1], "a!", 2, MSG_OOB) == 2 && send(fd[1], "b", 1, 0) == 1);
    CHECK(events_of(fd[0]) & POLLPRI);
    CHECK(recv(fd[0], buf, 16, 0) == 1 && buf[0] == 'a' && at_mark(fd[0]) == 1);
    CHECK(recv(fd[0], buf, 16, 0) == 1 && buf[0] == 'b' && at_mark(fd[0]) == 0);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_OOB), EINVAL);
    CHECK(events_of(fd[0]) == 0);
}

static void in_the_stream(int fd[2])
{
    char buf[16];
    int on = 1;
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
    CHECK(send(fd[1], "ab!", 3, MSG_OOB) == 3 && send(fd[1], "cd", 2, 0) == 2);
    CHECK(events_of(fd[0]) == (POLLIN | POLLPRI));
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_OOB), EINVAL);
    CHECK(recv(fd[0], buf, 16, 0) == 2 && memcmp(buf, "ab", 2) == 0 && at_mark(fd[0]) == 1);
    CHECK(recv(fd[0], buf, 1, 0) == 1 && buf[0] == '!' && at_mark(fd[0]) == 0);
    CHECK(recv(fd[0], buf, 16, 0) == 2 && memcmp(buf, "cd", 2) == 0 && events_of(fd[0]) == 0);
}

static void not_there(void)
{
    char c;
    int fd[2], udp = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
    CHECK_ERRNO(send(fd[1], "x", 1, MSG_OOB), EOPNOTSUPP);
    CHECK_ERRNO(send(udp, "x", 1, MSG_OOB), EOPNOTSUPP);
    CHECK_ERRNO(recv(fd[0], &c, 1, MSG_OOB | MSG_DONTWAIT), EOPNOTSUPP);
    CHECK_ERRNO(recv(udp, &c, 1, MSG_OOB | MSG_DONTWAIT), EAGAIN);
    close(fd[0]);
    close(fd[1]);
    close(udp);
}

static void stream(int fd[2])
{
    beside(fd);
    passed_over(fd);
    in_the_stream(fd);
    close(fd[0]);
}

int main(void)
{
    int fd[2];
    tcp_pair(fd);
    stream(fd);
    close(fd[1]);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    stream(fd);
    CHECK_ERRNO(send(fd[1], "x", 1, MSG_OOB | MSG_NOSIGNAL), EPIPE);
    close(fd[1]);
    not_there();
    return 0;
}
