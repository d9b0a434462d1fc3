/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and contexts: the plain part of arch.h. */
#include "arch/arch.h"
#include "base/string.h"
#include "callsite.h"
#include "sched/sched.h"

extern char arch_context_start[];
extern const char arch_vdso_start[], arch_vdso_end[];

const void *arch_vdso(size_t *size)
{
    *size = (size_t)(arch_vdso_end - arch_vdso_start);
    return arch_vdso_start;
}

void arch_context_init(struct arch_context *ctx, void *stack_top, void (*entry)(void *), void *arg)
{
    uint64_t *sp = (uint64_t *)((uintptr_t)stack_top & ~15UL);
    *--sp = 0;                            /* the stack is 8 below a multiple of 16 at a function's start */
    *--sp = (uint64_t)arch_context_start; /* ret */
    *--sp = 0;                            /* rbx */
    *--sp = 0;                            /* rbp */
    *--sp = (uint64_t)entry;              /* r12 */
    *--sp = (uint64_t)arg;                /* r13 */
    *--sp = 0;
    *--sp = 0;
    *ctx = (struct arch_context){.rsp = (uint64_t)sp};
}

void arch_regs_init(struct arch_regs *regs, uaddr_t pc, uaddr_t sp)
{
    *regs = (struct arch_regs){.rip = pc, .rsp = sp, .rflags = 0x202, .orig_rax = ~0ULL, .kind = ARCH_REGS_NEW};
}

uaddr_t arch_regs_pc(const struct arch_regs *regs)
{
    return regs->rip;
}

void arch_regs_set_pc(struct arch_regs *regs, uaddr_t pc)
{
    regs->rip = pc;
    if (regs->kind == ARCH_REGS_CALL)
        regs->kind = ARCH_REGS_TRAP;
}

/* struct user_regs_struct; the segments are those that Linux gives a 64-bit program. */
size_t arch_regs_core(const struct arch_regs *regs, uaddr_t pc, uint64_t out[static ARCH_CORE_REGS])
{
    const uint64_t all[] = {
        regs->r15, regs->r14, regs->r13, regs->r12, regs->rbp, regs->rbx, regs->r11, regs->r10, regs->r9, regs->r8, regs->rax, regs->rcx,
        regs->rdx, regs->rsi, regs->rdi, regs->orig_rax, pc, 0x33, regs->rflags, regs->rsp, 0x2b, arch_regs_tls(regs), 0, 0, 0, 0, 0,
    };
    memcpy(out, all, sizeof(all));
    return ARRAY_COUNT(all);
}

bool arch_regs_show(const struct arch_regs *regs, unsigned idx, char *line, size_t size)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"rip", regs->rip}, {"rsp", regs->rsp}, {"rflags", regs->rflags}, {"rax", regs->rax}, {"rbx", regs->rbx}, {"rcx", regs->rcx},
        {"rdx", regs->rdx}, {"rsi", regs->rsi}, {"rdi", regs->rdi}, {"rbp", regs->rbp}, {"r8", regs->r8}, {"r9", regs->r9},
        {"r10", regs->r10}, {"r11", regs->r11}, {"r12", regs->r12}, {"r13", regs->r13}, {"r14", regs->r14}, {"r15", regs->r15},
    };
    size_t at = 0;
    for (size_t i = 3UL * idx; i < 3UL * (idx + 1) && i < ARRAY_COUNT(all) && at < size; i++)
        at += (size_t)format(line + at, size - at, "%s %#llx  ", all[i].name, (unsigned long long)all[i].value);
    return at > 0;
}

uaddr_t arch_regs_sp(const struct arch_regs *regs)
{
    return regs->rsp;
}

void arch_regs_set_sp(struct arch_regs *regs, uaddr_t sp)
{
    regs->rsp = sp;
}

uint64_t arch_regs_syscall_nr(const struct arch_regs *regs)
{
    return regs->orig_rax;
}

void arch_regs_syscall_args(const struct arch_regs *regs, uint64_t args[static 6])
{
    args[0] = regs->rdi;
    args[1] = regs->rsi;
    args[2] = regs->rdx;
    args[3] = regs->r10;
    args[4] = regs->r8;
    args[5] = regs->r9;
}

void arch_regs_set_result(struct arch_regs *regs, int64_t result)
{
    regs->rax = (uint64_t)result;
}

int64_t arch_regs_result(const struct arch_regs *regs)
{
    return (int64_t)regs->rax;
}

void arch_regs_restart_syscall(struct arch_regs *regs, uint64_t nr)
{
    regs->rip -= regs->kind == ARCH_REGS_CALL ? CALLSITE_ENTRY_SIZE : 2;
    regs->rax = nr;
    regs->kind = ARCH_REGS_TRAP;
}

static bool is_running(const struct arch_regs *regs)
{
    return regs == task_regs(task_current());
}

void arch_regs_set_tls(struct arch_regs *regs, uaddr_t tls)
{
    regs->fs_base = tls;
    if (is_running(regs))
        __asm__ volatile("wrfsbase %0" : : "r"(tls));
}

uaddr_t arch_regs_tls(const struct arch_regs *regs)
{
    uint64_t fs = regs->fs_base;
    if (is_running(regs))
        __asm__ volatile("rdfsbase %0" : "=r"(fs));
    return fs;
}

/* A copy that will run as a task of its own: fork and clone. */
void arch_regs_fork(struct arch_regs *child, const struct arch_regs *parent)
{
    *child = *parent;
    child->fs_base = arch_regs_tls(parent);
    child->kind = ARCH_REGS_NEW;
}
