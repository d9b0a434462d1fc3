/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that take all there is of something, in the enclave: calls fail with the error that says so, or the one that takes too
 * much is killed; the enclave goes on, and what was given back can be had again. usage: exhaust NAME. It would do the same to a real machine.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/sys/check.h"

#define THREADS 100000
#define FDS     1048576

static int is_full(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == EAGAIN || error == ENOSPC;
}

/* ---- descriptors of each kind --------------------------------------------------------------------------------------------- */

static int open_null(int fds[2])
{
    return fds[0] = open("/dev/null", O_RDONLY);
}

static int open_epoll(int fds[2])
{
    return fds[0] = epoll_create1(0);
}

static int open_event(int fds[2])
{
    return fds[0] = eventfd(0, 0);
}

static int open_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int open_tcp(int fds[2])
{
    return fds[0] = socket(AF_INET, SOCK_STREAM, 0);
}

static int open_memfd(int fds[2])
{
    return fds[0] = memfd_create("x", 0);
}

static void take(int (*make)(int fds[2]))
{
    int fds[2], count = 0;
    while (count < FDS && make(fds) >= 0)
        count++;
    CHECK(count > 100 && (count == FDS || is_full(errno)));
    close_range(3, ~0U, 0);
    CHECK(make(fds) >= 0);
    close_range(3, ~0U, 0);
    printf("# %d\n", count);
}

static void descriptors(void)
{
    int (*const makes[])(int[2]) = {open_null, pipe, open_epoll, open_event, open_pair, open_tcp, open_memfd};
    struct rlimit most;
    CHECK(getrlimit(RLIMIT_NOFILE, &most) == 0);
    for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++)
        take(makes[i]);
    most.rlim_cur = most.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &most) == 0);
    for (size_t i = 0; i < sizeof(makes) / sizeof(makes[0]); i++)
        take(makes[i]);
}

/* ---- processes ------------------------------------------------------------------------------------------------------------- */

static int children_end(pid_t group)
{
    int count = 0;
    kill(-group, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        count++;
    CHECK(errno == ECHILD);
    return count;
}

/* A child that has a group of its own, in which nothing comes to rest. */
static pid_t group_start(void (*act)(void))
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        setpgid(0, 0);
        act();
        _exit(0);
    }
    setpgid(pid, pid);
    return pid;
}

/* Children that stay: their number is what there is room for. */
static void many_act(void)
{
    int count = 0;
    pid_t pid;
    while ((pid = fork()) > 0)
        count++;
    if (pid == 0)
        pause();
    CHECK(is_full(errno) && count > 20);
    printf("# %d\n", count);
    fflush(stdout);
}

/* All of them make more. */
static void bomb_act(void)
{
    for (int rounds = 0; rounds < 3000; rounds++) {
        pid_t pid = fork();
        CHECK(pid >= 0 || is_full(errno));
    }
    pause();
}

static void works_again(void)
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        execl("/usr/bin/true", "true", NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void processes(void)
{
    pid_t group = group_start(many_act);
    CHECK(waitpid(group, NULL, 0) == group);
    children_end(group);
    works_again();
}

static void bomb(void)
{
    struct rlimit most = {300, 300};
    for (int i = 0; i < 2; i++) { /* first with a limit, then with none but the memory */
        pid_t group = fork();
        CHECK(group >= 0);
        if (group == 0) {
            setpgid(0, 0);
            if (i == 0 && (setrlimit(RLIMIT_NPROC, &most) || setresuid(1000, 1000, 1000)))
                _exit(1);
            bomb_act();
        }
        setpgid(group, group);
        usleep(1500000); /* how far it comes in this time does not matter */
        children_end(group);
        works_again();
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *thread_main(void *arg)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return arg;
}

static int threads_start(pthread_t *threads)
{
    pthread_attr_t attr;
    int count = 0, err = 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 16384);
    pthread_attr_setguardsize(&attr, 0);
    while (count < THREADS && (err = pthread_create(&threads[count], &attr, thread_main, NULL)) == 0)
        count++;
    CHECK(count == THREADS || is_full(err));
    return count;
}

static void threads(void)
{
    pthread_t *all = malloc(THREADS * sizeof(*all));
    for (int round = 0; round < 2; round++) {
        pthread_mutex_lock(&gate);
        int count = threads_start(all);
        pthread_mutex_unlock(&gate);
        for (int i = 0; i < count; i++)
            CHECK(pthread_join(all[i], NULL) == 0);
        CHECK(count > 500);
        printf("# %d\n", count);
    }
    free(all);
    works_again();
}

/* ---- room for files, and memory ---------------------------------------------------------------------------------------------- */

static long long fill(const char *name, int *fd)
{
    static char data[65536];
    long long size = 0;
    ssize_t n;
    memset(data, 7, sizeof(data));
    *fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
    CHECK(*fd >= 0);
    while ((n = write(*fd, data, sizeof(data))) > 0)
        size += n;
    CHECK(is_full(errno));
    return size;
}

static void disk(void)
{
    long long sizes[3];
    for (int i = 0; i < 3; i++) {
        int fd;
        sizes[i] = fill("/tmp/large", &fd);
        CHECK(pread(fd, &fd, 0, 0) == 0);
        close(fd);
        CHECK(unlink("/tmp/large") == 0);
        printf("# %lld\n", sizes[i]);
    }
    CHECK(sizes[2] > sizes[0] * 8 / 10); /* it came back */
    for (int i = 0; i < 200000; i++) {   /* names, without content */
        char name[64];
        snprintf(name, sizeof(name), "/tmp/n%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0600);
        CHECK(fd >= 0 || is_full(errno));
        if (fd < 0)
            break;
        close(fd);
    }
    if (fork() == 0)
        execl("/usr/bin/find", "find", "/tmp", "-name", "n*", "-delete", NULL);
    wait(NULL);
    works_again();
}

static void memory_act(void)
{
    for (;;) {
        char *p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            _exit(3);
        for (size_t i = 0; i < 4 << 20; i += 4096)
            p[i] = 1;
    }
}

/* One that takes all is refused or killed; several at a time, too. */
static void memory(void)
{
    for (int round = 0; round < 4; round++) {
        int status, count = 1 + round;
        for (int i = 0; i < count; i++) {
            pid_t pid = fork();
            CHECK(pid >= 0 || is_full(errno));
            if (pid == 0)
                memory_act();
        }
        while (wait(&status) > 0)
            CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 3) || (WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV)));
        works_again();
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {{"descriptors", descriptors}, {"processes", processes}, {"bomb", bomb}, {"threads", threads}, {"disk", disk}, {"memory", memory}};
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            return 0;
        }
    }
    return 2;
}
