/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of threads and processes. A process becomes a zombie when its last thread has let go of
 * memory and files; its parent (or nobody, if that one ignores SIGCHLD) takes it off the tree. When
 * pid 1 ends, all end.
 */
#include <linux/wait.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"
#include "time/clock.h"

#define INIT_PATIENCE (2 * NS_PER_S) /* for the others to go when pid 1 does */

/* ---- telling the parent ------------------------------------------------------------------------------------- */

static uint64_t to_ticks(ns_t ns)
{
    return (uint64_t)ns / (NS_PER_S / USER_HZ);
}

static void child_info(struct process *p, int signo, int code, int status, siginfo_t *info)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = signo;
    info->si_code = code;
    info->si_pid = p->pid;
    info->si_status = status;
    info->si_utime = (long)to_ticks((ns_t)p->user_ns);
    info->si_stime = (long)to_ticks((ns_t)p->system_ns);
    info->si_uid = process_uid(p);
}

static void post_to_parent(struct process *parent, int signo, const siginfo_t *info)
{
    if (signo > 0 && signo <= SIGNAL_COUNT) {
        int err = signal_post(parent, NULL, signo, info);
        CHECK(err == 0); /* only what a user queues is ever refused */
    }
    waitq_wake_all(&parent->child_waitq, 0);
}

void process_notify_parent(struct process *p, int code, int status)
{
    siginfo_t info;
    child_info(p, SIGCHLD, code, status, &info);
    spin_lock(&process_tree_lock);
    struct process *parent = p->parent;
    if (parent) {
        struct signal_actions *actions = parent->signals.actions;
        bool is_wanted = actions && !(actions->action[SIGCHLD - 1].flags & SA_NOCLDSTOP);
        post_to_parent(parent, is_wanted ? SIGCHLD : 0, &info);
    }
    spin_unlock(&process_tree_lock);
    if (p == process_init_one && code == CLD_STOPPED && proc_ops.init_stopped)
        proc_ops.init_stopped(status);
}

/* Does the parent want no zombies? */
static bool parent_ignores(const struct process *parent, int exit_signal)
{
    if (exit_signal != SIGCHLD || !parent->signals.actions)
        return false;
    const struct signal_action *action = &parent->signals.actions->action[SIGCHLD - 1];
    return action->handler == (uint64_t)(uintptr_t)SIG_IGN || (action->flags & SA_NOCLDWAIT);
}

/* p is a zombie: its parent is told. True: nobody will wait for it. Under process_tree_lock. */
static bool zombie_announce(struct process *p)
{
    siginfo_t info;
    struct process *parent = p->parent;
    int status = p->exit_status;
    if (!parent)
        return p->outside_id != 0;
    if ((status & 0x7f) == 0)
        child_info(p, p->exit_signal, CLD_EXITED, (status >> 8) & 0xff, &info);
    else
        child_info(p, p->exit_signal, (status & 0x80) ? CLD_DUMPED : CLD_KILLED, status & 0x7f,
                   &info);
    bool is_unwanted = parent_ignores(parent, p->exit_signal);
    post_to_parent(parent, p->exit_signal, &info);
    return is_unwanted;
}

void process_unlink(struct process *p)
{
    struct pid_slot *slot = pid_slot(p->pid);
    slot->process = NULL;
    slot->is_reserved = false;
    process_count--;
    list_remove(&p->sibling_node);
    p->parent = NULL;
    group_leave(p);
}

/* ---- the family --------------------------------------------------------------------------------------------- */

static struct process *reaper_of(struct process *p)
{
    for (struct process *a = p->parent; a; a = a->parent)
        if (a->is_subreaper && !a->is_zombie && a->live_count > 0)
            return a;
    return process_init_one;
}

/* Stopped members of a group that nobody can continue any more: POSIX wants them to know. */
static bool group_has_stopped(const struct process_group *group)
{
    struct process *p;
    list_for_each (p, &group->processes, group_node)
        if (p->is_stopped)
            return true;
    return false;
}

static void group_post(struct process_group *group, int signo)
{
    struct process *p;
    siginfo_t info = {.si_signo = signo, .si_code = SI_KERNEL};
    list_for_each (p, &group->processes, group_node) {
        int err = signal_post(p, NULL, signo, &info);
        CHECK(err == 0);
    }
}

static void group_check_orphaned(struct process_group *group, const struct process *without)
{
    if (!group || !group_is_orphaned(group, without) || !group_has_stopped(group))
        return;
    group_post(group, SIGHUP);
    group_post(group, SIGCONT);
}

/* The children go to their new parent; those already dead that it does not want go onto `unwanted`. */
static void children_reparent(struct process *p, struct list *unwanted)
{
    struct process *heir = reaper_of(p);
    while (!list_is_empty(&p->children)) {
        struct process *child = list_first(&p->children, struct process, sibling_node);
        list_remove(&child->sibling_node);
        child->parent = heir;
        list_push_back(&heir->children, &child->sibling_node);
        if (child->parent_death_signal) {
            siginfo_t info = {.si_signo = child->parent_death_signal, .si_code = SI_USER};
            info.si_pid = p->pid;
            int err = signal_post(child, NULL, child->parent_death_signal, &info);
            CHECK(err == 0 || err == -EAGAIN);
        }
        bool was_link = p->group && child->group && child->group != p->group &&
                        child->group->session == p->group->session;
        if (was_link)
            group_check_orphaned(child->group, NULL);
        child->exit_signal = SIGCHLD;
        if (child->is_zombie && zombie_announce(child)) {
            process_unlink(child);
            list_push_back(unwanted, &child->sibling_node);
        }
    }
}

static void session_end(struct process *p)
{
    struct session *session = p->group ? p->group->session : NULL;
    if (!session || session->sid != p->pid)
        return;
    struct pid_slot *slot = pid_slot(session->tty ? session->foreground_pgid : session->hung_up_pgid);
    if (slot && slot->group) {
        group_post(slot->group, SIGHUP);
        group_post(slot->group, SIGCONT);
    }
    if (session->tty && proc_ops.session_ended)
        proc_ops.session_ended(session, session->tty);
    session->tty = NULL;
}

static void release_all(struct list *unwanted)
{
    while (!list_is_empty(unwanted)) {
        struct process *p = list_first(unwanted, struct process, sibling_node);
        list_remove(&p->sibling_node);
        process_put(p);
    }
}

/* ---- pid 1 -------------------------------------------------------------------------------------------------- */

void process_signal_all_others(struct process *self, int signo)
{
    struct process *p;
    siginfo_t info = {.si_signo = signo, .si_code = SI_KERNEL};
    for (int32_t pid = 0; (p = process_next(pid)) != NULL; process_put(p)) {
        pid = p->pid;
        if (p != self) {
            int err = signal_post(p, NULL, signo, &info);
            CHECK(err == 0);
        }
    }
}

void process_kill_lost(void)
{
    struct process *p;
    const siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_KERNEL};
    for (int32_t pid = 0; (p = process_next(pid)) != NULL; process_put(p)) {
        pid = p->pid;
        struct vmspace *vm = process_vm(p);
        int err = vm && vm_is_lost(vm) ? signal_post(p, NULL, SIGKILL, &info) : 0;
        CHECK(err == 0); /* only what a user queues is ever refused */
        if (vm)
            vmspace_put(vm);
    }
}

bool process_others_are_alive(struct process *self)
{
    struct process *p;
    bool is_any = false;
    for (int32_t pid = 0; (p = process_next(pid)) != NULL; process_put(p)) {
        pid = p->pid;
        is_any |= p != self && !p->is_zombie;
    }
    return is_any;
}

static void init_exit(struct process *self)
{
    ns_t deadline = clock_monotonic() + INIT_PATIENCE;
    process_signal_all_others(self, SIGKILL);
    while (process_others_are_alive(self) && clock_monotonic() < deadline) {
        spin_lock(&process_tree_lock);
        int err = waitq_sleep_uninterruptible(&self->child_waitq, &process_tree_lock,
                                              clock_monotonic() + 10 * NS_PER_MS);
        CHECK(err == 0 || err == -ETIMEDOUT);
        spin_unlock(&process_tree_lock);
    }
    proc_ops.init_exited(self->exit_status);
}

/* ---- one thread --------------------------------------------------------------------------------------------- */

/* What the thread still has to write to its memory. */
static void memory_farewell(struct thread *t)
{
    uint32_t zero = 0;
    futex_release_robust(t);
    if (t->clear_child_tid && put_user(t->clear_child_tid, zero) == 0)
        (void)futex_wake(t->clear_child_tid, false, 1, ~0U);
    if (t->vfork_done)
        completion_signal(t->vfork_done);
    t->vfork_done = NULL;
}

/*
 * True for the last one. From here on the process counts one thread less, but it is still on the
 * list. All but the last have let go of the memory when the lock is free again: so the last may
 * destroy it, and does it while it holds on to it, lest another process of its conflict set comes
 * in halfway.
 */
static bool thread_leave_live(struct thread *t, int wait_status)
{
    struct process *p = t->process;
    spin_lock(&p->lock);
    bool is_last = --p->live_count == 0;
    if (!is_last)
        thread_switch_memory(NULL);
    if (is_last && !p->is_exiting) {
        p->exit_status = wait_status;
        __atomic_store_n(&p->is_exiting, true, __ATOMIC_RELEASE);
    }
    spin_unlock(&p->lock);
    return is_last;
}

static void process_release_memory(struct process *p)
{
    struct vm_usage usage;
    struct vmspace *vm = p->vm;
    if (!vm)
        return; /* pid 1, whose program could not be loaded */
    vm_usage(vm, &usage);
    p->max_rss = MAX(p->max_rss, usage.resident);
    spin_lock(&p->lock);
    p->vm = NULL;
    spin_unlock(&p->lock);
    thread_switch_memory(NULL); /* first: the scheduler must not find what is freed */
    vmspace_put(vm);
    process_set_exe(p, &(struct path){0});
}

static void thread_release_files(struct thread *t)
{
    struct process *p = t->process;
    spin_lock(&p->lock);
    struct fdtable *files = t->files;
    struct fs_context *fs = t->fs;
    t->files = NULL;
    t->fs = NULL;
    spin_unlock(&p->lock);
    fdtable_put(files);
    fs_context_put(fs);
}

/* Off the process's list. Pending signals of the process go to those who stay. */
static void thread_leave_process(struct thread *t)
{
    struct process *p = t->process;
    spin_lock(&p->lock);
    p->last_uid = t->cred->uid;
    thread_times_keep(t);
    p->min_faults += t->min_faults;
    p->maj_faults += t->maj_faults;
    p->switches_voluntary += t->task.switches_voluntary;
    p->switches_forced += t->task.switches_forced;
    spin_lock(&p->signals.lock);
    list_remove(&t->process_node);
    t->is_gone = true;
    signal_retarget(p, t, ~0ULL);
    spin_unlock(&p->signals.lock);
    p->thread_count--;
    waitq_wake_all(&p->exit_waitq, 0);
    spin_unlock(&p->lock);
    spin_lock(&p->signals.lock);
    signal_stop_check(p);
    spin_unlock(&p->signals.lock);
    signal_pending_fini(&t->signals.pending);
}

static void tid_unpublish(struct thread *t)
{
    spin_lock(&process_tree_lock);
    pid_slot(t->tid)->thread = NULL;
    thread_count--;
    spin_unlock(&process_tree_lock);
}

/* The last thread's part: the process becomes a zombie. */
static void process_finish(struct process *p)
{
    struct list unwanted = LIST_INIT(unwanted);
    if (p == process_init_one)
        init_exit(p);
    spin_lock(&process_tree_lock);
    children_reparent(p, &unwanted);
    group_check_orphaned(p->group, p);
    session_end(p);
    p->is_zombie = true;
    waitq_wake_all(&p->pidfd_waitq, 1 /* EPOLLIN */);
    if (zombie_announce(p)) {
        process_unlink(p);
        list_push_back(&unwanted, &p->sibling_node);
    }
    spin_unlock(&process_tree_lock);
    if (p->outside_id)
        proc_ops.program_exited(p->outside_id, p->exit_status);
    release_all(&unwanted);
}

void thread_exit(int wait_status)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    thread_reap();
    memory_farewell(t);
    bool is_last = thread_leave_live(t, wait_status);
    if (is_last) {
        itimers_fini(p);
        posix_timers_fini(p);
        proc_ops.process_exited(p);
        process_release_memory(p);
    }
    thread_release_files(t);
    tid_unpublish(t);
    thread_leave_process(t);
    /* The zombie must not show before all threads are off; the last to leave may not be the last by live_count. */
    if (is_last) {
        spin_lock(&p->lock);
        while (p->thread_count > 0)
            CHECK(waitq_sleep_uninterruptible(&p->exit_waitq, &p->lock, NS_NEVER) == 0);
        spin_unlock(&p->lock);
        process_finish(p);
    }
    thread_bury(t);
}

void process_exit_group(int wait_status)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    spin_lock(&p->lock);
    if (!p->is_exiting && (!p->exec_thread || p->exec_thread == t)) {
        p->exit_status = wait_status;
        __atomic_store_n(&p->is_exiting, true, __ATOMIC_RELEASE);
        spin_lock(&p->signals.lock);
        p->is_stopped = false;
        waitq_wake_all(&p->park_waitq, 0);
        signal_interrupt_others(p, t);
        spin_unlock(&p->signals.lock);
    }
    spin_unlock(&p->lock);
    thread_exit(wait_status);
}

int process_kill_other_threads(void)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    spin_lock(&p->lock);
    if (p->is_exiting || p->exec_thread) {
        spin_unlock(&p->lock);
        return -EAGAIN;
    }
    __atomic_store_n(&p->exec_thread, t, __ATOMIC_RELEASE);
    spin_lock(&p->signals.lock);
    waitq_wake_all(&p->park_waitq, 0);
    signal_interrupt_others(p, t);
    spin_unlock(&p->signals.lock);
    while (p->thread_count > 1)
        CHECK(waitq_sleep_uninterruptible(&p->exit_waitq, &p->lock, NS_NEVER) == 0);
    p->exec_thread = NULL;
    bool is_killed = p->is_exiting;
    spin_unlock(&p->lock);
    return is_killed ? -EAGAIN : 0;
}
