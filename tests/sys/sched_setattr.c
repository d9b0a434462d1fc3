/* SPDX-License-Identifier: Apache-2.0 */
/* sched_setattr(2), sched_getattr(2): sizes, and a deadline that is told back. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static long set(struct attr *a)
{
    return syscall(SYS_sched_setattr, 0, a, 0);
}

static void sizes(void)
{
    struct attr a = {.size = 40};
    CHECK_ERRNO(set(&a), E2BIG);
    CHECK(a.size >= sizeof(a)); /* what the kernel would take */
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, NULL, sizeof(a), 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, 47, 0), EINVAL);
    CHECK(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == 0 && a.size == sizeof(a));
}

static void deadline(void)
{
    struct timespec slice;
    struct attr a = {.size = sizeof(a), .policy = 6, .runtime = 10000000, .deadline = 30000000, .period = 20000000}, got;
    CHECK_ERRNO(set(&a), EINVAL); /* the period ends before the deadline */
    a.period = 40000000;
    if (set(&a) != 0) {
        CHECK(errno == EPERM || errno == EBUSY); /* not root, or no bandwidth is left on this machine */
        return;
    }
    CHECK(syscall(SYS_sched_getattr, 0, &got, sizeof(got), 0) == 0 && got.policy == 6);
    CHECK(got.runtime == a.runtime && got.deadline == a.deadline && got.period == a.period);
    CHECK(sched_getscheduler(0) == 6);
    CHECK_ERRNO(fork(), EAGAIN);
    a = (struct attr){.size = sizeof(a)};
    CHECK(set(&a) == 0 && sched_rr_get_interval(0, &slice) == 0);
}

int main(void)
{
    sizes();
    deadline();
    return 0;
}
