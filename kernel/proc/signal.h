/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: dispositions of a process, pending sets and masks of its threads, sending and delivery. */
#pragma once
#include <asm/siginfo.h>
#include <asm/signal.h>
#include "base/list.h"
#include "base/spinlock.h"
#include "sync/waitq.h"

struct process;
struct thread;

#define SIGNAL_COUNT 64
static inline uint64_t signal_bit(int signo)
{
    return 1ULL << (signo - 1);
}

struct signal_action { /* the kernel's struct sigaction of the Linux ABI */
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};

struct signal_actions { /* CLONE_SIGHAND shares them */
    struct refcount ref;
    struct spinlock lock;
    struct signal_action action[SIGNAL_COUNT];
};

struct signal_pending {
    uint64_t set;
    struct list queue; /* with siginfo; real-time signals queue, others at most once */
};

struct thread_signals { /* under process->signals.lock */
    struct signal_pending pending;
    uint64_t mask;       /* changed by its thread only */
    uint64_t saved_mask; /* sigsuspend, ppoll: put back after the handler */
    bool has_saved_mask;
    uint64_t wait_set;   /* what sigtimedwait waits for: wakes the thread though blocked */
    uaddr_t altstack_sp;
    uint64_t altstack_size;
    int altstack_flags;
    struct waitq waitq;  /* sigtimedwait, and read(2) of a signalfd */
};

struct process_signals {
    struct spinlock lock;
    struct signal_actions *actions;
    struct signal_pending pending;
    struct waitq waitq;  /* signalfds that are watched: told of every signal */
    uint32_t queued;     /* entries in all queues of the process, against RLIMIT_SIGPENDING; atomic */
};

/* 0, -ESRCH, -EPERM, -EAGAIN (queue full). info NULL: made for the caller (SI_USER). From any context that
 * holds no lock of proc; also from timers. */
nodiscard int signal_send_process(struct process *p, int signo, const siginfo_t *info);
nodiscard int signal_send_thread(struct thread *t, int signo, const siginfo_t *info);
nodiscard int signal_send_group(int32_t pgid, int signo, const siginfo_t *info);
/* By the kernel, regardless of permission; never fails: at worst without siginfo. SI_KERNEL. */
void signal_raise_group(int32_t pgid, int signo);
/* A fault of the calling thread: cannot be blocked or ignored. */
void signal_force(int signo, int code, uint64_t addr);
void signal_force_info(int signo, const siginfo_t *info);
bool signal_is_pending(const struct thread *t); /* one that is not blocked */
/* Is this signal blocked or ignored by the calling thread? For terminal job control. */
bool signal_is_blocked_or_ignored(int signo);

/* Sets the mask for the length of a system call (ppoll, pselect, epoll_pwait); undone on return to the user,
 * after the handler if one runs. size must be 8. */
nodiscard int signal_set_temporary_mask(uint64_t user_mask, size_t size);

/* For signalfd and sigtimedwait: takes one of `set`, the thread's first. 0: none. */
int signal_dequeue(struct thread *t, uint64_t set, siginfo_t *info);

/* signalfd(2). flags: O_NONBLOCK counts. change: -EINVAL, f is no such file. */
struct file;
nodiscard int signalfd_create(uint64_t set, unsigned flags, struct file **f);
nodiscard int signalfd_change(struct file *f, uint64_t set);

/* Of the set, what the thread could take now: its own pending signals and the process's. Takes signals.lock. */
uint64_t signal_pending_set(struct thread *t);

struct arch_regs;
struct arch_fault;
/* arch_upcalls.user_return: exit, stop, signals, preemption. Its fast path is a few loads. */
void proc_user_return(struct arch_regs *regs);
/* arch_upcalls.fault: memory that is not there yet, else a signal. */
void proc_fault(struct arch_regs *regs, const struct arch_fault *fault);
/* arch_upcalls.kernel_fault. */
bool proc_kernel_fault(const struct arch_fault *fault);

/* Internal results of system calls that a signal cut short; proc/signal turns them into -EINTR or makes the
 * call again. */
#define ERESTARTSYS    512 /* again if SA_RESTART or no handler ran */
#define ERESTARTNOHAND 514 /* again only if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* by restart_syscall */
