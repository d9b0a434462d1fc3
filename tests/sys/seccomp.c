/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2): strict mode, filters and what their answers do, who inherits them, programs that are refused. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))

static int seccomp(unsigned op, unsigned flags, void *args)
{
    return (int)syscall(SYS_seccomp, op, flags, args);
}

static int install(struct sock_filter *code, size_t count, unsigned flags)
{
    struct sock_fprog prog = {.len = (unsigned short)count, .filter = code};
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/* This answer for getppid(2); all else is let through. */
static int answers(uint32_t answer, unsigned flags)
{
    struct sock_filter code[] = {LOAD(nr), IS(SYS_getppid, 0, 1), RETURN(answer), RETURN(SECCOMP_RET_ALLOW)};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return install(code, LENGTH(code), flags);
}

static long ask(void)
{
    return syscall(SYS_getppid);
}

/* How a child that does this ends. */
static int end_of(void (*what)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        what();
        syscall(SYS_exit_group, 42);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status & ~0x80; /* not whether it left a core */
}

static int is_ok(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 42;
}

/* ---- strict mode ---- */

static void strict_calls(void)
{
    int ends[2];
    char c = 'x';
    CHECK(pipe(ends) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0);
    int ok = write(ends[1], &c, 1) == 1 && read(ends[0], &c, 1) == 1;
    syscall(SYS_exit, ok ? 42 : 1);
}

static void strict_other(void)
{
    CHECK(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL) == 0);
    ask();
}

static void strict_group(void)
{
    CHECK(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL) == 0);
    syscall(SYS_exit_group, 42);
}

/* ---- answers ---- */

static volatile siginfo_t trapped;
static volatile uintptr_t trapped_at;

static void on_trap(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)context;
    memcpy((void *)&trapped, info, sizeof(*info));
    trapped_at = (uintptr_t)info->si_call_addr;
}

static void trap(void)
{
    struct sigaction act = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSYS, &act, NULL) == 0 && answers(SECCOMP_RET_TRAP | 77, 0) == 0);
    CHECK(ask() == SYS_getppid);
    CHECK(trapped.si_signo == SIGSYS && trapped.si_code == 1 && trapped.si_errno == 77);
    CHECK(trapped.si_syscall == SYS_getppid && trapped_at != 0);
#ifdef __x86_64__
    CHECK(trapped.si_arch == AUDIT_ARCH_X86_64);
#endif
}

static void trap_ignored(void)
{
    signal(SIGSYS, SIG_IGN);
    CHECK(answers(SECCOMP_RET_TRAP, 0) == 0);
    ask();
}

static void errnos(void)
{
    CHECK(prctl(PR_GET_SECCOMP) == 0);
    CHECK(answers(SECCOMP_RET_ERRNO | EXDEV, 0) == 0);
    CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
    CHECK_ERRNO(ask(), EXDEV);
    CHECK(getpid() > 0);
    CHECK(answers(SECCOMP_RET_LOG, 0) == 0);
    CHECK_ERRNO(ask(), EXDEV); /* the older filter's is the sterner */
    CHECK(answers(SECCOMP_RET_ERRNO | EMLINK, SECCOMP_FILTER_FLAG_LOG) == 0);
    CHECK_ERRNO(ask(), EMLINK); /* as stern, but newer */
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
}

static void nobody_to_ask(void)
{
    CHECK(answers(SECCOMP_RET_LOG, 0) == 0 && ask() > 0);
    CHECK(answers(SECCOMP_RET_TRACE, 0) == 0);
    CHECK_ERRNO(ask(), ENOSYS);
}

static void kill_process(void)
{
    CHECK(answers(SECCOMP_RET_KILL_PROCESS, 0) == 0);
    ask();
}

static void kill_thread_alone(void)
{
    CHECK(answers(SECCOMP_RET_KILL_THREAD, 0) == 0);
    ask();
}

static void *asks(void *arg)
{
    CHECK(answers(SECCOMP_RET_KILL_THREAD, 0) == 0);
    ask();
    *(int *)arg = 1;
    return NULL;
}

static void kill_thread(void)
{
    pthread_t thread;
    int came_back = 0;
    CHECK(pthread_create(&thread, NULL, asks, &came_back) == 0);
    CHECK(pthread_join(thread, NULL) == 0 && !came_back);
    CHECK(ask() > 0);
}

static void unknown_action(void)
{
    CHECK(answers(0x12340000, 0) == 0);
    ask();
}

/* ---- who has a filter ---- */

static void inherit(void)
{
    CHECK(answers(SECCOMP_RET_ERRNO | EXDEV, 0) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_ERRNO(ask(), EXDEV);
        execl("/proc/self/exe", "seccomp", "again", (char *)NULL);
        _exit(9);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void *waits(void *arg)
{
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
        usleep(1000);
    CHECK_ERRNO(ask(), EXDEV);
    return NULL;
}

static void all_threads(void)
{
    pthread_t thread;
    int go = 0;
    CHECK(pthread_create(&thread, NULL, waits, &go) == 0);
    CHECK(answers(SECCOMP_RET_ERRNO | EXDEV, SECCOMP_FILTER_FLAG_TSYNC) == 0);
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(thread, NULL) == 0);
}

static int32_t stranger;

static void *goes_its_own_way(void *arg)
{
    CHECK(answers(SECCOMP_RET_LOG, 0) == 0);
    __atomic_store_n(&stranger, (int32_t)gettid(), __ATOMIC_RELEASE);
    while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
        usleep(1000);
    CHECK(ask() > 0);
    return NULL;
}

static void not_all_threads(void)
{
    pthread_t thread;
    int go = 0, tid;
    CHECK(pthread_create(&thread, NULL, goes_its_own_way, &go) == 0);
    while ((tid = __atomic_load_n(&stranger, __ATOMIC_ACQUIRE)) == 0)
        usleep(1000);
    CHECK(answers(SECCOMP_RET_ERRNO | EXDEV, SECCOMP_FILTER_FLAG_TSYNC) == tid);
    CHECK_ERRNO(answers(SECCOMP_RET_ERRNO | EXDEV, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH), ESRCH);
    CHECK(ask() > 0);
    __atomic_store_n(&go, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- programs ---- */

/* The errno of getpriority(first, second) that is computed from its arguments. */
static void computes(void)
{
    struct sock_filter code[] = {
        LOAD(nr), IS(SYS_getpriority, 1, 0), RETURN(SECCOMP_RET_ALLOW),
        LOAD(args[0]), BPF_STMT(BPF_ST, 3), /* M[3] = first */
        LOAD(args[1]), BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_MEM, 3),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 5), /* first * second + 5 */
        BPF_STMT(BPF_STX, 15), BPF_STMT(BPF_LDX | BPF_MEM, 15),
        BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), /* / second: ends with 0 if that is 0 */
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2), BPF_STMT(BPF_ALU | BPF_NEG, 0),
        BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 100, 0, 1), BPF_STMT(BPF_LD | BPF_IMM, 100),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0, 1, 0), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 64),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 64, 0, 1), BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0),
    };
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install(code, LENGTH(code), 0) == 0);
    CHECK_ERRNO(syscall(SYS_getpriority, 3, 2), 20);   /* 11 / 2 = 5, 5 * 4, ^ 1, - 1 */
    CHECK_ERRNO(syscall(SYS_getpriority, 99, 1), 100); /* 104 * 4: at most 100 */
    CHECK_ERRNO(syscall(SYS_getpriority, 1, 30), 68);  /* 1 * 4 is below 30 */
}

static int refused(struct sock_filter one)
{
    struct sock_filter code[] = {one, RETURN(SECCOMP_RET_ALLOW)};
    errno = 0;
    return install(code, 2, 0) == -1 && errno == EINVAL;
}

static void refusals(void)
{
    struct sock_filter last[] = {LOAD(nr)}, allow[] = {RETURN(SECCOMP_RET_ALLOW)};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data))));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, 16)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_ST, 16)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3)));
    CHECK(refused((struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1)));
    CHECK(refused((struct sock_filter)IS(1, 0, 1)));
    CHECK(refused((struct sock_filter)BPF_STMT(0xffff, 0)));
    CHECK_ERRNO(install(last, 1, 0), EINVAL);
    CHECK_ERRNO(install(allow, 0, 0), EINVAL);
    CHECK_ERRNO(install(allow, BPF_MAXINSNS + 1, 0), EINVAL);
    CHECK_ERRNO(install(nowhere, 1, 0), EFAULT);
    CHECK_ERRNO(install(allow, 1, 1U << 20), EINVAL);
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, 0, nowhere), EFAULT);
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
    CHECK_ERRNO(seccomp(77, 0, NULL), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, 3, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nowhere, 0, 0), EFAULT);
    CHECK(prctl(PR_GET_SECCOMP) == 0);
}

static void without_the_right(void)
{
    struct sock_filter allow[] = {RETURN(SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {.len = 1, .filter = allow};
    CHECK(setuid(1000) == 0);
    CHECK_ERRNO(install(allow, 1, 0), EACCES);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0), EACCES);
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0), EFAULT); /* said first */
    CHECK_ERRNO(install(allow, 0, 0), EINVAL);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
}

static void too_many(void)
{
    static struct sock_filter code[BPF_MAXINSNS];
    for (size_t i = 0; i < BPF_MAXINSNS; i++)
        code[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(install(code, BPF_MAXINSNS, 0) == 0);
    int count = 1;
    while (count < 9 && install(code, BPF_MAXINSNS, 0) == 0)
        count++;
    CHECK(count < 9 && errno == ENOMEM);
}

static void tells(void)
{
    uint32_t known = SECCOMP_RET_TRAP, unknown = 0x12340000;
    CHECK(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &known) == 0);
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &unknown), EOPNOTSUPP);
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &known), EINVAL);
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, nowhere), EFAULT);
    char line[256] = "", *found = NULL;
    CHECK(answers(SECCOMP_RET_LOG, 0) == 0 && answers(SECCOMP_RET_LOG, 0) == 0);
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f) && !(found = strstr(line, "Seccomp:\t2\n")))
        ;
    CHECK(found && fgets(line, sizeof(line), f) && strcmp(line, "Seccomp_filters:\t2\n") == 0);
    fclose(f);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        CHECK_ERRNO(ask(), EXDEV);
        return 0;
    }
    CHECK(is_ok(end_of(strict_calls)));
    CHECK(end_of(strict_other) == SIGKILL && end_of(strict_group) == SIGKILL);
    CHECK(is_ok(end_of(trap)) && end_of(trap_ignored) == SIGSYS);
    CHECK(is_ok(end_of(errnos)) && is_ok(end_of(nobody_to_ask)));
    CHECK(end_of(kill_process) == SIGSYS && end_of(kill_thread_alone) == SIGSYS && end_of(unknown_action) == SIGSYS);
    CHECK(is_ok(end_of(kill_thread)));
    CHECK(is_ok(end_of(inherit)) && is_ok(end_of(all_threads)) && is_ok(end_of(not_all_threads)));
    CHECK(is_ok(end_of(computes)) && is_ok(end_of(refusals)) && is_ok(end_of(without_the_right)) && is_ok(end_of(too_many)));
    CHECK(is_ok(end_of(tells)));
    return 0;
}
