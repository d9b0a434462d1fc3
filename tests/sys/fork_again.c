/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork(2) many times by one process, whose memory changes between and meanwhile: what was written around the last fork says nothing
 * about what is right at the next one. A child, its parent and its siblings see their own content, whatever was foreseen.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE   4096UL
#define PAGES  96U
#define ROUNDS 80

static uint32_t *memory; /* a number on each page */
static uint32_t expected[PAGES];

static uint32_t *word(unsigned page)
{
    return memory + page * (PAGE / sizeof(uint32_t));
}

static void set(unsigned page, uint32_t value)
{
    *word(page) = expected[page] = value;
}

static void check_all(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        CHECK(*word(i) == expected[i]);
}

static void ends_well(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Writes some pages, checks all, forks once more. */
static void child_run(unsigned round, unsigned depth)
{
    for (unsigned i = round % 7; i < PAGES; i += 5 + round % 11)
        set(i, 1000 * (depth + 1) + round);
    check_all();
    if (depth < 2 && round % 3 == 0) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            child_run(round + 1, depth + 1);
            _exit(0);
        }
        set(round % PAGES, 7);
        ends_well(pid);
        check_all();
    }
}

/* The child's pid, in the parent. */
static pid_t child_start(unsigned round, unsigned depth)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        child_run(round, depth);
        _exit(0);
    }
    return pid;
}

static void in_turn(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t pid = child_start(round, 0);
        if (round % 2)
            set(round % PAGES, round);
        check_all();
        ends_well(pid);
        check_all();
        for (unsigned i = round % 3; i < PAGES; i += 1 + round % 29)
            set(i, round + 500);
    }
}

/* Several at once: what is apart between two of them may be shared with a third. */
static void siblings(void)
{
    pid_t pids[4];
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) {
            pids[i] = child_start(round + i, 1);
            set(i, round * 10 + i);
        }
        for (unsigned i = 0; i < 4; i++)
            ends_well(pids[i]);
        check_all();
    }
}

/* Pages that were written at each fork become read-only, empty, or others. */
static void areas_change(void)
{
    for (unsigned round = 0; round < 12; round++) {
        unsigned at = round * 4 % PAGES;
        for (unsigned i = 0; i < 4; i++)
            set(at + i, round);
        pid_t pid = child_start(round, 0);
        ends_well(pid);
        CHECK(mprotect(word(at), PAGE, PROT_READ) == 0);
        CHECK(madvise(word(at + 1), PAGE, MADV_DONTNEED) == 0);
        expected[at + 1] = 0;
        CHECK(mmap(word(at + 2), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == word(at + 2));
        expected[at + 2] = 0;
        CHECK(madvise(word(at + 3), PAGE, MADV_WIPEONFORK) == 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            CHECK(*word(at + 3) == 0);
            expected[at + 3] = 0;
            check_all();
            set(at + 2, 5);
            set(at + 1, 6);
            check_all();
            _exit(0);
        }
        ends_well(pid);
        check_all();
        CHECK(madvise(word(at + 3), PAGE, MADV_KEEPONFORK) == 0);
        CHECK(mprotect(word(at), PAGE, PROT_READ | PROT_WRITE) == 0);
    }
}

int main(void)
{
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    for (unsigned i = 0; i < PAGES; i++)
        set(i, i);
    in_turn();
    siblings();
    areas_change();
    return 0;
}
