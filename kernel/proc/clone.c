/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clone(2) and its relatives. A fork copies memory last, when nothing can fail any more: from then
 * on the child's copy is what lies in the user range (DESIGN D4), and the parent lets go of it
 * until it is its turn again.
 */
#include <linux/capability.h>
#include <linux/sched.h>
#include "base/string.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "proc/internal.h"
#include "proc/seccomp.h"

#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* What a new namespace cannot go together with: the cause that Linux names before it asks for the right to make one. */
static int namespaces_check(uint64_t flags)
{
    if ((flags & CLONE_FS) && (flags & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    if ((flags & CLONE_NEWIPC) && (flags & CLONE_SYSVSEM))
        return -EINVAL;
    if ((flags & (CLONE_NEWPID | CLONE_NEWUSER)) && (flags & (CLONE_THREAD | CLONE_PARENT)))
        return -EINVAL;
    return flags & (CLONE_NAMESPACES | CLONE_NEWTIME) ? -EPERM : 0; /* one set of namespaces, made outside */
}

static int clone_check(const struct clone_request *req)
{
    uint64_t flags = req->flags;
    int err = namespaces_check(flags);
    if (err == -EINVAL)
        return err;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    if ((flags & CLONE_SETTLS) && req->tls >= plat_info.user_end) /* the processor would refuse to load it */
        return -EPERM;
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_THREAD)))
        return -EINVAL;
    if ((flags & CLONE_CLEAR_SIGHAND) && (flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_PARENT) && !process_current()->parent)
        return -EINVAL;
    if (thread_current()->sched_policy == SCHED_DEADLINE && !thread_current()->sched_reset_on_fork)
        return -EAGAIN; /* there would be two with the same claim */
    if (flags & CLONE_INTO_CGROUP)
        return -EOPNOTSUPP;
    if (err)
        return err;
    if (req->tid && !capable(CAP_SYS_ADMIN) && !capable(CAP_CHECKPOINT_RESTORE))
        return -EPERM;
    uint64_t limit = process_limit(process_current(), RLIMIT_NPROC);
    if (__atomic_load_n(&thread_count, __ATOMIC_RELAXED) >= limit && !capable(CAP_SYS_RESOURCE))
        return -EAGAIN;
    return 0;
}

/* ---- the child's first steps -------------------------------------------------------------------------------- */

static void thread_begin(void *arg)
{
    struct thread *t = arg;
    struct arch_regs *regs = task_regs(&t->task);
    if (t->set_child_tid && put_user(t->set_child_tid, t->tid) < 0)
        t->set_child_tid = 0; /* Linux does not care either */
    proc_user_return(regs);
    arch_user_enter(regs);
}

/* ---- what the child gets of the parent ---------------------------------------------------------------------- */

static int copy_files(struct thread *child, struct thread *parent, uint64_t flags)
{
    if (!(flags & CLONE_FILES))
        return fdtable_copy(parent->files, &child->files);
    fdtable_get(parent->files);
    child->files = parent->files;
    if (!(flags & CLONE_THREAD))
        child->shares_files = parent->shares_files = true;
    else
        child->shares_files = parent->shares_files;
    return 0;
}

static int copy_fs(struct thread *child, struct thread *parent, uint64_t flags)
{
    if (!(flags & CLONE_FS))
        return fs_context_copy(parent->fs, &child->fs);
    fs_context_get(parent->fs);
    child->fs = parent->fs;
    return 0;
}

static void copy_registers(struct thread *child, struct thread *parent,
                           const struct clone_request *req)
{
    struct arch_regs *from = task_regs(&parent->task), *to = task_regs(&child->task);
    arch_regs_fork(to, from);
    if (req->flags & CLONE_SETTLS)
        arch_regs_set_tls(to, req->tls);
    if (req->stack_top)
        arch_regs_set_sp(to, req->stack_top);
    arch_regs_set_result(to, 0);
    arch_fpu_save(child->task.fpu);
}

static void copy_scheduling(struct thread *child, struct thread *parent)
{
    child->task.affinity = parent->task.affinity;
    child->timer_slack = parent->timer_slack;
    child->ioprio = parent->ioprio;
    child->memory_policy = parent->memory_policy;
    if (parent->sched_reset_on_fork) {
        child->task.nice = MAX(parent->task.nice, 0);
        return;
    }
    child->task.nice = parent->task.nice;
    child->sched_deadline = parent->sched_deadline;
    child->sched_policy = parent->sched_policy;
    child->sched_priority = parent->sched_priority;
}

static void copy_signals(struct thread *child, struct thread *parent, uint64_t flags)
{
    child->signals.mask = parent->signals.mask;
    if ((flags & CLONE_VM) && !(flags & CLONE_VFORK))
        return;
    child->signals.altstack_sp = parent->signals.altstack_sp;
    child->signals.altstack_size = parent->signals.altstack_size;
    child->signals.altstack_flags = parent->signals.altstack_flags;
}

static struct thread *thread_copy(struct thread *parent, const struct clone_request *req)
{
    struct thread *child = thread_create(parent->process->vm, thread_begin);
    if (!child)
        return err_ptr(-ENOMEM);
    cred_get(parent->cred);
    child->cred = parent->cred;
    child->keep_caps = parent->keep_caps;
    memcpy(child->name, parent->name, sizeof(child->name));
    int err = copy_files(child, parent, req->flags);
    if (!err)
        err = copy_fs(child, parent, req->flags);
    if (err < 0) {
        thread_destroy(child);
        return err_ptr(err);
    }
    copy_registers(child, parent, req);
    copy_scheduling(child, parent);
    copy_signals(child, parent, req->flags);
    if (req->flags & CLONE_CHILD_SETTID)
        child->set_child_tid = req->child_tid;
    if (req->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = req->child_tid;
    return child;
}

static void actions_clear_handlers(struct signal_actions *actions)
{
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (actions->action[i].handler != (uint64_t)(uintptr_t)SIG_IGN)
            actions->action[i] = (struct signal_action){0};
}

static int copy_actions(struct process *child, struct process *parent, uint64_t flags)
{
    struct signal_actions *actions = parent->signals.actions;
    if (flags & CLONE_SIGHAND) {
        ref_get(&actions->ref);
        child->signals.actions = actions;
        return 0;
    }
    spin_lock(&actions->lock);
    child->signals.actions = signal_actions_create(actions);
    spin_unlock(&actions->lock);
    if (!child->signals.actions)
        return -ENOMEM;
    if (flags & CLONE_CLEAR_SIGHAND)
        actions_clear_handlers(child->signals.actions);
    return 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

static int tid_reserve(struct thread *t, int32_t wanted)
{
    spin_lock(&process_tree_lock);
    int32_t tid = wanted ? pid_take(wanted) : pid_alloc();
    spin_unlock(&process_tree_lock);
    tid = wanted && tid == 0 ? wanted : tid;
    if (tid < 0)
        return tid;
    t->tid = tid;
    return 0;
}

static void tid_release(struct thread *t)
{
    spin_lock(&process_tree_lock);
    pid_slot(t->tid)->is_reserved = false;
    spin_unlock(&process_tree_lock);
}

/* The thread can be found from now on. Under process_tree_lock. */
static void tid_publish(struct thread *t)
{
    struct pid_slot *slot = pid_slot(t->tid);
    slot->thread = t;
    slot->is_reserved = false;
    thread_count++;
    fork_count++;
}

/* A bad address is the program's own loss, as in Linux. */
static void put_parent_tid(const struct clone_request *req, int32_t tid)
{
    if ((req->flags & CLONE_PARENT_SETTID) && put_user(req->parent_tid, tid) < 0)
        return;
}

static int64_t clone_thread(struct thread *parent, struct thread *child,
                            const struct clone_request *req)
{
    struct process *p = parent->process;
    int32_t tid = child->tid;
    put_parent_tid(req, tid);
    process_add_thread(p, child);
    seccomp_inherit(child, parent);
    spin_lock(&process_tree_lock);
    tid_publish(child);
    spin_unlock(&process_tree_lock);
    /* An exit or exec that began meanwhile has missed the new thread: it finds out by itself. */
    if (thread_must_exit(child))
        task_interrupt(&child->task);
    task_start(&child->task);
    return tid;
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

static void process_publish(struct process *child, struct thread *leader, uint64_t flags)
{
    struct process *self = process_current();
    spin_lock(&process_tree_lock);
    struct process *parent = (flags & CLONE_PARENT) ? self->parent : self;
    tid_publish(leader);
    pid_slot(child->pid)->process = child;
    process_count++;
    ref_get(&child->ref); /* of the tree; dropped when it is reaped */
    child->parent = parent;
    list_push_back(&parent->children, &child->sibling_node);
    group_join(child, self->group);
    spin_unlock(&process_tree_lock);
}

static int process_copy_memory(struct process *child, struct process *parent, uint64_t flags)
{
    if (flags & CLONE_VM) {
        vmspace_get(parent->vm);
        child->vm = parent->vm;
        return 0;
    }
    return vmspace_fork(parent->vm, &child->vm);
}

/* The pidfd's number goes to the program before memory is copied, but only the parent's table has it. */
static int pidfd_install(struct process *child, const struct clone_request *req)
{
    struct thread *t = thread_current();
    struct file *f;
    int err = pidfd_create(child, 0, &f);
    if (err < 0)
        return err;
    int fd = fd_install(t->files, f, 0, true, process_limit(t->process, RLIMIT_NOFILE));
    if (fd < 0) {
        file_put(f);
        return fd;
    }
    err = put_user(req->pidfd, fd);
    if (err < 0 && fd_close(t->files, fd) < 0)
        return -EBADF;
    return err < 0 ? err : fd;
}

/* Lets the child run first, in place; then takes the own memory back, also if nobody ran meanwhile. */
static void memory_hand_over(struct process *p)
{
    task_yield();
    sched_memory_ops.arrive(p->vm);
}

static void child_start(struct process *parent, struct thread *child,
                        const struct clone_request *req, struct completion *done)
{
    child->vfork_done = done;
    task_start(&child->task);
    if (!(req->flags & CLONE_VM))
        memory_hand_over(parent);
    if (done)
        completion_wait(done);
}

/* Everything that can fail, in an order that can be undone; memory last. */
static int process_build(struct process *child, struct thread *leader,
                         const struct clone_request *req, struct completion **done)
{
    struct process *parent = process_current();
    int fd = -1;
    child->pid = leader->tid;
    child->exit_signal = req->exit_signal;
    int err = copy_actions(child, parent, req->flags);
    if (!err && (req->flags & CLONE_VFORK)) {
        *done = completion_create();
        err = *done ? 0 : -ENOMEM;
    }
    if (!err && (req->flags & CLONE_PIDFD)) {
        fd = pidfd_install(child, req);
        err = fd < 0 ? fd : 0;
    }
    put_parent_tid(req, leader->tid);
    if (!err)
        err = process_copy_memory(child, parent, req->flags);
    if (err < 0 && fd >= 0 && fd_close(thread_current()->files, fd) < 0)
        err = -EBADF;
    return err;
}

static int64_t clone_process(struct thread *parent, struct thread *leader,
                             const struct clone_request *req)
{
    struct process *p = parent->process;
    struct completion *done = NULL;
    struct process *child = process_create(p);
    int err = child ? process_build(child, leader, req, &done) : -ENOMEM;
    if (err < 0) {
        heap_free(done);
        if (child)
            process_put(child);
        tid_release(leader);
        thread_destroy(leader);
        return err;
    }
    int32_t pid = leader->tid;
    leader->task.vm = child->vm;
    process_add_thread(child, leader);
    seccomp_inherit(leader, thread_current());
    process_publish(child, leader, req->flags);
    child_start(p, leader, req, done);
    process_put(child); /* the maker's */
    return pid;
}

int64_t process_clone(const struct clone_request *req)
{
    struct thread *parent = thread_current();
    int err = clone_check(req);
    if (err < 0)
        return err;
    if (memory_is_short())
        return req->flags & CLONE_THREAD ? -EAGAIN : -ENOMEM;
    struct thread *child = thread_copy(parent, req);
    if (is_err(child))
        return ptr_err(child);
    err = tid_reserve(child, req->tid);
    if (err < 0) {
        thread_destroy(child);
        return err;
    }
    return (req->flags & CLONE_THREAD) ? clone_thread(parent, child, req)
                                       : clone_process(parent, child, req);
}

/* ---- unshare(2) --------------------------------------------------------------------------------------------- */

static int unshare_files(struct thread *t)
{
    struct fdtable *files, *old = t->files;
    int err = fdtable_copy(old, &files);
    if (err < 0)
        return err;
    spin_lock(&t->process->lock);
    t->files = files;
    spin_unlock(&t->process->lock);
    t->shares_files = false;
    fdtable_put(old);
    return 0;
}

static int unshare_fs(struct thread *t)
{
    struct fs_context *fs, *old = t->fs;
    int err = fs_context_copy(old, &fs);
    if (err < 0)
        return err;
    spin_lock(&t->process->lock);
    t->fs = fs;
    spin_unlock(&t->process->lock);
    fs_context_put(old);
    return 0;
}

int process_unshare(uint64_t flags)
{
    struct thread *t = thread_current();
    if (flags & ~(uint64_t)(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND |
                            CLONE_VM | CLONE_NAMESPACES | CLONE_NEWTIME))
        return -EINVAL;
    if (flags & (CLONE_NAMESPACES | CLONE_NEWTIME))
        return -EPERM;
    if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && t->process->thread_count > 1)
        return -EINVAL;
    int err = (flags & CLONE_FILES) ? unshare_files(t) : 0;
    if (!err && (flags & CLONE_FS))
        err = unshare_fs(t);
    return err;
}
