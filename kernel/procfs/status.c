/* SPDX-License-Identifier: Apache-2.0 */
/* stat, status, statm and limits of processes and threads. */
#include "proc/seccomp.h"
#include "procfs/internal.h"
#include "time/clock.h"
#include "tty/tty.h"

#define NS_PER_TICK (NS_PER_S / USER_HZ)
#define KIB(bytes)  ((unsigned long long)(bytes) >> 10)

/* What stat and status tell of a process or one of its threads, read at one go. */
struct facts {
    struct process *process;
    struct thread *thread; /* referenced; NULL: a zombie */
    int32_t tid;
    char state;
    char name[16];
    struct process_ids ids;
    struct process_signal_sets signals;
    struct vm_usage usage;
    struct vm_layout layout;
    struct rusage rusage, children;
    ns_t started_at;
    unsigned thread_count;
};

static void facts_of_thread(struct facts *f, const struct proc_node *n)
{
    struct process *p = f->process;
    f->tid = n->thread ? n->thread->tid : p->pid;
    f->state = n->thread ? thread_state(n->thread) : process_state(p);
    f->started_at = n->thread ? n->thread->started_at : p->started_at;
    if (n->thread)
        thread_rusage(n->thread, &f->rusage);
    else
        process_rusage(p, &f->rusage);
    if (f->thread) {
        memcpy(f->name, f->thread->name, sizeof(f->name));
        f->name[sizeof(f->name) - 1] = 0;
        thread_signal_sets(f->thread, &f->signals);
    }
}

static void facts_read(struct facts *f, const struct proc_node *n)
{
    struct process *p = n->process;
    *f = (struct facts){.process = p, .thread = proc_thread(n)};
    facts_of_thread(f, n);
    process_ids(p, &f->ids);
    process_children_rusage(p, &f->children);
    struct vmspace *vm = process_vm(p);
    if (vm) {
        vm_usage(vm, &f->usage);
        f->layout = *vm_layout(vm);
        vmspace_put(vm);
    }
    spin_lock(&p->lock);
    f->thread_count = p->thread_count;
    spin_unlock(&p->lock);
}

static void facts_free(struct facts *f)
{
    if (f->thread)
        thread_put(f->thread);
}

/* ---- stat ---------------------------------------------------------------------------------------------------------------- */

static void stat_ids_show(const struct facts *f, struct text *t)
{
    text_add(t, "%d (%s) %c %d %d %d %llu %d 0 ", f->tid, f->name, f->state, f->ids.ppid, f->ids.pgid, f->ids.sid,
             (unsigned long long)tty_process_rdev(f->process), f->ids.tty_pgid);
}

static long long ticks(const struct __kernel_old_timeval *time)
{
    return (time->tv_sec * NS_PER_S + time->tv_usec * NS_PER_US) / NS_PER_TICK;
}

static void stat_times_show(const struct facts *f, struct text *t)
{
    int nice = f->thread ? f->thread->task.nice : 0;
    text_add(t, "%ld %ld %ld %ld ", f->rusage.ru_minflt, f->children.ru_minflt, f->rusage.ru_majflt, f->children.ru_majflt);
    text_add(t, "%lld %lld %lld %lld ", ticks(&f->rusage.ru_utime), ticks(&f->rusage.ru_stime), ticks(&f->children.ru_utime),
             ticks(&f->children.ru_stime));
    text_add(t, "%d %d %u 0 %lld ", 20 + nice, nice, f->thread_count, (long long)(f->started_at / NS_PER_TICK));
}

static void stat_memory_show(const struct facts *f, struct text *t, bool may_inspect)
{
    const struct vm_layout none = {0}, *l = may_inspect ? &f->layout : &none;
    text_add(t, "%llu %llu %llu %llu %llu %llu 0 0 ", (unsigned long long)f->usage.size,
             (unsigned long long)f->usage.resident >> PAGE_SHIFT,
             (unsigned long long)process_limit(f->process, RLIMIT_RSS), (unsigned long long)l->code_start,
             (unsigned long long)l->code_end, (unsigned long long)l->stack_start);
}

static void stat_rest_show(const struct facts *f, struct text *t, bool may_inspect)
{
    const struct vm_layout none = {0}, *l = may_inspect ? &f->layout : &none;
    const struct process_signal_sets *s = &f->signals;
    text_add(t, "%llu %llu %llu %llu 0 0 0 ", (unsigned long long)(s->thread_pending | s->process_pending) & 0x7fffffff,
             (unsigned long long)s->blocked & 0x7fffffff, (unsigned long long)s->ignored & 0x7fffffff,
             (unsigned long long)s->caught & 0x7fffffff);
    text_add(t, "%d %u %d %d 0 0 0 ", f->process->exit_signal, f->thread ? f->thread->task.vcpu_last : 0,
             f->thread ? f->thread->sched_priority : 0, f->thread ? f->thread->sched_policy : 0);
    text_add(t, "%llu %llu %llu ", (unsigned long long)l->data_start, (unsigned long long)l->data_end,
             (unsigned long long)l->brk_start);
    text_add(t, "%llu %llu %llu %llu %d\n", (unsigned long long)l->args_start, (unsigned long long)l->args_end,
             (unsigned long long)l->env_start, (unsigned long long)l->env_end, may_inspect ? f->process->exit_status : 0);
}

int proc_show_stat(const struct proc_node *n, struct text *t)
{
    struct facts f;
    bool may_inspect = process_may_inspect(n->process);
    facts_read(&f, n);
    stat_ids_show(&f, t);
    stat_times_show(&f, t);
    stat_memory_show(&f, t, may_inspect);
    stat_rest_show(&f, t, may_inspect);
    facts_free(&f);
    return 0;
}

/* ---- status -------------------------------------------------------------------------------------------------------------- */

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'T':
        return "T (stopped)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "S (sleeping)";
    }
}

static void status_ids_show(const struct facts *f, struct text *t)
{
    struct fs_context *fs = f->thread ? thread_fs(f->thread) : NULL;
    text_add(t, "Name:\t%s\n", f->name);
    if (fs) {
        text_add(t, "Umask:\t%04o\n", fs_context_umask(fs));
        fs_context_put(fs);
    }
    text_add(t, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", state_name(f->state), f->ids.pid,
             f->tid, f->ids.ppid);
}

static void status_cred_show(const struct facts *f, struct text *t)
{
    struct cred *c = f->thread ? thread_cred(f->thread) : NULL;
    if (!c)
        return;
    text_add(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t64\nGroups:\t", c->uid, c->euid, c->suid, c->fsuid, c->gid,
             c->egid, c->sgid, c->fsgid);
    for (uint32_t i = 0; i < c->group_count; i++)
        text_add(t, "%u ", c->groups[i]);
    text_add(t, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", f->ids.pid, f->tid, f->ids.pgid, f->ids.sid);
    cred_put(c);
}

static void status_memory_show(const struct facts *f, struct text *t)
{
    const struct vm_usage *u = &f->usage;
    if (u->size == 0)
        return;
    text_add(t, "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8llu kB\nVmPin:\t       0 kB\n", KIB(u->peak), KIB(u->size),
             KIB(u->locked));
    text_add(t, "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\nRssFile:\t       0 kB\nRssShmem:\t       0 kB\n",
             KIB(MAX(u->resident, (uint64_t)f->rusage.ru_maxrss << 10)), KIB(u->resident), KIB(u->resident));
    text_add(t, "VmData:\t%8llu kB\nVmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmLib:\t       0 kB\n", KIB(u->data), KIB(u->stack),
             KIB(u->text));
    text_add(t, "VmPTE:\t       0 kB\nVmSwap:\t       0 kB\nHugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t0\n");
}

static void status_signals_show(const struct facts *f, struct text *t)
{
    const struct process_signal_sets *s = &f->signals;
    text_add(t, "Threads:\t%u\nSigQ:\t%u/%llu\n", f->thread_count, s->queued,
             (unsigned long long)process_limit(f->process, RLIMIT_SIGPENDING));
    text_add(t, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
             (unsigned long long)s->thread_pending, (unsigned long long)s->process_pending, (unsigned long long)s->blocked,
             (unsigned long long)s->ignored, (unsigned long long)s->caught);
}

static void status_caps_show(const struct facts *f, struct text *t)
{
    struct cred *c = f->thread ? thread_cred(f->thread) : NULL;
    if (!c)
        return;
    text_add(t, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016llx\n",
             (unsigned long long)c->cap_inheritable, (unsigned long long)c->cap_permitted,
             (unsigned long long)c->cap_effective, (unsigned long long)c->cap_bounding, (unsigned long long)c->cap_ambient);
    cred_put(c);
}

static void status_cpus_show(const struct facts *f, struct text *t)
{
    uint64_t all = vcpu_count < 64 ? (1ULL << vcpu_count) - 1 : ~0ULL, mask = f->thread ? f->thread->task.affinity & all : all;
    const char *separator = "";
    text_add(t, "NoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%u\n", f->process->no_new_privs, f->thread ? f->thread->seccomp_mode : 0,
             f->thread ? seccomp_filter_count(f->thread) : 0);
    text_add(t, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (unsigned long long)mask);
    for (unsigned i = 0; i < vcpu_count; i++) {
        unsigned first = i;
        if (!(mask >> i & 1))
            continue;
        while (i + 1 < vcpu_count && (mask >> (i + 1) & 1))
            i++;
        text_add(t, i > first ? "%s%u-%u" : "%s%u", separator, first, i);
        separator = ",";
    }
    text_add(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%ld\nnonvoluntary_ctxt_switches:\t%ld\n",
             f->rusage.ru_nvcsw, f->rusage.ru_nivcsw);
}

int proc_show_status(const struct proc_node *n, struct text *t)
{
    struct facts f;
    facts_read(&f, n);
    status_ids_show(&f, t);
    status_cred_show(&f, t);
    status_memory_show(&f, t);
    status_signals_show(&f, t);
    status_caps_show(&f, t);
    status_cpus_show(&f, t);
    facts_free(&f);
    return 0;
}

/* ---- statm, limits ---------------------------------------------------------------------------------------------------------- */

int proc_show_statm(const struct proc_node *n, struct text *t)
{
    struct vm_usage u = {0};
    struct vmspace *vm = process_vm(n->process);
    if (vm) {
        vm_usage(vm, &u);
        vmspace_put(vm);
    }
    text_add(t, "%llu %llu 0 %llu 0 %llu 0\n", (unsigned long long)u.size >> PAGE_SHIFT,
             (unsigned long long)u.resident >> PAGE_SHIFT, (unsigned long long)u.text >> PAGE_SHIFT,
             (unsigned long long)u.data >> PAGE_SHIFT);
    return 0;
}

static void limit_value_show(struct text *t, uint64_t value)
{
    if (value == RLIM64_INFINITY)
        text_add(t, "%-20s ", "unlimited");
    else
        text_add(t, "%-20llu ", (unsigned long long)value);
}

int proc_show_limits(const struct proc_node *n, struct text *t)
{
    static const struct {
        const char *name, *unit;
    } names[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    text_add(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit64 limit;
        int err = process_set_limit(n->process, i, NULL, &limit);
        if (err)
            return err;
        text_add(t, "%-25s ", names[i].name);
        limit_value_show(t, limit.rlim_cur);
        limit_value_show(t, limit.rlim_max);
        text_add(t, "%-10s\n", names[i].unit);
    }
    return 0;
}
