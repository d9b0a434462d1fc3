/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: making, starting and ending them. Stacks are kept for the next task, as thread creation must be cheap. */
#include "base/string.h"
#include "heap/heap.h"
#include "sched/internal.h"

#define STACK_ORDER 2 /* KSTACK_SIZE */
#define SPARE_MAX   64

/* A free stack's first words link it to the next one; its fpu buffer stays with it. */
struct spare {
    struct spare *next;
    void *fpu;
};

static struct spinlock spare_lock = SPINLOCK(LOCK_SPARE);
static struct spare *spares;
static unsigned spare_count;

static struct spare *spare_take(void)
{
    spin_lock(&spare_lock);
    struct spare *s = spares;
    if (s) {
        spares = s->next;
        spare_count--;
    }
    spin_unlock(&spare_lock);
    return s;
}

static bool spare_give(void *stack, void *fpu)
{
    struct spare *s = stack;
    bool is_taken = false;
    spin_lock(&spare_lock);
    if (spare_count < SPARE_MAX) {
        *s = (struct spare){spares, fpu};
        spares = s;
        spare_count++;
        is_taken = true;
    }
    spin_unlock(&spare_lock);
    return is_taken;
}

static int stack_alloc(struct task *task)
{
    struct spare *s = spare_take();
    if (s) {
        task->fpu = s->fpu;
        task->kstack_top = (uintptr_t)s + KSTACK_SIZE;
        return 0;
    }
    void *stack = page_alloc(STACK_ORDER);
    void *fpu = heap_alloc(align_up(arch_fpu_size(), PAGE_SIZE));
    if (!stack || !fpu) {
        if (stack)
            page_free(stack, STACK_ORDER);
        heap_free(fpu);
        return -ENOMEM;
    }
    task->fpu = fpu;
    task->kstack_top = (uintptr_t)stack + KSTACK_SIZE;
    return 0;
}

struct arch_regs *task_regs(struct task *task)
{
    return (struct arch_regs *)task->kstack_top - 1;
}

/* The running task's own buffer holds its state meanwhile; the idle task has none to keep, and the first instructions run without a task. */
void task_fpu_begin(void)
{
    struct task *task = task_current();
    if (task && task->fpu)
        arch_fpu_save(task->fpu);
}

void task_fpu_end(void)
{
    struct task *task = task_current();
    if (task && task->fpu)
        arch_fpu_restore(task->fpu);
}

/* Where every task begins: the switch that brought it here has to be finished first. */
static void task_begin(void *arg)
{
    struct task *task = arg;
    sched_finish_switch();
    if (task->entry) {
        task->entry(task->arg);
        task_exit();
    }
    arch_upcalls.user_return(task_regs(task));
    arch_user_enter(task_regs(task));
}

int task_init(struct task *task, struct vmspace *vm, void (*entry)(void *arg), void *arg)
{
    *task = (struct task){
        .lock = SPINLOCK(LOCK_TASK), .state = TASK_SLEEPING, .affinity = ~0ULL, .vm = vm, .entry = entry, .arg = arg,
        .vcpu_last = arch_vcpu()->id, .vruntime = arch_vcpu()->vruntime_min,
    };
    list_init(&task->queue_node);
    int err = stack_alloc(task);
    if (err)
        return err;
    arch_fpu_init(task->fpu);
    arch_context_init(&task->context, (char *)task->kstack_top - sizeof(struct arch_regs), task_begin, task);
    return 0;
}

void task_fini(struct task *task)
{
    while (__atomic_load_n(&task->is_on_vcpu, __ATOMIC_ACQUIRE))
        arch_relax();
    char *stack = (char *)task->kstack_top - KSTACK_SIZE;
    if (spare_give(stack, task->fpu))
        return;
    page_free(stack, STACK_ORDER);
    heap_free(task->fpu);
}

void task_start(struct task *task)
{
    task_wake(task);
}
