/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way back to the user: exit, job control, handlers, restarted system calls; and faults.
 * Everything runs on the thread's own kernel stack and may sleep.
 */
#include <asm/unistd.h>
#include <linux/signal.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"

struct delivery {
    int signo;
    siginfo_t info;
    struct signal_action action;
    unsigned continue_count; /* a continuation since makes a stop void */
};

/* ---- system calls that were cut short ----------------------------------------------------------------------- */

/* What lower layers call -EINTR, Linux restarts for these calls if SA_RESTART says so. */
static int restart_kind_of_eintr(uint64_t nr)
{
    switch (nr) {
    case __NR_read:
    case __NR_readv:
    case __NR_pread64:
    case __NR_preadv:
    case __NR_preadv2:
    case __NR_write:
    case __NR_writev:
    case __NR_pwrite64:
    case __NR_pwritev:
    case __NR_pwritev2:
    case __NR_ioctl:
#ifdef __NR_open
    case __NR_open:
#endif
    case __NR_openat:
    case __NR_openat2:
    case __NR_sendfile:
    case __NR_splice:
    case __NR_tee:
    case __NR_copy_file_range:
    case __NR_flock:
    case __NR_fcntl:
    case __NR_mq_timedsend:
    case __NR_mq_timedreceive:
    case __NR_getrandom:
        return ERESTARTSYS;
#ifdef __NR_poll
    case __NR_poll:
    case __NR_select:
#endif
    case __NR_ppoll:
    case __NR_pselect6:
        return ERESTARTNOHAND;
    default:
        return 0;
    }
}

/* 0, or one of ERESTART*. */
static int restart_kind(const struct thread *t, const struct arch_regs *regs)
{
    if (t->syscall_nr == SYSCALL_NONE)
        return 0;
    int64_t result = arch_regs_result(regs);
    switch (result) {
    case -ERESTARTSYS:
    case -ERESTARTNOINTR:
    case -ERESTARTNOHAND:
    case -ERESTART_RESTARTBLOCK:
        return (int)-result;
    case -EINTR:
        return restart_kind_of_eintr(t->syscall_nr);
    default:
        return 0;
    }
}

static void restart_for_handler(struct thread *t, struct arch_regs *regs, int kind, uint64_t flags)
{
    if (kind == ERESTARTNOINTR || (kind == ERESTARTSYS && (flags & SA_RESTART)))
        arch_regs_restart_syscall(regs, t->syscall_nr);
    else if (kind)
        arch_regs_set_result(regs, -EINTR);
}

static void restart_without_handler(struct thread *t, struct arch_regs *regs, int kind)
{
    if (kind == ERESTART_RESTARTBLOCK)
        arch_regs_restart_syscall(regs, __NR_restart_syscall);
    else if (kind)
        arch_regs_restart_syscall(regs, t->syscall_nr);
}

/* ---- stopping ----------------------------------------------------------------------------------------------- */

/* Under signals.lock, let go for a moment if all have parked now. */
void signal_stop_check(struct process *p)
{
    unsigned threads = 0;
    struct thread *t;
    if (!p->is_stopped || p->stop_report)
        return;
    list_for_each (t, &p->threads, process_node)
        threads++;
    if (p->parked_count < threads || threads == 0)
        return;
    int signo = p->stop_report = p->stop_signal;
    spin_unlock(&p->signals.lock);
    process_notify_parent(p, CLD_STOPPED, signo);
    spin_lock(&p->signals.lock);
}

static void park(struct thread *t)
{
    struct process *p = t->process;
    bool is_notifier = false;
    spin_lock(&p->signals.lock);
    while (p->is_stopped && !thread_must_exit(t)) {
        unsigned generation = p->stop_generation;
        p->parked_count++;
        signal_stop_check(p);
        while (p->is_stopped && p->stop_generation == generation && !thread_must_exit(t))
            CHECK(waitq_sleep_uninterruptible(&p->park_waitq, &p->signals.lock, NS_NEVER) == 0);
    }
    if (p->notify_continued) {
        p->notify_continued = false;
        is_notifier = true;
    }
    spin_unlock(&p->signals.lock);
    if (is_notifier)
        process_notify_parent(p, CLD_CONTINUED, SIGCONT);
}

static void stop_begin(struct process *p, const struct delivery *d)
{
    struct process_ids ids;
    process_ids(p, &ids);
    if (d->signo != SIGSTOP && process_group_is_orphaned(ids.pgid))
        return;
    spin_lock(&p->signals.lock);
    if (p->continue_count == d->continue_count && !p->is_stopped) {
        p->is_stopped = true;
        p->was_continued = false;
        p->stop_signal = d->signo;
        p->parked_count = 0;
        p->stop_generation++;
        signal_interrupt_others(p, NULL);
    }
    spin_unlock(&p->signals.lock);
}

/* ---- handlers ----------------------------------------------------------------------------------------------- */

/* Under signals.lock: the next signal that does something. */
static bool delivery_next(struct thread *t, struct delivery *d)
{
    struct process *p = t->process;
    while ((d->signo = signal_take(t, ~t->signals.mask, &d->info)) != 0) {
        struct signal_actions *actions = p->signals.actions;
        struct signal_action *action = &actions->action[d->signo - 1];
        spin_lock(&actions->lock);
        d->action = *action;
        bool has_handler = d->action.handler > (uint64_t)(uintptr_t)SIG_IGN;
        if (has_handler && (d->action.flags & SA_RESETHAND))
            action->handler = (uint64_t)(uintptr_t)SIG_DFL;
        spin_unlock(&actions->lock);
        d->continue_count = p->continue_count;
        if (has_handler)
            return true;
        if (d->action.handler == (uint64_t)(uintptr_t)SIG_DFL &&
            !signal_is_default_ignored(d->signo))
            return true;
    }
    return false;
}

bool signal_on_altstack(const struct thread *t, uaddr_t sp)
{
    const struct thread_signals *s = &t->signals;
    if (s->altstack_flags & (int)SS_AUTODISARM)
        return false;
    return sp > s->altstack_sp && sp - s->altstack_sp <= s->altstack_size;
}

/* Where the frame goes; 0: it does not fit the alternate stack. */
static uaddr_t frame_place(struct thread *t, const struct arch_regs *regs, uint64_t flags)
{
    struct thread_signals *s = &t->signals;
    uaddr_t sp = arch_regs_sp(regs);
    bool is_on = signal_on_altstack(t, sp);
    bool enters = (flags & SA_ONSTACK) && !is_on && s->altstack_size != 0;
    if (enters)
        sp = s->altstack_sp + s->altstack_size;
    uaddr_t at = arch_sigframe_place(sp);
    if ((enters || is_on) && (at <= s->altstack_sp || at > s->altstack_sp + s->altstack_size))
        return 0;
    return at;
}

static bool frame_push(struct thread *t, struct arch_regs *regs, const struct delivery *d)
{
    struct thread_signals *s = &t->signals;
    struct arch_signal sig = {
        .signo = d->signo,
        .siginfo = &d->info,
        .handler = d->action.handler,
        .restorer = d->action.restorer,
        .has_siginfo = d->action.flags & SA_SIGINFO,
        .mask = s->has_saved_mask ? s->saved_mask : s->mask,
        .altstack_sp = s->altstack_sp,
        .altstack_size = s->altstack_size,
        .altstack_flags = s->altstack_flags,
    };
    uaddr_t at = frame_place(t, regs, d->action.flags);
    if (!t->sigframe)
        t->sigframe = heap_zalloc(arch_sigframe_size());
    if (!at || !t->sigframe)
        return false;
    struct arch_regs updated = *regs;
    uaddr_t pc = vm_pc_to_text(t->process->vm, arch_regs_pc(regs));
    if (pc != arch_regs_pc(regs))
        arch_regs_set_pc(&updated, pc);
    arch_fpu_save(t->task.fpu);
    arch_sigframe_build(t->sigframe, at, &sig, &updated, t->task.fpu);
    if (copy_to_user(at, t->sigframe, arch_sigframe_size()) < 0)
        return false;
    *regs = updated;
    arch_fpu_init(t->task.fpu);
    arch_fpu_restore(t->task.fpu);
    return true;
}

/* A frame that cannot be written is a SIGSEGV; that SIGSEGV cannot be handled if it was one itself. */
static void frame_failed(struct thread *t, int signo)
{
    struct process *p = t->process;
    if (signo == SIGSEGV) {
        spin_lock(&p->signals.lock);
        p->signals.actions->action[SIGSEGV - 1].handler = (uint64_t)(uintptr_t)SIG_DFL;
        spin_unlock(&p->signals.lock);
    }
    signal_force(SIGSEGV, SI_KERNEL, 0);
}

static void handler_run(struct thread *t, struct arch_regs *regs, const struct delivery *d)
{
    struct thread_signals *s = &t->signals;
    if (!frame_push(t, regs, d)) {
        frame_failed(t, d->signo);
        return;
    }
    if (s->altstack_flags & (int)SS_AUTODISARM) {
        s->altstack_sp = s->altstack_size = 0;
        s->altstack_flags = SS_DISABLE;
    }
    s->has_saved_mask = false;
    uint64_t mask = s->mask | d->action.mask;
    if (!(d->action.flags & SA_NODEFER))
        mask |= signal_bit(d->signo);
    signal_set_mask(t, mask);
}

static void default_act(struct thread *t, const struct delivery *d)
{
    if (signal_is_default_stop(d->signo)) {
        stop_begin(t->process, d);
        return;
    }
    bool is_crash = signal_dumps_core(d->signo);
    if (is_crash && proc_ops.crashed)
        proc_ops.crashed(t, d->signo);
    bool may_dump = is_crash && process_limit(t->process, RLIMIT_CORE) > 0 && t->process->dumpable;
    process_exit_group(d->signo | (may_dump ? 0x80 : 0));
}

bool signal_return(struct thread *t, struct arch_regs *regs)
{
    struct arch_signal sig = {0};
    struct arch_regs parsed = *regs;
    if (!t->sigframe)
        t->sigframe = heap_zalloc(arch_sigframe_size());
    if (!t->sigframe ||
        copy_from_user(t->sigframe, arch_sigframe_find(regs), arch_sigframe_size()) < 0)
        return false;
    arch_fpu_save(t->task.fpu); /* parse may take only a part of it from the frame */
    if (arch_sigframe_parse(t->sigframe, &parsed, t->task.fpu, &sig) < 0)
        return false;
    uaddr_t pc = vm_pc_from_text(t->process->vm, arch_regs_pc(&parsed));
    if (pc != arch_regs_pc(&parsed))
        arch_regs_set_pc(&parsed, pc);
    *regs = parsed;
    arch_fpu_restore(t->task.fpu);
    t->signals.altstack_sp = sig.altstack_sp;
    t->signals.altstack_size = sig.altstack_size;
    t->signals.altstack_flags = sig.altstack_flags;
    signal_set_mask(t, sig.mask);
    t->syscall_nr = SYSCALL_NONE; /* the result is the interrupted code's own */
    return true;
}

/* ---- the way out -------------------------------------------------------------------------------------------- */

/* One thing done: true, look again. */
static bool user_return_step(struct thread *t, struct arch_regs *regs, int *restart)
{
    struct process *p = t->process;
    struct delivery d;
    if (thread_must_exit(t))
        thread_exit(0);
    if (vm_has_lost())
        process_kill_lost();
    if (p->vm && vm_is_lost(p->vm))
        process_exit_group(SIGKILL);
    if (__atomic_load_n(&p->is_stopped, __ATOMIC_ACQUIRE) ||
        __atomic_load_n(&p->notify_continued, __ATOMIC_RELAXED)) {
        park(t);
        return true;
    }
    spin_lock(&p->signals.lock);
    bool has_signal = delivery_next(t, &d);
    spin_unlock(&p->signals.lock);
    if (has_signal && d.action.handler != (uint64_t)(uintptr_t)SIG_DFL) {
        restart_for_handler(t, regs, *restart, d.action.flags);
        *restart = 0;
        handler_run(t, regs, &d);
    } else if (has_signal) {
        default_act(t, &d);
    } else if (t->signals.has_saved_mask) {
        t->signals.has_saved_mask = false;
        signal_set_mask(t, t->signals.saved_mask);
    } else {
        return false;
    }
    return true;
}

static bool has_work(const struct thread *t)
{
    return __atomic_load_n(&t->task.is_interrupted, __ATOMIC_RELAXED) ||
           sched_wants_vcpu(&t->task) || t->signals.has_saved_mask;
}

static __attribute__((noinline)) void user_return_slow(struct thread *t, struct arch_regs *regs)
{
    int restart = restart_kind(t, regs);
    do {
        if (sched_wants_vcpu(&t->task))
            sched_user_return();
        __atomic_store_n(&t->task.is_interrupted, false, __ATOMIC_SEQ_CST);
        while (user_return_step(t, regs, &restart))
            ;
    } while (has_work(t));
    restart_without_handler(t, regs, restart);
}

void proc_user_return(struct arch_regs *regs)
{
    struct thread *t = thread_current();
    if (unlikely(has_work(t)))
        user_return_slow(t, regs);
    t->syscall_nr = SYSCALL_NONE;
}

/* ---- waiting for signals ------------------------------------------------------------------------------------ */

/* Does something await this thread that its system call has to end for? */
static bool has_other_business(const struct thread *t)
{
    return thread_must_exit(t) || __atomic_load_n(&t->process->is_stopped, __ATOMIC_RELAXED) ||
           signal_is_pending(t);
}

int signal_wait(uint64_t set, ns_t deadline, siginfo_t *info)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    int result = 0;
    set &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    spin_lock(&p->signals.lock);
    for (;;) {
        int signo = signal_take(t, set, info);
        if (signo || result) {
            result = signo ? signo : result;
            break;
        }
        t->signals.wait_set = set;
        int err = waitq_sleep(&t->signals.waitq, &p->signals.lock, deadline);
        t->signals.wait_set = 0;
        if (err == -ETIMEDOUT)
            result = -EAGAIN;
        else if (err < 0 && !((t->signals.pending.set | p->signals.pending.set) & set)) {
            __atomic_store_n(&t->task.is_interrupted, false, __ATOMIC_SEQ_CST);
            if (has_other_business(t))
                result = -EINTR;
        }
    }
    spin_unlock(&p->signals.lock);
    if (result != -EAGAIN)
        __atomic_store_n(&t->task.is_interrupted, true,
                         __ATOMIC_RELAXED); /* let user_return have a look */
    return result;
}

int signal_pause(void)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    int err = 0;
    spin_lock(&p->signals.lock);
    while (err == 0)
        err = waitq_sleep(&t->signals.waitq, &p->signals.lock, NS_NEVER);
    spin_unlock(&p->signals.lock);
    return -ERESTARTNOHAND;
}

int signal_set_temporary_mask(uint64_t user_mask, size_t size)
{
    struct thread *t = thread_current();
    uint64_t mask;
    if (!user_mask)
        return 0;
    if (size != sizeof(mask))
        return -EINVAL;
    int err = copy_from_user(&mask, user_mask, sizeof(mask));
    if (err < 0)
        return err;
    t->signals.saved_mask = t->signals.mask;
    t->signals.has_saved_mask = true;
    signal_set_mask(t, mask);
    return 0;
}
