/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor time, and the clocks that read it. The scheduler counts run time per task exactly; how much of it was the
 * kernel's is an estimate, since reading the counter on each way in and out would double the cost of a short system
 * call. So while calls are short, one in CALLS_PER_SAMPLE is timed and stands for all; when one was long, each is timed until
 * CALLS_PER_SAMPLE in a row were short again. Page faults of programs are long: each is timed.
 */
#include <linux/time.h>
#include "base/string.h"
#include "proc/internal.h"
#include "time/clock.h"

ns_t thread_cpu_ns(struct thread *t)
{
    return (ns_t)task_cpu_ns(&t->task);
}

ns_t process_cpu_ns(struct process *p)
{
    struct thread *t;
    spin_lock(&p->lock);
    ns_t sum = (ns_t)(p->user_ns + p->system_ns);
    list_for_each (t, &p->threads, process_node)
        sum += thread_cpu_ns(t);
    spin_unlock(&p->lock);
    return sum;
}

/* ---- the kernel's part -------------------------------------------------------------------------------------- */

#define CALLS_PER_SAMPLE 32
#define LONG_CALL (5 * NS_PER_US)

void thread_system_add(struct thread *t, ns_t ran)
{
    __atomic_store_n(&t->system_time.ns, t->system_time.ns + (uint64_t)ran, __ATOMIC_RELAXED);
}

void thread_call_ended(struct thread *t, ns_t ran)
{
    struct system_time *s = &t->system_time;
    bool stands_for_all = s->short_run >= CALLS_PER_SAMPLE && ran < LONG_CALL;
    thread_system_add(t, stands_for_all ? ran * CALLS_PER_SAMPLE : ran);
    s->short_run = ran < LONG_CALL ? MIN(s->short_run + 1, (uint32_t)CALLS_PER_SAMPLE) : 0;
    s->untimed = s->short_run >= CALLS_PER_SAMPLE ? CALLS_PER_SAMPLE - 1 : 0;
}

/* An estimate may be more than all there is, or grow faster than time: neither part is ever seen to shrink. Under process->lock. */
static void split(ns_t total, ns_t estimate, ns_t *user_shown, ns_t *user, ns_t *system)
{
    *user = MAX(total - MIN(estimate, total), *user_shown);
    *system = total - *user;
    *user_shown = *user;
}

/* Under process->lock. */
static void thread_split(struct thread *t, ns_t *user, ns_t *system)
{
    ns_t estimate = (ns_t)__atomic_load_n(&t->system_time.ns, __ATOMIC_RELAXED);
    split(thread_cpu_ns(t), estimate, &t->system_time.user_shown, user, system);
}

void thread_times(struct thread *t, ns_t *user, ns_t *system)
{
    spin_lock(&t->process->lock);
    thread_split(t, user, system);
    spin_unlock(&t->process->lock);
}

void process_times(struct process *p, ns_t *user, ns_t *system)
{
    struct thread *t;
    spin_lock(&p->lock);
    ns_t total = (ns_t)(p->user_ns + p->system_ns), estimate = (ns_t)p->system_ns;
    list_for_each (t, &p->threads, process_node) {
        total += thread_cpu_ns(t);
        estimate += (ns_t)__atomic_load_n(&t->system_time.ns, __ATOMIC_RELAXED);
    }
    split(total, estimate, &p->user_shown, user, system);
    spin_unlock(&p->lock);
}

void process_children_times(struct process *p, ns_t *user, ns_t *system)
{
    spin_lock(&process_tree_lock);
    *user = (ns_t)p->children_user_ns;
    *system = (ns_t)p->children_system_ns;
    spin_unlock(&process_tree_lock);
}

void thread_times_keep(struct thread *t)
{
    ns_t user, system;
    thread_split(t, &user, &system);
    t->process->user_ns += (uint64_t)user;
    t->process->system_ns += (uint64_t)system;
}

/* ---- getrusage(2) ------------------------------------------------------------------------------------------- */

static void usage_time(struct rusage *usage, ns_t user, ns_t system)
{
    usage->ru_utime.tv_sec = user / NS_PER_S;
    usage->ru_utime.tv_usec = user % NS_PER_S / NS_PER_US;
    usage->ru_stime.tv_sec = system / NS_PER_S;
    usage->ru_stime.tv_usec = system % NS_PER_S / NS_PER_US;
}

static uint64_t rss_peak(struct process *p)
{
    struct vmspace *vm = process_vm(p);
    struct vm_usage usage;
    if (!vm)
        return p->max_rss;
    vm_usage(vm, &usage);
    vmspace_put(vm);
    return MAX(p->max_rss, usage.peak);
}

void process_rusage(struct process *p, struct rusage *usage)
{
    struct thread *t;
    ns_t user, system;
    memset(usage, 0, sizeof(*usage));
    process_times(p, &user, &system);
    usage_time(usage, user, system);
    spin_lock(&p->lock);
    usage->ru_minflt = (long)p->min_faults;
    usage->ru_majflt = (long)p->maj_faults;
    usage->ru_nvcsw = (long)p->switches_voluntary;
    usage->ru_nivcsw = (long)p->switches_forced;
    list_for_each (t, &p->threads, process_node) {
        usage->ru_minflt += (long)t->min_faults;
        usage->ru_majflt += (long)t->maj_faults;
        usage->ru_nvcsw += (long)t->task.switches_voluntary;
        usage->ru_nivcsw += (long)t->task.switches_forced;
    }
    spin_unlock(&p->lock);
    usage->ru_maxrss = (long)(rss_peak(p) >> 10);
}

void process_children_rusage(struct process *p, struct rusage *usage)
{
    ns_t user, system;
    memset(usage, 0, sizeof(*usage));
    process_children_times(p, &user, &system);
    usage_time(usage, user, system);
    spin_lock(&process_tree_lock);
    usage->ru_minflt = (long)p->children_faults;
    usage->ru_majflt = (long)p->children_maj_faults;
    usage->ru_maxrss = (long)(p->children_max_rss >> 10);
    spin_unlock(&process_tree_lock);
}

void thread_rusage(struct thread *t, struct rusage *usage)
{
    ns_t user, system;
    memset(usage, 0, sizeof(*usage));
    thread_times(t, &user, &system);
    usage_time(usage, user, system);
    usage->ru_minflt = (long)t->min_faults;
    usage->ru_majflt = (long)t->maj_faults;
    usage->ru_nvcsw = (long)t->task.switches_voluntary;
    usage->ru_nivcsw = (long)t->task.switches_forced;
    usage->ru_maxrss = (long)(rss_peak(t->process) >> 10);
}

/* ---- clocks of other threads and processes: clock_getcpuclockid(3) ------------------------------------------ */

#define CPUCLOCK_PER_THREAD 4
#define CPUCLOCK_KIND_MASK  3 /* PROF, VIRT, SCHED: all the same here; 3 is a descriptor's */

static int thread_clock(int32_t tid, ns_t *now)
{
    struct thread *t = tid ? thread_find(tid) : thread_current();
    if (!t)
        return -EINVAL;
    bool is_ours = t->process == process_current();
    *now = thread_cpu_ns(t);
    if (tid)
        thread_put(t);
    return is_ours ? 0 : -EINVAL;
}

static int process_clock(int32_t pid, ns_t *now)
{
    struct process *p = pid ? process_find(pid) : process_current();
    if (!p)
        return -EINVAL;
    *now = process_cpu_ns(p);
    if (pid)
        process_put(p);
    return 0;
}

int clock_read(int clock, ns_t *now)
{
    if (clock < 0) {
        if ((clock & CPUCLOCK_KIND_MASK) == CPUCLOCK_KIND_MASK)
            return -EINVAL;
        int32_t id = ~(clock >> 3);
        return (clock & CPUCLOCK_PER_THREAD) ? thread_clock(id, now) : process_clock(id, now);
    }
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *now = clock_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *now = clock_monotonic();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        return process_clock(0, now);
    case CLOCK_THREAD_CPUTIME_ID:
        return thread_clock(0, now);
    default:
        return -EINVAL;
    }
}
