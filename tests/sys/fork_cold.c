/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relatives that take turns, and have much that differs but use little of it: what they do not use may be kept away from
 * them, and must be theirs again whenever it is touched, moved, read from outside, forked, or let go.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGES   256
#define MEMBERS 4
#define ROUNDS  600
#define PAGE    4096UL
#define STAYS   2 /* the member that does not move its memory */

static volatile unsigned char *area;
static unsigned char self;

static unsigned char value_of(unsigned page)
{
    return (unsigned char)(self * 61 + page);
}

static void fill(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        area[i * PAGE + i] = value_of(i);
}

static void verify(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        CHECK(area[i * PAGE + i] == value_of(i));
}

/* What must find all pages there, each at its time. */
static void change(unsigned round)
{
    volatile unsigned char *moved;
    pid_t child;
    int status;
    switch (round % 100) {
    case 40:
        CHECK(mprotect((void *)(area + 16 * PAGE), 16 * PAGE, PROT_READ) == 0);
        verify(16, 32);
        CHECK(mprotect((void *)(area + 16 * PAGE), 16 * PAGE, PROT_READ | PROT_WRITE) == 0);
        break;
    case 60:
        if (self == STAYS)
            break;
        moved = mremap((void *)area, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
        CHECK(moved != MAP_FAILED);
        area = moved;
        verify(0, PAGES);
        CHECK(munmap((void *)(area + PAGES * PAGE), PAGES * PAGE) == 0);
        break;
    case 75:
        CHECK(madvise((void *)(area + 200 * PAGE), 4 * PAGE, MADV_DONTNEED) == 0);
        CHECK(area[200 * PAGE + 200] == 0);
        for (unsigned i = 200; i < 204; i++)
            area[i * PAGE + i] = value_of(i);
        break;
    case 90:
        child = fork();
        if (child == 0) {
            verify(0, PAGES);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        break;
    }
}

static void turn(unsigned round)
{
    unsigned page = round * 7 % PAGES;
    verify(page, page + 1);
    area[page * PAGE + page] = value_of(page);
    change(round + 25U * self);
}

static void member(int in, int out)
{
    char token;
    fill();
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK(read(in, &token, 1) == 1);
        turn(round);
        CHECK(write(out, &token, 1) == 1);
    }
    verify(0, PAGES);
    _exit(0);
}

/* A page of a relative, that it does not use, is read from outside while others run. */
static void peek(pid_t pid, unsigned char id, volatile unsigned char *first, unsigned page)
{
    unsigned char got = 0;
    struct iovec mine = {&got, 1}, theirs = {(void *)(first + page * PAGE + page), 1};
    CHECK(process_vm_readv(pid, &mine, 1, &theirs, 1, 0) == 1);
    CHECK(got == (unsigned char)(id * 61 + page));
}

int main(void)
{
    int pipes[MEMBERS + 1][2];
    pid_t pids[MEMBERS];
    char token = 't';
    volatile unsigned char *first = area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    fill();
    for (int i = 0; i <= MEMBERS; i++)
        CHECK(pipe(pipes[i]) == 0);
    for (int i = 0; i < MEMBERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            self = (unsigned char)(i + 1);
            member(pipes[i][0], pipes[i + 1][1]);
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        CHECK(write(pipes[0][1], &token, 1) == 1);
        CHECK(read(pipes[MEMBERS][0], &token, 1) == 1);
        turn(round);
        if (round % 50 == 20)
            peek(pids[STAYS - 1], STAYS, first, round % PAGES);
    }
    for (int i = 0; i < MEMBERS; i++) {
        int status;
        CHECK(waitpid(pids[i], &status, 0) == pids[i]);
        CHECK(status == 0);
    }
    verify(0, PAGES);
    return 0;
}
