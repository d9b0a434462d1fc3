/* SPDX-License-Identifier: Apache-2.0 */
/* Shared mappings keep to their protection, and end where their file does; the kernel writes to what they show all the same. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096

static int signal_of(volatile char *at, int writes)
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (writes)
            *at = 'w';
        _exit(*at == 0 && writes);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static char *map(int fd, size_t size, int prot)
{
    char *at = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static void reads_only(int fd)
{
    char c;
    CHECK(pwrite(fd, "a", 1, 0) == 1);
    char *at = map(fd, 2 * PAGE, PROT_READ);
    CHECK(at[0] == 'a' && at[PAGE] == 0);
    CHECK(signal_of(at, 1) == SIGSEGV && signal_of(at + PAGE, 1) == SIGSEGV);
    CHECK(pwrite(fd, "bc", 2, PAGE - 1) == 2 && at[PAGE - 1] == 'b' && at[PAGE] == 'c'); /* write(2) may */
    CHECK(signal_of(at, 1) == SIGSEGV && signal_of(at + PAGE, 1) == SIGSEGV);
    CHECK_ERRNO(pread(fd, at, 1, 0), EFAULT);
    CHECK(mprotect(at, PAGE, PROT_READ | PROT_WRITE) == 0 && signal_of(at, 1) == 0 && at[0] == 'w');
    CHECK(signal_of(at + PAGE, 1) == SIGSEGV);
    CHECK(mprotect(at, 2 * PAGE, PROT_NONE) == 0 && signal_of(at, 0) == SIGSEGV);
    CHECK(pread(fd, &c, 1, 0) == 1 && c == 'w' && pwrite(fd, "d", 1, 0) == 1 && signal_of(at, 0) == SIGSEGV);
    CHECK(mprotect(at, 2 * PAGE, PROT_READ) == 0 && at[0] == 'd' && signal_of(at, 1) == SIGSEGV);
    CHECK(munmap(at, 2 * PAGE) == 0);
    at = map(fd, 2 * PAGE, PROT_READ | PROT_WRITE);
    at[0] = 'e';
    CHECK(munmap(at, 2 * PAGE) == 0);
}

static void anonymous(void)
{
    char *at = map(memfd_create("guard", 0), PAGE, PROT_NONE);
    CHECK(signal_of(at, 0) == SIGSEGV && munmap(at, PAGE) == 0);
    at = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    memset(at, 1, 3 * PAGE);
    CHECK(mprotect(at + PAGE, PAGE, PROT_NONE) == 0);
    CHECK(signal_of(at, 1) == 0 && signal_of(at + PAGE, 0) == SIGSEGV && signal_of(at + 2 * PAGE, 1) == 0);
    CHECK(mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0 && at[PAGE] == 1 && munmap(at, 3 * PAGE) == 0);
}

static void segment(void)
{
    int id = shmget(IPC_PRIVATE, PAGE, 0600);
    char *at = shmat(id, NULL, 0);
    at[0] = 's';
    CHECK(shmdt(at) == 0);
    at = shmat(id, NULL, SHM_RDONLY);
    CHECK(at != (void *)-1 && at[0] == 's' && signal_of(at, 1) == SIGSEGV && shmdt(at) == 0);
    at = shmat(id, NULL, 0);
    at[0] = 't';
    CHECK(shmdt(at) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
}

/* What is behind the file's end now is nobody's; what comes there later is new. */
static void truncated(int fd)
{
    CHECK(ftruncate(fd, 3 * PAGE) == 0);
    char *at = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE);
    memset(at, 'x', 3 * PAGE);
    CHECK(signal_of(at + 3 * PAGE, 0) == SIGBUS);
    CHECK(ftruncate(fd, PAGE + 10) == 0);
    CHECK(at[PAGE + 9] == 'x' && at[PAGE + 10] == 0 && signal_of(at + 2 * PAGE, 0) == SIGBUS && signal_of(at + 2 * PAGE, 1) == SIGBUS);
    CHECK_ERRNO(write(fd, at + 2 * PAGE, 1), EFAULT);
    CHECK(ftruncate(fd, 3 * PAGE) == 0 && at[2 * PAGE] == 0 && signal_of(at + 2 * PAGE, 1) == 0 && at[2 * PAGE] == 'w');
    CHECK(munmap(at, 4 * PAGE) == 0);
}

int main(void)
{
    int fd = memfd_create("file", 0);
    CHECK(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
    reads_only(fd);
    truncated(fd);
    anonymous();
    segment();
    char name[] = "/tmp/shared-XXXXXX";
    fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, 2 * PAGE) == 0);
    reads_only(fd);
    truncated(fd);
    return 0;
}
