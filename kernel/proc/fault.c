/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of programs: memory that only has to be brought in, and signals for everything else. */
#include "base/log.h"
#include "proc/internal.h"

#define SI_CODE_KERNEL 0x80

static int fault_serve(struct thread *t, const struct arch_fault *fault)
{
    ns_t began = thread_cpu_ns(t);
    int err = vm_fault(t->process->vm, fault);
    thread_system_add(t, thread_cpu_ns(t) - began);
    return err;
}

static void fault_page(const struct arch_fault *fault)
{
    struct thread *t = thread_current();
    switch (fault_serve(t, fault)) {
    case 0:
        t->min_faults++;
        return;
    case -EACCES:
        signal_force(SIGSEGV, SEGV_ACCERR, fault->addr);
        return;
    case -EIO:
        signal_force(SIGBUS, BUS_ADRERR, fault->addr);
        return;
    case -ENOMEM:
        log_error("out of memory: process %d is killed", t->process->pid);
        process_exit_group(SIGKILL);
    default:
        signal_force(SIGSEGV, SEGV_MAPERR, fault->addr);
    }
}

void proc_fault(struct arch_regs *regs, const struct arch_fault *fault)
{
    struct thread *t = thread_current();
    t->syscall_nr = SYSCALL_NONE;
    uaddr_t pc = arch_regs_pc(regs);
    log_debug("%s[%d]: fault kind %d at pc %#llx, address %#llx", t->name, t->tid, (int)fault->kind, (unsigned long long)pc,
              (unsigned long long)fault->addr);
    switch (fault->kind) {
    case ARCH_FAULT_PAGE:
        fault_page(fault);
        break;
    case ARCH_FAULT_ILLEGAL:
        signal_force(SIGILL, ILL_ILLOPN, pc);
        break;
    case ARCH_FAULT_DIVIDE:
        signal_force(SIGFPE, FPE_INTDIV, pc);
        break;
    case ARCH_FAULT_FP:
        signal_force(SIGFPE, FPE_FLTINV, pc);
        break;
    case ARCH_FAULT_BREAKPOINT:
        signal_force(SIGTRAP, SI_CODE_KERNEL, 0);
        break;
    case ARCH_FAULT_STEP:
        if (vm_pc_to_text(t->process->vm, pc) == pc) /* a patched call's trampoline is one instruction to the program */
            signal_force(SIGTRAP, TRAP_TRACE, pc);
        break;
    case ARCH_FAULT_PROTECTION:
        signal_force(SIGSEGV, SI_CODE_KERNEL, 0);
        break;
    case ARCH_FAULT_ALIGN:
        signal_force(SIGBUS, BUS_ADRALN, fault->addr);
        break;
    }
}

bool proc_kernel_fault(const struct arch_fault *fault)
{
    struct process *p = process_current();
    return fault->kind == ARCH_FAULT_PAGE && p->vm && vm_fault(p->vm, fault) == 0;
}
