/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets between two programs of one machine: one byte there and back, how much goes through, connections. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

#define CHUNK  65536
#define STREAM (256UL << 20)

static int mine, theirs, listener;
static struct sockaddr_in address;

static void listener_open(void)
{
    socklen_t size = sizeof(address);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM, 0);
    bench_need(bind(listener, (void *)&address, size) == 0 && listen(listener, 64) == 0, "listen");
    bench_need(getsockname(listener, (void *)&address, &size) == 0, "getsockname");
}

static void tcp_open(void)
{
    int one = 1;
    mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(connect(mine, (void *)&address, sizeof(address)) == 0, "connect");
    theirs = accept(listener, NULL, NULL);
    bench_need(theirs >= 0, "accept");
    setsockopt(mine, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(theirs, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void unix_open(void)
{
    int fd[2];
    bench_need(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0 && fcntl(fd[0], F_SETFD, FD_CLOEXEC) == 0, "socketpair");
    mine = fd[0];
    theirs = fd[1];
}

/* The other end: this program once more, with its socket. */
static pid_t other_start(const char *role)
{
    char fd[16];
    char *argv[] = {"net", (char *)role, fd, NULL};
    pid_t pid;
    snprintf(fd, sizeof(fd), "%d", theirs);
    bench_need((errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ)) == 0, "posix_spawn");
    return pid;
}

static int other_main(const char *role, int fd)
{
    static char buf[CHUNK];
    if (strcmp(role, "pong") == 0) {
        while (read(fd, buf, 1) == 1)
            bench_need(write(fd, buf, 1) == 1, "pong");
        return 0;
    }
    for (size_t sent = 0; sent < STREAM; sent += CHUNK)
        bench_need(write(fd, buf, CHUNK) == CHUNK, "write");
    return 0;
}

static void pair_close(void)
{
    close(mine);
    close(theirs);
}

static void ping(void)
{
    char c = 'x';
    bench_need(write(mine, &c, 1) == 1 && read(mine, &c, 1) == 1, "ping");
}

static void ping_pong(const char *name, void (*open_pair)(void))
{
    open_pair();
    pid_t pid = other_start("pong");
    close(theirs);
    bench_run(name, ping, 5000);
    close(mine);
    waitpid(pid, NULL, 0);
}

static double stream_ns(void (*open_pair)(void))
{
    static char buf[CHUNK];
    size_t got = 1;
    ssize_t n;
    open_pair();
    pid_t pid = other_start("flood");
    bench_need(read(mine, buf, 1) == 1, "start");
    double start = bench_now_ns();
    while (got < STREAM && (n = read(mine, buf, CHUNK)) > 0)
        got += (size_t)n;
    double took = bench_now_ns() - start;
    bench_need(got == STREAM, "stream");
    pair_close();
    waitpid(pid, NULL, 0);
    return took;
}

static void throughput(const char *name, void (*open_pair)(void))
{
    double rounds[BENCH_ROUNDS];
    for (int i = 0; i < BENCH_ROUNDS; i++)
        rounds[i] = (double)STREAM / stream_ns(open_pair);
    qsort(rounds, BENCH_ROUNDS, sizeof(rounds[0]), bench_compare);
    bench_report(name, rounds[BENCH_ROUNDS / 2] * 1e3, "MB/s");
}

static void connect_close(void)
{
    tcp_open();
    pair_close();
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return other_main(argv[1], atoi(argv[2]));
    listener_open();
    ping_pong("tcp_pingpong", tcp_open);
    ping_pong("unix_pingpong", unix_open);
    throughput("tcp_throughput", tcp_open);
    throughput("unix_throughput", unix_open);
    bench_run("tcp_connect_close", connect_close, 2000);
    return 0;
}
