/* SPDX-License-Identifier: Apache-2.0 */
/* mlock(2) and its limit; what locked memory refuses; RLIMIT_DATA; MADV_POPULATE_*. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096UL
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static char *map(size_t size, int flags)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void in_child(void (*act)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        act();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void limit(int resource, rlim_t most)
{
    CHECK(setrlimit(resource, &(struct rlimit){most, most}) == 0);
}

static void become_nobody(void)
{
    if (geteuid() == 0)
        CHECK(setuid(65534) == 0);
}

static void one_page(void)
{
    limit(RLIMIT_MEMLOCK, PAGE);
    become_nobody();
    char *at = map(2 * PAGE, 0);
    CHECK_ERRNO(mlock(at, 2 * PAGE), ENOMEM);
    CHECK(mlock(at, PAGE) == 0 && mlock(at, PAGE) == 0); /* it counts once */
    CHECK_ERRNO(mlock(at + PAGE, PAGE), ENOMEM);
    errno = 0;
    CHECK(map(PAGE, MAP_LOCKED) == MAP_FAILED && errno == EAGAIN);
    CHECK(munlock(at, PAGE) == 0 && mlock(at + PAGE, PAGE) == 0);
}

static void none(void)
{
    limit(RLIMIT_MEMLOCK, 0);
    become_nobody();
    CHECK_ERRNO(mlockall(MCL_CURRENT), EPERM);
    errno = 0;
    CHECK(map(PAGE, MAP_LOCKED) == MAP_FAILED && errno == EPERM);
}

static void little_data(void)
{
    limit(RLIMIT_DATA, 1UL << 22);
    errno = 0;
    CHECK(map(1UL << 23, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK(mmap(NULL, 1UL << 23, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static void refuses(void)
{
    char *at = map(2 * PAGE, 0);
    CHECK(mlock(at, PAGE) == 0);
    CHECK_ERRNO(madvise(at, PAGE, MADV_DONTNEED), EINVAL);
    CHECK_ERRNO(madvise(at, PAGE, MADV_FREE), EINVAL);
    CHECK_ERRNO(msync(at, PAGE, MS_INVALIDATE), EBUSY);
    CHECK(msync(at, PAGE, MS_SYNC) == 0 && munlock(at, PAGE) == 0 && madvise(at, PAGE, MADV_DONTNEED) == 0);
}

static void populates(void)
{
    unsigned char there[2] = {0, 0};
    char *at = map(2 * PAGE, 0);
    CHECK(madvise(at, 2 * PAGE, MADV_POPULATE_WRITE) == 0 && mincore(at, 2 * PAGE, there) == 0 && (there[0] & there[1] & 1));
    CHECK(mprotect(at, PAGE, PROT_READ) == 0 && madvise(at, 2 * PAGE, MADV_POPULATE_READ) == 0);
    CHECK_ERRNO(madvise(at, 2 * PAGE, MADV_POPULATE_WRITE), EINVAL);
    CHECK(munmap(at + PAGE, PAGE) == 0);
    CHECK_ERRNO(madvise(at, 2 * PAGE, MADV_POPULATE_READ), ENOMEM);
}

int main(void)
{
    in_child(one_page);
    in_child(none);
    in_child(little_data);
    refuses();
    populates();
    return 0;
}
