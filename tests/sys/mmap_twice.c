/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2) of one file several times by one process: each munmap(2) ends one of them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"

#define SIZE (256 << 10)

static char *map(int fd, size_t size, int prot)
{
    char *at = mmap(NULL, size, prot, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

int main(void)
{
    char name[] = "/tmp/mmap_twice.XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, SIZE) == 0);
    const char *reader = map(fd, SIZE, PROT_READ);
    char *writer = map(fd, SIZE, PROT_READ | PROT_WRITE);
    writer[SIZE - 1] = 'w';
    CHECK(reader[SIZE - 1] == 'w');
    CHECK(munmap((void *)reader, SIZE) == 0);
    writer[0] = 'x';
    CHECK(msync(writer, SIZE, MS_SYNC) == 0);

    char *part = map(fd, SIZE / 2, PROT_READ | PROT_WRITE);
    CHECK(part[0] == 'x');
    CHECK(munmap(part, SIZE / 2) == 0);
    CHECK(msync(writer, SIZE, MS_SYNC) == 0);
    CHECK(writer[SIZE - 1] == 'w');

    part = map(fd, SIZE / 2, PROT_READ | PROT_WRITE);
    CHECK(munmap(writer, SIZE) == 0);
    part[1] = 'y';
    CHECK(msync(part, SIZE / 2, MS_SYNC) == 0);
    CHECK(munmap(part, SIZE / 2) == 0);
    CHECK_ERRNO(msync(part, SIZE / 2, MS_SYNC), ENOMEM);
    return 0;
}
