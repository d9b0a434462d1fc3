/* SPDX-License-Identifier: Apache-2.0 */
/* System V semaphores: semget(2), semop(2), semtimedop(2), semctl(2). */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int op(int id, int num, int value, int flags)
{
    struct sembuf s = {(unsigned short)num, (short)value, (short)flags};
    return semop(id, &s, 1);
}

static int value(int id, int num)
{
    return semctl(id, num, GETVAL);
}

static void makes(void)
{
    struct semid_ds ds;
    int id = semget(0x4e414f55, 3, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0 && semget(0x4e414f55, 0, 0) == id && semget(0x4e414f55, 3, IPC_CREAT | 0600) == id);
    CHECK_ERRNO(semget(0x4e414f55, 3, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_ERRNO(semget(0x4e414f55, 4, 0), EINVAL);
    CHECK_ERRNO(semget(0x4e414f56, 1, 0), ENOENT);
    CHECK_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
    CHECK_ERRNO(semget(IPC_PRIVATE, -1, 0600), EINVAL);
    CHECK_ERRNO(semget(IPC_PRIVATE, 100000, 0600), EINVAL);
    CHECK(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}) == 0 && ds.sem_nsems == 3 && ds.sem_otime == 0 && ds.sem_ctime > 0);
    CHECK((ds.sem_perm.mode & 0777) == 0600);
    ds.sem_perm.mode = 0644;
    CHECK(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}) == 0);
    CHECK_ERRNO(semctl(id, 0, 77), EINVAL);
    CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(id, -1, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(id, 0, SETVAL, (union semun){.val = -1}), ERANGE);
    CHECK_ERRNO(semctl(id, 0, SETVAL, (union semun){.val = 32768}), ERANGE);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
    CHECK_ERRNO(semctl(id, 0, IPC_RMID), EINVAL);
    CHECK_ERRNO(op(id, 0, 1, 0), EINVAL);
}

static void operates(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600);
    unsigned short values[3] = {1, 2, 3};
    struct timespec t = {0, 20000000};
    CHECK(value(id, 0) == 0 && op(id, 0, 5, 0) == 0 && value(id, 0) == 5 && op(id, 0, -3, 0) == 0 && value(id, 0) == 2);
    CHECK(semctl(id, 0, GETPID) == getpid() && semctl(id, 1, GETPID) == 0);
    CHECK_ERRNO(op(id, 0, -3, IPC_NOWAIT), EAGAIN);
    CHECK_ERRNO(op(id, 0, 0, IPC_NOWAIT), EAGAIN);
    CHECK(op(id, 1, 0, 0) == 0);
    CHECK_ERRNO(op(id, 3, 1, 0), EFBIG);
    CHECK_ERRNO(op(id, 0, 32767, 0), ERANGE);
    CHECK_ERRNO(semop(id, NULL, 0), EINVAL);
    CHECK_ERRNO(semop(id, nowhere, 1), EFAULT);
    CHECK_ERRNO(semop(id, (struct sembuf[501]){{0, 0, 0}}, 501), E2BIG);
    /* All or nothing, one after the other. */
    struct sembuf both[2] = {{1, 4, 0}, {0, -9, IPC_NOWAIT}};
    CHECK_ERRNO(semop(id, both, 2), EAGAIN);
    CHECK(value(id, 1) == 0);
    struct sembuf up_down[2] = {{1, 4, 0}, {1, -3, 0}};
    CHECK(semop(id, up_down, 2) == 0 && value(id, 1) == 1);
    CHECK(semctl(id, 0, SETALL, (union semun){.array = values}) == 0);
    memset(values, 0, sizeof(values));
    CHECK(semctl(id, 0, GETALL, (union semun){.array = values}) == 0 && values[0] == 1 && values[1] == 2 && values[2] == 3);
    CHECK(semctl(id, 2, SETVAL, (union semun){.val = 0}) == 0 && value(id, 2) == 0);
    struct sembuf down = {2, -1, 0};
    CHECK_ERRNO(semtimedop(id, &down, 1, &t), EAGAIN);
    t.tv_nsec = 1000000000;
    CHECK_ERRNO(semtimedop(id, &down, 1, &t), EINVAL);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static int shared;
static void *downer(void *arg)
{
    CHECK(op(shared, 0, -2, 0) == 0);
    return arg;
}

static void *zero_waiter(void *arg)
{
    CHECK(op(shared, 1, 0, 0) == 0);
    return arg;
}

static void *doomed(void *arg)
{
    CHECK_ERRNO(op(shared, 2, -1, 0), EIDRM);
    return arg;
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void waits(void)
{
    pthread_t t[3];
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    shared = semget(IPC_PRIVATE, 3, 0600);
    CHECK(op(shared, 1, 1, 0) == 0);
    CHECK(pthread_create(&t[0], NULL, downer, NULL) == 0 && pthread_create(&t[1], NULL, zero_waiter, NULL) == 0);
    while (semctl(shared, 0, GETNCNT) != 1 || semctl(shared, 1, GETZCNT) != 1)
        usleep(1000);
    CHECK(op(shared, 0, 1, 0) == 0);
    usleep(5000);
    CHECK(value(shared, 0) == 1 && op(shared, 0, 1, 0) == 0);
    pthread_join(t[0], NULL);
    CHECK(value(shared, 0) == 0 && semctl(shared, 0, GETNCNT) == 0 && op(shared, 1, -1, 0) == 0);
    pthread_join(t[1], NULL);
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(op(shared, 0, -1, 0), EINTR);
    CHECK(pthread_create(&t[2], NULL, doomed, NULL) == 0);
    while (semctl(shared, 2, GETNCNT) != 1)
        usleep(1000);
    CHECK(semctl(shared, 0, IPC_RMID) == 0);
    pthread_join(t[2], NULL);
}

static void undoes(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600), status;
    CHECK(op(id, 0, 3, 0) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(op(id, 0, -2, SEM_UNDO) == 0 && op(id, 1, 4, SEM_UNDO) == 0 && value(id, 0) == 1 && value(id, 1) == 4);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(value(id, 0) == 3 && value(id, 1) == 0);
    pid = fork();
    if (pid == 0) {
        CHECK(op(id, 0, -3, SEM_UNDO) == 0);
        pause();
    }
    while (value(id, 0) != 0)
        usleep(1000);
    kill(pid, SIGKILL);
    CHECK(op(id, 0, -3, 0) == 0); /* wakes when the other is gone */
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void is_inspected(void)
{
    struct seminfo info;
    struct semid_ds ds;
    int id = semget(IPC_PRIVATE, 7, 0600), found = 0;
    int highest = semctl(0, 0, SEM_INFO, (union semun){.info = &info});
    CHECK(highest >= 0 && info.semusz >= 1 && info.semaem >= 7 && info.semvmx == 32767);
    CHECK(semctl(0, 0, IPC_INFO, (union semun){.info = &info}) == highest && info.semaem == 32767);
    for (int i = 0; i <= highest; i++)
        found += semctl(i, 0, SEM_STAT, (union semun){.buf = &ds}) == id && ds.sem_nsems == 7;
    CHECK(found == 1 && semctl(id, 0, IPC_RMID) == 0);
}

int main(void)
{
    makes();
    operates();
    waits();
    undoes();
    is_inspected();
    return 0;
}
