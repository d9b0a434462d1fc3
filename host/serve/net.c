/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host sockets for the enclave: the sock_* rows of hostcall.tab. A socket's number in the enclave is its descriptor here.
 * All are non-blocking; addresses are struct hostcall_addr, IPv4 as ::ffff:a.b.c.d.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "serve_internal.h"

/* ---- addresses ---------------------------------------------------------------------------------------------- */

static int domain_of(int fd)
{
    int domain = AF_INET6;
    socklen_t size = sizeof(domain);
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain;
}

static socklen_t addr_to_host(int fd, const struct hostcall_addr *addr, struct sockaddr_storage *host)
{
    memset(host, 0, sizeof(*host));
    if (domain_of(fd) == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)host;
        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip + 12, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)host;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(addr->port);
    in6->sin6_scope_id = addr->scope;
    memcpy(&in6->sin6_addr, addr->ip, 16);
    return sizeof(*in6);
}

static void addr_from_host(const struct sockaddr_storage *host, struct hostcall_addr *addr)
{
    memset(addr, 0, sizeof(*addr));
    if (host->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)host;
        addr->ip[10] = addr->ip[11] = 0xff;
        memcpy(addr->ip + 12, &in->sin_addr, 4);
        addr->port = ntohs(in->sin_port);
    } else if (host->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)host;
        memcpy(addr->ip, &in6->sin6_addr, 16);
        addr->port = ntohs(in6->sin6_port);
        addr->scope = in6->sin6_scope_id;
    }
}

/* ---- connections ---------------------------------------------------------------------------------------------- */

int64_t serve_sock_open(struct serve_vcpu *vcpu, uint32_t family, uint32_t type)
{
    int kind = type == HOSTCALL_SOCK_STREAM ? SOCK_STREAM : SOCK_DGRAM;
    int domain = family == 4 ? AF_INET : AF_INET6;
    int one = 1;
    fd_limit_raise();
    int fd = socket(domain, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && kind == SOCK_STREAM) /* as every server does; changes nothing for connections out */
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    return fd_give(vcpu, fd);
}

static int64_t addr_call(struct serve_vcpu *vcpu, int fd, const void *addr, size_t addr_size,
                         int (*call)(int fd, const struct sockaddr *addr, socklen_t size))
{
    struct sockaddr_storage host;
    struct hostcall_addr a;
    if (addr_size != sizeof(a))
        return -EINVAL;
    memcpy(&a, addr, sizeof(a));
    fd = fd_of(vcpu, fd);
    return result_of(call(fd, (struct sockaddr *)&host, addr_to_host(fd, &a, &host)));
}

int64_t serve_sock_bind(struct serve_vcpu *vcpu, int fd, const void *addr, size_t addr_size)
{
    return addr_call(vcpu, fd, addr, addr_size, bind);
}

int64_t serve_sock_listen(struct serve_vcpu *vcpu, int fd, uint32_t backlog)
{
    return result_of(listen(fd_of(vcpu, fd), backlog < SOMAXCONN ? (int)backlog : SOMAXCONN));
}

int64_t serve_sock_accept(struct serve_vcpu *vcpu, int fd, void *accepted, size_t accepted_size)
{
    struct sockaddr_storage host = {0};
    struct hostcall_accepted reply = {0};
    socklen_t size = sizeof(host);
    if (accepted_size < sizeof(reply))
        return -EBADF;
    int64_t got = fd_give(vcpu, accept4(fd_of(vcpu, fd), (struct sockaddr *)&host, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (got < 0)
        return got;
    reply.fd = (uint32_t)got;
    addr_from_host(&host, &reply.peer);
    memcpy(accepted, &reply, sizeof(reply));
    return sizeof(reply);
}

int64_t serve_sock_connect(struct serve_vcpu *vcpu, int fd, const void *addr, size_t addr_size)
{
    return addr_call(vcpu, fd, addr, addr_size, connect);
}

int64_t serve_sock_shutdown(struct serve_vcpu *vcpu, int fd, uint32_t how)
{
    return result_of(shutdown(fd_of(vcpu, fd), how <= 2 ? (int)how : SHUT_RDWR));
}

int64_t serve_sock_name(struct serve_vcpu *vcpu, int fd, void *addr, size_t addr_size)
{
    struct sockaddr_storage host = {0};
    struct hostcall_addr reply;
    socklen_t size = sizeof(host);
    if (addr_size < sizeof(reply) || getsockname(fd_of(vcpu, fd), (struct sockaddr *)&host, &size) < 0)
        return -EBADF;
    addr_from_host(&host, &reply);
    memcpy(addr, &reply, sizeof(reply));
    return sizeof(reply);
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

int64_t serve_sock_send(struct serve_vcpu *vcpu, int fd, uint32_t has_addr, const void *data, size_t data_size)
{
    struct hostcall_datagram head;
    struct sockaddr_storage host;
    fd = fd_of(vcpu, fd);
    if (!has_addr)
        return result_of(send(fd, data, data_size, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (data_size < sizeof(head))
        return -EBADF;
    memcpy(&head, data, sizeof(head));
    socklen_t size = addr_to_host(fd, &head.addr, &host);
    return result_of(sendto(fd, (const char *)data + sizeof(head), data_size - sizeof(head), MSG_DONTWAIT | MSG_NOSIGNAL,
                            (struct sockaddr *)&host, size));
}

int64_t serve_sock_recv(struct serve_vcpu *vcpu, int fd, uint32_t has_addr, void *data, size_t data_size)
{
    struct hostcall_datagram head = {0};
    struct sockaddr_storage host = {0};
    socklen_t size = sizeof(host);
    fd = fd_of(vcpu, fd);
    if (!has_addr)
        return result_of(recv(fd, data, data_size, MSG_DONTWAIT));
    if (data_size < sizeof(head))
        return -EBADF;
    ssize_t n = recvfrom(fd, (char *)data + sizeof(head), data_size - sizeof(head), MSG_DONTWAIT, (struct sockaddr *)&host, &size);
    if (n < 0)
        return -errno;
    addr_from_host(&host, &head.addr);
    memcpy(data, &head, sizeof(head));
    return n + (ssize_t)sizeof(head);
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static const struct {
    int level, name;
} options[HOSTCALL_SOCK_OPTION_COUNT] = {
    [HOSTCALL_SOCK_ERROR] = {SOL_SOCKET, SO_ERROR},
    [HOSTCALL_SOCK_NODELAY] = {IPPROTO_TCP, TCP_NODELAY},
    [HOSTCALL_SOCK_CORK] = {IPPROTO_TCP, TCP_CORK},
    [HOSTCALL_SOCK_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE},
    [HOSTCALL_SOCK_KEEPIDLE] = {IPPROTO_TCP, TCP_KEEPIDLE},
    [HOSTCALL_SOCK_KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL},
    [HOSTCALL_SOCK_KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT},
    [HOSTCALL_SOCK_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT},
    [HOSTCALL_SOCK_LINGER] = {SOL_SOCKET, SO_LINGER},
    [HOSTCALL_SOCK_SNDBUF] = {SOL_SOCKET, SO_SNDBUF},
    [HOSTCALL_SOCK_RCVBUF] = {SOL_SOCKET, SO_RCVBUF},
    [HOSTCALL_SOCK_TTL] = {IPPROTO_IP, IP_TTL},
    [HOSTCALL_SOCK_TOS] = {IPPROTO_IP, IP_TOS},
    [HOSTCALL_SOCK_BROADCAST] = {SOL_SOCKET, SO_BROADCAST},
    [HOSTCALL_SOCK_REUSEPORT] = {SOL_SOCKET, SO_REUSEPORT},
    [HOSTCALL_SOCK_V6ONLY] = {IPPROTO_IPV6, IPV6_V6ONLY},
};

int64_t serve_sock_opt_set(struct serve_vcpu *vcpu, int fd, uint32_t option, int32_t value)
{
    struct linger linger = {.l_onoff = value >= 0, .l_linger = value >= 0 ? value : 0};
    fd = fd_of(vcpu, fd);
    if (option == HOSTCALL_SOCK_ERROR || option >= HOSTCALL_SOCK_OPTION_COUNT)
        return -EINVAL;
    if (option == HOSTCALL_SOCK_LINGER)
        return result_of(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    return result_of(setsockopt(fd, options[option].level, options[option].name, &value, sizeof(value)));
}

int64_t serve_sock_opt_get(struct serve_vcpu *vcpu, int fd, uint32_t option)
{
    int value[2] = {0};
    socklen_t size = sizeof(value);
    if (option >= HOSTCALL_SOCK_OPTION_COUNT)
        return -EINVAL;
    if (getsockopt(fd_of(vcpu, fd), options[option].level, options[option].name, value, &size) < 0)
        return -errno;
    if (option == HOSTCALL_SOCK_LINGER)
        return value[0] ? value[1] : 0;
    return value[0] < 0 ? -EINVAL : value[0];
}
