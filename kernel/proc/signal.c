/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending signals: queues, permissions, and which thread is told. Delivery is in signal_deliver.c.
 * All queues of a process are under its signals.lock; senders may hold process_tree_lock, and run
 * on any task, idle ones too (timers): thread_current() is asked only where the caller says that it
 * is a thread.
 */
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"

#define SIGNAL_REALTIME_MIN 32
#define STOP_SET                                                                                   \
    (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define FAULT_SET                                                                                  \
    (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) |         \
     signal_bit(SIGFPE) | signal_bit(SIGSYS))

bool signal_is_default_ignored(int signo)
{
    return signo == SIGCHLD || signo == SIGCONT || signo == SIGWINCH || signo == SIGURG;
}

bool signal_is_default_stop(int signo)
{
    return STOP_SET & signal_bit(signo);
}

bool signal_dumps_core(int signo)
{
    const uint64_t set = FAULT_SET | signal_bit(SIGQUIT) | signal_bit(SIGABRT) |
                         signal_bit(SIGXCPU) | signal_bit(SIGXFSZ);
    return set & signal_bit(signo);
}

/* ---- actions ------------------------------------------------------------------------------------------------ */

struct signal_actions *signal_actions_create(const struct signal_actions *copy_of)
{
    struct signal_actions *actions = heap_zalloc(sizeof(*actions));
    if (!actions)
        return NULL;
    if (copy_of)
        memcpy(actions->action, copy_of->action, sizeof(actions->action));
    ref_init(&actions->ref, 1);
    return actions;
}

void signal_actions_put(struct signal_actions *actions)
{
    if (ref_put(&actions->ref))
        heap_free(actions);
}

static bool action_ignores(const struct process *p, int signo)
{
    if (!p->signals.actions)
        return true; /* a zombie */
    uint64_t handler =
        __atomic_load_n(&p->signals.actions->action[signo - 1].handler, __ATOMIC_RELAXED);
    return handler == (uint64_t)(uintptr_t)SIG_IGN ||
           (handler == (uint64_t)(uintptr_t)SIG_DFL && signal_is_default_ignored(signo));
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static void entry_free(struct signal_entry *e)
{
    e->is_queued = false;
    e->last_overrun = e->overrun;
    e->overrun = 0;
    if (!e->owner)
        return;
    __atomic_fetch_sub(&e->owner->signals.queued, 1, __ATOMIC_RELAXED);
    heap_free(e);
}

static struct signal_entry *entry_create(struct process *p, int signo, const siginfo_t *info)
{
    uint64_t limit = process_limit(p, RLIMIT_SIGPENDING);
    if (signo == SIGKILL || __atomic_load_n(&p->signals.queued, __ATOMIC_RELAXED) >= limit)
        return NULL;
    struct signal_entry *e = heap_zalloc(sizeof(*e));
    if (!e)
        return NULL;
    __atomic_fetch_add(&p->signals.queued, 1, __ATOMIC_RELAXED);
    e->owner = p;
    e->info = *info;
    e->info.si_signo = signo;
    return e;
}

void signal_pending_fini(struct signal_pending *pending)
{
    struct signal_entry *e, *after;
    list_for_each_safe (e, after, &pending->queue, node) {
        list_remove(&e->node);
        entry_free(e);
    }
    pending->set = 0;
}

static void pending_flush(struct signal_pending *pending, uint64_t set)
{
    struct signal_entry *e, *after;
    if (!(pending->set & set))
        return;
    pending->set &= ~set;
    list_for_each_safe (e, after, &pending->queue, node) {
        if (set & signal_bit(e->info.si_signo)) {
            list_remove(&e->node);
            entry_free(e);
        }
    }
}

void signal_flush(struct process *p, uint64_t set)
{
    struct thread *t;
    pending_flush(&p->signals.pending, set);
    list_for_each (t, &p->threads, process_node)
        pending_flush(&t->signals.pending, set);
}

static int pending_take(struct signal_pending *pending, int signo, siginfo_t *info)
{
    struct signal_entry *e, *after, *found = NULL;
    bool has_more = false;
    list_for_each_safe (e, after, &pending->queue, node) {
        if (e->info.si_signo != signo)
            continue;
        if (found) {
            has_more = true;
            break;
        }
        found = e;
    }
    if (!has_more)
        pending->set &= ~signal_bit(signo);
    memset(info, 0, sizeof(*info));
    info->si_signo = signo;
    if (found) {
        *info = found->info;
        if (!found->owner)
            info->si_overrun = found->overrun;
        list_remove(&found->node);
        entry_free(found);
    }
    return signo;
}

int signal_take(struct thread *t, uint64_t set, siginfo_t *info)
{
    struct signal_pending *own = &t->signals.pending, *shared = &t->process->signals.pending;
    uint64_t ready = own->set & set;
    if (ready & FAULT_SET)
        ready &= FAULT_SET;
    if (ready)
        return pending_take(own, __builtin_ctzll(ready) + 1, info);
    ready = shared->set & set;
    return ready ? pending_take(shared, __builtin_ctzll(ready) + 1, info) : 0;
}

int signal_dequeue(struct thread *t, uint64_t set, siginfo_t *info)
{
    struct process *p = t->process;
    spin_lock(&p->signals.lock);
    int signo = signal_take(t, set, info);
    spin_unlock(&p->signals.lock);
    return signo;
}

uint64_t signal_pending_set(struct thread *t)
{
    struct process *p = t->process;
    spin_lock(&p->signals.lock);
    uint64_t set = t->signals.pending.set | p->signals.pending.set;
    spin_unlock(&p->signals.lock);
    return set;
}

bool signal_is_pending(const struct thread *t)
{
    uint64_t set = __atomic_load_n(&t->signals.pending.set, __ATOMIC_RELAXED) |
                   __atomic_load_n(&t->process->signals.pending.set, __ATOMIC_RELAXED);
    return set & ~t->signals.mask;
}

/* ---- telling threads ---------------------------------------------------------------------------------------- */

static bool thread_wants(const struct thread *t, int signo)
{
    uint64_t bit = signal_bit(signo);
    return signo == SIGKILL || !(t->signals.mask & bit) || (t->signals.wait_set & bit);
}

static void wake_one(struct process *p, struct thread *only, int signo)
{
    struct thread *t, *best = NULL;
    if (only) {
        if (thread_wants(only, signo))
            task_interrupt(&only->task);
        return;
    }
    list_for_each (t, &p->threads, process_node) {
        if (!thread_wants(t, signo))
            continue;
        best = t;
        if (!__atomic_load_n(&t->task.is_interrupted, __ATOMIC_RELAXED))
            break;
    }
    if (best)
        task_interrupt(&best->task);
}

void signal_interrupt_others(struct process *p, const struct thread *but)
{
    struct thread *t;
    list_for_each (t, &p->threads, process_node)
        if (t != but)
            task_interrupt(&t->task);
}

void signal_retarget(struct process *p, const struct thread *from, uint64_t set)
{
    struct thread *t;
    set &= p->signals.pending.set;
    if (!set)
        return;
    list_for_each (t, &p->threads, process_node)
        if (t != from && (set & ~t->signals.mask))
            task_interrupt(&t->task);
}

/* ---- posting ------------------------------------------------------------------------------------------------ */

/* A continuation undoes stops, and the other way round, even if blocked or ignored. */
static void post_job_control(struct process *p, int signo)
{
    if (signal_is_default_stop(signo)) {
        signal_flush(p, signal_bit(SIGCONT));
        return;
    }
    if (signo != SIGCONT && signo != SIGKILL)
        return;
    if (signo == SIGCONT) {
        signal_flush(p, STOP_SET);
        p->continue_count++;
        if (p->is_stopped)
            p->was_continued = p->notify_continued = true;
    }
    p->is_stopped = false;
    p->stop_report = 0;
    waitq_wake_all(&p->park_waitq, 0);
}

static bool is_discarded(struct process *p, struct thread *t, int signo)
{
    if (!t)
        t = list_first(&p->threads, struct thread, process_node);
    if (!t || t->is_gone)
        return true;
    return signo != SIGKILL && action_ignores(p, signo) && !(t->signals.mask & signal_bit(signo));
}

/* Under signals.lock. e may be NULL. True: the queue has e now. */
static bool post(struct process *p, struct thread *t, int signo, struct signal_entry *e)
{
    struct signal_pending *pending = t ? &t->signals.pending : &p->signals.pending;
    post_job_control(p, signo);
    if (is_discarded(p, t, signo))
        return false;
    if (signo < SIGNAL_REALTIME_MIN && (pending->set & signal_bit(signo)))
        return false;
    if (e) {
        list_push_back(&pending->queue, &e->node);
        e->is_queued = true;
    }
    pending->set |= signal_bit(signo);
    if (t)
        waitq_wake_all(&t->signals.waitq, EPOLLIN);
    waitq_wake_all(&p->signals.waitq, EPOLLIN);
    wake_one(p, t, signo);
    return e != NULL;
}

int signal_post(struct process *p, struct thread *t, int signo, const siginfo_t *info)
{
    struct signal_entry *e = entry_create(p, signo, info);
    if (!e && signo >= SIGNAL_REALTIME_MIN && info->si_code < 0)
        return -EAGAIN; /* sigqueue(3) promises to deliver the value or to say no */
    spin_lock(&p->signals.lock);
    bool is_gone = t && t->is_gone;
    bool is_taken = !is_gone && post(p, t, signo, e);
    spin_unlock(&p->signals.lock);
    if (e && !is_taken)
        entry_free(e);
    return is_gone ? -ESRCH : 0;
}

void signal_post_entry(struct process *p, struct thread *t, struct signal_entry *entry)
{
    spin_lock(&p->signals.lock);
    if (entry->is_queued) {
        entry->overrun++;
    } else {
        (void)post(p, t, entry->info.si_signo, entry);
    }
    spin_unlock(&p->signals.lock);
}

void signal_unpost_entry(struct process *p, struct thread *t, struct signal_entry *entry)
{
    siginfo_t dropped;
    struct signal_pending *pending = t ? &t->signals.pending : &p->signals.pending;
    spin_lock(&p->signals.lock);
    while (
        entry->is_queued) /* others of the same number go with it: timers share a number rarely */
        (void)pending_take(pending, entry->info.si_signo, &dropped);
    spin_unlock(&p->signals.lock);
}

/* ---- permission, and the public senders --------------------------------------------------------------------- */

void signal_info_user(siginfo_t *info, int signo, int code)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = signo;
    info->si_code = code;
    info->si_pid = process_current()->pid;
    info->si_uid = thread_current()->cred->uid;
}

static bool is_same_session(struct process *a, struct process *b)
{
    struct process_ids ids_a, ids_b;
    process_ids(a, &ids_a);
    process_ids(b, &ids_b);
    return ids_a.sid == ids_b.sid;
}

/* Pre: process_tree_lock is not held if signo is SIGCONT. */
int signal_check_permission(struct process *p, int signo)
{
    const struct cred *self = thread_current()->cred;
    if (p == process_current() || capable(CAP_KILL))
        return 0;
    struct cred *other = process_cred(p);
    if (!other)
        return 0; /* a zombie: nothing happens */
    bool is_allowed = self->euid == other->suid || self->euid == other->uid ||
                      self->uid == other->suid || self->uid == other->uid;
    cred_put(other);
    if (!is_allowed && signo == SIGCONT)
        is_allowed = is_same_session(process_current(), p);
    return is_allowed ? 0 : -EPERM;
}

/* The kernel's own word, not a user's: needs no permission. */
static bool is_from_kernel(const siginfo_t *info)
{
    return info && (info->si_code > 0 || info->si_code == SI_TIMER || info->si_code == SI_ASYNCIO ||
                    info->si_code == SI_SIGIO || info->si_code == SI_MESGQ);
}

static int signal_send(struct process *p, struct thread *t, int signo, const siginfo_t *info)
{
    siginfo_t made;
    if (signo < 0 || signo > SIGNAL_COUNT)
        return -EINVAL;
    int err = is_from_kernel(info) ? 0 : signal_check_permission(p, signo);
    if (err < 0 || signo == 0)
        return err;
    if (!info) {
        signal_info_user(&made, signo, t ? SI_TKILL : SI_USER);
        info = &made;
    }
    return signal_post(p, t, signo, info);
}

int signal_send_process(struct process *p, int signo, const siginfo_t *info)
{
    return signal_send(p, NULL, signo, info);
}

int signal_send_thread(struct thread *t, int signo, const siginfo_t *info)
{
    return signal_send(t->process, t, signo, info);
}

/* The members of a group one after the other, by pid: each referenced, so that no lock is held while sending. */
static struct process *group_next(int32_t pgid, int32_t after)
{
    struct process *p, *best = NULL;
    spin_lock(&process_tree_lock);
    struct pid_slot *slot = pid_slot(pgid);
    if (slot && slot->group) {
        list_for_each (p, &slot->group->processes, group_node)
            if (p->pid > after && (!best || p->pid < best->pid))
                best = p;
    }
    if (best)
        ref_get(&best->ref);
    spin_unlock(&process_tree_lock);
    return best;
}

int signal_send_group(int32_t pgid, int signo, const siginfo_t *info)
{
    struct process *p;
    int result = -ESRCH;
    for (int32_t pid = 0; (p = group_next(pgid, pid)) != NULL; process_put(p)) {
        int err = signal_send(p, NULL, signo, info);
        if (result != 0)
            result = err;
        pid = p->pid;
    }
    return result;
}

void signal_raise_group(int32_t pgid, int signo)
{
    siginfo_t info = {.si_signo = signo, .si_code = SI_KERNEL};
    struct process *p;
    for (int32_t pid = 0; (p = group_next(pgid, pid)) != NULL; process_put(p)) {
        int err = signal_post(p, NULL, signo, &info);
        CHECK(err == 0); /* only what a user queues is ever refused */
        pid = p->pid;
    }
}

void signal_force(int signo, int code, uint64_t addr)
{
    siginfo_t info = {.si_signo = signo, .si_code = code};
    info.si_addr = (void *)(uintptr_t)addr;
    signal_force_info(signo, &info);
}

void signal_force_info(int signo, const siginfo_t *info)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    struct signal_entry *e = entry_create(p, signo, info);
    spin_lock(&p->signals.lock);
    struct signal_action *action = &p->signals.actions->action[signo - 1];
    if (action->handler == (uint64_t)(uintptr_t)SIG_IGN || (t->signals.mask & signal_bit(signo))) {
        action->handler = (uint64_t)(uintptr_t)SIG_DFL;
        t->signals.mask &= ~signal_bit(signo);
    }
    bool is_taken = post(p, t, signo, e);
    spin_unlock(&p->signals.lock);
    if (e && !is_taken)
        entry_free(e);
}

bool signal_is_blocked_or_ignored(int signo)
{
    struct thread *t = thread_current();
    return (t->signals.mask & signal_bit(signo)) || action_ignores(t->process, signo);
}

/* ---- the mask ----------------------------------------------------------------------------------------------- */

void signal_set_mask(struct thread *t, uint64_t mask)
{
    struct process *p = t->process;
    mask &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    spin_lock(&p->signals.lock);
    uint64_t newly_blocked = mask & ~t->signals.mask;
    t->signals.mask = mask;
    signal_retarget(p, t, newly_blocked);
    if ((t->signals.pending.set | p->signals.pending.set) & ~mask)
        __atomic_store_n(&t->task.is_interrupted, true, __ATOMIC_RELAXED);
    spin_unlock(&p->signals.lock);
}

void thread_signal_sets(struct thread *t, struct process_signal_sets *sets)
{
    struct process *p = t->process;
    *sets = (struct process_signal_sets){.blocked = t->signals.mask, .queued = p->signals.queued};
    spin_lock(&p->signals.lock);
    sets->thread_pending = t->signals.pending.set;
    sets->process_pending = p->signals.pending.set;
    for (int signo = 1; signo <= SIGNAL_COUNT && p->signals.actions; signo++) {
        uint64_t handler = p->signals.actions->action[signo - 1].handler;
        if (handler == (uint64_t)(uintptr_t)SIG_IGN)
            sets->ignored |= signal_bit(signo);
        else if (handler != (uint64_t)(uintptr_t)SIG_DFL)
            sets->caught |= signal_bit(signo);
    }
    spin_unlock(&p->signals.lock);
}
