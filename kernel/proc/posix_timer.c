/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX timers. Each holds its own queue entry, so that an expiration never needs memory; while it
 * is queued, further expirations count as overruns. Timers on CPU clocks are sampled by itimer.c. A
 * timer on CLOCK_REALTIME keeps its monotonic deadline when the clock is set. Lock:
 * posix_timers->lock, before process->signals.lock.
 */
#include "base/string.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "proc/itimer.h"
#include "time/clock.h"

#define TIMER_MAX 1024 /* per process */

struct posix_timer {
    struct timer timer;
    struct posix_timers *owner;
    struct posix_timer_spec spec;
    struct thread
        *thread; /* SIGEV_THREAD_ID, or the thread of a thread clock; referenced; may be NULL */
    bool is_cpu;
    ns_t next; /* monotonic, or processor time; 0: off */
    ns_t interval;
    struct signal_entry entry;
};

struct posix_timers {
    struct spinlock lock;
    struct process *process;
    unsigned capacity;
    struct posix_timer **timers;
};

static void expire(struct posix_timer *pt, ns_t now)
{
    int64_t missed = 0;
    if (pt->interval == 0) {
        pt->next = 0;
    } else {
        missed = (now - pt->next) / pt->interval;
        pt->next += (missed + 1) * pt->interval;
    }
    pt->entry.overrun += (int)MIN(missed, INT32_MAX / 2);
    if (pt->spec.notify == SIGEV_NONE)
        return;
    struct thread *only = pt->spec.notify == (SIGEV_SIGNAL | SIGEV_THREAD_ID) ? pt->thread : NULL;
    signal_post_entry(pt->owner->process, only, &pt->entry);
}

static void posix_timer_fire(struct timer *timer)
{
    struct posix_timer *pt = container_of(timer, struct posix_timer, timer);
    spin_lock(&pt->owner->lock);
    ns_t now = clock_monotonic();
    if (pt->next && pt->next <= now) {
        expire(pt, now);
        if (pt->next)
            timer_arm(timer, pt->next);
    }
    spin_unlock(&pt->owner->lock);
}

static ns_t cpu_now(const struct posix_timer *pt)
{
    return pt->spec.clock == CLOCK_THREAD_CPUTIME_ID && pt->thread
               ? thread_cpu_ns(pt->thread)
               : process_cpu_ns(pt->owner->process);
}

ns_t posix_timers_check_cpu(struct process *p)
{
    struct posix_timers *all = __atomic_load_n(&p->timers, __ATOMIC_ACQUIRE);
    ns_t least = NS_NEVER;
    if (!all)
        return NS_NEVER;
    spin_lock(&all->lock);
    for (unsigned i = 0; i < all->capacity; i++) {
        struct posix_timer *pt = all->timers[i];
        if (!pt || !pt->is_cpu || !pt->next)
            continue;
        ns_t now = cpu_now(pt);
        if (pt->next <= now)
            expire(pt, now);
        if (pt->next)
            least = MIN(least, pt->next - now);
    }
    spin_unlock(&all->lock);
    return least;
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

static struct posix_timers *timers_get(struct process *p)
{
    struct posix_timers *expected = NULL, *all = __atomic_load_n(&p->timers, __ATOMIC_ACQUIRE);
    if (all)
        return all;
    all = heap_zalloc(sizeof(*all));
    if (!all)
        return NULL;
    all->process = p;
    if (__atomic_compare_exchange_n(&p->timers, &expected, all, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return all;
    heap_free(all);
    return expected;
}

/* Under the lock: the index of a free place; grows the table. */
static int table_place(struct posix_timers *all)
{
    for (unsigned i = 0; i < all->capacity; i++)
        if (!all->timers[i])
            return (int)i;
    if (all->capacity >= TIMER_MAX)
        return -EAGAIN;
    unsigned capacity = MAX(all->capacity * 2, 4U);
    struct posix_timer **timers = heap_zalloc(capacity * sizeof(*timers));
    if (!timers)
        return -EAGAIN;
    if (all->timers)
        memcpy(timers, all->timers, all->capacity * sizeof(*timers));
    heap_free(all->timers);
    int idx = (int)all->capacity;
    all->timers = timers;
    all->capacity = capacity;
    return idx;
}

/* With the lock held if found. */
static struct posix_timer *timer_find_locking(int id, struct posix_timers **owner)
{
    struct posix_timers *all = __atomic_load_n(&process_current()->timers, __ATOMIC_ACQUIRE);
    if (!all || id < 0)
        return NULL;
    spin_lock(&all->lock);
    struct posix_timer *pt = (unsigned)id < all->capacity ? all->timers[id] : NULL;
    if (!pt)
        spin_unlock(&all->lock);
    *owner = all;
    return pt;
}

/* ---- the calls ---------------------------------------------------------------------------------------------- */

static bool clock_is_cpu(int clock)
{
    return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

static bool clock_is_known(int clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
           clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM ||
           clock_is_cpu(clock);
}

static int spec_check(const struct posix_timer_spec *spec)
{
    ns_t now;
    if (!clock_is_known(spec->clock)) /* one that is only there to be read? */
        return spec->clock >= 0 && clock_read(spec->clock, &now) == 0 ? -EOPNOTSUPP : -EINVAL;
    if (spec->notify == SIGEV_NONE)
        return 0;
    if (spec->notify != SIGEV_SIGNAL && spec->notify != (SIGEV_SIGNAL | SIGEV_THREAD_ID) &&
        spec->notify != SIGEV_THREAD)
        return -EINVAL;
    return spec->signo >= 1 && spec->signo <= SIGNAL_COUNT ? 0 : -EINVAL;
}

static int timer_bind_thread(struct posix_timer *pt)
{
    if (pt->spec.notify == (SIGEV_SIGNAL | SIGEV_THREAD_ID)) {
        pt->thread = thread_find(pt->spec.tid);
        if (!pt->thread || pt->thread->process != process_current())
            return -EINVAL;
    } else if (pt->spec.clock == CLOCK_THREAD_CPUTIME_ID) {
        pt->thread = thread_current();
        thread_get(pt->thread);
    }
    return 0;
}

static void posix_timer_free(struct posix_timer *pt)
{
    if (pt->thread)
        thread_put(pt->thread);
    heap_free(pt);
}

static void entry_init(struct posix_timer *pt, int id)
{
    pt->entry.info.si_signo = pt->spec.signo;
    pt->entry.info.si_code = SI_TIMER;
    pt->entry.info.si_tid = id;
    pt->entry.info.si_value.sival_ptr =
        (void *)(uintptr_t)(pt->spec.has_value ? pt->spec.value : (uint64_t)id);
}

int posix_timer_create(const struct posix_timer_spec *spec, int *id)
{
    struct posix_timers *all = timers_get(process_current());
    int err = spec_check(spec);
    if (err < 0 || !all)
        return err < 0 ? err : -EAGAIN;
    struct posix_timer *pt = heap_zalloc(sizeof(*pt));
    if (!pt)
        return -EAGAIN;
    pt->owner = all;
    pt->spec = *spec;
    pt->is_cpu = clock_is_cpu(spec->clock);
    timer_init(&pt->timer, posix_timer_fire);
    err = timer_bind_thread(pt);
    if (!err) {
        spin_lock(&all->lock);
        err = table_place(all);
        if (err >= 0) {
            *id = err;
            entry_init(pt, err);
            all->timers[err] = pt;
        }
        spin_unlock(&all->lock);
    }
    if (err < 0)
        posix_timer_free(pt);
    return err < 0 ? err : 0;
}

static ns_t timer_now(const struct posix_timer *pt)
{
    return pt->is_cpu ? cpu_now(pt) : clock_monotonic();
}

static void timer_read(const struct posix_timer *pt, struct itimer_value *value)
{
    *value = (struct itimer_value){.interval = pt->interval};
    if (pt->next)
        value->left = MAX(pt->next - timer_now(pt), 1);
}

static ns_t deadline_of(const struct posix_timer *pt, bool is_absolute, ns_t left)
{
    ns_t deadline, base = timer_now(pt);
    bool is_real = pt->spec.clock == CLOCK_REALTIME || pt->spec.clock == CLOCK_TAI ||
                   pt->spec.clock == CLOCK_REALTIME_ALARM;
    if (is_absolute)
        base = is_real ? clock_monotonic() - clock_realtime() : 0;
    if (__builtin_add_overflow(base, left, &deadline))
        return NS_NEVER;
    return MAX(deadline, 1);
}

int posix_timer_set(int id, bool is_absolute, const struct itimer_value *value,
                    struct itimer_value *old)
{
    struct posix_timers *all;
    struct posix_timer *pt = timer_find_locking(id, &all);
    if (!pt)
        return -EINVAL;
    timer_read(pt, old);
    pt->interval = value->interval;
    pt->next = value->left ? deadline_of(pt, is_absolute, value->left) : 0;
    pt->entry.last_overrun = 0;
    bool is_cpu = pt->is_cpu && pt->next;
    if (pt->next && !pt->is_cpu)
        timer_arm(&pt->timer, pt->next); /* one that is disarmed finds next == 0 */
    spin_unlock(&all->lock);
    if (is_cpu)
        cpu_watch_start(all->process);
    return 0;
}

int posix_timer_get(int id, struct itimer_value *value)
{
    struct posix_timers *all;
    struct posix_timer *pt = timer_find_locking(id, &all);
    if (!pt)
        return -EINVAL;
    timer_read(pt, value);
    spin_unlock(&all->lock);
    return 0;
}

int posix_timer_overrun(int id)
{
    struct posix_timers *all;
    struct posix_timer *pt = timer_find_locking(id, &all);
    if (!pt)
        return -EINVAL;
    int overrun = pt->entry.last_overrun;
    spin_unlock(&all->lock);
    return overrun;
}

/* Out of the table already, so that nobody finds it. */
static void posix_timer_destroy(struct posix_timer *pt)
{
    struct thread *only = pt->spec.notify == (SIGEV_SIGNAL | SIGEV_THREAD_ID) ? pt->thread : NULL;
    timer_cancel(&pt->timer);
    signal_unpost_entry(pt->owner->process, only, &pt->entry);
    posix_timer_free(pt);
}

int posix_timer_delete(int id)
{
    struct posix_timers *all;
    struct posix_timer *pt = timer_find_locking(id, &all);
    if (!pt)
        return -EINVAL;
    all->timers[id] = NULL;
    pt->next = 0;
    spin_unlock(&all->lock);
    posix_timer_destroy(pt);
    return 0;
}

/* Pre: only one thread is left, and the CPU sampler is off or does not mind. */
void posix_timers_fini(struct process *p)
{
    struct posix_timers *all = p->timers;
    if (!all)
        return;
    for (unsigned i = 0; i < all->capacity; i++) {
        spin_lock(&all->lock);
        struct posix_timer *pt = all->timers[i];
        all->timers[i] = NULL;
        if (pt)
            pt->next = 0;
        spin_unlock(&all->lock);
        if (pt)
            posix_timer_destroy(pt);
    }
}

void posix_timers_free(struct process *p)
{
    if (p->timers)
        heap_free(p->timers->timers);
    heap_free(p->timers);
}
