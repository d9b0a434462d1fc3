/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in the enclave under a lying host. Calls may fail; what succeeds must be right: exit status 99 says that it was not.
 * The file /data/long holds 64-bit numbers, 0 1 2 ...
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define WRONG 99
#define UNREADABLE 98
#define ROUNDS 20

static void check(int is_right, const char *what)
{
    if (is_right)
        return;
    dprintf(2, "WRONG: %s\n", what);
    _exit(WRONG);
}

static void image_read(const char *path, unsigned round)
{
    static uint64_t words[512];
    int fd = open(path, O_RDONLY);
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

/*
 * Nothing here faults: the host has made it up. But for SIGBUS of a page of the program itself that cannot be read, since the host changed the
 * image: that is an error, as EIO is of read(2), and no signal that a host sends comes with that code.
 */
static void forged(int signo, siginfo_t *info, void *context)
{
    (void)context;
    if (signo == SIGBUS && info->si_code == BUS_ADRERR)
        _exit(UNREADABLE);
    check(0, "a signal that only the processor may cause");
}

/* A store and a directory of the host, where the configuration has them. */
static void mounts_use(unsigned round)
{
    static const char *const dirs[] = {"/store", "/host"};
    char name[64], other[64], text[3000], seen[sizeof(text)];
    struct stat st;
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "%s/f%u", dirs[i], round % 3);
        snprintf(other, sizeof(other), "%s/g%u", dirs[i], round % 3);
        memset(text, 'a' + (int)round % 26, sizeof(text));
        int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (fd < 0)
            continue;
        if (pwrite(fd, text, sizeof(text), 100) == sizeof(text) && fsync(fd) == 0 && pread(fd, seen, sizeof(seen), 100) == sizeof(seen))
            check(i == 1 || memcmp(text, seen, sizeof(text)) == 0, "a file of a store");
        fstat(fd, &st), fchmod(fd, 0640), ftruncate(fd, 2000), futimens(fd, NULL);
        close(fd);
        link(name, other), rename(other, name), symlink("f0", other), readlink(other, seen, sizeof(seen)), unlink(other);
        snprintf(other, sizeof(other), "%s/d%u", dirs[i], round % 3);
        mkdir(other, 0700), rmdir(other);
        DIR *d = opendir(dirs[i]);
        while (d && readdir(d))
            ;
        if (d)
            closedir(d);
    }
}

static void sockets_use(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0xc0000201)}, b;
    socklen_t length = sizeof(b);
    int one = 1;
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        connect(fd, (struct sockaddr *)&a, sizeof(a));
        getsockname(fd, (struct sockaddr *)&b, &length);
        send(fd, "datagram", 8, MSG_NOSIGNAL);
        sendto(fd, "datagram", 8, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof(a));
        char buf[64];
        recv(fd, buf, sizeof(buf), 0);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &one, &length);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

/* What programs leave behind in memory is not the next one's, nor the host's. */
static void secrets_leave(void)
{
    size_t size = 256 << 10;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED)
        memset(p, 0xc7, size), munmap(p, size);
}

int main(int argc, char **argv)
{
    if (argc > 1) { /* only in a kernel that leaks on purpose (canary.c) */
        char text[9] = "PLANT 1\n";
        text[6] = *argv[1];
        return write(1, text, 8) != 8;
    }
    const struct sigaction sa = {.sa_sigaction = forged, .sa_flags = SA_SIGINFO};
    static const int faults[] = {SIGSEGV, SIGFPE, SIGBUS, SIGTRAP, SIGILL, SIGSYS, SIGSTKFLT};
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigaction(faults[i], &sa, NULL);
    alarm(20);
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        int has_thread = pthread_create(&thread, NULL, clock_use, NULL) == 0;
        image_read("/data/long", round);
        image_read("/sealed/long", round); /* of an encrypted image, where there is one */
        memory_use(round);
        file_use(round);
        streams_use();
        child_use();
        secrets_leave();
        mounts_use(round);
        sockets_use();
        if (has_thread)
            pthread_join(thread, NULL);
    }
    return 0;
}
