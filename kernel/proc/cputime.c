/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processor time, and the clocks that read it. The scheduler counts run time per task, without a
 * split into user and system: all of it is shown as user time (CAVEATS.md).
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
    memset(usage, 0, sizeof(*usage));
    usage_time(usage, process_cpu_ns(p) - (ns_t)p->system_ns, (ns_t)p->system_ns);
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
    memset(usage, 0, sizeof(*usage));
    spin_lock(&process_tree_lock);
    usage_time(usage, (ns_t)p->children_ns, 0);
    usage->ru_minflt = (long)p->children_faults;
    usage->ru_majflt = (long)p->children_maj_faults;
    usage->ru_maxrss = (long)(p->children_max_rss >> 10);
    spin_unlock(&process_tree_lock);
}

void thread_rusage(struct thread *t, struct rusage *usage)
{
    memset(usage, 0, sizeof(*usage));
    usage_time(usage, thread_cpu_ns(t), 0);
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
