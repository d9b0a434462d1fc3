/* SPDX-License-Identifier: Apache-2.0 */
/* Processes as objects: making and freeing, groups and sessions, and what others may ask about them. */
#include <linux/capability.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"
#include "time/clock.h"

uint64_t process_count, thread_count, fork_count;
struct process *process_init_one;

static const struct rlimit64 default_limits[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_FSIZE] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_DATA] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_STACK] = {8UL << 20, RLIM64_INFINITY},
    [RLIMIT_CORE] = {0, RLIM64_INFINITY},
    [RLIMIT_RSS] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_NPROC] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_NOFILE] = {NOFILE_MAX, NOFILE_MAX}, /* as in a Docker container */
    [RLIMIT_MEMLOCK] = {8UL << 20, 8UL << 20},
    [RLIMIT_AS] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_LOCKS] = {RLIM64_INFINITY, RLIM64_INFINITY},
    [RLIMIT_SIGPENDING] = {32768, 32768},
    [RLIMIT_MSGQUEUE] = {819200, 819200},
    [RLIMIT_NICE] = {0, 0},
    [RLIMIT_RTPRIO] = {0, 0},
    [RLIMIT_RTTIME] = {RLIM64_INFINITY, RLIM64_INFINITY},
};

static void process_inherit(struct process *p, struct process *parent)
{
    spin_lock(&parent->lock);
    memcpy(p->limits, parent->limits, sizeof(p->limits));
    struct path exe = parent->exe;
    if (exe.dentry)
        path_get(&exe);
    spin_unlock(&parent->lock);
    process_set_exe(p, &exe);
    path_put(&exe);
    p->dumpable = parent->dumpable;
    p->no_new_privs = parent->no_new_privs;
    p->personality = parent->personality;
    p->no_huge_pages = parent->no_huge_pages;
    p->barriers_asked = parent->barriers_asked;
    p->oom_score_adj = parent->oom_score_adj;
}

struct process *process_create(struct process *parent)
{
    struct process *p = heap_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    ref_init(&p->ref, 1);
    list_init(&p->threads);
    list_init(&p->children);
    list_init(&p->sibling_node);
    list_init(&p->group_node);
    list_init(&p->signals.pending.queue);
    waitq_init(&p->signals.waitq);
    waitq_init(&p->child_waitq);
    waitq_init(&p->pidfd_waitq);
    waitq_init(&p->exit_waitq);
    waitq_init(&p->park_waitq);
    p->exit_signal = SIGCHLD;
    p->started_at = clock_monotonic();
    if (parent) {
        process_inherit(p, parent);
    } else {
        memcpy(p->limits, default_limits, sizeof(p->limits));
        p->dumpable = true;
    }
    return p;
}

void process_get(struct process *p)
{
    ref_get(&p->ref);
}

void process_put(struct process *p)
{
    if (!ref_put(&p->ref))
        return;
    signal_pending_fini(&p->signals.pending);
    if (p->signals.actions)
        signal_actions_put(p->signals.actions);
    process_set_exe(p, &(struct path){0});
    if (p->vm)
        vmspace_put(p->vm);
    itimers_fini(p); /* a limit may have been set on a zombie */
    posix_timers_free(p);
    heap_free(p);
}

void process_add_thread(struct process *p, struct thread *t)
{
    ref_get(&p->ref);
    t->process = p;
    spin_lock(&p->lock);
    spin_lock(&p->signals.lock);
    list_push_back(&p->threads, &t->process_node);
    spin_unlock(&p->signals.lock);
    p->thread_count++;
    p->live_count++;
    spin_unlock(&p->lock);
}

struct thread *process_next_thread(struct process *p, int32_t after)
{
    struct thread *t, *best = NULL;
    spin_lock(&p->lock);
    list_for_each (t, &p->threads, process_node)
        if (t->tid > after && (!best || t->tid < best->tid))
            best = t;
    if (best)
        ref_get(&best->ref);
    spin_unlock(&p->lock);
    return best;
}

struct vmspace *process_vm(struct process *p)
{
    spin_lock(&p->lock);
    struct vmspace *vm = p->vm;
    if (vm)
        vmspace_get(vm);
    spin_unlock(&p->lock);
    return vm;
}

/* ---- groups and sessions: under process_tree_lock ----------------------------------------------------------- */

void session_get(struct session *session)
{
    ref_get(&session->ref);
}

void session_put(struct session *session)
{
    if (ref_put(&session->ref))
        heap_free(session);
}

static struct session *session_create(int32_t sid)
{
    struct session *session = heap_zalloc(sizeof(*session));
    if (!session)
        return NULL;
    ref_init(&session->ref, 1); /* of its first group */
    session->sid = sid;
    pid_slot(sid)->session = session;
    return session;
}

int group_create(struct process *p, bool with_session)
{
    struct process_group *group = heap_zalloc(sizeof(*group));
    if (!group)
        return -ENOMEM;
    group->session = with_session ? session_create(p->pid) : p->group->session;
    if (!group->session) {
        heap_free(group);
        return -ENOMEM;
    }
    if (!with_session)
        session_get(group->session);
    group->session->group_count++;
    ref_init(&group->ref, 1);
    group->pgid = p->pid;
    list_init(&group->processes);
    pid_slot(p->pid)->group = group;
    group_leave(p);
    p->group = group;
    list_push_back(&group->processes, &p->group_node);
    return 0;
}

void group_join(struct process *p, struct process_group *group)
{
    ref_get(&group->ref);
    group_leave(p);
    p->group = group;
    list_push_back(&group->processes, &p->group_node);
}

void group_leave(struct process *p)
{
    struct process_group *group = p->group;
    if (!group)
        return;
    list_remove(&p->group_node);
    p->group = NULL;
    if (!ref_put(&group->ref))
        return;
    pid_slot(group->pgid)->group = NULL;
    if (--group->session->group_count == 0) /* a terminal's reference does not keep the number */
        pid_slot(group->session->sid)->session = NULL;
    session_put(group->session);
    heap_free(group);
}

bool group_is_orphaned(struct process_group *group, const struct process *without)
{
    struct process *p;
    list_for_each (p, &group->processes, group_node) {
        const struct process *parent = p->parent;
        if (p == process_init_one && p != without)
            return false; /* its parent is the host's shell */
        if (p == without || p->is_zombie || !parent)
            continue;
        if (parent->group && parent->group != group && parent->group->session == group->session)
            return false;
    }
    return true;
}

bool process_group_is_orphaned(int32_t pgid)
{
    spin_lock(&process_tree_lock);
    struct pid_slot *slot = pid_slot(pgid);
    bool is_orphaned = !slot || !slot->group || group_is_orphaned(slot->group, NULL);
    spin_unlock(&process_tree_lock);
    return is_orphaned;
}

int32_t process_group_sid(int32_t pgid)
{
    spin_lock(&process_tree_lock);
    struct pid_slot *slot = pid_slot(pgid);
    int32_t sid = slot && slot->group ? slot->group->session->sid : 0;
    spin_unlock(&process_tree_lock);
    return sid;
}

/* ---- questions ---------------------------------------------------------------------------------------------- */

void process_ids(struct process *p, struct process_ids *ids)
{
    *ids = (struct process_ids){.pid = p->pid, .tty_pgid = -1};
    spin_lock(&process_tree_lock);
    if (p->parent)
        ids->ppid = p->parent->pid;
    if (p->group) {
        ids->pgid = p->group->pgid;
        ids->sid = p->group->session->sid;
        ids->tty = p->group->session->tty;
        if (ids->tty)
            ids->tty_pgid = p->group->session->foreground_pgid;
    }
    spin_unlock(&process_tree_lock);
}

/* The state of the liveliest thread. */
char process_state(struct process *p)
{
    struct thread *t;
    char state = 'Z';
    spin_lock(&p->lock);
    list_for_each (t, &p->threads, process_node) {
        char one = thread_state(t);
        if (one == 'R' || state == 'Z')
            state = one;
    }
    spin_unlock(&p->lock);
    return state;
}

void process_counts(struct process_counts *counts)
{
    spin_lock(&process_tree_lock);
    *counts = (struct process_counts){
        .processes = process_count,
        .threads = thread_count,
        .forks = fork_count,
    };
    spin_unlock(&process_tree_lock);
    counts->running = sched_runnable_count();
}

int process_set_limit(struct process *p, unsigned resource, const struct rlimit64 *new_limit,
                      struct rlimit64 *old)
{
    if (resource >= RLIM_NLIMITS || (new_limit && new_limit->rlim_cur > new_limit->rlim_max))
        return -EINVAL;
    if (new_limit && resource == RLIMIT_NOFILE && new_limit->rlim_max > NOFILE_MAX)
        return -EPERM;
    int err = 0;
    spin_lock(&p->lock);
    struct rlimit64 *limit = &p->limits[resource];
    if (old)
        *old = *limit;
    if (new_limit && new_limit->rlim_max > limit->rlim_max && !capable(CAP_SYS_RESOURCE)) {
        err = -EPERM;
    } else if (new_limit) {
        __atomic_store_n(&limit->rlim_cur, new_limit->rlim_cur, __ATOMIC_RELAXED);
        limit->rlim_max = new_limit->rlim_max;
        if (p->vm && resource == RLIMIT_AS)
            vm_layout(p->vm)->limit_as = new_limit->rlim_cur;
        if (p->vm && resource == RLIMIT_DATA)
            vm_layout(p->vm)->limit_data = new_limit->rlim_cur;
    }
    spin_unlock(&p->lock);
    if (!err && new_limit && resource == RLIMIT_CPU && new_limit->rlim_cur != RLIM64_INFINITY)
        cpu_watch_start(p);
    return err;
}
