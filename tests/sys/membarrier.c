/* SPDX-License-Identifier: Apache-2.0 */
/* membarrier(2): registration, and that the side without a barrier of its own gets one. */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define ROUNDS 300

static int membarrier(int cmd, unsigned flags)
{
    return (int)syscall(SYS_membarrier, cmd, flags, 0);
}

static void registers(void)
{
    int offered = membarrier(MEMBARRIER_CMD_QUERY, 0);
    CHECK(offered & MEMBARRIER_CMD_GLOBAL && offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED && offered & MEMBARRIER_CMD_GLOBAL_EXPEDITED);
    CHECK_ERRNO(membarrier(-1, 0), EINVAL);
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_QUERY, 2), EINVAL);
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
    CHECK(membarrier(MEMBARRIER_CMD_GLOBAL, 0) == 0 && membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0) == 0);
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0) == 0);
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) == 0);
    CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0);
}

/* An image of its own starts without registrations; the child of fork has its parent's. */
static void forgets(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0) == 0);
        execl("/proc/self/exe", "membarrier", "again", (char *)NULL);
        _exit(9);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Each stores its own word and reads the other's; both reading 0 is what a barrier on both sides rules out. */
static volatile int mine, other, seen_by_light, light_round, heavy_round;

static void *light(void *arg)
{
    (void)arg;
    for (int i = 1; i <= ROUNDS; i++) {
        while (__atomic_load_n(&heavy_round, __ATOMIC_ACQUIRE) < i)
            ;
        other = 1;
        __asm__ volatile("" ::: "memory"); /* the compiler's order alone */
        seen_by_light = mine;
        __atomic_store_n(&light_round, i, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void orders(int cmd)
{
    pthread_t thread;
    heavy_round = light_round = 0;
    CHECK(pthread_create(&thread, NULL, light, NULL) == 0);
    for (int i = 1; i <= ROUNDS; i++) {
        mine = other = 0;
        __atomic_store_n(&heavy_round, i, __ATOMIC_RELEASE);
        mine = 1;
        CHECK(membarrier(cmd, 0) == 0);
        int seen = other;
        while (__atomic_load_n(&light_round, __ATOMIC_ACQUIRE) < i)
            ;
        CHECK(seen || seen_by_light);
    }
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Callers on all processors do not wait for each other for ever. */
static void *barriers(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        CHECK(membarrier(i % 50 ? MEMBARRIER_CMD_PRIVATE_EXPEDITED : MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0) == 0);
    return NULL;
}

static void all_at_once(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, barriers, NULL) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
        return 0;
    }
    registers();
    forgets();
    orders(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    orders(MEMBARRIER_CMD_GLOBAL_EXPEDITED);
    all_at_once();
    return 0;
}
