/* SPDX-License-Identifier: Apache-2.0 */
/* UDP between two ends of one machine. */
#include "net.h"

static int bound_at(const char *ip, struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    *a = in_addr_of(ip, 0);
    CHECK(fd >= 0 && bind(fd, ADDR(a), sizeof(*a)) == 0);
    a->sin_port = htons((uint16_t)port_of(fd));
    return fd;
}

static void messages(void)
{
    struct sockaddr_in a, b, from;
    socklen_t size = sizeof(from);
    int server = bound_at("127.0.0.1", &a), client = bound_at("127.0.0.1", &b), n;
    static char buf[70000];
    CHECK(sendto(client, "hello", 5, 0, ADDR(&a), sizeof(a)) == 5);
    CHECK(recvfrom(server, buf, sizeof(buf), 0, ADDR(&from), &size) == 5 && memcmp(&from, &b, sizeof(b)) == 0);
    CHECK(sendto(client, "", 0, 0, ADDR(&a), sizeof(a)) == 0 && recv(server, buf, 16, 0) == 0);
    CHECK(sendto(client, buf, 65507, 0, ADDR(&a), sizeof(a)) == 65507 && recv(server, buf, sizeof(buf), 0) == 65507);
    CHECK_ERRNO(sendto(client, buf, 65508, 0, ADDR(&a), sizeof(a)), EMSGSIZE);
    CHECK(sendto(client, "truncated", 9, 0, ADDR(&a), sizeof(a)) == 9);
    CHECK(ioctl(server, FIONREAD, &n) == 0 && n == 9);
    CHECK(recv(server, buf, 4, MSG_PEEK) == 4 && recv(server, buf, 4, MSG_TRUNC) == 9);
    CHECK_ERRNO(recv(server, buf, 4, MSG_DONTWAIT), EAGAIN);
    CHECK_ERRNO(send(client, "x", 1, 0), EDESTADDRREQ);
    CHECK_ERRNO(sendto(client, "x", 1, 0, ADDR(&a), 4), EINVAL);
    a.sin_port = 0;
    CHECK_ERRNO(sendto(client, "x", 1, 0, ADDR(&a), sizeof(a)), EINVAL);
    a = in_addr_of("255.255.255.255", 9);
    CHECK_ERRNO(sendto(client, "x", 1, 0, ADDR(&a), sizeof(a)), EACCES);
    close(server);
    close(client);
}

static void connecting(void)
{
    struct sockaddr_in a, b, name, none = {.sin_family = AF_UNSPEC};
    socklen_t size = sizeof(name);
    int server = bound_at("127.0.0.1", &a), other = bound_at("127.0.0.1", &b), fd = socket(AF_INET, SOCK_DGRAM, 0);
    char buf[16];
    CHECK(connect(fd, ADDR(&a), sizeof(a)) == 0 && port_of(fd) != 0);
    CHECK(getpeername(fd, ADDR(&name), &size) == 0 && memcmp(&name, &a, sizeof(a)) == 0);
    CHECK(getsockname(fd, ADDR(&name), &size) == 0 && name.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(send(fd, "x", 1, 0) == 1 && recv(server, buf, 16, 0) == 1);
    CHECK(sendto(other, "y", 1, 0, ADDR(&name), sizeof(name)) == 1); /* not from its peer: lost */
    CHECK_ERRNO(recv(fd, buf, 16, MSG_DONTWAIT), EAGAIN);
    CHECK(sendto(server, "z", 1, 0, ADDR(&name), sizeof(name)) == 1 && recv(fd, buf, 16, 0) == 1 && buf[0] == 'z');
    CHECK(connect(fd, ADDR(&b), sizeof(b)) == 0 && send(fd, "w", 1, 0) == 1 && recv(other, buf, 16, 0) == 1);
    CHECK(connect(fd, ADDR(&none), sizeof(none)) == 0);
    CHECK_ERRNO(getpeername(fd, ADDR(&name), &size), ENOTCONN);
    CHECK_ERRNO(send(fd, "x", 1, 0), EDESTADDRREQ);
    /* nobody there: the next call says so */
    CHECK(connect(fd, ADDR(&b), sizeof(b)) == 0);
    close(other);
    CHECK(send(fd, "x", 1, 0) == 1);
    pause_ms(10);
    CHECK_ERRNO(send(fd, "x", 1, 0), ECONNREFUSED);
    CHECK(send(fd, "x", 1, 0) == 1);
    pause_ms(10);
    CHECK_ERRNO(recv(fd, buf, 16, 0), ECONNREFUSED);
    CHECK(shutdown(fd, SHUT_RDWR) == 0 && recv(fd, buf, 16, 0) == 0);
    CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    close(fd);
    close(server);
}

static void ports(void)
{
    struct sockaddr_in a;
    int fd = bound_at("127.0.0.1", &a), other = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(other, ADDR(&a), sizeof(a)), EADDRINUSE);
    CHECK(bind(tcp, ADDR(&a), sizeof(a)) == 0); /* TCP has ports of its own */
    set_int_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_int_option(other, SOL_SOCKET, SO_REUSEADDR, 1);
    CHECK(bind(other, ADDR(&a), sizeof(a)) == 0);
    close(fd);
    close(other);
    close(tcp);
}

static void overflow(void)
{
    struct sockaddr_in a;
    int server = bound_at("127.0.0.1", &a), fd = socket(AF_INET, SOCK_DGRAM, 0), count = 0;
    char buf[1024] = {0};
    for (int i = 0; i < 2000; i++)
        CHECK(sendto(fd, buf, sizeof(buf), 0, ADDR(&a), sizeof(a)) == sizeof(buf)); /* what does not fit is lost */
    while (recv(server, buf, sizeof(buf), MSG_DONTWAIT) == sizeof(buf))
        count++;
    CHECK(errno == EAGAIN && count >= 50 && count < 2000);
    close(server);
    close(fd);
}

static void ipv6(void)
{
    struct sockaddr_in6 a = in6_addr_of("::", 0), from;
    struct sockaddr_in a4;
    socklen_t size = sizeof(from);
    int server = socket(AF_INET6, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);
    char buf[16];
    CHECK(bind(server, ADDR(&a), sizeof(a)) == 0);
    a4 = in_addr_of("127.0.0.1", port_of(server));
    CHECK(sendto(client, "x", 1, 0, ADDR(&a4), sizeof(a4)) == 1);
    CHECK(recvfrom(server, buf, 16, 0, ADDR(&from), &size) == 1 && IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
    CHECK(sendto(server, "y", 1, 0, ADDR(&from), size) == 1 && recv(client, buf, 16, 0) == 1);
    a = in6_addr_of("::1", port_of(server));
    CHECK(sendto(six, "z", 1, 0, ADDR(&a), sizeof(a)) == 1);
    CHECK(recvfrom(server, buf, 16, 0, ADDR(&from), &size) == 1 && IN6_IS_ADDR_LOOPBACK(&from.sin6_addr));
    close(server);
    close(client);
    /* each connect chooses the source address anew, as getaddrinfo(3) relies on */
    socklen_t name_size = sizeof(from);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    a = in6_addr_of("::1", 9);
    CHECK(connect(six, ADDR(&a), sizeof(a)) == 0 && getsockname(six, ADDR(&from), &name_size) == 0);
    CHECK(IN6_IS_ADDR_LOOPBACK(&from.sin6_addr));
    CHECK(connect(six, &none, sizeof(none)) == 0 && getsockname(six, ADDR(&from), &name_size) == 0);
    CHECK(IN6_IS_ADDR_UNSPECIFIED(&from.sin6_addr));
    a = in6_addr_of("::ffff:127.0.0.1", 9);
    CHECK(connect(six, ADDR(&a), sizeof(a)) == 0 && getsockname(six, ADDR(&from), &name_size) == 0);
    CHECK(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
    close(six);
}

static void pktinfo(void)
{
    struct sockaddr_in a;
    int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
    union { struct cmsghdr head; char bytes[256]; } c;
    char buf[16];
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr m = {.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
    struct in_pktinfo info;
    a = in_addr_of("0.0.0.0", 0);
    CHECK(bind(server, ADDR(&a), sizeof(a)) == 0);
    set_int_option(server, IPPROTO_IP, IP_PKTINFO, 1);
    a = in_addr_of("127.0.0.9", port_of(server));
    CHECK(sendto(client, "x", 1, 0, ADDR(&a), sizeof(a)) == 1 && recvmsg(server, &m, 0) == 1);
    CHECK(c.head.cmsg_level == IPPROTO_IP && c.head.cmsg_type == IP_PKTINFO && c.head.cmsg_len == CMSG_LEN(sizeof(info)));
    memcpy(&info, CMSG_DATA(&c.head), sizeof(info));
    CHECK(info.ipi_ifindex == 1 && info.ipi_addr.s_addr == inet_addr("127.0.0.9"));
    CHECK(m.msg_namelen == sizeof(a) && a.sin_port == htons((uint16_t)port_of(client)));
    close(server);
    close(client);
}

int main(void)
{
    messages();
    connecting();
    ports();
    overflow();
    ipv6();
    pktinfo();
    return 0;
}
