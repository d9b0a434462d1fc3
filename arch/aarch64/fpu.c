/* SPDX-License-Identifier: Apache-2.0 */
/* The user's vector state: it stays live in the processor while the kernel works for the task. SVE and SME are not shown to programs. */
#include "fpu.h"
#include "arch/arch.h"
#include "base/string.h"
#include "sched/sched.h"

size_t arch_fpu_size(void)
{
    return sizeof(struct fpu_state);
}

void arch_fpu_init(void *state)
{
    memset(state, 0, sizeof(struct fpu_state)); /* FPCR 0: round to nearest, no traps */
}

/* The running task's own buffer holds its state meanwhile; the idle task has none to keep. */
void arch_fpu_begin(void)
{
    struct task *task = task_current();
    if (task && task->fpu)
        arch_fpu_save(task->fpu);
}

void arch_fpu_end(void)
{
    struct task *task = task_current();
    if (task && task->fpu)
        arch_fpu_restore(task->fpu);
}
