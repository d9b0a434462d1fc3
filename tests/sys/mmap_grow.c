/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2) of a file that grows: mapped again as it gets larger, with the first mapping still there; all see one content. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"

#define FIRST (64 << 10)
#define LAST  (8 << 20)

int main(void)
{
    char name[] = "/tmp/mmap_grow.XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0);
    CHECK(ftruncate(fd, FIRST) == 0);
    char *first = mmap(NULL, FIRST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(first != MAP_FAILED);
    for (long size = FIRST * 2; size <= LAST; size *= 2) {
        CHECK(ftruncate(fd, size) == 0);
        char *again = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(again != MAP_FAILED);
        again[size - 1] = 'e';
        first[1]++;
        CHECK(again[1] == first[1] && again[size / 2 - 1] == (size == FIRST * 2 ? 0 : 'e'));
        CHECK(msync(again, (size_t)size, MS_SYNC) == 0);
        CHECK(munmap(again, (size_t)size) == 0);
    }
    return 0;
}
