/* SPDX-License-Identifier: Apache-2.0 */
/* mremap(2), madvise(2), mincore(2), mlock(2), brk(2). */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096UL
#define RW   (PROT_READ | PROT_WRITE)

static char *map(size_t pages)
{
    char *p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static int is_mapped(char *p)
{
    unsigned char vec;
    return mincore(p, PAGE, &vec) == 0;
}

static void grows_and_shrinks(void)
{
    char *p = map(4);
    for (int i = 0; i < 4; i++)
        p[(unsigned)i * PAGE] = (char)('a' + i);
    char *q = mremap(p, 4 * PAGE, 2 * PAGE, 0);
    CHECK(q == p && p[PAGE] == 'b' && !is_mapped(p + 2 * PAGE));
    q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q[0] == 'a' && q[PAGE] == 'b' && q[2 * PAGE] == 0 && q[63 * PAGE] == 0);
    CHECK(q == p || !is_mapped(p));
    munmap(q, 64 * PAGE);
}

static void cannot_grow_in_place(void)
{
    char *p = map(3);
    CHECK(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE);
    CHECK(mremap(p, PAGE, 2 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
    char *q = mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p && !is_mapped(p) && is_mapped(p + PAGE));
    munmap(q, 2 * PAGE);
    munmap(p, 3 * PAGE);
}

static void to_a_place(void)
{
    char *p = map(2), *room = map(4);
    memset(p, 'm', 2 * PAGE);
    memset(room, 'r', 4 * PAGE);
    CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE) == room + PAGE);
    CHECK(room[0] == 'r' && room[PAGE] == 'm' && room[3 * PAGE - 1] == 'm' && room[3 * PAGE] == 'r' && !is_mapped(p));
    CHECK(mremap(room, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(room, PAGE, PAGE, MREMAP_FIXED, p) == MAP_FAILED && errno == EINVAL);
    munmap(room, 4 * PAGE);
}

static void leaves_the_old(void)
{
    char *p = map(2);
    memset(p, 'd', 2 * PAGE);
    char *q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(q != MAP_FAILED && q != p && q[0] == 'd' && q[2 * PAGE - 1] == 'd');
    CHECK(p[0] == 0 && p[PAGE] == 0);
    munmap(p, 2 * PAGE);
    munmap(q, 2 * PAGE);
}

static void remap_errors(void)
{
    char *p = map(2);
    CHECK(mremap(p + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, PAGE, 0x80) == MAP_FAILED && errno == EINVAL);
    CHECK(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED && errno == EINVAL);
    munmap(p, 2 * PAGE);
    CHECK(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
}

static void advice(void)
{
    char *p = map(8);
    memset(p, 'q', 8 * PAGE);
    CHECK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
    CHECK(p[0] == 'q' && p[PAGE] == 0 && p[2 * PAGE] == 0 && p[3 * PAGE] == 'q');
    CHECK(madvise(p, 8 * PAGE, MADV_FREE) == 0);
    CHECK(p[0] == 'q' || p[0] == 0);
    CHECK(madvise(p, 8 * PAGE, MADV_WILLNEED) == 0 && madvise(p, 8 * PAGE, MADV_SEQUENTIAL) == 0);
    CHECK_ERRNO(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
    CHECK_ERRNO(madvise(p, PAGE, 12345), EINVAL);
    CHECK(munmap(p + 4 * PAGE, PAGE) == 0);
    CHECK_ERRNO(madvise(p, 8 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK(p[0] == 0 && p[7 * PAGE] == 0); /* done all the same */
    munmap(p, 8 * PAGE);
}

static void presence(void)
{
    unsigned char vec[4];
    char *p = map(4);
    p[0] = 1;
    CHECK(mincore(p, 4 * PAGE, vec) == 0 && (vec[0] & 1));
    CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL);
    CHECK_ERRNO(mincore(p, PAGE, NULL), EFAULT);
    CHECK(mlock(p, 4 * PAGE) == 0 && munlock(p, 4 * PAGE) == 0);
    CHECK(munmap(p + 2 * PAGE, PAGE) == 0);
    CHECK_ERRNO(mincore(p, 4 * PAGE, vec), ENOMEM);
    CHECK_ERRNO(mlock(p, 4 * PAGE), ENOMEM);
    munmap(p, 4 * PAGE);
}

static void program_break(void)
{
    char *start = sbrk(0);
    CHECK(sbrk(10 * PAGE) == start);
    memset(start, 'b', 10 * PAGE);
    CHECK(sbrk(-5 * (intptr_t)PAGE) == start + 10 * PAGE);
    CHECK(sbrk(5 * PAGE) == start + 5 * PAGE);
    char *fresh = (char *)(((uintptr_t)start + 5 * PAGE + PAGE - 1) & ~(PAGE - 1));
    CHECK(start[0] == 'b' && fresh[0] == 0 && fresh[3 * PAGE] == 0);
    CHECK(brk(start) == 0);
}

int main(void)
{
    grows_and_shrinks();
    cannot_grow_in_place();
    to_a_place();
    leaves_the_old();
    remap_errors();
    advice();
    presence();
    program_break();
    return 0;
}
