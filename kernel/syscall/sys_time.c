/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on time: clocks, sleeping, timers, and what was used of the processor. */
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/times.h>
#include <linux/timex.h>
#include "base/string.h"
#include "ipc/timerfd.h"
#include "mm/usercopy.h"
#include "proc/itimer.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"
#include "time/clock.h"

#define COARSE_RESOLUTION                                                                          \
    (4 * NS_PER_MS) /* what Linux says with HZ=250; ours are as fine as the others */

/* ---- clocks ------------------------------------------------------------------------------------------------- */

int64_t sys_clock_gettime(int clock, uaddr_t time)
{
    ns_t now;
    int err = clock_read(clock, &now);
    return err ? err : timespec_write(time, now);
}

int64_t sys_clock_getres(int clock, uaddr_t res)
{
    ns_t now;
    int err = clock_read(clock, &now);
    if (err < 0 || !res)
        return err;
    bool is_coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
    return timespec_write(res, is_coarse ? COARSE_RESOLUTION : 1);
}

/* Not so late that a span of 30 years after it could not be told (as Linux: timespec64_valid_settod). */
#define SETTIME_MAX (INT64_MAX - 30LL * 365 * 24 * 3600 * NS_PER_S)

static int realtime_set(ns_t now)
{
    if (now >= SETTIME_MAX)
        return -EINVAL;
    if (!capable(CAP_SYS_TIME))
        return -EPERM;
    clock_set_realtime(now);
    timerfd_clock_was_set();
    return 0;
}

int64_t sys_clock_settime(int clock, uaddr_t time)
{
    ns_t now;
    int err = clock < 0 ? clock_read(clock, &now) : 0;
    if (clock != CLOCK_REALTIME)
        return clock < 0 && err == 0 ? -EPERM : -EINVAL; /* a processor clock is there, and nobody may set it */
    err = timespec_read(time, &now);
    return err ? err : realtime_set(now);
}

/* struct timezone: kept for those who ask, nothing follows from it. */
static union {
    int32_t minutes_west_and_dst[2];
    uint64_t both;
} zone;

#define ZONE_MAX (15 * 60) /* minutes */

int64_t sys_gettimeofday(uaddr_t tv, uaddr_t tz)
{
    const uint64_t both = __atomic_load_n(&zone.both, __ATOMIC_RELAXED);
    int err = tv ? timeval_write(tv, clock_realtime()) : 0;
    return err || !tz ? err : copy_to_user(tz, &both, sizeof(both));
}

int64_t sys_settimeofday(uaddr_t tv, uaddr_t tz)
{
    ns_t now;
    int32_t fresh[2];
    uint64_t both;
    int err = tv ? timeval_read(tv, &now) : 0;
    if (!err && tz)
        err = copy_from_user(fresh, tz, sizeof(fresh));
    if (err < 0)
        return err;
    if (!capable(CAP_SYS_TIME))
        return -EPERM;
    if (tz && (fresh[0] > ZONE_MAX || fresh[0] < -ZONE_MAX))
        return -EINVAL;
    err = tv ? realtime_set(now) : 0;
    memcpy(&both, fresh, sizeof(both));
    if (!err && tz)
        __atomic_store_n(&zone.both, both, __ATOMIC_RELAXED);
    return err;
}

int64_t sys_time(uaddr_t at)
{
    int64_t now = clock_realtime() / NS_PER_S;
    int err = at ? put_user(at, now) : 0;
    return err ? err : now;
}

/* Nobody can discipline a clock that the host may stop: what is shown is an unsynchronised one. */
static int64_t adjust(uaddr_t buf)
{
    struct timex tx;
    int err = copy_from_user(&tx, buf, sizeof(tx));
    if (err < 0)
        return err;
    if (tx.modes && tx.modes != ADJ_OFFSET_SS_READ)
        return -EPERM;
    ns_t now = clock_realtime();
    memset(&tx, 0, sizeof(tx));
    tx.status = STA_UNSYNC;
    tx.maxerror = tx.esterror = 16000000; /* NTP_PHASE_LIMIT in microseconds */
    tx.tick = 10000;
    tx.precision = tx.tolerance = 1;
    tx.time.tv_sec = now / NS_PER_S;
    tx.time.tv_usec = now % NS_PER_S / NS_PER_US;
    err = copy_to_user(buf, &tx, sizeof(tx));
    return err ? err : TIME_ERROR;
}

int64_t sys_adjtimex(uaddr_t buf)
{
    return adjust(buf);
}

int64_t sys_clock_adjtime(int clock, uaddr_t buf)
{
    ns_t now;
    int err = clock_read(clock, &now);
    return err ? err : clock == CLOCK_REALTIME ? adjust(buf) : -EOPNOTSUPP;
}

/* ---- sleeping ----------------------------------------------------------------------------------------------- */

static int sleep_restart(struct thread *t);

/* left: where the time that is left goes if a signal comes; 0: nowhere. */
static int sleep_to(ns_t deadline, uaddr_t left)
{
    struct thread *t = thread_current();
    int err = sleep_until(deadline);
    if (err != -EINTR)
        return err;
    if (left) {
        err = timespec_write(left, MAX(deadline - clock_monotonic(), 0));
        if (err < 0)
            return err;
    }
    t->restart = sleep_restart;
    t->restart_data[0] = (uint64_t)deadline;
    t->restart_data[1] = left;
    return -ERESTART_RESTARTBLOCK;
}

static int sleep_restart(struct thread *t)
{
    return sleep_to((ns_t)t->restart_data[0], t->restart_data[1]);
}

int64_t sys_nanosleep(uaddr_t time, uaddr_t left)
{
    ns_t span;
    int err = timespec_read(time, &span);
    return err ? err : sleep_to(deadline_after(span), left);
}

static int sleep_absolute(int clock, ns_t at)
{
    bool is_real = clock == CLOCK_REALTIME || clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM;
    int err = sleep_until(is_real ? deadline_of_realtime(at) : at);
    return err == -EINTR ? -ERESTARTNOHAND : err;
}

/* Processor time cannot wake anybody by itself: looked at again each time that it could be reached at the earliest. */
static int sleep_cpu(int clock, bool is_absolute, ns_t at)
{
    ns_t now;
    int err = clock_read(clock, &now);
    if (!err && !is_absolute && __builtin_add_overflow(now, at, &at))
        at = NS_NEVER;
    while (!err && now < at) {
        err = sleep_until(deadline_after(MAX((at - now) / vcpu_count, NS_PER_MS)));
        if (!err)
            err = clock_read(clock, &now);
    }
    return err;
}

int64_t sys_clock_nanosleep(int clock, int flags, uaddr_t time, uaddr_t left)
{
    ns_t at, now;
    int err = clock_read(clock, &now);
    if (clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_REALTIME_COARSE ||
        clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_THREAD_CPUTIME_ID)
        err = -EOPNOTSUPP;
    if (!err)
        err = timespec_read(time, &at);
    if (err < 0)
        return err;
    bool is_absolute = flags & TIMER_ABSTIME;
    if (clock == CLOCK_PROCESS_CPUTIME_ID || clock < 0)
        return sleep_cpu(clock, is_absolute, at);
    return is_absolute ? sleep_absolute(clock, at) : sleep_to(deadline_after(at), left);
}

/* ---- interval timers ---------------------------------------------------------------------------------------- */

struct user_interval { /* struct itimerval, struct itimerspec: interval, then value */
    int64_t interval[2], left[2];
};

static int itimerval_write(uaddr_t addr, const struct itimer_value *value)
{
    int err = timeval_write(addr, value->interval);
    return err ? err : timeval_write(addr + offsetof(struct user_interval, left), value->left);
}

int64_t sys_getitimer(int which, uaddr_t addr)
{
    struct itimer_value value;
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    itimer_get(process_current(), which, &value);
    return itimerval_write(addr, &value);
}

int64_t sys_setitimer(int which, uaddr_t addr, uaddr_t old_addr)
{
    struct itimer_value value = {0}, old;
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    int err = addr ? timeval_read(addr, &value.interval) : 0;
    if (!err && addr)
        err = timeval_read(addr + offsetof(struct user_interval, left), &value.left);
    if (!err)
        err = itimer_set(process_current(), which, &value, &old);
    return err || !old_addr ? err : itimerval_write(old_addr, &old);
}

int64_t sys_alarm(unsigned seconds)
{
    struct itimer_value value = {.left = seconds * NS_PER_S}, old;
    int err = itimer_set(process_current(), ITIMER_REAL, &value, &old);
    if (err < 0)
        return err;
    int64_t left = old.left / NS_PER_S + (old.left % NS_PER_S >= NS_PER_S / 2);
    return old.left && !left ? 1 : left;
}

/* ---- POSIX timers ------------------------------------------------------------------------------------------- */

struct user_sigevent { /* the first fields of struct sigevent */
    uint64_t value;
    int32_t signo, notify, tid;
};

int64_t sys_timer_create(int clock, uaddr_t event, uaddr_t id_addr)
{
    struct posix_timer_spec spec = {.clock = clock, .notify = SIGEV_SIGNAL, .signo = SIGALRM};
    struct user_sigevent ev;
    int id;
    int err = event ? copy_from_user(&ev, event, sizeof(ev)) : 0;
    if (err < 0)
        return err;
    if (event) {
        spec.notify = ev.notify;
        spec.signo = ev.signo;
        spec.tid = ev.tid;
        spec.value = ev.value;
        spec.has_value = true;
    }
    err = posix_timer_create(&spec, &id);
    if (err < 0)
        return err;
    err = put_user(id_addr, id);
    if (err < 0 && posix_timer_delete(id) < 0)
        return -EINVAL;
    return err;
}

static int itimerspec_write(uaddr_t addr, const struct itimer_value *value)
{
    int err = timespec_write(addr, value->interval);
    return err ? err : timespec_write(addr + offsetof(struct user_interval, left), value->left);
}

int64_t sys_timer_settime(int id, int flags, uaddr_t addr, uaddr_t old_addr)
{
    struct itimer_value value, old;
    int err = addr ? timespec_read(addr, &value.interval) : -EINVAL;
    if (!err)
        err = timespec_read(addr + offsetof(struct user_interval, left), &value.left);
    if (!err)
        err = posix_timer_set(id, flags & TIMER_ABSTIME, &value, &old);
    return err || !old_addr ? err : itimerspec_write(old_addr, &old);
}

int64_t sys_timer_gettime(int id, uaddr_t addr)
{
    struct itimer_value value;
    int err = posix_timer_get(id, &value);
    return err ? err : itimerspec_write(addr, &value);
}

int64_t sys_timer_getoverrun(int id)
{
    return posix_timer_overrun(id);
}

int64_t sys_timer_delete(int id)
{
    return posix_timer_delete(id);
}

/* ---- what was used ------------------------------------------------------------------------------------------ */

int64_t sys_times(uaddr_t buf)
{
    struct process *p = process_current();
    const ns_t tick = NS_PER_S / USER_HZ;
    ns_t user, system, children_user, children_system;
    process_times(p, &user, &system);
    process_children_times(p, &children_user, &children_system);
    struct tms tms = {user / tick, system / tick, children_user / tick, children_system / tick};
    int err = buf ? copy_to_user(buf, &tms, sizeof(tms)) : 0;
    return err ? err : clock_monotonic() / tick;
}

int64_t sys_getrusage(int who, uaddr_t addr)
{
    struct rusage usage;
    switch (who) {
    case RUSAGE_SELF:
        process_rusage(process_current(), &usage);
        break;
    case RUSAGE_CHILDREN:
        process_children_rusage(process_current(), &usage);
        break;
    case RUSAGE_THREAD:
        thread_rusage(thread_current(), &usage);
        break;
    default:
        return -EINVAL;
    }
    return copy_to_user(addr, &usage, sizeof(usage));
}
