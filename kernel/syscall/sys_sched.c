/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls on scheduling. There is one scheduling class: SCHED_FIFO, SCHED_RR and SCHED_DEADLINE are kept and
 * shown to those who may ask for them, and run with the greatest weight (CAVEATS.md); SCHED_BATCH
 * is SCHED_OTHER, SCHED_IDLE the least weight.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include "abi/linux/ioprio.h"
#include "base/string.h"
#include "mm/usercopy.h"
#include "proc/internal.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

#define NICE_MIN        (-20)
#define NICE_MAX        19
#define RT_PRIORITY_MAX 99
#define PRIO_PROCESS    0
#define PRIO_PGRP       1
#define PRIO_USER       2
#define SLICE           (4 * NS_PER_MS)
#define SLICE_RR        (100 * NS_PER_MS) /* what Linux says */
#define RUNTIME_MIN     1024              /* ns */

int64_t sys_sched_yield(void)
{
    task_yield();
    return 0;
}

/* tid 0: the caller. Referenced. */
static struct thread *thread_of(int32_t tid)
{
    if (tid < 0)
        return NULL;
    if (tid > 0)
        return thread_find(tid);
    struct thread *t = thread_current();
    thread_get(t);
    return t;
}

static int may_change(struct thread *t)
{
    const struct cred *self = thread_current()->cred;
    if (t->process == process_current() || capable(CAP_SYS_NICE))
        return 0;
    struct cred *other = thread_cred(t);
    bool is_same = self->euid == other->uid || self->euid == other->euid;
    cred_put(other);
    return is_same ? 0 : -EPERM;
}

/* ---- policies ----------------------------------------------------------------------------------------------- */

static bool policy_is_rt(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool policy_is_urgent(int policy)
{
    return policy_is_rt(policy) || policy == SCHED_DEADLINE;
}

static int policy_check(int policy, int priority)
{
    if (policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE &&
        !policy_is_rt(policy))
        return -EINVAL;
    if (policy_is_rt(policy) ? priority < 1 || priority > RT_PRIORITY_MAX : priority != 0)
        return -EINVAL;
    return 0;
}

static bool may_be_rt(int priority)
{
    return capable(CAP_SYS_NICE) ||
           (uint64_t)priority <= process_limit(process_current(), RLIMIT_RTPRIO);
}

static void policy_apply(struct thread *t, int policy, int priority, bool reset_on_fork)
{
    bool was_special = policy_is_urgent(t->sched_policy) || t->sched_policy == SCHED_IDLE;
    t->sched_policy = policy;
    t->sched_priority = priority;
    t->sched_reset_on_fork = reset_on_fork;
    if (policy_is_urgent(policy))
        t->task.nice = NICE_MIN;
    else if (policy == SCHED_IDLE)
        t->task.nice = NICE_MAX;
    else if (was_special)
        t->task.nice = 0;
}

static int policy_set(int32_t tid, int policy, int priority)
{
    bool reset_on_fork = policy & SCHED_RESET_ON_FORK;
    policy &= ~SCHED_RESET_ON_FORK;
    int err = policy_check(policy, priority);
    if (err < 0)
        return err;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    err = may_change(t);
    if (!err && policy_is_rt(policy) && !may_be_rt(priority))
        err = -EPERM;
    if (!err)
        policy_apply(t, policy, priority, reset_on_fork);
    thread_put(t);
    return err;
}

int64_t sys_sched_setscheduler(int32_t tid, int policy, uaddr_t param)
{
    int32_t priority;
    if (tid < 0 || policy < 0 || !param)
        return -EINVAL;
    int err = copy_from_user(&priority, param, sizeof(priority));
    return err ? err : policy_set(tid, policy, priority);
}

int64_t sys_sched_setparam(int32_t tid, uaddr_t param)
{
    int32_t priority;
    if (tid < 0 || !param)
        return -EINVAL;
    int err = copy_from_user(&priority, param, sizeof(priority));
    if (err < 0)
        return err;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    int policy = t->sched_policy | (t->sched_reset_on_fork ? SCHED_RESET_ON_FORK : 0);
    thread_put(t);
    return policy_set(tid, policy, priority);
}

int64_t sys_sched_getscheduler(int32_t tid)
{
    if (tid < 0)
        return -EINVAL;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    int policy = t->sched_policy | (t->sched_reset_on_fork ? SCHED_RESET_ON_FORK : 0);
    thread_put(t);
    return policy;
}

int64_t sys_sched_getparam(int32_t tid, uaddr_t param)
{
    if (tid < 0 || !param)
        return -EINVAL;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    int32_t priority = t->sched_priority;
    thread_put(t);
    return put_user(param, priority);
}

/* 0 for the period: as long as the deadline. */
static int deadline_check(const struct sched_attr *attr)
{
    uint64_t period = attr->sched_period ? attr->sched_period : attr->sched_deadline;
    if (attr->sched_priority || attr->sched_runtime < RUNTIME_MIN || attr->sched_deadline >> 63 || period >> 63)
        return -EINVAL;
    return attr->sched_runtime <= attr->sched_deadline && attr->sched_deadline <= period ? 0 : -EINVAL;
}

static int deadline_set(int32_t tid, const struct sched_attr *attr)
{
    int err = deadline_check(attr);
    if (err < 0)
        return err;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    err = capable(CAP_SYS_NICE) ? 0 : -EPERM;
    if (!err) {
        policy_apply(t, SCHED_DEADLINE, 0, attr->sched_flags & SCHED_FLAG_RESET_ON_FORK);
        t->sched_deadline.runtime = attr->sched_runtime;
        t->sched_deadline.deadline = attr->sched_deadline;
        t->sched_deadline.period = attr->sched_period ? attr->sched_period : attr->sched_deadline;
    }
    thread_put(t);
    return err;
}

int64_t sys_sched_setattr(int32_t tid, uaddr_t addr, unsigned flags)
{
    struct sched_attr attr = {0};
    uint32_t size;
    if (tid < 0 || flags || !addr)
        return -EINVAL;
    int err = copy_from_user(&size, addr, sizeof(size));
    if (err < 0)
        return err;
    if (size == 0)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > sizeof(attr)) {
        size = sizeof(attr); /* so that the caller knows */
        err = put_user(addr, size);
        return err ? err : -E2BIG;
    }
    err = copy_from_user(&attr, addr, size);
    if (err < 0)
        return err;
    if (attr.sched_policy == SCHED_DEADLINE)
        return deadline_set(tid, &attr);
    int policy = (int)attr.sched_policy;
    if (attr.sched_flags & SCHED_FLAG_RESET_ON_FORK)
        policy |= SCHED_RESET_ON_FORK;
    err = policy_set(tid, policy, (int)attr.sched_priority);
    if (!err && (attr.sched_policy == SCHED_NORMAL || attr.sched_policy == SCHED_BATCH))
        err = (int)sys_setpriority(PRIO_PROCESS, tid, attr.sched_nice);
    return err;
}

int64_t sys_sched_getattr(int32_t tid, uaddr_t addr, unsigned size, unsigned flags)
{
    if (tid < 0 || flags || !addr || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
        return -EINVAL;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    struct sched_attr attr = {
        .size = MIN(size, (unsigned)sizeof(attr)),
        .sched_policy = (uint32_t)t->sched_policy,
        .sched_flags = t->sched_reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0,
        .sched_nice = t->task.nice,
        .sched_priority = (uint32_t)t->sched_priority,
    };
    if (t->sched_policy == SCHED_DEADLINE) {
        attr.sched_nice = 0;
        attr.sched_runtime = t->sched_deadline.runtime;
        attr.sched_deadline = t->sched_deadline.deadline;
        attr.sched_period = t->sched_deadline.period;
    }
    thread_put(t);
    return copy_to_user(addr, &attr, attr.size);
}

int64_t sys_sched_get_priority_max(int policy)
{
    if (policy_is_rt(policy))
        return RT_PRIORITY_MAX;
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ||
                   policy == SCHED_DEADLINE
               ? 0
               : -EINVAL;
}

int64_t sys_sched_get_priority_min(int policy)
{
    if (policy_is_rt(policy))
        return 1;
    return sys_sched_get_priority_max(policy);
}

int64_t sys_sched_rr_get_interval(int32_t tid, uaddr_t interval)
{
    if (tid < 0)
        return -EINVAL;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    int policy = t->sched_policy;
    thread_put(t);
    bool has_none = policy == SCHED_FIFO || policy == SCHED_DEADLINE;
    return timespec_write(interval, has_none ? 0 : policy == SCHED_RR ? SLICE_RR : SLICE);
}

/* ---- affinity ----------------------------------------------------------------------------------------------- */

static uint64_t vcpu_mask(void)
{
    return vcpu_count >= 64 ? ~0ULL : (1ULL << vcpu_count) - 1;
}

int64_t sys_sched_setaffinity(int32_t tid, unsigned size, uaddr_t addr)
{
    uint64_t mask = 0;
    int err = copy_from_user(&mask, addr, MIN(size, sizeof(mask)));
    if (err < 0)
        return err;
    mask &= vcpu_mask();
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    err = may_change(t);
    if (!err && !mask)
        err = -EINVAL;
    if (!err)
        task_set_affinity(&t->task, mask);
    thread_put(t);
    return err;
}

int64_t sys_sched_getaffinity(int32_t tid, unsigned size, uaddr_t addr)
{
    if (size < sizeof(uint64_t) || size % sizeof(uint64_t))
        return -EINVAL;
    struct thread *t = thread_of(tid);
    if (!t)
        return -ESRCH;
    uint64_t mask = __atomic_load_n(&t->task.affinity, __ATOMIC_RELAXED) & vcpu_mask();
    thread_put(t);
    int err = put_user(addr, mask);
    return err ? err : (int64_t)sizeof(mask);
}

int64_t sys_getcpu(uaddr_t cpu, uaddr_t node, uaddr_t cache)
{
    uint32_t id = arch_vcpu()->id, zero = 0;
    (void)cache;
    int err = cpu ? put_user(cpu, id) : 0;
    return err || !node ? err : put_user(node, zero);
}

/* ---- nice and ioprio: of a thread, a group or a user -------------------------------------------------------- */

struct who {
    int which;
    int32_t id;
};

static bool who_matches(const struct who *who, struct process *p)
{
    struct process_ids ids;
    if (who->which == PRIO_USER)
        return process_uid(p) == (uint32_t)who->id;
    process_ids(p, &ids);
    return ids.pgid == who->id;
}

/* The next thread that is meant, after *pid and *tid; referenced. */
static struct thread *who_next(const struct who *who, int32_t *pid, int32_t *tid)
{
    struct process *p;
    while ((p = process_next(*pid - (*tid ? 1 : 0))) != NULL) {
        struct thread *t =
            who_matches(who, p) ? process_next_thread(p, p->pid == *pid ? *tid : 0) : NULL;
        *pid = p->pid;
        process_put(p);
        *tid = t ? t->tid : 0;
        if (t)
            return t;
    }
    return NULL;
}

/* Calls visit for each; -ESRCH for none; else the largest of what it returned, but a failure where there was one. */
static int64_t who_each(const struct who *who, int (*visit)(struct thread *t, int arg), int arg)
{
    int64_t result = -ESRCH;
    int32_t pid = 0, tid = 0;
    struct thread *t;
    if (who->which == PRIO_PROCESS) {
        t = thread_of(who->id);
        if (!t)
            return -ESRCH;
        result = visit(t, arg);
        thread_put(t);
        return result;
    }
    while ((t = who_next(who, &pid, &tid)) != NULL) {
        int64_t one = visit(t, arg);
        result = result == -ESRCH || one < 0 ? one : result < 0 ? result : MAX(result, one);
        thread_put(t);
    }
    return result;
}

static int who_make(int which, int32_t id, struct who *who)
{
    struct process_ids ids;
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    *who = (struct who){which, id};
    if (which == PRIO_PGRP && id == 0) {
        process_ids(process_current(), &ids);
        who->id = ids.pgid;
    } else if (which == PRIO_USER && id == 0) {
        who->id = (int32_t)thread_current()->cred->uid;
    }
    return 0;
}

static int nice_set(struct thread *t, int nice)
{
    int err = may_change(t);
    if (err < 0)
        return err;
    uint64_t limit = process_limit(t->process, RLIMIT_NICE);
    if (nice < t->task.nice && !capable(CAP_SYS_NICE) && (uint64_t)(20 - nice) > limit)
        return -EACCES;
    t->task.nice = nice;
    return 0;
}

static int nice_get(struct thread *t, int arg)
{
    (void)arg;
    return 20 - t->task.nice;
}

int64_t sys_setpriority(int which, int32_t id, int nice)
{
    struct who who;
    int err = who_make(which, id, &who);
    return err ? err : who_each(&who, nice_set, MIN(MAX(nice, NICE_MIN), NICE_MAX));
}

int64_t sys_getpriority(int which, int32_t id)
{
    struct who who;
    int err = who_make(which, id, &who);
    return err ? err : who_each(&who, nice_get, 0);
}

static int ioprio_set(struct thread *t, int ioprio)
{
    int err = may_change(t);
    if (!err)
        t->ioprio = ioprio;
    return err;
}

static int ioprio_get(struct thread *t, int arg)
{
    (void)arg;
    return t->ioprio;
}

int64_t sys_ioprio_set(int which, int32_t id, int ioprio)
{
    struct who who;
    int class = ioprio >> IOPRIO_CLASS_SHIFT;
    int level = ioprio & ((1 << IOPRIO_CLASS_SHIFT) - 1);
    if (class < 0 || class > IOPRIO_CLASS_IDLE || (class == 0 && level))
        return -EINVAL;
    if (class == IOPRIO_CLASS_RT && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    int err = which < IOPRIO_WHO_PROCESS ? -EINVAL : who_make(which - IOPRIO_WHO_PROCESS, id, &who);
    return err ? err : who_each(&who, ioprio_set, ioprio);
}

int64_t sys_ioprio_get(int which, int32_t id)
{
    struct who who;
    int err = which < IOPRIO_WHO_PROCESS ? -EINVAL : who_make(which - IOPRIO_WHO_PROCESS, id, &who);
    return err ? err : who_each(&who, ioprio_get, 0);
}
