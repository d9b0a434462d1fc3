/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on signals. */
#include <linux/signal.h>
#include <linux/time_types.h>
#include "base/string.h"
#include "mm/usercopy.h"
#include "proc/internal.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"
#include "time/clock.h"

#define MASK_SIZE   sizeof(uint64_t)
#define UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))
#define ACTION_FLAGS                                                                               \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |             \
     SA_RESETHAND | 0x04000000UL /* SA_RESTORER */ | 0x800UL /* SA_EXPOSE_TAGBITS */)

/* ---- actions and masks -------------------------------------------------------------------------------------- */

static bool becomes_ignored(int signo, const struct signal_action *action)
{
    return action->handler == (uint64_t)(uintptr_t)SIG_IGN ||
           (action->handler == (uint64_t)(uintptr_t)SIG_DFL && signal_is_default_ignored(signo));
}

static void action_exchange(int signo, const struct signal_action *fresh, struct signal_action *old)
{
    struct process *p = process_current();
    struct signal_actions *actions = p->signals.actions;
    spin_lock(&p->signals.lock);
    spin_lock(&actions->lock);
    *old = actions->action[signo - 1];
    if (fresh)
        actions->action[signo - 1] = *fresh;
    spin_unlock(&actions->lock);
    if (fresh && becomes_ignored(signo, fresh))
        signal_flush(p, signal_bit(signo));
    spin_unlock(&p->signals.lock);
}

int64_t sys_rt_sigaction(int signo, uaddr_t action, uaddr_t old_addr, uint64_t size)
{
    struct signal_action fresh = {0}, old;
    if (size != MASK_SIZE)
        return -EINVAL;
    int err = action ? copy_from_user(&fresh, action, sizeof(fresh)) : 0;
    if (err < 0)
        return err;
    if (signo < 1 || signo > SIGNAL_COUNT || (action && (UNBLOCKABLE & signal_bit(signo))))
        return -EINVAL;
    fresh.flags &= ACTION_FLAGS;
    fresh.mask &= ~UNBLOCKABLE;
    action_exchange(signo, action ? &fresh : NULL, &old);
    return old_addr ? copy_to_user(old_addr, &old, sizeof(old)) : 0;
}

int64_t sys_rt_sigprocmask(int how, uaddr_t set_addr, uaddr_t old_addr, uint64_t size)
{
    struct thread *t = thread_current();
    uint64_t set, old = t->signals.mask;
    if (size != MASK_SIZE)
        return -EINVAL;
    int err = set_addr ? copy_from_user(&set, set_addr, sizeof(set)) : 0;
    if (err < 0)
        return err;
    if (set_addr && how == SIG_BLOCK)
        signal_set_mask(t, old | set);
    else if (set_addr && how == SIG_UNBLOCK)
        signal_set_mask(t, old & ~set);
    else if (set_addr && how == SIG_SETMASK)
        signal_set_mask(t, set);
    else if (set_addr)
        return -EINVAL;
    return old_addr ? put_user(old_addr, old) : 0;
}

int64_t sys_rt_sigpending(uaddr_t set, uint64_t size)
{
    struct thread *t = thread_current();
    uint64_t pending = signal_pending_set(t) & t->signals.mask;
    if (size > MASK_SIZE)
        return -EINVAL;
    return copy_to_user(set, &pending, size);
}

int64_t sys_rt_sigsuspend(uaddr_t set, uint64_t size)
{
    if (size != MASK_SIZE)
        return -EINVAL;
    if (!set)
        return -EFAULT;
    int err = signal_set_temporary_mask(set, size);
    return err < 0 ? err : signal_pause();
}

int64_t sys_pause(void)
{
    return signal_pause();
}

int64_t sys_rt_sigtimedwait(uaddr_t set_addr, uaddr_t info_addr, uaddr_t timeout, uint64_t size)
{
    uint64_t set;
    siginfo_t info;
    ns_t deadline = NS_NEVER;
    if (size != MASK_SIZE)
        return -EINVAL;
    int err = copy_from_user(&set, set_addr, sizeof(set));
    if (!err && timeout)
        err = timeout_read(timeout, &deadline);
    if (err < 0)
        return err;
    int signo = signal_wait(set, deadline, &info);
    if (signo > 0 && info_addr && copy_to_user(info_addr, &info, sizeof(info)) < 0)
        return -EFAULT;
    return signo;
}

int64_t sys_rt_sigreturn(void)
{
    struct thread *t = thread_current();
    struct arch_regs *regs = task_regs(&t->task);
    if (!signal_return(t, regs))
        signal_force(SIGSEGV, SI_KERNEL, 0);
    return arch_regs_result(regs);
}

struct user_stack { /* stack_t */
    uint64_t sp;
    int32_t flags, pad;
    uint64_t size;
};

static int altstack_set(struct thread *t, const struct user_stack *fresh)
{
    struct thread_signals *s = &t->signals;
    int mode = fresh->flags & ~(int)SS_AUTODISARM;
    if (signal_on_altstack(t, arch_regs_sp(task_regs(&t->task))))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        s->altstack_sp = s->altstack_size = 0;
    } else {
        if (fresh->size < MINSIGSTKSZ)
            return -ENOMEM;
        s->altstack_sp = fresh->sp;
        s->altstack_size = fresh->size;
    }
    s->altstack_flags = fresh->flags;
    return 0;
}

int64_t sys_sigaltstack(uaddr_t stack, uaddr_t old_addr)
{
    struct thread *t = thread_current();
    struct thread_signals *s = &t->signals;
    struct user_stack fresh, old = {.sp = s->altstack_sp, .size = s->altstack_size};
    int autodisarm = s->altstack_flags & (int)SS_AUTODISARM;
    if (s->altstack_size == 0)
        old.flags = SS_DISABLE | autodisarm;
    else
        old.flags = (signal_on_altstack(t, arch_regs_sp(task_regs(&t->task))) ? SS_ONSTACK : 0) |
                    autodisarm;
    int err = stack ? copy_from_user(&fresh, stack, sizeof(fresh)) : 0;
    if (!err && stack)
        err = altstack_set(t, &fresh);
    if (!err && old_addr)
        err = copy_to_user(old_addr, &old, sizeof(old));
    return err;
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

/* A process by the number of any of its threads, as Linux finds it. */
static struct process *process_find_any(int32_t id)
{
    struct process *p = process_find(id);
    if (p)
        return p;
    struct thread *t = thread_find(id);
    if (!t)
        return NULL;
    p = t->process;
    process_get(p);
    thread_put(t);
    return p;
}

static int kill_one(int32_t pid, int signo, const siginfo_t *info)
{
    struct process *p = process_find_any(pid);
    if (!p)
        return -ESRCH;
    int err = signal_send_process(p, signo, info);
    process_put(p);
    return err;
}

/* All but pid 1 and the caller. */
static int kill_all(int signo)
{
    struct process *p;
    int result = -ESRCH;
    for (int32_t pid = 1; (p = process_next(pid)) != NULL; process_put(p)) {
        pid = p->pid;
        if (p == process_current())
            continue;
        int err = signal_send_process(p, signo, NULL);
        if (err != -EPERM)
            result = err;
    }
    return result;
}

int64_t sys_kill(int32_t pid, int signo)
{
    struct process_ids ids;
    if (pid > 0)
        return kill_one(pid, signo, NULL);
    if (pid == -1)
        return kill_all(signo);
    if (pid == INT32_MIN)
        return -ESRCH;
    process_ids(process_current(), &ids);
    return signal_send_group(pid ? -pid : ids.pgid, signo, NULL);
}

/* pid 0: whatever process the thread is of. */
static int thread_kill(int32_t pid, int32_t tid, int signo, const siginfo_t *info)
{
    if (tid <= 0)
        return -EINVAL;
    struct thread *t = thread_find(tid);
    if (!t)
        return -ESRCH;
    int err = pid && t->process->pid != pid ? -ESRCH : signal_send_thread(t, signo, info);
    thread_put(t);
    return err;
}

int64_t sys_tkill(int32_t tid, int signo)
{
    return thread_kill(0, tid, signo, NULL);
}

int64_t sys_tgkill(int32_t pid, int32_t tid, int signo)
{
    return pid > 0 ? thread_kill(pid, tid, signo, NULL) : -EINVAL;
}

/* siginfo of a program's own making: it must not look like the kernel's, unless it goes to the program itself. */
static int info_check(siginfo_t *info, int signo, int32_t pid)
{
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && pid != process_current()->pid)
        return -EPERM;
    info->si_signo = signo;
    return 0;
}

static int info_read(uaddr_t addr, int signo, int32_t pid, siginfo_t *info)
{
    int err = copy_from_user(info, addr, sizeof(*info));
    return err ? err : info_check(info, signo, pid);
}

static int queue_to(struct process *p, struct thread *t, int signo, const siginfo_t *info)
{
    if (signo < 0 || signo > SIGNAL_COUNT)
        return -EINVAL;
    int err = signal_check_permission(p, signo);
    return err || signo == 0 ? err : signal_post(p, t, signo, info);
}

int64_t sys_rt_sigqueueinfo(int32_t pid, int signo, uaddr_t info_addr)
{
    siginfo_t info;
    int err = info_read(info_addr, signo, pid, &info);
    if (err < 0)
        return err;
    struct process *p = process_find_any(pid);
    if (!p)
        return -ESRCH;
    err = queue_to(p, NULL, signo, &info);
    process_put(p);
    return err;
}

int64_t sys_rt_tgsigqueueinfo(int32_t pid, int32_t tid, int signo, uaddr_t info_addr)
{
    siginfo_t info;
    if (pid <= 0 || tid <= 0)
        return -EINVAL;
    int err = info_read(info_addr, signo, pid, &info);
    if (err < 0)
        return err;
    struct thread *t = thread_find(tid);
    if (!t)
        return -ESRCH;
    err = t->process->pid == pid ? queue_to(t->process, t, signo, &info) : -ESRCH;
    thread_put(t);
    return err;
}

int64_t sys_pidfd_send_signal(int pidfd, int signo, uaddr_t info_addr, unsigned flags)
{
    struct process *p;
    siginfo_t info;
    if (flags)
        return -EINVAL;
    int err = pidfd_or_folder_process(pidfd, &p);
    if (err < 0)
        return err;
    err = info_addr ? copy_from_user(&info, info_addr, sizeof(info)) : 0;
    if (!err && info_addr)
        err = info.si_signo != signo ? -EINVAL : info_check(&info, signo, p->pid);
    struct process_ids ids;
    process_ids(p, &ids);
    if (!err && ids.pgid == 0) /* it was reaped */
        err = -ESRCH;
    if (!err)
        err = info_addr ? queue_to(p, NULL, signo, &info) : signal_send_process(p, signo, NULL);
    process_put(p);
    return err;
}

int64_t sys_restart_syscall(void)
{
    struct thread *t = thread_current();
    return t->restart ? t->restart(t) : -EINTR;
}
