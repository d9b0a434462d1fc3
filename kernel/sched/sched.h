/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks and the vCPUs that run them. A vCPU takes tasks from its own queue, and from another's queue when
 * it has none of its own and a task there has waited STEAL_AFTER: so two tasks that talk to each
 * other stay on one vCPU, and two that compute spread out. Only a vCPU with nothing to do leaves, with
 * the `wait` host call. Kernel code is never preempted; user code is, on its way out of an interrupt.
 */
#pragma once
#include "arch/arch.h"
#include "base/list.h"
#include "base/refcount.h"
#include "base/spinlock.h"

#define VCPU_MAX 64
#define KSTACK_SIZE (16 * 1024UL)

enum task_state {
    TASK_RUNNABLE, /* on a queue */
    TASK_RUNNING,  /* on a vCPU */
    TASK_SLEEPING, /* on nothing; somebody will wake it */
    TASK_DEAD,
};

struct vmspace;
struct vcpu;

struct task {
    /* First: entry.S finds them by offset. */
    uintptr_t kstack_top;       /* struct arch_regs lies right below */
    struct arch_context context;

    struct spinlock lock;       /* guards state */
    enum task_state state;
    bool is_on_vcpu;            /* its stack is in use; cleared after the switch away */
    bool is_interruptible;      /* sleeping, and a signal may end that */
    bool is_interrupted;        /* a signal or a kill awaits; set by task_interrupt, cleared by its thread */
    bool needs_resched;         /* give way at the next return to the user */
    bool was_ticked;            /* an interrupt came while kernel code ran: the tick is due at the return to the user */
    uint64_t affinity;          /* vCPUs it may run on */
    int nice;                   /* -20..19 */
    unsigned vcpu_last;         /* where its cache is warm */

    struct list queue_node;     /* under the queue's lock */
    ns_t queued_at;
    uint64_t vruntime;          /* weighted run time: the least runs first */
    ns_t slice;                 /* how long it may run while others wait */
    uint32_t clock_seq;         /* odd while the next two change; anybody may read them */
    uint64_t cpu_ns;            /* run time so far; + since started_at while running */
    uint64_t started_at;        /* counter; 0: not running */
    uint64_t switches_voluntary, switches_forced;

    struct vmspace *vm;         /* NULL: a kernel task */
    void *fpu;                  /* saved vector state, arch_fpu_size() bytes; NULL: a kernel task */
    void (*entry)(void *arg);
    void *arg;
};

struct vcpu {
    struct vcpu *self;          /* first: found through the vCPU register */
    struct task *current;       /* second: entry.S takes kstack_top from it */
    uint64_t user_sp;           /* third: scratch of entry.S */
    uint64_t scratch[13];       /* entry.S's own */
    unsigned id;
    struct task idle;           /* runs when nothing else can; its stack is the vCPU's boot stack */
    struct task *previous;      /* handed over in a switch */

    struct spinlock lock;       /* guards the queue */
    struct list queue;
    unsigned queue_count;       /* read without the lock as a hint */
    bool is_idle;               /* in the `wait` host call, or about to be */
    uint32_t passes;            /* full barriers between user code and user code; sched_barrier counts on them */
    uint64_t vruntime_min;
    void *arch;                 /* the platform's own */
} aligned_to(64);

extern struct vcpu *vcpus[VCPU_MAX]; /* entries below vcpu_count are set for good once entered */
extern unsigned vcpu_count;

/* Filled by mm: residency of memory (DESIGN D4). Either space may be NULL: kernel and idle tasks have none. */
struct sched_memory_ops {
    /* This vCPU goes from a task of `from` to one of `to`. False: another space in conflict with `to` runs on another
     * vCPU now, take another task. Cheap, does not sleep; called with a queue locked. */
    bool (*change)(struct vmspace *from, struct vmspace *to);
    /* The vCPU that runs another space in conflict with vm now; -1: none. Also with a queue locked. */
    int (*blocker)(struct vmspace *vm);
    /* A guess that takes no lock: does that vCPU run another space in conflict with vm? Then who waits there gets its turn there. */
    bool (*is_bound)(const struct vmspace *vm, unsigned vcpu);
    /* Does that vCPU run vm now; vm NULL: any? It comes and goes through a full barrier. */
    bool (*runs)(const struct vmspace *vm, unsigned vcpu);
    /* On the new task's stack, no lock held: makes vm's content what lies in the user range. */
    bool (*arrive)(struct vmspace *vm); /* true: it had to be moved there */
};
extern const struct sched_memory_ops sched_memory_ops;

/* The first thing that each vCPU does, with its boot stack; returns to let init start the first task. */
void sched_init_vcpu(struct vcpu *vcpu, unsigned id);
/* Turns the caller into the vCPU's idle task: picks, runs, waits. */
_Noreturn void sched_idle_loop(void);

static inline struct task *task_current(void)
{
    return arch_vcpu()->current;
}

/*
 * A task with a kernel stack, not yet runnable. A user task (vm not NULL) has its arch_regs at
 * task_regs() and starts by arch_user_enter on them if entry is NULL.
 */
nodiscard int task_init(struct task *task, struct vmspace *vm, void (*entry)(void *arg), void *arg);
void task_fini(struct task *task); /* of a dead task: waits until its stack is free, and frees it */
void task_start(struct task *task);
_Noreturn void task_exit(void); /* of the caller; whoever reaps it calls task_fini */
struct arch_regs *task_regs(struct task *task);
/* Lets the kernel use vector instructions; does not sleep in between. Calls do not nest. */
void task_fpu_begin(void);
void task_fpu_end(void);

/*
 * Sleeping, the raw form; use sync/waitq.h. The order makes no wake get lost:
 *     task_sleep_begin(is_interruptible); publish that we wait, check the condition; then task_sleep() or
 *     task_sleep_cancel(). task_wake between begin and sleep makes task_sleep return at once.
 */
void task_sleep_begin(bool is_interruptible);
void task_sleep(void);
void task_sleep_cancel(void);
void task_wake(struct task *task);
/* On a vCPU that has nothing to do, if there is one besides the caller's; else it sleeps on. */
void task_wake_on_idle(struct task *task);
/* Ends an interruptible sleep, now or the next; a running task is brought to its user_return soon. */
void task_interrupt(struct task *task);
/* Between system calls: lets others run if any wait. */
void task_yield(void);
/* The caller's memory is vm from now on; NULL: none, which does not sleep. */
void task_set_memory(struct vmspace *vm);
void task_set_affinity(struct task *task, uint64_t vcpu_mask);
uint64_t task_cpu_ns(struct task *task);

/*
 * From user_return: must the task give way? Somebody kicked it, or its slice is over; a task that makes host calls all the
 * time is never interrupted in the enclave, and looks by itself here.
 */
bool sched_is_slice_over(const struct task *task);
static inline bool sched_wants_vcpu(const struct task *task)
{
    return __atomic_load_n(&task->needs_resched, __ATOMIC_RELAXED) || __atomic_load_n(&task->was_ticked, __ATOMIC_RELAXED) ||
           (__atomic_load_n(&arch_vcpu()->queue_count, __ATOMIC_RELAXED) > 0 && sched_is_slice_over(task));
}
void sched_user_return(void); /* gives way, unless it was only a tick, and the slice is not over */
/* An interrupt came while user code ran: decides, and marks needs_resched. */
void sched_tick(void);
/*
 * Returns when each other vCPU that runs vm (NULL: any program) has been through a full memory barrier since the call. The
 * caller has set needs_resched of the tasks in question, so that one which makes host calls all the time comes by too.
 */
void sched_barrier(const struct vmspace *vm);

struct sched_stats {
    uint64_t switches, steals, idle_waits, kicks;
};
void sched_stats(struct sched_stats *stats);
unsigned sched_runnable_count(void);
bool sched_has_queued(void); /* a task waits for a vCPU */
