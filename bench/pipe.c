/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes between two processes: one byte there and back, and how much goes through. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

#define CHUNK  65536
#define STREAM (512UL << 20)

static int to[2], from[2];

static void ping(void)
{
    char c = 'x';
    bench_need(write(to[1], &c, 1) == 1 && read(from[0], &c, 1) == 1, "ping");
}

static void echo_all(void)
{
    char c;
    while (read(to[0], &c, 1) == 1)
        bench_need(write(from[1], &c, 1) == 1, "pong");
}

static void ping_pong(void)
{
    bench_need(pipe(to) == 0 && pipe(from) == 0, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        echo_all();
        _exit(0);
    }
    bench_run("pipe_ping_pong", ping, 5000);
    close(to[1]);
    waitpid(pid, NULL, 0);
}

static void stream_send(int fd)
{
    static char buf[CHUNK];
    memset(buf, 'x', sizeof(buf));
    for (size_t sent = 0; sent < STREAM; sent += CHUNK)
        bench_need(write(fd, buf, CHUNK) == CHUNK, "write");
}

static double stream_gb_per_s(void)
{
    static char buf[CHUNK];
    int p[2];
    size_t got = 0;
    ssize_t n;
    bench_need(pipe(p) == 0, "pipe");
    double start = bench_now_ns();
    pid_t pid = fork();
    if (pid == 0) {
        stream_send(p[1]);
        _exit(0);
    }
    close(p[1]);
    while ((n = read(p[0], buf, CHUNK)) > 0)
        got += (size_t)n;
    double took = bench_now_ns() - start;
    bench_need(got == STREAM, "stream");
    close(p[0]);
    waitpid(pid, NULL, 0);
    return (double)STREAM / took;
}

static void stream(void)
{
    double rounds[BENCH_ROUNDS];
    for (int i = 0; i < BENCH_ROUNDS; i++)
        rounds[i] = stream_gb_per_s();
    qsort(rounds, BENCH_ROUNDS, sizeof(rounds[0]), bench_compare);
    bench_report("pipe_throughput", rounds[BENCH_ROUNDS / 2] * 1e3, "MB/s");
}

int main(void)
{
    ping_pong();
    stream();
    return 0;
}
