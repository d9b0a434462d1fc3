/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve(2): what a program left in memory is in no later program, however much it was and whatever lies there now: zeros, the
 * file's bytes, or nothing that can be touched.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define MANY  (5UL << 20) /* more than is made ready at once */
#define DEEP  (1UL << 20) /* of the stack */
#define KINDS 6

extern char **environ;
static unsigned char bss[MANY];
static unsigned char data[64 << 10] = {1, 2, 3};
static sigjmp_buf back;

static void is_all(const volatile unsigned char *at, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i += 64)
        CHECK(at[i] == value);
}

static void on_fault(int signo)
{
    siglongjmp(back, signo);
}

static int can_touch(const volatile unsigned char *at)
{
    if (sigsetjmp(back, 1))
        return 0;
    (void)*at;
    return 1;
}

static void *map(size_t size, int prot)
{
    void *at = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

__attribute__((noinline)) static void stack_use(int spoils)
{
    unsigned char *low = (unsigned char *)__builtin_frame_address(0) - DEEP - 65536;
    if (spoils)
        memset(low, 0xbb, DEEP);
    else
        is_all(low, DEEP, 0);
}

/* The same memory as another kind in each run. */
static void memory_use(int kind)
{
    unsigned char *at;
    switch (kind) {
    case 0:
    case 1:
        at = map(MANY, PROT_READ | PROT_WRITE);
        is_all(at, MANY, 0);
        memset(at, 0xcc, MANY);
        if (kind == 1)
            CHECK(munmap(at, MANY) == 0 && !can_touch(at) && !can_touch(at + MANY / 2));
        break;
    case 2:
        at = map(MANY, PROT_READ);
        is_all(at, MANY, 0);
        break;
    case 3:
        at = map(MANY, PROT_NONE);
        for (size_t i = 0; i < MANY; i += MANY / 16)
            CHECK(!can_touch(at + i));
        break;
    case 4: /* grows into what another left */
        at = map(4096, PROT_READ | PROT_WRITE);
        at = mremap(at, 4096, MANY, MREMAP_MAYMOVE);
        CHECK(at != MAP_FAILED);
        is_all(at, MANY, 0);
        break;
    default: /* two thirds of it, then what is behind */
        at = map(MANY / 3 * 2 / 4096 * 4096, PROT_READ | PROT_WRITE);
        memset(at, 0xdd, MANY / 2);
        is_all(map(MANY, PROT_READ | PROT_WRITE), MANY, 0);
    }
}

/* A file, all of it, as read(2) gives it: the program's own pages may lie there. */
static void file_use(const char *path)
{
    static unsigned char piece[65536];
    struct stat st;
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    const unsigned char *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(at != MAP_FAILED);
    for (off_t off = 0; off < st.st_size; off += (off_t)sizeof(piece)) {
        ssize_t n = pread(fd, piece, sizeof(piece), off);
        CHECK(n > 0 && memcmp(at + off, piece, (size_t)n) == 0);
    }
    CHECK(munmap((void *)at, (size_t)st.st_size) == 0);
    unsigned char *mine = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(mine != MAP_FAILED && memcmp(mine, "\177ELF", 4) == 0);
    memset(mine, 0xee, (size_t)st.st_size);
    close(fd);
}

static int run(int kind)
{
    struct sigaction sa = {.sa_handler = on_fault};
    CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
    unsigned char *heap = sbrk((intptr_t)MANY);
    CHECK(heap != (void *)-1);
    is_all(bss, sizeof(bss), 0);
    is_all(heap, MANY, 0);
    CHECK(data[0] == 1 && data[2] == 3);
    is_all(data + 64, sizeof(data) - 64, 0);
    stack_use(0);
    memory_use(kind);
    file_use("/proc/self/exe");
    memset(bss, 0xaa, sizeof(bss));
    memset(heap, 0xab, MANY);
    memset(data, 0xac, sizeof(data));
    stack_use(1);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run(atoi(argv[1]));
    for (int i = 0; i < 3 * KINDS + 5; i++) {
        char kind[8];
        char *args[] = {argv[0], kind, NULL};
        pid_t pid;
        int status;
        snprintf(kind, sizeof(kind), "%d", i * i % KINDS + i % 2);
        CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ) == 0);
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    return 0;
}
