/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp(2). A thread's filters are a chain, the newest first, that its children share and build on: a filter is never changed, and
 * what is below it lives as long as it does. So a thread may walk its chain while another puts a filter on top of it
 * (SECCOMP_FILTER_FLAG_TSYNC); thread->seccomp and its mode change under process->lock.
 *
 * What a filter answers to programs' calls in the vDSO is not asked, as in Linux.
 */
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include "base/log.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "mm/vmspace.h"
#include "proc/bpf.h"
#include "proc/internal.h"
#include "proc/seccomp.h"

#define ERRNO_MAX       4095U
#define CHAIN_MAX       32768U /* instructions, with FILTER_PENALTY for each filter */
#define FILTER_PENALTY  4U
#define SYS_SECCOMP     1 /* si_code */

struct seccomp_filter {
    struct refcount ref;
    struct seccomp_filter *below; /* a reference */
    unsigned chain_size;          /* of this one and all below */
    unsigned count;
    bool logs;
    struct sock_filter code[];
};

/* ---- filters ------------------------------------------------------------------------------------------------------------ */

void seccomp_filter_put(struct seccomp_filter *filter)
{
    while (filter && ref_put(&filter->ref)) {
        struct seccomp_filter *below = filter->below;
        heap_free(filter);
        filter = below;
    }
}

int seccomp_filter_read(uaddr_t fprog, bool logs, struct seccomp_filter **filter)
{
    struct sock_fprog prog;
    int err = copy_from_user(&prog, fprog, sizeof(prog));
    if (err)
        return err;
    if (prog.len == 0 || prog.len > BPF_MAXINSNS)
        return -EINVAL;
    if (!process_current()->no_new_privs && !capable(CAP_SYS_ADMIN))
        return -EACCES;
    struct seccomp_filter *f = heap_zalloc(sizeof(*f) + prog.len * sizeof(f->code[0]));
    if (!f)
        return -ENOMEM;
    ref_init(&f->ref, 1);
    f->count = prog.len;
    f->logs = logs;
    err = copy_from_user(f->code, (uaddr_t)(uintptr_t)prog.filter, prog.len * sizeof(f->code[0]));
    if (!err && !bpf_check(f->code, f->count, sizeof(struct seccomp_data)))
        err = -EINVAL;
    if (err)
        seccomp_filter_put(f);
    else
        *filter = f;
    return err;
}

static bool is_below(const struct seccomp_filter *filter, const struct seccomp_filter *top)
{
    while (top && top != filter)
        top = top->below;
    return top == filter;
}

/* A thread whose filters are not among the caller's: its tid, 0 if there is none. Under the process's lock. */
static int32_t stranger_find(struct thread *me)
{
    struct thread *t;
    list_for_each (t, &me->process->threads, process_node) {
        bool is_ready = t->seccomp_mode == SECCOMP_MODE_DISABLED || (t->seccomp_mode == SECCOMP_MODE_FILTER && is_below(t->seccomp, me->seccomp));
        if (t != me && !is_ready)
            return t->tid;
    }
    return 0;
}

/* What it had is below the new one, or was nothing. Under the process's lock. */
static void filter_set(struct thread *t, struct seccomp_filter *filter)
{
    struct seccomp_filter *had = t->seccomp;
    ref_get(&filter->ref);
    __atomic_store_n(&t->seccomp, filter, __ATOMIC_RELEASE);
    __atomic_store_n(&t->seccomp_mode, SECCOMP_MODE_FILTER, __ATOMIC_RELEASE);
    seccomp_filter_put(had);
}

static int chain_extend(struct seccomp_filter *filter, struct thread *me)
{
    unsigned below = me->seccomp ? me->seccomp->chain_size : 0;
    if (me->seccomp_mode == SECCOMP_MODE_STRICT)
        return -EINVAL;
    filter->chain_size = below + filter->count + FILTER_PENALTY;
    if (filter->chain_size > CHAIN_MAX)
        return -ENOMEM;
    filter->below = me->seccomp;
    if (filter->below)
        ref_get(&filter->below->ref);
    return 0;
}

int32_t seccomp_filter_add(struct seccomp_filter *filter, bool all_threads)
{
    struct thread *me = thread_current(), *t;
    struct process *p = me->process;
    spin_lock(&p->lock);
    int32_t err = all_threads ? stranger_find(me) : 0;
    if (!err)
        err = chain_extend(filter, me);
    list_for_each (t, &p->threads, process_node) {
        if (!err && (t == me || all_threads))
            filter_set(t, filter);
    }
    spin_unlock(&p->lock);
    if (!err)
        seccomp_filter_put(filter); /* the threads have theirs */
    return err;
}

int seccomp_set_strict(void)
{
    struct thread *t = thread_current();
    spin_lock(&t->process->lock);
    bool may = t->seccomp_mode != SECCOMP_MODE_FILTER;
    if (may)
        t->seccomp_mode = SECCOMP_MODE_STRICT;
    spin_unlock(&t->process->lock);
    return may ? 0 : -EINVAL;
}

/* If all threads got a filter since the child is on the list, so did its parent. */
void seccomp_inherit(struct thread *child, struct thread *parent)
{
    if (likely(!parent->seccomp_mode))
        return;
    spin_lock(&parent->process->lock);
    struct seccomp_filter *had = child->seccomp;
    if (parent->seccomp)
        ref_get(&parent->seccomp->ref);
    child->seccomp = parent->seccomp;
    child->seccomp_mode = parent->seccomp_mode;
    seccomp_filter_put(had);
    spin_unlock(&parent->process->lock);
}

unsigned seccomp_filter_count(struct thread *t)
{
    unsigned count = 0;
    spin_lock(&t->process->lock);
    for (const struct seccomp_filter *f = t->seccomp; f; f = f->below)
        count++;
    spin_unlock(&t->process->lock);
    return count;
}

/* ---- the question ------------------------------------------------------------------------------------------------------- */

/* The sterner action is the smaller one as a signed number; of two that are equal, the newer filter's data count. */
static uint32_t chain_ask(const struct seccomp_filter *top, const struct seccomp_data *data, bool *logs)
{
    uint32_t answer = SECCOMP_RET_ALLOW;
    for (const struct seccomp_filter *f = top; f; f = f->below) {
        uint32_t one = bpf_run(f->code, (const uint32_t *)data, sizeof(*data));
        if ((int32_t)(one & SECCOMP_RET_ACTION_FULL) < (int32_t)(answer & SECCOMP_RET_ACTION_FULL)) {
            answer = one;
            *logs = f->logs;
        }
    }
    return answer;
}

/* The program goes on behind the call with its registers as they were, after the handler of SIGSYS. */
static int64_t trap(const struct seccomp_data *data, uint32_t reason)
{
    siginfo_t info = {.si_code = SYS_SECCOMP, .si_errno = (int)reason};
    info.si_call_addr = (void *)(uintptr_t)data->instruction_pointer;
    info.si_syscall = data->nr;
    info.si_arch = data->arch;
    signal_force_info(SIGSYS, &info);
    return data->nr;
}

/* -ENOSYS: who would be asked (a tracer, a listener) is not there. */
static int64_t act(uint32_t answer, const struct seccomp_data *data)
{
    uint32_t value = answer & SECCOMP_RET_DATA;
    switch (answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ERRNO:
        return -(int64_t)MIN(value, ERRNO_MAX);
    case SECCOMP_RET_TRAP:
        return trap(data, value);
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_USER_NOTIF:
        return -ENOSYS;
    case SECCOMP_RET_KILL_THREAD:
        thread_exit(SIGSYS);
    default: /* SECCOMP_RET_KILL_PROCESS, and what is no action */
        process_exit_group(SIGSYS);
    }
}

static bool filters_stop(struct arch_regs *regs, uint64_t nr, const uint64_t args[static 6], int64_t *result)
{
    struct thread *t = thread_current();
    bool logs = false;
    struct seccomp_data data = {
        .nr = (int)nr,
        .arch = ARCH_ELF_MACHINE | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE,
        .instruction_pointer = vm_pc_to_text(t->process->vm, arch_regs_pc(regs)),
        .args = {args[0], args[1], args[2], args[3], args[4], args[5]},
    };
    uint32_t answer = chain_ask(__atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE), &data, &logs);
    uint32_t action = answer & SECCOMP_RET_ACTION_FULL;
    if (action == SECCOMP_RET_ALLOW)
        return false;
    if (logs || action == SECCOMP_RET_LOG)
        log_info("seccomp: %s[%d]: system call %llu, action %#x", t->name, t->tid, (unsigned long long)nr, action);
    if (action == SECCOMP_RET_LOG)
        return false;
    *result = act(answer, &data);
    return true;
}

bool seccomp_stops(struct arch_regs *regs, uint64_t nr, const uint64_t args[static 6], int64_t *result)
{
    if (__atomic_load_n(&thread_current()->seccomp_mode, __ATOMIC_ACQUIRE) == SECCOMP_MODE_FILTER)
        return filters_stop(regs, nr, args, result);
    if (nr != __NR_read && nr != __NR_write && nr != __NR_exit && nr != __NR_rt_sigreturn)
        thread_exit(SIGKILL);
    return false;
}
