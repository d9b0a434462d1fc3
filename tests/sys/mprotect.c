/* SPDX-License-Identifier: Apache-2.0 */
/* mprotect(2) up to a hole, and flags of mmap(2) and mprotect(2) that say what cannot be. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096

static int signal_of_write(volatile char *at)
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *at = 1;
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void hole(void)
{
    char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(at, 1, 4 * PAGE);
    CHECK(munmap(at + 2 * PAGE, PAGE) == 0);
    CHECK_ERRNO(mprotect(at, 4 * PAGE, PROT_READ), ENOMEM);
    CHECK(signal_of_write(at) == SIGSEGV && signal_of_write(at + PAGE) == SIGSEGV); /* before it: changed */
    CHECK(signal_of_write(at + 3 * PAGE) == 0);                                     /* behind it: not */
    CHECK_ERRNO(mprotect(at + 2 * PAGE, 2 * PAGE, PROT_READ), ENOMEM);
    CHECK(signal_of_write(at + 3 * PAGE) == 0);
}

static void growing(char *at)
{
    CHECK_ERRNO(mprotect(at, PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
    CHECK_ERRNO(mprotect(at, PAGE, PROT_READ | PROT_GROWSUP), EINVAL);
    CHECK_ERRNO(mprotect(at, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP), EINVAL);
    char *stack = __builtin_frame_address(0);
    stack -= (uintptr_t)stack % PAGE;
    CHECK(mprotect(stack, PAGE, PROT_READ | PROT_WRITE | PROT_GROWSDOWN) == 0);
}

static void refused(int flags, int fd, off_t off, int error)
{
    errno = 0;
    CHECK(mmap(NULL, PAGE, PROT_READ, flags, fd, off) == MAP_FAILED && errno == error);
}

int main(void)
{
    int fd = memfd_create("file", 0);
    CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
    hole();
    growing(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    refused(MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0, EINVAL);
    refused(MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0, EOPNOTSUPP);
    refused(MAP_SHARED | MAP_GROWSDOWN, fd, 0, EINVAL);
    refused(MAP_PRIVATE, fd, -PAGE, EOVERFLOW);
    return 0;
}
