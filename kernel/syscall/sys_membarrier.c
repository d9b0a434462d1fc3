/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membarrier(2). The other vCPUs are made to come by the scheduler; all commands do it at once, so those called expedited
 * differ only in whom they disturb. Not offered: serialised instruction streams, and restarted rseq(2) sections.
 */
#include <linux/membarrier.h>
#include "proc/process.h"
#include "syscall_gen.h"

#define COMMANDS                                                                                   \
    (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |  \
     MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)

/* Its threads come by the scheduler before they go on to the user. */
static void threads_mark(struct process *p)
{
    struct thread *t;
    spin_lock(&p->lock);
    list_for_each (t, &p->threads, process_node)
        __atomic_store_n(&t->task.needs_resched, true, __ATOMIC_SEQ_CST);
    spin_unlock(&p->lock);
}

static void barrier_private(void)
{
    struct process *p = process_current();
    threads_mark(p);
    sched_barrier(p->vm);
}

static void barrier_global(void)
{
    struct process *p;
    for (int32_t pid = 0; (p = process_next(pid)); process_put(p)) {
        pid = p->pid;
        threads_mark(p);
    }
    sched_barrier(NULL);
}

int64_t sys_membarrier(int cmd, unsigned flags, int cpu)
{
    unsigned *asked = &process_current()->barriers_asked;
    (void)cpu; /* of the rseq commands */
    if (flags)
        return -EINVAL;
    switch (cmd) {
    case MEMBARRIER_CMD_QUERY:
        return COMMANDS;
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        __atomic_fetch_or(asked, (unsigned)cmd, __ATOMIC_RELAXED);
        return 0;
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        if (!(__atomic_load_n(asked, __ATOMIC_RELAXED) & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
            return -EPERM;
        barrier_private();
        return 0;
    case MEMBARRIER_CMD_GLOBAL:
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
        barrier_global();
        return 0;
    default:
        return -EINVAL;
    }
}
