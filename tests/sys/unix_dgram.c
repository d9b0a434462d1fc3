/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets of type SOCK_DGRAM. */
#include "net.h"

static int bound_at(const char *name, struct sockaddr_un *a, socklen_t *size)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    *size = un_addr_of(a, name);
    CHECK(fd >= 0 && bind(fd, ADDR(a), *size) == 0);
    return fd;
}

static void messages(void)
{
    struct sockaddr_un server_addr, client_addr, from;
    socklen_t server_size, client_size, size = sizeof(from);
    int server = bound_at("@dgram-server", &server_addr, &server_size), client = bound_at("@dgram-client", &client_addr, &client_size);
    int nameless = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[16];
    CHECK(sendto(client, "hello", 5, 0, ADDR(&server_addr), server_size) == 5);
    CHECK(recvfrom(server, buf, sizeof(buf), 0, ADDR(&from), &size) == 5 && memcmp(buf, "hello", 5) == 0);
    CHECK(size == client_size && memcmp(&from, &client_addr, size) == 0);
    CHECK(sendto(server, "re", 2, 0, ADDR(&from), size) == 2 && recv(client, buf, sizeof(buf), 0) == 2);
    CHECK(sendto(nameless, "", 0, 0, ADDR(&server_addr), server_size) == 0);
    size = sizeof(from);
    CHECK(recvfrom(server, buf, sizeof(buf), 0, ADDR(&from), &size) == 0 && size == 0);
    CHECK_ERRNO(recv(server, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
    CHECK(sendto(client, "truncated", 9, 0, ADDR(&server_addr), server_size) == 9);
    CHECK(recv(server, buf, 4, MSG_PEEK | MSG_TRUNC) == 9);
    CHECK(recv(server, buf, 4, 0) == 4 && memcmp(buf, "trun", 4) == 0);
    CHECK_ERRNO(recv(server, buf, 4, MSG_DONTWAIT), EAGAIN);
    int n;
    CHECK(sendto(client, "abc", 3, 0, ADDR(&server_addr), server_size) == 3);
    CHECK(sendto(client, "defgh", 5, 0, ADDR(&server_addr), server_size) == 5);
    CHECK(ioctl(server, FIONREAD, &n) == 0 && n == 3); /* the first one's size */
    close(server);
    close(client);
    close(nameless);
}

static void connecting(void)
{
    struct sockaddr_un a, other_addr, none = {.sun_family = AF_UNSPEC};
    socklen_t size, other_size;
    int server = bound_at("@dgram-server", &a, &size), other = bound_at("@dgram-other", &other_addr, &other_size);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), stream = socket(AF_UNIX, SOCK_STREAM, 0);
    char buf[16];
    CHECK_ERRNO(send(fd, "x", 1, 0), ENOTCONN);
    CHECK_ERRNO(connect(stream, ADDR(&a), size), ECONNREFUSED); /* each type has its own names */
    CHECK(connect(fd, ADDR(&a), size) == 0 && send(fd, "x", 1, 0) == 1);
    CHECK(connect(fd, ADDR(&other_addr), other_size) == 0 && send(fd, "y", 1, 0) == 1); /* another one now */
    CHECK(recv(server, buf, 16, 0) == 1 && buf[0] == 'x' && recv(other, buf, 16, 0) == 1 && buf[0] == 'y');
    CHECK(connect(fd, ADDR(&none), sizeof(none.sun_family)) == 0);
    CHECK_ERRNO(send(fd, "x", 1, 0), ENOTCONN);
    CHECK(connect(server, ADDR(&other_addr), other_size) == 0); /* takes from other only, from now on */
    CHECK_ERRNO(sendto(fd, "x", 1, 0, ADDR(&a), size), EPERM);
    CHECK_ERRNO(connect(fd, ADDR(&a), size), EPERM);
    CHECK(sendto(other, "z", 1, 0, ADDR(&a), size) == 1 && recv(server, buf, 16, 0) == 1);
    close(other);
    CHECK_ERRNO(send(server, "x", 1, 0), ECONNREFUSED);
    CHECK_ERRNO(send(server, "x", 1, 0), ENOTCONN);
    CHECK_ERRNO(sendto(fd, "x", 1, 0, ADDR(&other_addr), other_size), ECONNREFUSED);
    close(server);
    close(fd);
    close(stream);
}

static void limits(void)
{
    int fd[2];
    static char buf[1 << 20];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
    CHECK_ERRNO(send(fd[0], buf, sizeof(buf), 0), EMSGSIZE);
    nonblock(fd[0]);
    int count = 0;
    while (send(fd[0], buf, 1000, 0) == 1000)
        count++;
    CHECK(errno == EAGAIN && count >= 8);
    CHECK(recv(fd[1], buf, sizeof(buf), 0) == 1000);
    while (recv(fd[1], buf, sizeof(buf), MSG_DONTWAIT) == 1000)
        count--;
    CHECK(errno == EAGAIN && count == 1);
    CHECK(send(fd[0], buf, 1000, 0) == 1000);
    CHECK(shutdown(fd[1], SHUT_RD) == 0);
    CHECK_ERRNO(send(fd[0], buf, 10, MSG_NOSIGNAL), EPIPE);
    close(fd[0]);
    close(fd[1]);
}

static void *slow_reader(void *arg)
{
    char buf[2000];
    int count = 0;
    pause_ms(20);
    while (recv(*(int *)arg, buf, sizeof(buf), 0) == 1000)
        count++;
    CHECK(count == 2000);
    return NULL;
}

/* A sender waits for room. */
static void waiting(void)
{
    int fd[2];
    char buf[1000] = {0};
    pthread_t thread;
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
    CHECK(pthread_create(&thread, NULL, slow_reader, &fd[1]) == 0);
    for (int i = 0; i < 2000; i++)
        CHECK(send(fd[0], buf, sizeof(buf), 0) == sizeof(buf));
    CHECK(send(fd[0], buf, 1, 0) == 1);
    pthread_join(thread, NULL);
    close(fd[0]);
    close(fd[1]);
}

static void many_at_once(void)
{
    int fd[2];
    char buf[4][8] = {"a", "bb", "ccc", "dddd"}, in[4][8];
    struct iovec out_iov[4], in_iov[4];
    struct mmsghdr out[4] = {0}, back[4] = {0};
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
    for (int i = 0; i < 4; i++) {
        out_iov[i] = (struct iovec){buf[i], (size_t)i + 1};
        in_iov[i] = (struct iovec){in[i], 8};
        out[i].msg_hdr = (struct msghdr){.msg_iov = &out_iov[i], .msg_iovlen = 1};
        back[i].msg_hdr = (struct msghdr){.msg_iov = &in_iov[i], .msg_iovlen = 1};
    }
    CHECK(sendmmsg(fd[0], out, 3, 0) == 3 && out[2].msg_len == 3);
    CHECK(recvmmsg(fd[1], back, 4, MSG_WAITFORONE, NULL) == 3);
    CHECK(back[0].msg_len == 1 && back[2].msg_len == 3 && memcmp(in[2], "ccc", 3) == 0);
    CHECK_ERRNO(recvmmsg(fd[1], back, 4, MSG_DONTWAIT, NULL), EAGAIN);
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    messages();
    connecting();
    limits();
    waiting();
    many_at_once();
    return 0;
}
