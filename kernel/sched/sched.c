/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler proper. Order of locks: task->lock before a vCPU's queue lock. A task that sleeps is on no queue; who
 * wakes it puts it on one. is_on_vcpu tells that its stack is still in use by the vCPU that it left, which clears
 * it as soon as it runs on another stack (sched_finish_switch).
 */
#include "base/log.h"
#include "base/string.h"
#include "sched/idle.h"
#include "sched/internal.h"
#include "platform/plat.h"
#include "time/clock.h"
#include "time/timer.h"

struct vcpu *vcpus[VCPU_MAX];
unsigned vcpu_count;
static struct sched_stats stats;
static uint32_t idle_count; /* vCPUs in `wait`, a hint */

/* ---- queues ------------------------------------------------------------------------------------------------ */

static void queued_show(const struct vcpu *vcpu)
{
    ((volatile struct hostcall_frame *)plat_host_frame_of(vcpu))->queued = vcpu->queue_count;
}

/* The ticker interrupts somebody in time, though all compute. */
static void timer_show(ns_t earliest)
{
    ((volatile struct hostcall_frame *)plat_host_frame_of(vcpus[0]))->next_timer_ns = earliest;
}

/* Behind those with less run time; most often that is the end. */
static void queue_insert(struct vcpu *vcpu, struct task *task)
{
    struct list *at = vcpu->queue.prev;
    while (at != &vcpu->queue && list_entry(at, struct task, queue_node)->vruntime > task->vruntime)
        at = at->prev;
    list_insert(&task->queue_node, at, at->next);
    __atomic_store_n(&vcpu->queue_count, vcpu->queue_count + 1, __ATOMIC_RELAXED);
}

static void enqueue(struct vcpu *vcpu, struct task *task)
{
    spin_lock(&vcpu->lock);
    if (task->vruntime < vcpu->vruntime_min)
        task->vruntime = vcpu->vruntime_min;
    task->queued_at = (ns_t)arch_counter();
    queue_insert(vcpu, task);
    spin_unlock(&vcpu->lock);
    queued_show(vcpu);
}

static bool may_run_on(const struct task *task, const struct vcpu *vcpu)
{
    uint64_t affinity = __atomic_load_n(&task->affinity, __ATOMIC_RELAXED);
    return affinity & (1ULL << vcpu->id) || !(affinity & ((1ULL << vcpu_count) - 1));
}

/* A vCPU that may run the task: this one if it may. One that was not entered yet has no queue: then it waits here, to be fetched. */
static struct vcpu *vcpu_for(const struct task *task, struct vcpu *mine)
{
    if (may_run_on(task, mine))
        return mine;
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct vcpu *vcpu = __atomic_load_n(&vcpus[i], __ATOMIC_ACQUIRE);
        if (vcpu && may_run_on(task, vcpu))
            return vcpu;
    }
    return mine;
}

/* Memory comes with the task: false if another space in its conflict set is running now. */
static bool memory_change(struct vmspace *from, struct vmspace *to)
{
    return sched_memory_ops.change(from, to);
}

/* Under from's lock. */
static void queue_remove(struct vcpu *from, struct task *task)
{
    list_remove(&task->queue_node);
    __atomic_store_n(&from->queue_count, from->queue_count - 1, __ATOMIC_RELAXED);
}

/* For a vCPU that may be asleep in `wait`. */
static void enqueue_elsewhere(struct vcpu *vcpu, struct task *task)
{
    enqueue(vcpu, task);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* it says that it sleeps, then looks at its queue; we the other way round */
    if (vcpu != arch_vcpu() && __atomic_load_n(&vcpu->is_idle, __ATOMIC_SEQ_CST)) {
        stats.kicks++;
        plat_vcpu_kick(vcpu->id);
    }
}

/*
 * A task that cannot run here, off the queue: because its memory is in use elsewhere (it waits there, where it gets its turn), or
 * because its affinity changed while it waited.
 */
static void blocked_move(struct vcpu *vcpu, struct task *task)
{
    if (!may_run_on(task, vcpu)) {
        enqueue_elsewhere(vcpu_for(task, vcpu), task);
        return;
    }
    int where = task->vm ? sched_memory_ops.blocker(task->vm) : -1;
    bool may_move = where >= 0 && may_run_on(task, vcpus[where]);
    if (may_move && where != (int)vcpu->id)
        task->vruntime = 0; /* the least of that queue */
    enqueue_elsewhere(may_move ? vcpus[where] : vcpu, task);
}

/* The first task of `from` that may run here; those that waited less than `least` counter ticks are left. */
static struct task *queue_take(struct vcpu *from, struct vcpu *vcpu, uint64_t least)
{
    struct task *task, *found = NULL, *blocked = NULL;
    uint64_t now = least ? arch_counter() : 0;
    if (__atomic_load_n(&from->queue_count, __ATOMIC_RELAXED) == 0)
        return NULL;
    spin_lock(&from->lock);
    list_for_each (task, &from->queue, queue_node) {
        bool is_ripe = least == 0 || now - (uint64_t)task->queued_at >= least;
        bool is_busy = task != vcpu->current && __atomic_load_n(&task->is_on_vcpu, __ATOMIC_ACQUIRE);
        bool is_bound = from != vcpu && sched_memory_ops.is_bound(task->vm, from->id);
        if (!is_ripe || is_busy || is_bound)
            continue;
        if (!may_run_on(task, vcpu) || !memory_change(vcpu->current->vm, task->vm)) {
            blocked = task;
            continue;
        }
        found = task;
        queue_remove(from, task);
        if (task->vruntime > from->vruntime_min)
            from->vruntime_min = task->vruntime;
        break;
    }
    if (from != vcpu)
        blocked = NULL;
    if (blocked)
        queue_remove(from, blocked);
    spin_unlock(&from->lock);
    if (blocked)
        blocked_move(vcpu, blocked);
    if (found || blocked)
        queued_show(from);
    return found;
}

static uint64_t ns_to_ticks(ns_t ns)
{
    return (uint64_t)ns * (plat_host_info.tsc_hz / 1000000) / 1000;
}

static struct task *steal(struct vcpu *vcpu)
{
    for (unsigned i = 1; i < vcpu_count; i++) {
        struct vcpu *victim = __atomic_load_n(&vcpus[(vcpu->id + i) % vcpu_count], __ATOMIC_ACQUIRE);
        struct task *task = victim ? queue_take(victim, vcpu, ns_to_ticks(STEAL_AFTER)) : NULL;
        if (task) {
            stats.steals++;
            return task;
        }
    }
    return NULL;
}

static struct task *pick(struct vcpu *vcpu)
{
    struct task *task = queue_take(vcpu, vcpu, 0);
    return task ? task : steal(vcpu);
}

/* ---- switching ------------------------------------------------------------------------------------------------ */

static uint64_t ticks_to_ns(uint64_t ticks)
{
    return (uint64_t)((unsigned __int128)ticks * clock_page->mult >> clock_page->shift);
}

/* Since it last began to run, on this vCPU. */
static uint64_t running_ns(const struct task *task)
{
    return ticks_to_ns(arch_counter() - task->started_at);
}

/* Puts the time from started_at to `now` on the account; it goes on from there, or stops: started_at is 0 then. */
static void account(struct task *task, uint64_t now, bool goes_on)
{
    uint64_t ran = task->started_at ? ticks_to_ns(now - task->started_at) : 0;
    uint64_t weight = (uint64_t)(20 - task->nice); /* 1..40, 20 is normal */
    __atomic_store_n(&task->clock_seq, task->clock_seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&task->cpu_ns, task->cpu_ns + ran, __ATOMIC_RELAXED);
    __atomic_store_n(&task->started_at, goes_on ? now : 0, __ATOMIC_RELAXED);
    __atomic_store_n(&task->clock_seq, task->clock_seq + 1, __ATOMIC_RELEASE);
    task->vruntime += likely(weight == 20) ? ran : ran * 20 / weight;
}

uint64_t task_cpu_ns(struct task *task)
{
    for (;;) {
        uint32_t seq = __atomic_load_n(&task->clock_seq, __ATOMIC_ACQUIRE);
        uint64_t done = __atomic_load_n(&task->cpu_ns, __ATOMIC_RELAXED);
        uint64_t started = __atomic_load_n(&task->started_at, __ATOMIC_RELAXED), now = arch_counter();
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(seq & 1) && __atomic_load_n(&task->clock_seq, __ATOMIC_RELAXED) == seq)
            return done + (started && now > started ? ticks_to_ns(now - started) : 0);
        arch_relax();
    }
}

/* Who had to be swapped in runs long enough for that to be worth it. */
static void memory_arrive(struct task *task)
{
    bool was_moved = sched_memory_ops.arrive(task->vm);
    task->slice = was_moved ? MIN(SLICE + SWAP_WORTH * (ns_t)running_ns(task), SLICE_MAX) : SLICE;
}

/* On the new stack: whoever ran here before is off the vCPU now. */
void sched_finish_switch(void)
{
    struct vcpu *vcpu = arch_vcpu();
    struct task *previous = vcpu->previous, *current = vcpu->current;
    __atomic_store_n(&previous->is_on_vcpu, false, __ATOMIC_RELEASE);
    /* Vector state first: a host call, as arriving may make some, saves what is live as the current task's. */
    if (current->fpu)
        arch_fpu_restore(current->fpu);
    if (current->vm)
        memory_arrive(current);
}

static void switch_to(struct vcpu *vcpu, struct task *next)
{
    struct task *previous = vcpu->current;
    uint64_t now = arch_counter();
    account(previous, now, false);
    if (previous->fpu && previous->state != TASK_DEAD)
        arch_fpu_save(previous->fpu);
    next->state = TASK_RUNNING;
    next->vcpu_last = vcpu->id;
    account(next, now, true);
    __atomic_store_n(&next->is_on_vcpu, true, __ATOMIC_RELAXED);
    vcpu->previous = previous;
    vcpu->current = next;
    stats.switches++;
    arch_context_switch(&previous->context, &next->context);
    sched_finish_switch();
}

/* The current task does not go on, or gives way: runs the next one, or the idle task. */
static void reschedule(void)
{
    struct vcpu *vcpu = arch_vcpu();
    struct task *current = vcpu->current;
    timer_run();
    if (current->state == TASK_RUNNING)
        return; /* one of those timers woke the caller itself */
    struct task *next = pick(vcpu);
    if (!next) {
        next = &vcpu->idle;
        memory_change(current->vm, NULL);
    }
    if (next != current) {
        switch_to(vcpu, next);
        return;
    }
    current->state = TASK_RUNNING;
    if (current->vm)
        memory_arrive(current);
}

/* ---- sleeping and waking ----------------------------------------------------------------------------------------- */

void task_sleep_begin(bool is_interruptible)
{
    struct task *task = task_current();
    spin_lock(&task->lock);
    task->is_interruptible = is_interruptible;
    task->state = TASK_SLEEPING;
    if (is_interruptible && __atomic_load_n(&task->is_interrupted, __ATOMIC_SEQ_CST))
        task->state = TASK_RUNNING;
    spin_unlock(&task->lock);
}

void task_sleep(void)
{
    struct task *task = task_current();
    spin_lock(&task->lock);
    bool is_woken = task->state == TASK_RUNNING;
    spin_unlock(&task->lock);
    /* Also if another vCPU woke us already: then we are on a queue, and may go on only when taken off it. */
    if (!is_woken) {
        task->switches_voluntary++;
        reschedule();
    }
}

void task_sleep_cancel(void)
{
    struct task *task = task_current();
    spin_lock(&task->lock);
    /* A waker that came first may have put us on a queue: then we are there, and running. Take us off. */
    bool was_queued = task->state == TASK_RUNNABLE;
    if (!was_queued)
        task->state = TASK_RUNNING;
    spin_unlock(&task->lock);
    if (was_queued)
        reschedule();
}

/* Tells a vCPU that sleeps in `wait` that there is work. */
static void idle_kick(const struct vcpu *mine)
{
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct vcpu *vcpu = vcpus[i];
        if (vcpu && vcpu != mine && __atomic_load_n(&vcpu->is_idle, __ATOMIC_SEQ_CST)) {
            stats.kicks++;
            plat_vcpu_kick(i);
            return;
        }
    }
}

static void wake_locked(struct task *task)
{
    struct vcpu *vcpu = arch_vcpu();
    task->state = TASK_RUNNABLE;
    if (!may_run_on(task, vcpu)) {
        enqueue_elsewhere(vcpu_for(task, vcpu), task);
        return;
    }
    enqueue(vcpu, task);
    bool may_steal = vcpu->queue_count > 1 && !sched_memory_ops.is_bound(task->vm, vcpu->id);
    if (may_steal && __atomic_load_n(&idle_count, __ATOMIC_RELAXED) > 0)
        idle_kick(vcpu);
}

/* One that waits is found by the vCPU in whose queue it is; one that runs elsewhere leaves at its next return to the user. */
void task_set_affinity(struct task *task, uint64_t vcpu_mask)
{
    const struct vcpu *mine = arch_vcpu();
    __atomic_store_n(&task->affinity, vcpu_mask, __ATOMIC_SEQ_CST);
    if (task == task_current()) {
        task_yield();
        return;
    }
    __atomic_store_n(&task->needs_resched, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < vcpu_count; i++) {
        if (vcpus[i] && vcpus[i] != mine)
            plat_vcpu_kick(i);
    }
}

void task_wake(struct task *task)
{
    spin_lock(&task->lock);
    if (task->state == TASK_SLEEPING) {
        if (task == task_current())
            task->state = TASK_RUNNING; /* between begin and sleep, by ourselves */
        else
            wake_locked(task);
    }
    spin_unlock(&task->lock);
}

/* Nothing runs there, and nothing waits. A hint. */
static struct vcpu *vcpu_idle(const struct task *task)
{
    for (unsigned i = 0; i < vcpu_count; i++) {
        struct vcpu *vcpu = vcpus[i];
        if (vcpu && vcpu != arch_vcpu() && __atomic_load_n(&vcpu->current, __ATOMIC_RELAXED) == &vcpu->idle &&
            __atomic_load_n(&vcpu->queue_count, __ATOMIC_RELAXED) == 0 && may_run_on(task, vcpu))
            return vcpu;
    }
    return NULL;
}

void task_wake_on_idle(struct task *task)
{
    struct vcpu *vcpu = vcpu_idle(task);
    if (!vcpu)
        return;
    spin_lock(&task->lock);
    if (task->state == TASK_SLEEPING) {
        task->state = TASK_RUNNABLE;
        enqueue_elsewhere(vcpu, task);
    }
    spin_unlock(&task->lock);
}

void task_interrupt(struct task *task)
{
    bool is_elsewhere = false;
    unsigned vcpu = 0;
    spin_lock(&task->lock);
    __atomic_store_n(&task->is_interrupted, true, __ATOMIC_SEQ_CST);
    if (task->state == TASK_SLEEPING && task->is_interruptible) {
        if (task == task_current())
            task->state = TASK_RUNNING;
        else
            wake_locked(task);
    } else if (task->state == TASK_RUNNING && task != task_current()) {
        is_elsewhere = true;
        vcpu = task->vcpu_last;
    }
    spin_unlock(&task->lock);
    if (is_elsewhere)
        plat_vcpu_kick(vcpu);
}

/* To the end of a queue, and on to the next task: perhaps itself, once its memory may be resident. */
static void task_give_way(struct task *task)
{
    struct vcpu *vcpu = arch_vcpu();
    account(task, arch_counter(), true);
    spin_lock(&task->lock);
    task->state = TASK_RUNNABLE;
    enqueue_elsewhere(vcpu_for(task, vcpu), task);
    spin_unlock(&task->lock);
    task->switches_forced++;
    reschedule();
}

/* Most often at once; if another space in conflict with vm runs elsewhere, when it is vm's turn. */
void task_set_memory(struct vmspace *vm)
{
    struct task *task = task_current();
    bool may = memory_change(task->vm, vm);
    task->vm = vm;
    if (!may)
        task_give_way(task);
    else if (vm)
        sched_memory_ops.arrive(vm);
}

void task_yield(void)
{
    struct task *task = task_current();
    struct vcpu *vcpu = arch_vcpu();
    if (vcpu->queue_count > 0 || !may_run_on(task, vcpu))
        task_give_way(task);
}

_Noreturn void task_exit(void)
{
    struct task *task = task_current();
    spin_lock(&task->lock);
    task->state = TASK_DEAD;
    spin_unlock(&task->lock);
    reschedule();
    CHECK(!"a dead task runs");
    __builtin_unreachable();
}

/* ---- preemption --------------------------------------------------------------------------------------------------- */

bool sched_is_slice_over(const struct task *task)
{
    return arch_vcpu()->queue_count > 0 && (ns_t)running_ns(task) >= task->slice;
}

/* Who slept while the current task ran for a while is not left to wait for the rest of its slice. */
static bool is_overtaken(const struct task *task)
{
    struct vcpu *vcpu = arch_vcpu();
    uint64_t ran = running_ns(task);
    if (ran < WAKE_AFTER || __atomic_load_n(&vcpu->queue_count, __ATOMIC_RELAXED) == 0)
        return false;
    spin_lock(&vcpu->lock);
    const struct task *first = list_first(&vcpu->queue, struct task, queue_node);
    bool is = first && first->vruntime + WAKE_AFTER < task->vruntime + ran;
    spin_unlock(&vcpu->lock);
    return is;
}

static void pass(void)
{
    __atomic_fetch_add(&arch_vcpu()->passes, 1, __ATOMIC_SEQ_CST);
}

void sched_tick(void)
{
    struct task *task = task_current();
    pass();
    sched_idle_ops.collect();
    timer_run();
    if (sched_is_slice_over(task) || is_overtaken(task))
        task->needs_resched = true;
}

void sched_user_return(void)
{
    struct task *task = task_current();
    pass();
    if (task->was_ticked) {
        task->was_ticked = false;
        sched_tick();
        if (!task->needs_resched)
            return;
    }
    task->needs_resched = false;
    timer_run();
    task_give_way(task);
}

/* It runs vm still, and has not come by. If this task runs there now, it came by a switch. */
static bool pass_is_due(const struct vmspace *vm, unsigned vcpu, uint32_t before)
{
    return vcpus[vcpu] != arch_vcpu() && sched_memory_ops.runs(vm, vcpu) &&
           __atomic_load_n(&vcpus[vcpu]->passes, __ATOMIC_SEQ_CST) == before;
}

/* Kicked until it has come by: a kick that meets a vCPU on its way into the enclave is lost. */
static void pass_await(const struct vmspace *vm, unsigned vcpu)
{
    uint32_t before = __atomic_load_n(&vcpus[vcpu]->passes, __ATOMIC_SEQ_CST);
    ns_t kick_at = 0;
    while (pass_is_due(vm, vcpu, before)) {
        ns_t now = clock_monotonic();
        if (now >= kick_at) {
            kick_at = now + KICK_AGAIN;
            plat_vcpu_kick(vcpu);
        }
        if (sched_wants_vcpu(task_current()))
            sched_user_return(); /* that vCPU may wait for this one to come by */
        arch_relax();
    }
}

void sched_barrier(const struct vmspace *vm)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < vcpu_count; i++) {
        if (vcpus[i])
            pass_await(vm, i);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- idling ---------------------------------------------------------------------------------------------------------- */

static bool has_work(struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->queue_count, __ATOMIC_SEQ_CST) > 0 || timer_next() <= clock_monotonic();
}

/* Others run tasks: one may be free to steal, or wake us, in a moment. */
static bool spin_for_work(struct vcpu *vcpu)
{
    if (vcpu_count - __atomic_load_n(&idle_count, __ATOMIC_RELAXED) <= 1)
        return has_work(vcpu);
    for (ns_t end = clock_monotonic() + SPIN_TIME; clock_monotonic() < end; arch_relax()) {
        if (has_work(vcpu))
            return true;
    }
    return false;
}

static void idle_wait(struct vcpu *vcpu)
{
    __atomic_fetch_add(&idle_count, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu->is_idle, true, __ATOMIC_SEQ_CST);
    if (!has_work(vcpu)) {
        stats.idle_waits++;
        sched_idle_ops.wait(timer_next());
    }
    __atomic_store_n(&vcpu->is_idle, false, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&idle_count, 1, __ATOMIC_SEQ_CST);
}

_Noreturn void sched_idle_loop(void)
{
    struct vcpu *vcpu = arch_vcpu();
    for (;;) {
        timer_run();
        struct task *next = pick(vcpu);
        if (next)
            switch_to(vcpu, next);
        else if (!spin_for_work(vcpu))
            idle_wait(vcpu);
    }
}

void sched_init_vcpu(struct vcpu *vcpu, unsigned id)
{
    vcpu->self = vcpu;
    vcpu->id = id;
    vcpu->lock = (struct spinlock)SPINLOCK(LOCK_QUEUE);
    vcpu->idle = (struct task){.lock = SPINLOCK(LOCK_TASK), .state = TASK_RUNNING, .is_on_vcpu = true, .affinity = 1ULL << id};
    vcpu->current = &vcpu->idle;
    vcpu->previous = &vcpu->idle;
    list_init(&vcpu->queue);
    vcpu->idle.started_at = arch_counter();
    __atomic_store_n(&vcpus[id], vcpu, __ATOMIC_RELEASE);
    if (id == 0)
        timer_earliest_changed = timer_show;
}

void sched_stats(struct sched_stats *out)
{
    *out = stats;
}

bool sched_has_queued(void)
{
    for (unsigned i = 0; i < vcpu_count; i++) {
        if (vcpus[i] && __atomic_load_n(&vcpus[i]->queue_count, __ATOMIC_RELAXED) > 0)
            return true;
    }
    return false;
}

unsigned sched_runnable_count(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < vcpu_count; i++) {
        if (vcpus[i])
            count += vcpus[i]->queue_count + (vcpus[i]->current != &vcpus[i]->idle);
    }
    return count;
}
