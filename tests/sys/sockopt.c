/* SPDX-License-Identifier: Apache-2.0 */
/* setsockopt(2) and getsockopt(2). */
#include "net.h"

static void errors(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1, local = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = sizeof(value);
    CHECK_ERRNO(setsockopt(-1, SOL_SOCKET, SO_REUSEADDR, &value, size), EBADF);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void *)8, size), EFAULT);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 1), EINVAL);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, (socklen_t)-1), EINVAL);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, 9999, &value, size), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(fd, IPPROTO_TCP, 9999, &value, size), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(fd, 500, 1, &value, size), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, size), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_ERROR, &value, size), ENOPROTOOPT);
    CHECK_ERRNO(setsockopt(local, IPPROTO_TCP, TCP_NODELAY, &value, size), EOPNOTSUPP);
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, 9999, &value, &size), ENOPROTOOPT);
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &size), EFAULT);
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, (void *)8), EFAULT);
    size = (socklen_t)-1;
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size), EINVAL);
    size = 2; /* cut */
    value = -1;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && size == 2 && (value & 0xffff) == SOCK_STREAM && value >> 16 == -1);
    size = sizeof(value);
    CHECK_ERRNO(getsockopt(local, IPPROTO_TCP, TCP_NODELAY, &value, &size), EOPNOTSUPP);
    close(local);
    close(fd);
}

static void toggle(int fd, int level, int name)
{
    CHECK(int_option(fd, level, name) == 0);
    set_int_option(fd, level, name, 7);
    CHECK(int_option(fd, level, name) == 1);
    set_int_option(fd, level, name, 0);
    CHECK(int_option(fd, level, name) == 0);
}

static void general(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0);
    toggle(fd, SOL_SOCKET, SO_REUSEADDR);
    toggle(fd, SOL_SOCKET, SO_REUSEPORT);
    toggle(fd, SOL_SOCKET, SO_KEEPALIVE);
    toggle(fd, SOL_SOCKET, SO_OOBINLINE);
    toggle(udp, SOL_SOCKET, SO_BROADCAST);
    CHECK(int_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && int_option(udp, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    CHECK(int_option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET && int_option(udp, SOL_SOCKET, SO_DOMAIN) == AF_INET6);
    CHECK(int_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP && int_option(udp, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP);
    CHECK(int_option(fd, SOL_SOCKET, SO_ERROR) == 0 && int_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    set_int_option(fd, SOL_SOCKET, SO_SNDBUF, 50000); /* twice, as socket(7) has it */
    CHECK(int_option(fd, SOL_SOCKET, SO_SNDBUF) == 100000);
    set_int_option(fd, SOL_SOCKET, SO_RCVBUF, 50000);
    CHECK(int_option(fd, SOL_SOCKET, SO_RCVBUF) == 100000);
    set_int_option(fd, SOL_SOCKET, SO_SNDBUF, 1);
    CHECK(int_option(fd, SOL_SOCKET, SO_SNDBUF) >= 2048);
    set_int_option(fd, SOL_SOCKET, SO_PRIORITY, 3);
    CHECK(int_option(fd, SOL_SOCKET, SO_PRIORITY) == 3);
    CHECK(int_option(fd, SOL_SOCKET, SO_RCVLOWAT) == 1);
    close(fd);
    close(udp);
}

static void structures(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval tv = {1, 500000}, back;
    struct linger linger = {1, 30}, linger_back;
    socklen_t size = sizeof(back);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &size) == 0 && size == sizeof(back) && back.tv_sec == 0 && back.tv_usec == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &size) == 0 && back.tv_sec == 1 && back.tv_usec == 500000);
    tv.tv_usec = 1000000;
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, 4), EINVAL);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    size = sizeof(linger_back);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger_back, &size) == 0 && linger_back.l_onoff == 1 && linger_back.l_linger == 30);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4), EINVAL);
    close(fd);
}

static void tcp(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
    toggle(fd, IPPROTO_TCP, TCP_NODELAY);
    toggle(fd, IPPROTO_TCP, TCP_CORK);
    set_int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_int_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set_int_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    CHECK(int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 60 && int_option(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 10 && int_option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 3);
    int wrong = 0;
    CHECK_ERRNO(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &wrong, sizeof(wrong)), EINVAL);
    wrong = 128;
    CHECK_ERRNO(setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &wrong, sizeof(wrong)), EINVAL);
    set_int_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
    CHECK(int_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 5000);
    struct tcp_info info;
    socklen_t size = sizeof(info);
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE);
    char name[16];
    size = sizeof(name);
    CHECK(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 && size > 3 && name[0]);
    tcp_pair(pair);
    size = sizeof(info);
    CHECK(getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_ESTABLISHED);
    close(pair[0]);
    close(pair[1]);
    close(fd);
}

static void ip(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), fd6 = socket(AF_INET6, SOCK_STREAM, 0);
    unsigned char byte = 0x10;
    struct sockaddr_in6 a = in6_addr_of("::1", 0);
    CHECK(setsockopt(fd, IPPROTO_IP, IP_TOS, &byte, 1) == 0 && int_option(fd, IPPROTO_IP, IP_TOS) == 0x10);
    CHECK(int_option(fd, IPPROTO_IP, IP_TTL) == 64);
    set_int_option(fd, IPPROTO_IP, IP_TTL, 10);
    CHECK(int_option(fd, IPPROTO_IP, IP_TTL) == 10);
    int wrong = 256;
    CHECK_ERRNO(setsockopt(fd, IPPROTO_IP, IP_TTL, &wrong, sizeof(wrong)), EINVAL);
    CHECK_ERRNO(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &wrong, sizeof(wrong)), ENOPROTOOPT);
    toggle(fd6, IPPROTO_IPV6, IPV6_V6ONLY);
    CHECK(bind(fd6, ADDR(&a), sizeof(a)) == 0);
    CHECK_ERRNO(setsockopt(fd6, IPPROTO_IPV6, IPV6_V6ONLY, &wrong, sizeof(wrong)), EINVAL);
    close(fd);
    close(fd6);
}

int main(void)
{
    errors();
    general();
    structures();
    tcp();
    ip();
    return 0;
}
