/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of tests/net/run. Prints "ready" when it listens, then what it was asked for:
 *   tcp-echo PORT [IP]     echoes until a connection says "quit"; "peer?" asks who it seems to be
 *   edge-echo PORT         one connection at a time, by edge-triggered epoll
 *   udp-echo PORT          the same for datagrams
 *   connect IP PORT TEXT   sends TEXT, prints the answer or the error's name; connect-later: without waiting for connect
 *   udp-send IP PORT TEXT  the same with a datagram; udp-connected: through a connected socket
 *   flood IP PORT BYTES    sends that many, prints how many came back (the other side echoes)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_storage address;
static socklen_t address_size;

static int address_set(const char *ip, const char *port)
{
    struct sockaddr_in *in = (void *)&address;
    struct sockaddr_in6 *in6 = (void *)&address;
    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        address_size = sizeof(*in);
    } else {
        in6->sin6_family = AF_INET6;
        inet_pton(AF_INET6, ip, &in6->sin6_addr);
        address_size = sizeof(*in6);
    }
    in->sin_port = htons((uint16_t)atoi(port));
    return address.ss_family;
}

static int failed(const char *what)
{
    printf("%s: %s\n", what, strerrorname_np(errno));
    return 0;
}

static void *echo(void *arg)
{
    static __thread char buf[65536];
    int fd = (int)(intptr_t)arg;
    ssize_t n;
    while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
        if (n == 4 && memcmp(buf, "quit", 4) == 0)
            exit(0);
        if (n == 5 && memcmp(buf, "peer?", 5) == 0) {
            struct sockaddr_in peer;
            socklen_t size = sizeof(peer);
            getpeername(fd, (void *)&peer, &size);
            inet_ntop(AF_INET, &peer.sin_addr, buf, sizeof(buf));
            n = (ssize_t)strlen(buf);
        }
        for (ssize_t at = 0, sent; at < n; at += sent)
            if ((sent = send(fd, buf + at, (size_t)(n - at), MSG_NOSIGNAL)) < 0)
                break;
    }
    close(fd);
    return NULL;
}

static int tcp_echo(const char *port, const char *ip)
{
    int fd = socket(address_set(ip, port), SOCK_STREAM, 0);
    if (bind(fd, (void *)&address, address_size) < 0 || listen(fd, 128) < 0)
        return failed("listen");
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        pthread_t thread;
        int one = accept(fd, (void *)&from, &size);
        if (one < 0)
            return failed("accept");
        pthread_create(&thread, NULL, echo, (void *)(intptr_t)one);
        pthread_detach(thread);
    }
}

/* As nginx does it: edges only, and a short read means that there is no more. */
static int edge_echo(const char *port)
{
    char buf[4096];
    int set = epoll_create1(0), fd = socket(address_set("0.0.0.0", port), SOCK_STREAM, 0), one;
    struct epoll_event e = {EPOLLIN | EPOLLRDHUP | EPOLLET, {0}};
    if (bind(fd, (void *)&address, address_size) < 0 || listen(fd, 128) < 0)
        return failed("listen");
    printf("ready\n");
    fflush(stdout);
    while ((one = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        e.data.fd = one;
        epoll_ctl(set, EPOLL_CTL_ADD, one, &e);
        for (ssize_t n = 1; n != 0;) {
            if (epoll_wait(set, &e, 1, 10000) != 1)
                return failed("epoll_wait");
            while ((n = recv(one, buf, sizeof(buf), 0)) > 0) {
                if (send(one, buf, (size_t)n, 0) != n)
                    return failed("send");
                if (n < (ssize_t)sizeof(buf) && !(e.events & EPOLLRDHUP))
                    break;
            }
        }
        close(one);
    }
    return failed("accept");
}

static int udp_echo(const char *port)
{
    char buf[65536];
    int fd = socket(address_set("0.0.0.0", port), SOCK_DGRAM, 0);
    if (bind(fd, (void *)&address, address_size) < 0)
        return failed("bind");
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &size);
        if (n < 0)
            return failed("recvfrom");
        if (n == 4 && memcmp(buf, "quit", 4) == 0)
            return 0;
        sendto(fd, buf, (size_t)n, 0, (void *)&from, size);
    }
}

static int answer_print(int fd)
{
    char buf[4096];
    size_t got = 0;
    ssize_t n = 0;
    while (got < sizeof(buf) && (n = recv(fd, buf + got, sizeof(buf) - got, 0)) > 0)
        got += (size_t)n;
    if (n < 0)
        return failed("recv");
    printf("%.*s\n", (int)got, buf);
    return 0;
}

static int connect_to(const char *ip, const char *port, const char *text, int is_later)
{
    int fd = socket(address_set(ip, port), SOCK_STREAM | (is_later ? SOCK_NONBLOCK : 0), 0), err = 0;
    socklen_t size = sizeof(err);
    if (connect(fd, (void *)&address, address_size) < 0 && errno != EINPROGRESS)
        return failed("connect");
    if (is_later) {
        struct pollfd p = {fd, POLLOUT, 0};
        if (poll(&p, 1, 10000) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
            return failed("poll");
        errno = err;
        if (err)
            return failed("later");
        p.events = POLLIN;
        send(fd, text, strlen(text), 0);
        shutdown(fd, SHUT_WR);
        if (poll(&p, 1, 10000) != 1 || !(p.revents & POLLIN))
            return failed("poll");
        fcntl(fd, F_SETFL, 0);
        return answer_print(fd);
    }
    if (send(fd, text, strlen(text), 0) < 0)
        return failed("send");
    shutdown(fd, SHUT_WR);
    return answer_print(fd);
}

static int udp_send(const char *ip, const char *port, const char *text, int is_connected)
{
    char buf[4096];
    struct timeval limit = {3, 0};
    int fd = socket(address_set(ip, port), SOCK_DGRAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (is_connected && connect(fd, (void *)&address, address_size) < 0)
        return failed("connect");
    if (sendto(fd, text, strlen(text), 0, is_connected ? NULL : (void *)&address, is_connected ? 0 : address_size) < 0)
        return failed("sendto");
    ssize_t n = recv(fd, buf, sizeof(buf), 0);
    if (n < 0)
        return failed("recv");
    printf("%.*s\n", (int)n, buf);
    return 0;
}

static void *flood_send(void *arg)
{
    static char buf[50000];
    long left = *(long *)arg, fd = ((long *)arg)[1];
    memset(buf, 'f', sizeof(buf));
    while (left > 0) {
        ssize_t n = send((int)fd, buf, left < (long)sizeof(buf) ? (size_t)left : sizeof(buf), 0);
        if (n <= 0)
            break;
        left -= n;
    }
    shutdown((int)fd, SHUT_WR);
    return NULL;
}

static int flood(const char *ip, const char *port, const char *count)
{
    static char buf[40000];
    long args[2] = {atol(count), socket(address_set(ip, port), SOCK_STREAM, 0)}, got = 0;
    pthread_t thread;
    ssize_t n;
    if (connect((int)args[1], (void *)&address, address_size) < 0)
        return failed("connect");
    pthread_create(&thread, NULL, flood_send, args);
    while ((n = recv((int)args[1], buf, sizeof(buf), 0)) > 0)
        got += n;
    pthread_join(thread, NULL);
    printf("%ld\n", got);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    if (strcmp(what, "tcp-echo") == 0)
        return tcp_echo(argv[2], argc > 3 ? argv[3] : "0.0.0.0");
    if (strcmp(what, "edge-echo") == 0)
        return edge_echo(argv[2]);
    if (strcmp(what, "udp-echo") == 0)
        return udp_echo(argv[2]);
    if (argc != 5)
        return 2;
    if (strncmp(what, "connect", 7) == 0)
        return connect_to(argv[2], argv[3], argv[4], what[7] == '-');
    if (strcmp(what, "flood") == 0)
        return flood(argv[2], argv[3], argv[4]);
    return udp_send(argv[2], argv[3], argv[4], strcmp(what, "udp-connected") == 0);
}
