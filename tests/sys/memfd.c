/* SPDX-License-Identifier: Apache-2.0 */
/* Files without a name, their seals, and what a mapping of a file that is open for reading only may become. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define SIZE 8192

static char data[SIZE * 4];

static int make(unsigned flags)
{
    int fd = memfd_create("seals", flags);
    CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
    return fd;
}

static void without_sealing(void)
{
    int fd = make(MFD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(fd, F_GET_SEALS) == F_SEAL_SEAL);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    close(fd);
    CHECK_ERRNO(memfd_create("x", ~0u), EINVAL);
    CHECK_ERRNO(memfd_create(NULL, 0), EFAULT);
}

static void sizes(void)
{
    int fd = make(MFD_ALLOW_SEALING);
    CHECK(fcntl(fd, F_GET_SEALS) == 0);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x4000), EINVAL);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0 && fcntl(fd, F_GET_SEALS) == F_SEAL_GROW);
    CHECK_ERRNO(ftruncate(fd, SIZE + 1), EPERM);
    CHECK_ERRNO(fallocate(fd, 0, 0, SIZE * 2), EPERM);
    CHECK(pwrite(fd, data, SIZE, 0) == SIZE);
    CHECK(pwrite(fd, data, SIZE * 2, 4096) == SIZE - 4096); /* what fits */
    CHECK_ERRNO(pwrite(fd, data, 1, SIZE), EPERM);
    CHECK(ftruncate(fd, SIZE / 2) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) == 0);
    CHECK_ERRNO(ftruncate(fd, 0), EPERM);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    CHECK(pwrite(fd, data, 10, 0) == 10);
    close(fd);
}

static void content(void)
{
    int fd = make(MFD_ALLOW_SEALING);
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK(munmap(p, SIZE) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    CHECK_ERRNO(pwrite(fd, data, 1, 0), EPERM);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EPERM);
    CHECK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    p[0] = 'x';
    CHECK(pread(fd, data, 1, 0) == 1 && data[0] == 0);
    CHECK(ftruncate(fd, SIZE * 2) == 0);
    munmap(p, SIZE);
    close(fd);
}

static void later_content(void)
{
    int fd = make(MFD_ALLOW_SEALING);
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED && fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0);
    p[0] = 'y'; /* the old mapping goes on */
    CHECK_ERRNO(pwrite(fd, data, 1, 0), EPERM);
    CHECK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
    char *q = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(q != MAP_FAILED && q[0] == 'y');
    CHECK_ERRNO(mprotect(q, SIZE, PROT_READ | PROT_WRITE), EACCES);
    munmap(p, SIZE);
    munmap(q, SIZE);
    close(fd);
}

static void open_for_reading(void)
{
    char name[] = "/tmp/naos-memfd-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, data, SIZE) == SIZE);
    int only = open(name, O_RDONLY);
    CHECK(only >= 0);
    CHECK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, only, 0) == MAP_FAILED && errno == EACCES);
    char *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, only, 0);
    CHECK(p != MAP_FAILED);
    CHECK_ERRNO(mprotect(p, SIZE, PROT_READ | PROT_WRITE), EACCES);
    CHECK(mprotect(p, SIZE, PROT_READ | PROT_EXEC) == 0);
    char *own = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, only, 0);
    CHECK(own != MAP_FAILED && mprotect(own, SIZE, PROT_READ | PROT_WRITE) == 0);
    own[0] = 1;
    CHECK_ERRNO(fcntl(only, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    munmap(p, SIZE), munmap(own, SIZE);
    close(only), close(fd);
    unlink(name);
}

/* It has no name, and gets none in another file system, whatever link of /proc leads to it. */
static void no_name(void)
{
    char from[64], to[64];
    int fd = make(0);
    snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
    snprintf(to, sizeof(to), "/tmp/naos-memfd-link-%d", getpid());
    CHECK_ERRNO(linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW), EXDEV);
    CHECK_ERRNO(access(to, F_OK), ENOENT);
    close(fd);
}

/* It belongs to who makes it. Only the child's ids change: the tests run as root. */
static void owner(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct stat st;
        CHECK(geteuid() != 0 || (setgid(1001) == 0 && setuid(1000) == 0));
        int fd = make(0);
        CHECK(fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_gid == getegid());
        CHECK(fchmod(fd, 0600) == 0);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    owner();
    no_name();
    without_sealing();
    sizes();
    content();
    later_content();
    open_for_reading();
    return 0;
}
