/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interval timers of a process: ITIMER_REAL by a timer, ITIMER_VIRTUAL and ITIMER_PROF (the same here: the
 * kernel's part of the time is an estimate, see cputime.c), RLIMIT_CPU by sampling the process's time.
 * Lock: itimers->lock; process->lock is taken before, not after.
 */
#include <linux/time.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/itimer.h"
#include "time/clock.h"

#define SAMPLE_MIN (1 * NS_PER_MS)
#define SAMPLE_MAX (100 * NS_PER_MS)

static const int itimer_signals[3] = {SIGALRM, SIGVTALRM, SIGPROF};

static void post_kernel(struct process *p, int signo)
{
    siginfo_t info = {.si_signo = signo, .si_code = SI_KERNEL};
    int err = signal_post(p, NULL, signo, &info);
    CHECK(err == 0);
}

/* The next expiration after now of a timer that expired at `at`. */
static ns_t next_after(ns_t at, ns_t interval, ns_t now)
{
    if (interval == 0)
        return 0;
    if (at + interval > now)
        return at + interval;
    return at + ((now - at) / interval + 1) * interval;
}

static void real_fire(struct timer *timer)
{
    struct itimers *it = container_of(timer, struct itimers, real_timer);
    spin_lock(&it->lock);
    ns_t now = clock_monotonic();
    bool is_due = it->next[0] != 0 && it->next[0] <= now;
    if (is_due) {
        it->next[0] = next_after(it->next[0], it->interval[0], now);
        if (it->next[0])
            timer_arm(&it->real_timer, it->next[0]);
    }
    spin_unlock(&it->lock);
    if (is_due)
        post_kernel(it->process, SIGALRM);
}

/* ---- processor time ----------------------------------------------------------------------------------------- */

/* Signals of the CPU timers that are due, and how long the process may compute until the next is. */
static ns_t cpu_itimers_check(struct itimers *it, ns_t cpu, unsigned *due)
{
    ns_t least = NS_NEVER;
    for (int which = 1; which < 3; which++) {
        if (it->next[which] == 0)
            continue;
        if (it->next[which] <= cpu) {
            *due |= 1U << which;
            it->next[which] = next_after(it->next[which], it->interval[which], cpu);
        }
        if (it->next[which])
            least = MIN(least, it->next[which] - cpu);
    }
    return least;
}

static ns_t cpu_limit_check(struct itimers *it, ns_t cpu)
{
    struct process *p = it->process;
    uint64_t soft = process_limit(p, RLIMIT_CPU), hard = p->limits[RLIMIT_CPU].rlim_max;
    uint64_t seconds = (uint64_t)(cpu / NS_PER_S);
    if (soft == RLIM64_INFINITY)
        return NS_NEVER;
    if (seconds >= hard) {
        post_kernel(p, SIGKILL);
        return NS_NEVER;
    }
    if (seconds >= soft && seconds > it->limit_told) {
        it->limit_told = seconds;
        post_kernel(p, SIGXCPU);
    }
    return NS_PER_S;
}

static void cpu_fire(struct timer *timer)
{
    struct itimers *it = container_of(timer, struct itimers, cpu_timer);
    struct process *p = it->process;
    unsigned due = 0;
    ns_t cpu = process_cpu_ns(p);
    ns_t least = cpu_limit_check(it, cpu);
    least = MIN(least, posix_timers_check_cpu(p));
    spin_lock(&it->lock);
    least = MIN(least, cpu_itimers_check(it, cpu, &due));
    if (least != NS_NEVER)
        timer_arm(timer, clock_monotonic() + MIN(MAX(least / vcpu_count, SAMPLE_MIN), SAMPLE_MAX));
    spin_unlock(&it->lock);
    for (int which = 1; which < 3; which++)
        if (due & (1U << which))
            post_kernel(p, itimer_signals[which]);
}

struct itimers *itimers_get(struct process *p)
{
    struct itimers *made = NULL, *expected = NULL;
    struct itimers *it = __atomic_load_n(&p->itimers, __ATOMIC_ACQUIRE);
    if (it)
        return it;
    made = heap_zalloc(sizeof(*made));
    if (!made)
        return NULL;
    made->process = p;
    timer_init(&made->real_timer, real_fire);
    timer_init(&made->cpu_timer, cpu_fire);
    if (__atomic_compare_exchange_n(&p->itimers, &expected, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return made;
    heap_free(made);
    return expected;
}

void cpu_watch_start(struct process *p)
{
    struct itimers *it = itimers_get(p);
    if (!it)
        return;
    spin_lock(&it->lock);
    timer_arm(&it->cpu_timer, clock_monotonic() + SAMPLE_MIN);
    spin_unlock(&it->lock);
}

/* ---- setitimer(2) ------------------------------------------------------------------------------------------- */

static ns_t itimer_now(const struct itimers *it, int which)
{
    return which == ITIMER_REAL ? clock_monotonic() : process_cpu_ns(it->process);
}

static void value_get(const struct itimers *it, int which, ns_t now, struct itimer_value *value)
{
    *value = (struct itimer_value){.interval = it->interval[which]};
    if (it->next[which])
        value->left = MAX(it->next[which] - now, NS_PER_US);
}

int itimer_set(struct process *p, int which, const struct itimer_value *value,
               struct itimer_value *old)
{
    struct itimers *it = itimers_get(p);
    if (!it)
        return -ENOMEM;
    ns_t now = itimer_now(it, which);
    spin_lock(&it->lock);
    value_get(it, which, now, old);
    it->interval[which] = value->interval;
    it->next[which] = 0;
    if (value->left && __builtin_add_overflow(now, value->left, &it->next[which]))
        it->next[which] = NS_NEVER;
    if (which == ITIMER_REAL && value->left)
        timer_arm(&it->real_timer, it->next[which]);
    spin_unlock(&it->lock);
    /* A real timer that was disarmed finds next == 0 should it fire still. */
    if (which != ITIMER_REAL && value->left)
        cpu_watch_start(p);
    return 0;
}

void itimer_get(struct process *p, int which, struct itimer_value *value)
{
    struct itimers *it = __atomic_load_n(&p->itimers, __ATOMIC_ACQUIRE);
    *value = (struct itimer_value){0};
    if (!it)
        return;
    ns_t now = itimer_now(it, which);
    spin_lock(&it->lock);
    value_get(it, which, now, value);
    spin_unlock(&it->lock);
}

void itimers_fini(struct process *p)
{
    struct itimers *it = p->itimers;
    if (!it)
        return;
    spin_lock(&it->lock);
    memset(it->next, 0, sizeof(it->next));
    spin_unlock(&it->lock);
    timer_cancel(&it->real_timer);
    timer_cancel(&it->cpu_timer);
    p->itimers = NULL;
    heap_free(it);
}
