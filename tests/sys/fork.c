/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): the child's memory is its own, its descriptors are shared, its parent is us. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static int data = 1;
static int bss;

static void exits_with(pid_t pid, int code)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == code);
}

static void memory_is_private(void)
{
    int stack = 3;
    char *heap = malloc(100000);
    char *area = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(heap, 'h', 100000);
    memset(area, 'a', 1 << 20);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(data == 1 && bss == 0 && stack == 3 && heap[99999] == 'h' &&
              area[(1 << 20) - 1] == 'a');
        data = bss = stack = 7;
        memset(heap, 'x', 100000);
        memset(area, 'x', 1 << 20);
        *shared = 42;
        _exit(5);
    }
    exits_with(pid, 5);
    CHECK(data == 1 && bss == 0 && stack == 3 && heap[0] == 'h' && heap[99999] == 'h');
    CHECK(area[0] == 'a' && area[(1 << 20) - 1] == 'a');
    CHECK(*shared == 42);
}

static void relatives(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(getppid() == parent && getpid() != parent);
        _exit(0);
    }
    exits_with(pid, 0);
}

/* Both go on, again and again, with a pipe each way. */
static void ping_pong(void)
{
    int to[2], from[2];
    char c = 0;
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(to[1]);
        while (read(to[0], &c, 1) == 1) {
            data += c;
            c = (char)data;
            CHECK(write(from[1], &c, 1) == 1);
        }
        _exit(0);
    }
    close(to[0]);
    for (int i = 0; i < 200; i++) {
        char n = 1;
        data = 100 + i;
        CHECK(write(to[1], &n, 1) == 1);
        CHECK(read(from[0], &c, 1) == 1);
        CHECK(c == (char)(1 + i + 1));
        CHECK(data == 100 + i);
    }
    close(to[1]);
    data = 1;
    exits_with(pid, 0);
}

static void generations(int depth)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        bss = depth;
        if (depth > 0)
            generations(depth - 1);
        _exit(bss == depth ? depth : 99);
    }
    exits_with(pid, depth);
}

static void offset_is_shared(void)
{
    int fd = memfd_create("fork", 0);
    CHECK(fd >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(write(fd, "child", 5) == 5);
        _exit(0);
    }
    exits_with(pid, 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 5);
    close(fd);
}

static void *spin(void *arg)
{
    volatile int *stop = arg;
    while (!*stop)
        ;
    return NULL;
}

/* Only the calling thread is in the child; the others go on in the parent. */
static void with_threads(void)
{
    volatile int stop = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, spin, (void *)&stop) == 0);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(i);
        exits_with(pid, i);
    }
    stop = 1;
    CHECK(pthread_join(thread, NULL) == 0);
}

static void many(void)
{
    pid_t pids[20];
    for (int i = 0; i < 20; i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(i);
    }
    for (int i = 0; i < 20; i++)
        exits_with(pids[i], i);
    CHECK_ERRNO(wait(NULL), ECHILD);
}

int main(void)
{
    memory_is_private();
    relatives();
    ping_pong();
    generations(5);
    offset_is_shared();
    with_threads();
    many();
    return 0;
}
