/* SPDX-License-Identifier: Apache-2.0 */
/* System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

struct text {
    long type;
    char data[8200];
};
static struct text text;

static int send(int id, long type, const char *s, int flags)
{
    text.type = type;
    strcpy(text.data, s);
    return msgsnd(id, &text, strlen(s), flags);
}

static void expect(int id, long type, int flags, long got, const char *s)
{
    memset(&text, 0, sizeof(text));
    CHECK(msgrcv(id, &text, 100, type, flags) == (ssize_t)strlen(s) && text.type == got && strcmp(text.data, s) == 0);
}

static void makes(void)
{
    struct msqid_ds ds;
    int id = msgget(0x4e414f57, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0 && msgget(0x4e414f57, 0) == id);
    CHECK_ERRNO(msgget(0x4e414f57, IPC_CREAT | IPC_EXCL), EEXIST);
    CHECK_ERRNO(msgget(0x4e414f58, 0), ENOENT);
    CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 0 && ds.msg_qbytes == 16384 && ds.msg_ctime > 0 && ds.msg_stime == 0);
    ds.msg_qbytes = 1000;
    CHECK(msgctl(id, IPC_SET, &ds) == 0 && msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qbytes == 1000);
    CHECK_ERRNO(msgctl(id, 77, &ds), EINVAL);
    CHECK_ERRNO(msgctl(-1, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(msgctl(id, IPC_STAT, nowhere), EFAULT);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    CHECK_ERRNO(msgctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(send(id, 1, "x", 0), EINVAL);
}

static void selects(void)
{
    struct msqid_ds ds;
    int id = msgget(IPC_PRIVATE, 0600);
    CHECK(send(id, 3, "three", 0) == 0 && send(id, 1, "one", 0) == 0 && send(id, 2, "two", 0) == 0 && send(id, 3, "again", 0) == 0);
    CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 4 && ds.msg_lspid == getpid() && ds.msg_stime > 0);
    expect(id, 2, 0, 2, "two");
    expect(id, 3, MSG_EXCEPT, 1, "one");
    CHECK_ERRNO(msgrcv(id, &text, 100, 2, IPC_NOWAIT), ENOMSG);
    CHECK_ERRNO(msgrcv(id, &text, 100, -2, IPC_NOWAIT), ENOMSG);
    CHECK_ERRNO(msgrcv(id, &text, 3, 0, 0), E2BIG);
    CHECK(send(id, 1, "low", 0) == 0);
    expect(id, -5, 0, 1, "low");
    expect(id, 0, 0, 3, "three");
    memset(&text, 0, sizeof(text));
    CHECK(msgrcv(id, &text, 3, 0, MSG_NOERROR) == 3 && memcmp(text.data, "aga", 4) == 0);
    CHECK_ERRNO(msgrcv(id, &text, 100, 0, IPC_NOWAIT), ENOMSG);
    CHECK(msgsnd(id, &(struct text){.type = 9}, 0, 0) == 0 && msgrcv(id, &text, 0, 9, 0) == 0);
    CHECK_ERRNO(send(id, 0, "x", 0), EINVAL);
    CHECK_ERRNO(send(id, -1, "x", 0), EINVAL);
    text.type = 1;
    CHECK_ERRNO(msgsnd(id, &text, 8193, 0), EINVAL);
    CHECK_ERRNO(msgsnd(id, nowhere, 1, 0), EFAULT);
    CHECK(msgsnd(id, &text, 8192, 0) == 0 && msgsnd(id, &text, 8192, 0) == 0);
    CHECK_ERRNO(msgsnd(id, &text, 1, IPC_NOWAIT), EAGAIN);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

static int shared;
static void *late_sender(void *arg)
{
    struct text m = {.type = 5, .data = "late"};
    usleep(20000);
    CHECK(msgsnd(shared, &m, 4, 0) == 0);
    return arg;
}

static void *late_remover(void *arg)
{
    usleep(20000);
    CHECK(msgctl(shared, IPC_RMID, NULL) == 0);
    return arg;
}

static void on_alarm(int signo)
{
    (void)signo;
}

static void waits(void)
{
    pthread_t t;
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    int status;
    shared = msgget(IPC_PRIVATE, 0600);
    CHECK(pthread_create(&t, NULL, late_sender, NULL) == 0);
    expect(shared, 5, 0, 5, "late");
    pthread_join(t, NULL);
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(msgrcv(shared, &text, 100, 0, 0), EINTR);
    pid_t pid = fork();
    if (pid == 0) {
        struct text m = {.type = 1};
        for (int i = 0; i < 100; i++)
            CHECK(msgsnd(shared, &m, 1000, 0) == 0); /* waits for room */
        _exit(0);
    }
    for (int i = 0; i < 100; i++)
        CHECK(msgrcv(shared, &text, 1000, 0, 0) == 1000);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(pthread_create(&t, NULL, late_remover, NULL) == 0);
    CHECK_ERRNO(msgrcv(shared, &text, 100, 0, 0), EIDRM);
    pthread_join(t, NULL);
}

static void is_inspected(void)
{
    struct msginfo info;
    struct msqid_ds ds;
    int id = msgget(IPC_PRIVATE, 0600), found = 0;
    CHECK(send(id, 1, "hello", 0) == 0);
    int highest = msgctl(0, MSG_INFO, (struct msqid_ds *)&info);
    CHECK(highest >= 0 && info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 5);
    CHECK(msgctl(0, IPC_INFO, (struct msqid_ds *)&info) == highest && info.msgmax == 8192 && info.msgmnb == 16384);
    for (int i = 0; i <= highest; i++)
        found += msgctl(i, MSG_STAT, &ds) == id && ds.msg_qnum == 1;
    CHECK(found == 1 && msgctl(id, IPC_RMID, NULL) == 0);
}

int main(void)
{
    makes();
    selects();
    waits();
    is_inspected();
    return 0;
}
