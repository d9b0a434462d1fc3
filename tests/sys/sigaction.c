/* SPDX-License-Identifier: Apache-2.0 */
/* sigaction(2) and its flags, masks, restarted calls, faults. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "check.h"

static volatile sig_atomic_t count, nested, last_code, last_signo;
static void *volatile last_addr;
static volatile pid_t last_pid;

static void on_count(int signo)
{
    last_signo = signo;
    count++;
}

static void on_info(int signo, siginfo_t *info, void *context)
{
    CHECK(signo == info->si_signo && context);
    last_code = info->si_code;
    last_pid = info->si_pid;
    count++;
}

static void install(int signo, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK(sigaction(signo, &action, NULL) == 0);
}

static void simple(void)
{
    struct sigaction old;
    count = 0;
    install(SIGUSR1, on_count, 0);
    CHECK(raise(SIGUSR1) == 0 && count == 1);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == on_count);
    install(SIGUSR1, on_count, SA_RESETHAND);
    raise(SIGUSR1);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL && count == 2);
    CHECK_ERRNO(sigaction(SIGKILL, &old, NULL), EINVAL);
    CHECK_ERRNO(sigaction(65, NULL, &old), EINVAL);
}

static void with_info(void)
{
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    kill(getpid(), SIGUSR1);
    CHECK(last_code == SI_USER && last_pid == getpid());
    raise(SIGUSR1);
    CHECK(last_code == SI_TKILL);
}

static void on_nest(int signo)
{
    nested++;
    if (nested < 3)
        raise(signo);
}

static void masks(void)
{
    sigset_t set, old, pending;
    nested = 0;
    install(SIGUSR2, on_nest, SA_NODEFER);
    raise(SIGUSR2);
    CHECK(nested == 3);
    count = 0;
    install(SIGUSR1, on_count, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGKILL); /* is not blocked, without an error */
    CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK(count == 0 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
    CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && !sigismember(&set, SIGKILL));
    CHECK(sigsuspend(&old) == -1 && errno == EINTR && count == 1); /* twice pending is once */
    CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, SIGUSR1));
    raise(SIGUSR1);
    install(SIGUSR1, SIG_IGN, 0); /* drops what is pending */
    CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0 && count == 1);
}

/* A child sends us a signal while we read; the pipe gets a byte later. */
static ssize_t read_interrupted(int flags)
{
    int fds[2], status;
    char c;
    CHECK(pipe(fds) == 0);
    count = 0;
    install(SIGUSR1, on_count, flags);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        usleep(30000);
        kill(parent, SIGUSR1);
        usleep(30000);
        CHECK(write(fds[1], "x", 1) == 1);
        _exit(0);
    }
    ssize_t n = read(fds[0], &c, 1);
    int error = errno;
    CHECK(count == 1);
    CHECK(waitpid(pid, &status, 0) == pid);
    close(fds[0]);
    close(fds[1]);
    errno = error;
    return n;
}

static void restart(void)
{
    CHECK(read_interrupted(SA_RESTART) == 1);
    CHECK(read_interrupted(0) == -1 && errno == EINTR);
}

static sigjmp_buf jump;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)context;
    last_signo = signo;
    last_code = info->si_code;
    last_addr = info->si_addr;
    siglongjmp(jump, 1);
}

static void faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGFPE, &action, NULL) == 0);
    CHECK(sigaction(SIGILL, &action, NULL) == 0 && sigaction(SIGTRAP, &action, NULL) == 0);
    if (!sigsetjmp(jump, 1))
        *(volatile int *)16 = 1;
    CHECK(last_signo == SIGSEGV && last_code == SEGV_MAPERR && last_addr == (void *)16);
    if (!sigsetjmp(jump, 1))
        page[100] = 1;
    CHECK(last_signo == SIGSEGV && last_code == SEGV_ACCERR && last_addr == (void *)&page[100]);
    volatile int zero = 0, one = 1;
    if (!sigsetjmp(jump, 1))
        one = one / zero;
#ifdef __x86_64__
    CHECK(last_signo == SIGFPE && last_code == FPE_INTDIV);
#endif
    if (!sigsetjmp(jump, 1))
        __builtin_trap();
    CHECK(last_signo == SIGILL || last_signo == SIGTRAP);
    munmap((void *)page, 4096);
}

static void kills_child(void (*act)(void), int signo)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        signal(signo, SIG_DFL);
        act();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == signo);
}

static void act_abort(void)
{
    abort();
}

static void act_segv(void)
{
    *(volatile int *)8 = 0;
}

static void act_blocked_segv(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    *(volatile int *)8 = 0;
}

static void act_term(void)
{
    raise(SIGTERM);
}

/* A handler changes what it returns to: floating point state and registers come back. */
static void on_float(int signo)
{
    volatile double x = signo;
    for (int i = 0; i < 100; i++)
        x = x * 1.5 + 2;
    count++;
}

static void floats_survive(void)
{
    double a = 1.25, b = 0;
    install(SIGUSR1, on_float, 0);
    for (int i = 0; i < 100; i++) {
        b += a;
        raise(SIGUSR1);
    }
    CHECK(b == 125.0);
}

static pthread_t main_thread;

static void *kills_main(void *arg)
{
    (void)arg;
    usleep(20000);
    pthread_kill(main_thread, SIGUSR2);
    return NULL;
}

static void between_threads(void)
{
    pthread_t thread;
    count = 0;
    install(SIGUSR2, on_count, 0);
    main_thread = pthread_self();
    CHECK(pthread_create(&thread, NULL, kills_main, NULL) == 0);
    while (!count) /* a busy thread is told too */
        ;
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Where no program can be: the one that jumps there dies, and nobody else. */
static void *volatile wild;

static void act_wild(void)
{
    ((void (*)(void))wild)();
}

static void wild_jumps(void)
{
    static const uintptr_t places[] = {UINTPTR_MAX, UINTPTR_MAX - 4095, (uintptr_t)1 << 63, (uintptr_t)1 << 47, ((uintptr_t)1 << 47) - 8192, 8};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        wild = (void *)places[i];
        kills_child(act_wild, SIGSEGV);
    }
}

int main(void)
{
    simple();
    with_info();
    masks();
    restart();
    faults();
    kills_child(act_abort, SIGABRT);
    kills_child(act_segv, SIGSEGV);
    kills_child(act_blocked_segv, SIGSEGV);
    kills_child(act_term, SIGTERM);
    wild_jumps();
    floats_survive();
    between_threads();
    return 0;
}
