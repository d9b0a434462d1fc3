/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and contexts: the plain part of arch.h. */
#include "arch/arch.h"
#include "base/string.h"
#include "sched/sched.h"

#define SVC_SIZE 4

extern char arch_context_start[];

/* What arch_context_switch takes from the stack: X19 to X30, in pairs from the lowest address on. */
struct switch_frame {
    uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30;
};

void arch_context_init(struct arch_context *ctx, void *stack_top, void (*entry)(void *), void *arg)
{
    struct switch_frame *f = (struct switch_frame *)((uintptr_t)stack_top & ~15UL) - 1;
    *f = (struct switch_frame){.x19 = (uint64_t)entry, .x20 = (uint64_t)arg, .x30 = (uint64_t)arch_context_start};
    *ctx = (struct arch_context){.sp = (uint64_t)f};
}

void arch_regs_init(struct arch_regs *regs, uaddr_t pc, uaddr_t sp)
{
    *regs = (struct arch_regs){.pc = pc, .sp = sp, .nr = ~0ULL};
}

uaddr_t arch_regs_pc(const struct arch_regs *regs)
{
    return regs->pc;
}

void arch_regs_set_pc(struct arch_regs *regs, uaddr_t pc)
{
    regs->pc = pc;
}

/* struct user_pt_regs */
size_t arch_regs_core(const struct arch_regs *regs, uaddr_t pc, uint64_t out[static ARCH_CORE_REGS])
{
    const uint64_t rest[] = {regs->sp, pc, regs->pstate};
    memcpy(out, regs->x, sizeof(regs->x));
    memcpy(out + ARRAY_COUNT(regs->x), rest, sizeof(rest));
    return ARRAY_COUNT(regs->x) + ARRAY_COUNT(rest);
}

static size_t register_show(const struct arch_regs *regs, unsigned no, char *line, size_t size)
{
    const char *const names[] = {"sp", "pc", "pstate"};
    const uint64_t values[] = {regs->sp, regs->pc, regs->pstate};
    if (no < ARRAY_COUNT(regs->x))
        return (size_t)format(line, size, "x%u %#llx  ", no, (unsigned long long)regs->x[no]);
    no -= ARRAY_COUNT(regs->x);
    return no < ARRAY_COUNT(names) ? (size_t)format(line, size, "%s %#llx  ", names[no], (unsigned long long)values[no]) : 0;
}

bool arch_regs_show(const struct arch_regs *regs, unsigned idx, char *line, size_t size)
{
    size_t at = 0;
    for (unsigned no = 3 * idx; no < 3 * (idx + 1) && at < size; no++)
        at += register_show(regs, no, line + at, size - at);
    return at > 0;
}

uaddr_t arch_regs_sp(const struct arch_regs *regs)
{
    return regs->sp;
}

void arch_regs_set_sp(struct arch_regs *regs, uaddr_t sp)
{
    regs->sp = sp;
}

uint64_t arch_regs_syscall_nr(const struct arch_regs *regs)
{
    return regs->nr;
}

void arch_regs_syscall_args(const struct arch_regs *regs, uint64_t args[static 6])
{
    args[0] = regs->orig_x0;
    for (unsigned i = 1; i < 6; i++)
        args[i] = regs->x[i];
}

void arch_regs_set_result(struct arch_regs *regs, int64_t result)
{
    regs->x[0] = (uint64_t)result;
}

int64_t arch_regs_result(const struct arch_regs *regs)
{
    return (int64_t)regs->x[0];
}

void arch_regs_restart_syscall(struct arch_regs *regs, uint64_t nr)
{
    regs->pc -= SVC_SIZE;
    regs->x[0] = regs->orig_x0;
    regs->x[8] = nr;
}

static bool is_running(const struct arch_regs *regs)
{
    return regs == task_regs(task_current());
}

void arch_regs_set_tls(struct arch_regs *regs, uaddr_t tls)
{
    regs->tls = tls;
    if (is_running(regs))
        __asm__ volatile("msr tpidr_el0, %0" : : "r"(tls));
}

uaddr_t arch_regs_tls(const struct arch_regs *regs)
{
    uint64_t tls = regs->tls;
    if (is_running(regs))
        __asm__ volatile("mrs %0, tpidr_el0" : "=r"(tls));
    return tls;
}

/* A copy that will run as a task of its own: fork and clone. */
void arch_regs_fork(struct arch_regs *child, const struct arch_regs *parent)
{
    *child = *parent;
    child->tls = arch_regs_tls(parent);
}

/* None yet. Handlers return through its __kernel_rt_sigreturn where SA_RESTORER is not set: the platform that runs programs brings one. */
const void *arch_vdso(size_t *size)
{
    *size = 0;
    return NULL;
}
