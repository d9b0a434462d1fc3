/* SPDX-License-Identifier: Apache-2.0 */
/* What the socket tests share. */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

#define ADDR(a) ((struct sockaddr *)(a))

static inline struct sockaddr_in in_addr_of(const char *ip, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    CHECK(inet_pton(AF_INET, ip, &a.sin_addr) == 1);
    return a;
}

static inline struct sockaddr_in6 in6_addr_of(const char *ip, int port)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    CHECK(inet_pton(AF_INET6, ip, &a.sin6_addr) == 1);
    return a;
}

/* "@name" is abstract. */
static inline socklen_t un_addr_of(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    strcpy(a->sun_path, name);
    if (name[0] != '@')
        return sizeof(*a);
    a->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static inline int port_of(int fd)
{
    struct sockaddr_in6 a;
    socklen_t size = sizeof(a);
    CHECK(getsockname(fd, ADDR(&a), &size) == 0);
    return ntohs(a.sin6_port); /* at the same place in sockaddr_in */
}

/* A listening TCP socket on 127.0.0.1 and a port of the system's choice. */
static inline int tcp_listener(struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *a = in_addr_of("127.0.0.1", 0);
    CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
    CHECK(bind(fd, ADDR(a), sizeof(*a)) == 0 && listen(fd, 8) == 0);
    a->sin_port = htons((uint16_t)port_of(fd));
    return fd;
}

static inline void tcp_pair(int fd[2])
{
    struct sockaddr_in a;
    int listener = tcp_listener(&a);
    fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd[0], ADDR(&a), sizeof(a)) == 0);
    fd[1] = accept(listener, NULL, NULL);
    CHECK(fd[1] >= 0);
    close(listener);
}

static inline void nonblock(int fd)
{
    CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

static inline int int_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);
    CHECK(getsockopt(fd, level, name, &value, &size) == 0 && size == sizeof(value));
    return value;
}

static inline void set_int_option(int fd, int level, int name, int value)
{
    CHECK(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

static inline void pause_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}
