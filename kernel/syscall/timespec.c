/* SPDX-License-Identifier: Apache-2.0 */
#include "syscall/timespec.h"
#include "time/clock.h"

int timespec_to_ns(const struct __kernel_timespec *ts, ns_t *ns)
{
    if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= NS_PER_S)
        return -EINVAL;
    if (__builtin_mul_overflow((int64_t)ts->tv_sec, NS_PER_S, ns) ||
        __builtin_add_overflow(*ns, ts->tv_nsec, ns))
        *ns = NS_NEVER;
    return 0;
}

int timespec_read(uaddr_t addr, ns_t *ns)
{
    struct __kernel_timespec ts;
    int err = copy_from_user(&ts, addr, sizeof(ts));
    return err ? err : timespec_to_ns(&ts, ns);
}

int timespec_write(uaddr_t addr, ns_t ns)
{
    struct __kernel_timespec ts = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    return copy_to_user(addr, &ts, sizeof(ts));
}

int timeval_read(uaddr_t addr, ns_t *ns)
{
    int64_t tv[2];
    int err = copy_from_user(tv, addr, sizeof(tv));
    if (err < 0)
        return err;
    if (tv[1] < 0 || tv[1] >= NS_PER_S / NS_PER_US)
        return -EINVAL;
    struct __kernel_timespec ts = {.tv_sec = tv[0], .tv_nsec = tv[1] * NS_PER_US};
    return timespec_to_ns(&ts, ns);
}

int timeval_write(uaddr_t addr, ns_t ns)
{
    int64_t tv[2] = {ns / NS_PER_S, ns % NS_PER_S / NS_PER_US};
    return copy_to_user(addr, tv, sizeof(tv));
}

ns_t deadline_after(ns_t span)
{
    ns_t deadline;
    return __builtin_add_overflow(clock_monotonic(), span, &deadline) ? NS_NEVER : deadline;
}

int timeout_read(uaddr_t addr, ns_t *deadline)
{
    ns_t span;
    int err = timespec_read(addr, &span);
    if (!err)
        *deadline = deadline_after(span);
    return err;
}

ns_t deadline_of_realtime(ns_t at)
{
    ns_t deadline;
    if (at == NS_NEVER ||
        __builtin_add_overflow(at, clock_monotonic() - clock_realtime(), &deadline))
        return NS_NEVER;
    return MAX(deadline, 0);
}
