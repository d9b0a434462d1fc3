/* SPDX-License-Identifier: Apache-2.0 */
/* prctl(2), credentials, capabilities, scheduling, robust lists: the small calls that only keep a value. */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static void names(void)
{
    char name[16];
    CHECK(prctl(PR_SET_NAME, "a-very-long-thread-name") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "a-very-long-thr"));
}

static void values(void)
{
    int signo = 0;
    CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &signo) == 0 &&
          signo == SIGUSR1);
    CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 100), EINVAL);
    CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0 &&
          prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0), EINVAL);
    CHECK(prctl(PR_SET_TIMERSLACK, 1234) == 0 && prctl(PR_GET_TIMERSLACK) == 1234);
    CHECK_ERRNO(prctl(12345), EINVAL);
    int old = personality(0xffffffff);
    CHECK(old >= 0);
}

static void affinity(void)
{
    cpu_set_t set;
    CHECK(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) >= 1);
    int cpu = sched_getcpu();
    CHECK(cpu >= 0 && CPU_ISSET(cpu, &set));
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof(one), &one) == 0 && sched_getcpu() == cpu);
    CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof(one), &one), EINVAL);
}

static void scheduling(void)
{
    struct sched_param param = {0};
    CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_getparam(0, &param) == 0 &&
          param.sched_priority == 0);
    CHECK(sched_setscheduler(0, SCHED_BATCH, &param) == 0 && sched_getscheduler(0) == SCHED_BATCH);
    CHECK(sched_setscheduler(0, SCHED_OTHER, &param) == 0);
    CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_RR) == 1);
    CHECK_ERRNO(sched_get_priority_max(77), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
    CHECK(sched_yield() == 0);
    errno = 0;
    int nice_now = getpriority(PRIO_PROCESS, 0); /* the tests may run under nice(1) */
    CHECK(errno == 0);
    CHECK(setpriority(PRIO_PROCESS, 0, nice_now + 5) == 0 && getpriority(PRIO_PROCESS, 0) == nice_now + 5);
    CHECK_ERRNO(getpriority(9, 0), EINVAL);
    CHECK_ERRNO(getpriority(PRIO_PROCESS, 1 << 20), ESRCH);
}

static void as_root(void)
{
    gid_t groups[3] = {5, 6, 7}, seen[3];
    uid_t real, effective, saved;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2];
    CHECK(setgroups(3, groups) == 0 && getgroups(3, seen) == 3 && seen[2] == 7);
    CHECK_ERRNO(getgroups(1, seen), EINVAL);
    CHECK(setresgid(10, 11, 12) == 0 && getgid() == 10 && getegid() == 11);
    CHECK(setresuid(0, 1000, 0) == 0 && geteuid() == 1000);
    CHECK(syscall(SYS_capget, &header, caps) == 0 && caps[0].effective == 0);
    CHECK(seteuid(0) == 0);
    CHECK(setuid(1000) == 0);
    CHECK(getresuid(&real, &effective, &saved) == 0 && real == 1000 && effective == 1000 &&
          saved == 1000);
    CHECK(setfsuid((uid_t)-1) == 1000);
    CHECK_ERRNO(setuid(0), EPERM);
    CHECK_ERRNO(setgroups(0, groups), EPERM);
    CHECK(syscall(SYS_capget, &header, caps) == 0 && caps[0].permitted == 0);
    _exit(0);
}

static void credentials(void)
{
    int status;
    uid_t real, effective, saved;
    CHECK(getresuid(&real, &effective, &saved) == 0 && real == getuid() && effective == geteuid());
    CHECK(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1) == 0);
    if (getuid() != 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        as_root();
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    names();
    values();
    affinity();
    scheduling();
    credentials();
    return 0;
}
