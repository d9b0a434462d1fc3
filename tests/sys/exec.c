/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2) and execveat(2): arguments, environment, auxiliary vector, scripts, what survives, errors. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static char self[PATH_MAX];
static char directory[] = "/tmp/naos-exec-XXXXXX";

/* ---- what the program that we run checks, by its first argument --------------------------------------------- */

static int child_args(int argc, char **argv)
{
    CHECK(argc == 5 && !strcmp(argv[2], "") && !strcmp(argv[3], "two words") &&
          strlen(argv[4]) == 100000);
    CHECK(argv[5] == NULL && environ[0] && !strcmp(environ[0], "A=b") && environ[1] == NULL);
    return 21;
}

static int child_auxv(void)
{
    CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100);
    CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid() &&
          getauxval(AT_SECURE) == 0);
    const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
    int sum = 0;
    for (int i = 0; i < 16; i++)
        sum |= random[i];
    CHECK(sum != 0);
    CHECK(getauxval(AT_PHENT) == sizeof(Elf64_Phdr) && getauxval(AT_PHNUM) > 0);
    const Elf64_Phdr *phdr = (const Elf64_Phdr *)getauxval(AT_PHDR);
    CHECK(phdr->p_type != 0xffff);
    CHECK(getauxval(AT_ENTRY) != 0 && getauxval(AT_PLATFORM) != 0);
    CHECK(strlen((const char *)getauxval(AT_EXECFN)) > 0);
    return 22;
}

static int child_state(char **argv)
{
    struct sigaction action;
    sigset_t mask;
    char name[16] = "";
    CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGHUP));
    CHECK(fcntl(atoi(argv[2]), F_GETFD) == 0);
    CHECK_ERRNO(fcntl(atoi(argv[3]), F_GETFD), EBADF);
    CHECK(prctl(PR_GET_NAME, name) == 0 && strlen(name) > 0);
    CHECK(getpid() == atoi(argv[4]) && gettid() == getpid());
    stack_t stack;
    CHECK(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE);
    return 23;
}

/* Zero-initialised data, a heap and a deep stack are there. */
static char zeros[300000];

static int child_memory(void)
{
    volatile char deep[1 << 20];
    for (size_t i = 0; i < sizeof(zeros); i++)
        CHECK(zeros[i] == 0);
    deep[0] = deep[sizeof(deep) - 1] = 1;
    char *heap = sbrk(1 << 20);
    CHECK(heap != (void *)-1);
    memset(heap, 1, 1 << 20);
    return 24 + deep[0] - 1;
}

static int child(int argc, char **argv)
{
    if (!strcmp(argv[1], "args"))
        return child_args(argc, argv);
    if (!strcmp(argv[1], "auxv"))
        return child_auxv();
    if (!strcmp(argv[1], "state"))
        return child_state(argv);
    if (!strcmp(argv[1], "memory"))
        return child_memory();
    return 99;
}

/* ---- the tests ---------------------------------------------------------------------------------------------- */

static int status_of(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(const char *path, char **argv, char **envp)
{
    pid_t pid = fork();
    if (pid == 0) {
        execve(path, argv, envp);
        _exit(errno);
    }
    return status_of(pid);
}

static void arguments(void)
{
    char *longest = malloc(100001);
    memset(longest, 'x', 100000);
    longest[100000] = 0;
    char *argv[] = {"exec", "args", "", "two words", longest, NULL}, *envp[] = {"A=b", NULL};
    CHECK(run(self, argv, envp) == 21);
    char *auxv[] = {"exec", "auxv", NULL}, *memory[] = {"exec", "memory", NULL};
    CHECK(run(self, auxv, environ) == 22);
    CHECK(run(self, memory, environ) == 24);
    char *huge = malloc(140001);
    memset(huge, 'x', 140000);
    huge[140000] = 0;
    char *too_long[] = {"exec", huge, NULL};
    CHECK(run(self, too_long, environ) == E2BIG);
    free(huge);
    free(longest);
}

static void on_signal(int signo)
{
    (void)signo;
}

static void *waits(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void *runs_state(void *arg)
{
    execve(self, arg, environ);
    _exit(98);
}

/* From a thread that is not the leader, with others around. */
static void state(int from_thread)
{
    char kept_text[12], closed_text[12], pid_text[12];
    int kept = dup(0), closed = fcntl(0, F_DUPFD_CLOEXEC, 0);
    char *argv[] = {"exec", "state", kept_text, closed_text, pid_text, NULL};
    snprintf(kept_text, sizeof(kept_text), "%d", kept);
    snprintf(closed_text, sizeof(closed_text), "%d", closed);
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t mask;
        pthread_t thread;
        static char alt[65536];
        stack_t stack = {.ss_sp = alt, .ss_size = sizeof(alt)};
        snprintf(pid_text, sizeof(pid_text), "%d", getpid());
        signal(SIGUSR1, on_signal);
        signal(SIGUSR2, SIG_IGN);
        sigemptyset(&mask);
        sigaddset(&mask, SIGHUP);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        sigaltstack(&stack, NULL);
        for (int i = 0; i < 3 && from_thread; i++)
            pthread_create(&thread, NULL, waits, NULL);
        if (!from_thread)
            runs_state(argv);
        pthread_create(&thread, NULL, runs_state, argv);
        for (;;)
            pause();
    }
    CHECK(status_of(pid) == 23);
    close(kept);
    close(closed);
}

static void file_put(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
}

static void scripts(void)
{
    char path[PATH_MAX], text[PATH_MAX + 64], *argv[] = {"script", "ignored", NULL};
    snprintf(path, sizeof(path), "%s/script", directory);
    snprintf(text, sizeof(text), "#! %s auxv\n", self);
    file_put(path, text, 0755);
    CHECK(run(path, argv, environ) == 22);
    file_put(path, "#!/does/not/exist\n", 0755);
    CHECK(run(path, argv, environ) == ENOENT);
    file_put(path, "neither fish nor fowl\n", 0755);
    CHECK(run(path, argv, environ) == ENOEXEC);
    file_put(path, "", 0755);
    CHECK(run(path, argv, environ) == ENOEXEC);
    snprintf(text, sizeof(text), "#!%s\n", path);
    file_put(path, text, 0755);
    CHECK(run(path, argv, environ) == ELOOP);
    file_put(path, "#!/bin/sh\n", 0644);
    CHECK(run(path, argv, environ) == EACCES);
    unlink(path);
}

static void errors(void)
{
    char *argv[] = {"x", NULL};
    CHECK_ERRNO(execve("/does/not/exist", argv, environ), ENOENT);
    CHECK_ERRNO(execve("/", argv, environ), EACCES);
    CHECK_ERRNO(execve("/dev/null", argv, environ), EACCES);
    CHECK_ERRNO(execve("", argv, environ), ENOENT);
    void *volatile nowhere = (void *)16;
    CHECK_ERRNO(execve(nowhere, argv, environ), EFAULT);
    CHECK_ERRNO(execve(self, nowhere, environ), EFAULT);
}

static void by_descriptor(void)
{
    char *argv[] = {"exec", "auxv", NULL};
    int fd = open(self, O_RDONLY);
    CHECK(fd >= 0);
    pid_t pid = fork();
    if (pid == 0) {
        syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
        _exit(errno);
    }
    CHECK(status_of(pid) == 22);
    CHECK_ERRNO(syscall(SYS_execveat, fd, "", argv, environ, 0), ENOENT);
    CHECK_ERRNO(syscall(SYS_execveat, AT_FDCWD, "/proc/self/exe", argv, environ, AT_SYMLINK_NOFOLLOW), ELOOP);
    close(fd);
}

static void copy_self(int to)
{
    char buf[65536];
    ssize_t n;
    int from = open(self, O_RDONLY);
    CHECK(from >= 0 && to >= 0);
    while ((n = read(from, buf, sizeof(buf))) > 0)
        CHECK(write(to, buf, (size_t)n) == n);
    close(from);
}

/* Who may execute a file need not be allowed to read it. */
static void not_readable(void)
{
    char path[64], *argv[] = {path, "auxv", NULL};
    snprintf(path, sizeof(path), "%s/program", directory);
    int to = open(path, O_CREAT | O_WRONLY, 0700);
    copy_self(to);
    CHECK(fchmod(to, 0111) == 0 && close(to) == 0 && chmod(directory, 0755) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(getuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0));
        CHECK_ERRNO(open(path, O_RDONLY), EACCES);
        execve(path, argv, environ);
        _exit(errno);
    }
    CHECK(status_of(pid) == 22 && unlink(path) == 0);
}

static void from_memory(void)
{
    char *argv[] = {"exec", "auxv", NULL};
    int to = memfd_create("program", 0);
    copy_self(to);
    pid_t pid = fork();
    if (pid == 0) {
        fexecve(to, argv, environ);
        _exit(errno);
    }
    CHECK(status_of(pid) == 22);
    close(to);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(argc, argv);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    CHECK(n > 0);
    CHECK(mkdtemp(directory));
    arguments();
    state(0);
    state(1);
    scripts();
    errors();
    by_descriptor();
    from_memory();
    not_readable();
    CHECK(rmdir(directory) == 0);
    return 0;
}
