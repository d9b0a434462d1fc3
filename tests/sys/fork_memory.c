/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2): several generations that run by turns, write, map and unmap, each see only what is theirs. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE  4096UL
#define PAGES 64
#define KIDS  4
#define TURNS 30

static unsigned char *memory;
static int to_child[KIDS][2], to_parent[KIDS][2];

static void ends_well(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void turn_take(int fd)
{
    char c;
    CHECK(read(fd, &c, 1) == 1);
}

static void turn_give(int fd)
{
    CHECK(write(fd, "x", 1) == 1);
}

/* A kid writes its value to every page i with i % KIDS == kid, and grows, shrinks and touches memory of its own. */
static void kid_run(int kid)
{
    unsigned char *own = NULL;
    for (int turn = 1; turn <= TURNS; turn++) {
        turn_take(to_child[kid][0]);
        for (int i = 0; i < PAGES; i++) {
            CHECK(memory[(unsigned long)i * PAGE] == (i % KIDS == kid && turn > 1 ? (unsigned char)(kid * 50 + turn - 1) : 0xee));
            if (i % KIDS == kid)
                memory[(unsigned long)i * PAGE] = (unsigned char)(kid * 50 + turn);
        }
        if (own) {
            CHECK(own[0] == kid + 1 && own[PAGE * 5] == 0);
            CHECK(munmap(own, PAGE * 8) == 0);
        }
        own = mmap(NULL, PAGE * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(own != MAP_FAILED && own[0] == 0 && own[PAGE * 7] == 0);
        own[0] = (unsigned char)(kid + 1);
        own[PAGE * 7] = 9;
        turn_give(to_parent[kid][1]);
    }
    _exit(0);
}

static void kids_by_turns(void)
{
    pid_t pids[KIDS];
    memset(memory, 0xee, PAGES * PAGE);
    for (int kid = 0; kid < KIDS; kid++) {
        CHECK(pipe(to_child[kid]) == 0 && pipe(to_parent[kid]) == 0);
        pids[kid] = fork();
        CHECK(pids[kid] >= 0);
        if (pids[kid] == 0)
            kid_run(kid);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        for (int kid = 0; kid < KIDS; kid++) {
            turn_give(to_child[kid][1]);
            turn_take(to_parent[kid][0]);
            CHECK(memory[(unsigned long)kid * PAGE] == 0xee && memory[(PAGES - 1) * PAGE] == 0xee);
        }
    }
    for (int kid = 0; kid < KIDS; kid++)
        ends_well(pids[kid]);
}

/* The middle one goes first; the grandchild keeps what it had. */
static void middle_dies(void)
{
    int p[2];
    char c;
    CHECK(pipe(p) == 0);
    memory[0] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        memory[0] = 2;
        memory[PAGE] = 2;
        if (fork() == 0) {
            memory[0] = 3;
            usleep(20000);
            CHECK(memory[0] == 3 && memory[PAGE] == 2);
            CHECK(write(p[1], "k", 1) == 1);
            _exit(0);
        }
        _exit(0);
    }
    ends_well(pid);
    close(p[1]);
    CHECK(memory[0] == 1 && memory[PAGE] == 0xee);
    memory[PAGE] = 4;
    CHECK(read(p[0], &c, 1) == 1 && c == 'k');
    CHECK(memory[0] == 1 && memory[PAGE] == 4);
    close(p[0]);
}

/* What one unmaps, protects or is advised away stays with the other. */
static void changes_are_own(void)
{
    memset(memory, 7, PAGES * PAGE);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(munmap(memory, PAGE * 4) == 0);
        CHECK(mprotect(memory + PAGE * 4, PAGE * 4, PROT_READ) == 0);
        CHECK(madvise(memory + PAGE * 8, PAGE * 4, MADV_DONTNEED) == 0);
        CHECK(memory[PAGE * 5] == 7 && memory[PAGE * 9] == 0);
        unsigned char *moved = mremap(memory + PAGE * 12, PAGE * 4, PAGE * 16, MREMAP_MAYMOVE);
        CHECK(moved != MAP_FAILED && moved[0] == 7 && moved[PAGE * 15] == 0);
        _exit(0);
    }
    ends_well(pid);
    for (int i = 0; i < PAGES; i++) {
        CHECK(memory[(unsigned long)i * PAGE] == 7);
        memory[(unsigned long)i * PAGE] = 8;
    }
}

static void advice_on_fork(void)
{
    unsigned char *wiped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    wiped[0] = 5;
    CHECK(madvise(wiped, PAGE, MADV_WIPEONFORK) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(wiped[0] == 0 ? 0 : 1);
    ends_well(pid);
    CHECK(wiped[0] == 5);
    CHECK(madvise(wiped, PAGE, MADV_KEEPONFORK) == 0);
    pid = fork();
    if (pid == 0)
        _exit(wiped[0] == 5 ? 0 : 1);
    ends_well(pid);
}

int main(void)
{
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    kids_by_turns();
    middle_dies();
    changes_are_own();
    advice_on_fork();
    return 0;
}
