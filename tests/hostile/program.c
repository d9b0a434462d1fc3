/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in the enclave under a lying host. Calls may fail; what succeeds must be right: exit status 99 says that it was not.
 * The file /data/long holds 64-bit numbers, 0 1 2 ...
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define WRONG 99
#define ROUNDS 20

static void check(int is_right, const char *what)
{
    if (is_right)
        return;
    dprintf(2, "WRONG: %s\n", what);
    _exit(WRONG);
}

static void image_read(unsigned round)
{
    static uint64_t words[512];
    int fd = open("/data/long", O_RDONLY);
    for (uint64_t at = round; fd >= 0 && at < 200000; at += 9001) {
        ssize_t n = pread(fd, words, sizeof(words), (off_t)(at * 8));
        for (ssize_t i = 0; i < n / 8; i++)
            check(words[i] == at + (uint64_t)i, "image data");
    }
    close(fd);
}

static void memory_use(unsigned round)
{
    uint64_t *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return;
    for (unsigned i = 0; i < 1 << 17; i += 512) {
        check(p[i] == 0, "fresh memory is not zero");
        p[i] = round * 1000003ULL + i;
    }
    for (unsigned i = 0; i < 1 << 17; i += 512)
        check(p[i] == round * 1000003ULL + i, "memory");
    munmap(p, 1 << 20);
}

static void file_use(unsigned round)
{
    char text[64], seen[64] = "";
    int n = snprintf(text, sizeof(text), "round %u", round);
    int fd = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd >= 0 && write(fd, text, (size_t)n) == n && pread(fd, seen, sizeof(seen) - 1, 0) == n)
        check(strcmp(text, seen) == 0, "file data");
    close(fd);
}

static void streams_use(void)
{
    char buf[4096];
    struct termios t;
    struct pollfd fds[3] = {{0, POLLIN, 0}, {1, POLLOUT, 0}, {2, POLLOUT, 0}};
    int fl = fcntl(0, F_GETFL);
    poll(fds, 3, 1);
    fcntl(0, F_SETFL, fl | O_NONBLOCK);
    ssize_t n = read(0, buf, sizeof(buf));
    check(n <= (ssize_t)sizeof(buf), "read gave more than asked for");
    n = write(1, "out\n", 4);
    check(n <= 4, "write took more than there is");
    tcgetattr(0, &t);
}

static void *clock_use(void *arg)
{
    struct timespec last = {0, 0}, now, ms = {0, 300000};
    for (int i = 0; i < 10; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        check(now.tv_sec > last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec), "time went back");
        last = now;
        nanosleep(&ms, NULL);
    }
    return arg;
}

static void child_use(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    if (pid > 0 && waitpid(pid, &status, 0) == pid)
        check(status == 7 << 8 || WIFSIGNALED(status), "a child's status"); /* killed: the host gave no memory */
}

/* Nothing here faults: the host has made it up. */
static void forged(int signo)
{
    (void)signo;
    check(0, "a signal that only the processor may cause");
}

int main(void)
{
    static const int faults[] = {SIGSEGV, SIGFPE, SIGBUS, SIGTRAP, SIGILL, SIGSYS, SIGSTKFLT};
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        signal(faults[i], forged);
    alarm(20);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        int has_thread = pthread_create(&thread, NULL, clock_use, NULL) == 0;
        image_read(round);
        memory_use(round);
        file_use(round);
        streams_use();
        child_use();
        if (has_thread)
            pthread_join(thread, NULL);
    }
    return 0;
}
