/* SPDX-License-Identifier: Apache-2.0 */
/* TCP between two ends of one machine: 127.0.0.0/8 and ::1. */
#include "net.h"

static void connections(void)
{
    struct sockaddr_in a, b, c;
    socklen_t size = sizeof(b);
    int listener = tcp_listener(&a), fd = socket(AF_INET, SOCK_STREAM, 0);
    char buf[16];
    CHECK(connect(fd, ADDR(&a), sizeof(a)) == 0);
    CHECK_ERRNO(connect(fd, ADDR(&a), sizeof(a)), EISCONN);
    CHECK(send(fd, "early", 5, 0) == 5);
    int end = accept4(listener, ADDR(&b), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(end >= 0 && size == sizeof(b) && b.sin_family == AF_INET && b.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(getsockname(fd, ADDR(&c), &size) == 0 && memcmp(&b, &c, sizeof(b)) == 0);
    CHECK(getpeername(fd, ADDR(&c), &size) == 0 && memcmp(&a, &c, sizeof(a)) == 0);
    CHECK(getsockname(end, ADDR(&c), &size) == 0 && memcmp(&a, &c, sizeof(a)) == 0);
    CHECK(getpeername(end, ADDR(&c), &size) == 0 && memcmp(&b, &c, sizeof(b)) == 0);
    CHECK(recv(end, buf, sizeof(buf), 0) == 5);
    CHECK_ERRNO(recv(end, buf, sizeof(buf), 0), EAGAIN);
    CHECK(sendto(end, "back", 4, 0, ADDR(&a), sizeof(a)) == 4 && recv(fd, buf, sizeof(buf), 0) == 4); /* the address does not count */
    CHECK_ERRNO(accept(end, NULL, NULL), EINVAL);
    CHECK_ERRNO(listen(end, 1), EINVAL);
    CHECK_ERRNO(bind(fd, ADDR(&a), sizeof(a)), EINVAL);
    CHECK_ERRNO(connect(listener, ADDR(&a), sizeof(a)), EISCONN);
    CHECK_ERRNO(send(listener, "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_ERRNO(recv(listener, buf, 1, 0), ENOTCONN);
    CHECK_ERRNO(getpeername(listener, ADDR(&c), &size), ENOTCONN);
    CHECK(int_option(listener, SOL_SOCKET, SO_ACCEPTCONN) == 1 && int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    close(end);
    close(fd);
    close(listener);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(fd, ADDR(&a), sizeof(a)), ECONNREFUSED);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    set_int_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
    CHECK(bind(listener, ADDR(&a), sizeof(a)) == 0 && listen(listener, 1) == 0);
    CHECK(connect(fd, ADDR(&a), sizeof(a)) == 0); /* the same socket, once more */
    close(fd);
    close(listener);
}

static void ports(void)
{
    struct sockaddr_in a, any = in_addr_of("0.0.0.0", 0), other;
    int listener = tcp_listener(&a), fd = socket(AF_INET, SOCK_STREAM, 0), third = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(fd, ADDR(&a), sizeof(a)), EADDRINUSE);
    any.sin_port = a.sin_port;
    CHECK_ERRNO(bind(fd, ADDR(&any), sizeof(any)), EADDRINUSE);
    other = in_addr_of("127.0.0.2", ntohs(a.sin_port)); /* another address of ours */
    CHECK(bind(fd, ADDR(&other), sizeof(other)) == 0 && listen(fd, 1) == 0);
    CHECK(connect(third, ADDR(&other), sizeof(other)) == 0);
    int end = accept(fd, NULL, NULL);
    CHECK(end >= 0);
    close(end);
    close(fd);
    close(third);
    close(listener);
    /* a listener on any address; listen without bind */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    third = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listen(fd, 1) == 0 && port_of(fd) != 0);
    a = in_addr_of("127.3.4.5", port_of(fd));
    CHECK(connect(third, ADDR(&a), sizeof(a)) == 0);
    close(third);
    third = socket(AF_INET, SOCK_STREAM, 0);
    a = in_addr_of("0.0.0.0", port_of(fd)); /* "any" as a destination is this machine */
    CHECK(connect(third, ADDR(&a), sizeof(a)) == 0);
    close(third);
    close(fd);
    if (getuid() == 0 && fork() == 0) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        a = in_addr_of("127.0.0.1", 81);
        CHECK(setuid(1000) == 0);
        CHECK_ERRNO(bind(fd, ADDR(&a), sizeof(a)), EACCES);
        _exit(0);
    }
    int status = 0;
    CHECK(getuid() != 0 || (wait(&status) > 0 && status == 0));
}

static void reuseport(void)
{
    struct sockaddr_in a = in_addr_of("127.0.0.1", 0);
    int fd[3], count[2] = {0};
    for (int i = 0; i < 2; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        set_int_option(fd[i], SOL_SOCKET, SO_REUSEPORT, 1);
        CHECK(bind(fd[i], ADDR(&a), sizeof(a)) == 0 && listen(fd[i], 100) == 0);
        a.sin_port = htons((uint16_t)port_of(fd[i]));
        nonblock(fd[i]);
    }
    fd[2] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(fd[2], ADDR(&a), sizeof(a)), EADDRINUSE);
    close(fd[2]);
    for (int i = 0; i < 60; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0), end;
        CHECK(connect(client, ADDR(&a), sizeof(a)) == 0);
        for (int k = 0; k < 2; k++) {
            if ((end = accept(fd[k], NULL, NULL)) >= 0) {
                count[k]++;
                close(end);
            }
        }
        close(client);
    }
    CHECK(count[0] + count[1] == 60 && count[0] > 5 && count[1] > 5);
    close(fd[0]);
    close(fd[1]);
}

static void ipv6(void)
{
    struct sockaddr_in6 a6 = in6_addr_of("::", 0), from;
    struct sockaddr_in a4;
    socklen_t size = sizeof(from);
    int listener = socket(AF_INET6, SOCK_STREAM, 0), fd = socket(AF_INET6, SOCK_STREAM, 0);
    CHECK(bind(listener, ADDR(&a6), sizeof(a6)) == 0 && listen(listener, 4) == 0);
    a6 = in6_addr_of("::1", port_of(listener));
    CHECK(connect(fd, ADDR(&a6), sizeof(a6)) == 0);
    int end = accept(listener, ADDR(&from), &size);
    CHECK(end >= 0 && size == sizeof(from) && IN6_IS_ADDR_LOOPBACK(&from.sin6_addr));
    close(end);
    close(fd);
    /* an IPv4 client of a dual listener looks mapped */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    a4 = in_addr_of("127.0.0.1", port_of(listener));
    CHECK(connect(fd, ADDR(&a4), sizeof(a4)) == 0);
    end = accept(listener, ADDR(&from), &size);
    CHECK(end >= 0 && IN6_IS_ADDR_V4MAPPED(&from.sin6_addr) && from.sin6_port == htons((uint16_t)port_of(fd)));
    close(end);
    close(fd);
    close(listener);
    /* IPV6_V6ONLY */
    listener = socket(AF_INET6, SOCK_STREAM, 0);
    set_int_option(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    a6 = in6_addr_of("::", 0);
    CHECK(bind(listener, ADDR(&a6), sizeof(a6)) == 0 && listen(listener, 4) == 0);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    a4 = in_addr_of("127.0.0.1", port_of(listener));
    CHECK_ERRNO(connect(fd, ADDR(&a4), sizeof(a4)), ECONNREFUSED);
    end = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(end, ADDR(&a4), sizeof(a4)) == 0); /* both families side by side */
    close(end);
    close(fd);
    close(listener);
}

static void ends(void)
{
    int fd[2], n;
    char buf[16];
    tcp_pair(fd);
    CHECK(write(fd[0], "abc", 3) == 3 && shutdown(fd[0], SHUT_WR) == 0);
    CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(recv(fd[1], buf, 16, MSG_WAITALL) == 3 && read(fd[1], buf, 16) == 0);
    CHECK(write(fd[1], "back", 4) == 4 && read(fd[0], buf, 16) == 4);
    close(fd[1]);
    CHECK(read(fd[0], buf, 16) == 0);
    close(fd[0]);

    tcp_pair(fd); /* data that nobody read: a reset */
    CHECK(write(fd[0], "unread", 6) == 6);
    pause_ms(10);
    close(fd[1]);
    pause_ms(10);
    CHECK(int_option(fd[0], SOL_SOCKET, SO_ERROR) == ECONNRESET && int_option(fd[0], SOL_SOCKET, SO_ERROR) == 0);
    CHECK(read(fd[0], buf, 16) == 0);
    CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(fd[0]);

    tcp_pair(fd); /* closed by the peer: the first write goes out, the next meets its answer */
    close(fd[1]);
    pause_ms(10);
    CHECK(send(fd[0], "x", 1, MSG_NOSIGNAL) == 1);
    pause_ms(10);
    CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    close(fd[0]);

    tcp_pair(fd); /* lingering for no time: a reset */
    struct linger linger = {1, 0};
    CHECK(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    close(fd[1]);
    pause_ms(10);
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    CHECK_ERRNO(getpeername(fd[0], ADDR(&peer), &size), ENOTCONN);
    CHECK_ERRNO(shutdown(fd[0], SHUT_WR), ENOTCONN);
    CHECK_ERRNO(read(fd[0], buf, 16), ECONNRESET);
    close(fd[0]);

    tcp_pair(fd);
    CHECK(shutdown(fd[0], SHUT_RD) == 0 && read(fd[0], buf, 16) == 0);
    CHECK(write(fd[0], "x", 1) == 1 && read(fd[1], buf, 16) == 1);
    CHECK(ioctl(fd[1], FIONREAD, &n) == 0 && n == 0);
    close(fd[0]);
    close(fd[1]);
}

/* A listener that goes resets those that it never took. */
static void listener_closed(void)
{
    struct sockaddr_in a;
    char c;
    int listener = tcp_listener(&a), fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, ADDR(&a), sizeof(a)) == 0);
    close(listener);
    pause_ms(10);
    CHECK_ERRNO(recv(fd, &c, 1, 0), ECONNRESET);
    close(fd);
}

static void *accepting(void *arg)
{
    errno = 0;
    CHECK(accept(*(int *)arg, NULL, NULL) == -1);
    return (void *)(intptr_t)errno;
}

static void listener_shut_down(void)
{
    struct sockaddr_in a;
    pthread_t thread;
    void *result;
    int listener = tcp_listener(&a);
    CHECK(pthread_create(&thread, NULL, accepting, &listener) == 0);
    pause_ms(20);
    CHECK(shutdown(listener, SHUT_RDWR) == 0);
    pthread_join(thread, &result);
    CHECK((intptr_t)result == EINVAL);
    close(listener);
}

static void flags(void)
{
    int fd[2], n;
    char buf[16] = {0};
    tcp_pair(fd);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_DONTWAIT), EAGAIN);
    CHECK(send(fd[1], "hello", 5, 0) == 5);
    CHECK(recv(fd[0], buf, 3, MSG_PEEK) == 3 && memcmp(buf, "hel", 3) == 0);
    CHECK(ioctl(fd[0], FIONREAD, &n) == 0 && n == 5);
    struct iovec iov[2] = {{buf, 2}, {buf + 8, 8}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    CHECK(recvmsg(fd[0], &m, 0) == 5 && memcmp(buf, "he", 2) == 0 && memcmp(buf + 8, "llo", 3) == 0 && m.msg_flags == 0);
    CHECK_ERRNO(send(fd[1], (void *)8, 4, 0), EFAULT);
    CHECK(send(fd[1], "tail", 4, MSG_MORE) == 4 && send(fd[1], "!", 1, 0) == 1);
    CHECK(recv(fd[0], buf, 5, MSG_WAITALL) == 5 && memcmp(buf, "tail!", 5) == 0);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_OOB), EINVAL);
    close(fd[0]);
    close(fd[1]);
}

#define BULK (16 << 20)

static void *bulk_writer(void *arg)
{
    static unsigned char buf[100003];
    unsigned at = 0;
    while (at < BULK) {
        size_t want = at + sizeof(buf) < BULK ? sizeof(buf) : BULK - at;
        for (size_t i = 0; i < want; i++)
            buf[i] = (unsigned char)((at + i) * 13 + ((at + i) >> 12));
        ssize_t n = send(*(int *)arg, buf, want, 0);
        CHECK(n == (ssize_t)want);
        at += (unsigned)n;
    }
    CHECK(shutdown(*(int *)arg, SHUT_WR) == 0);
    return NULL;
}

static void bulk(void)
{
    static unsigned char buf[54321];
    int fd[2];
    unsigned at = 0;
    pthread_t thread;
    tcp_pair(fd);
    CHECK(pthread_create(&thread, NULL, bulk_writer, &fd[1]) == 0);
    for (ssize_t n; (n = recv(fd[0], buf, sizeof(buf), at & 1 ? MSG_WAITALL : 0)) != 0; at += (unsigned)n) {
        CHECK(n > 0);
        for (unsigned i = 0; i < (unsigned)n; i++)
            CHECK(buf[i] == (unsigned char)((at + i) * 13 + ((at + i) >> 12)));
    }
    CHECK(at == BULK);
    pthread_join(thread, NULL);
    close(fd[0]);
    close(fd[1]);
}

static void nonblocking(void)
{
    struct sockaddr_in a;
    int listener = tcp_listener(&a), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    static char buf[1 << 16];
    nonblock(listener);
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
    CHECK_ERRNO(connect(fd, ADDR(&a), sizeof(a)), EINPROGRESS);
    pause_ms(10);
    CHECK(connect(fd, ADDR(&a), sizeof(a)) == 0);
    CHECK_ERRNO(connect(fd, ADDR(&a), sizeof(a)), EISCONN);
    CHECK(int_option(fd, SOL_SOCKET, SO_ERROR) == 0);
    int end = accept(listener, NULL, NULL);
    CHECK(end >= 0 && !(fcntl(end, F_GETFL) & O_NONBLOCK));
    ssize_t sent = 0, got;
    while ((got = send(fd, buf, sizeof(buf), 0)) > 0)
        sent += got;
    CHECK(errno == EAGAIN && sent >= 65536);
    close(fd);
    while ((got = recv(end, buf, sizeof(buf), 0)) > 0) /* what was sent arrives, though the sender is gone */
        sent -= got;
    CHECK(got == 0 && sent == 0);
    close(end);
    close(listener);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
    (void)signo;
    alarms++;
}

static void interrupted(void)
{
    int fd[2];
    char c;
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {.it_value = {0, 20000}};
    sigaction(SIGALRM, &action, NULL);
    tcp_pair(fd);
    setitimer(ITIMER_REAL, &soon, NULL);
    CHECK_ERRNO(recv(fd[0], &c, 1, 0), EINTR);
    CHECK(alarms == 1);
    struct timeval tv = {5, 0}; /* with a timeout it is not begun again, though the handler says so */
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    CHECK_ERRNO(recv(fd[0], &c, 1, 0), EINTR);
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    connections();
    ports();
    reuseport();
    ipv6();
    ends();
    listener_closed();
    listener_shut_down();
    flags();
    bulk();
    nonblocking();
    interrupted();
    return 0;
}
