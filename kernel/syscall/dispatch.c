/* SPDX-License-Identifier: Apache-2.0 */
/* From the registers to the handler and back. The table is generated; there is no policy here. */
#include "syscall/dispatch.h"
#include "base/log.h"
#include "base/string.h"
#include "hostcall/hostcall.h"
#include "platform/plat.h"
#include "proc/process.h"
#include "proc/seccomp.h"
#include "syscall/stats.h"

static uint64_t unknown_named[SYSCALL_TABLE_SIZE / 64];

static int64_t unknown_call(uint64_t nr)
{
    uint64_t idx = nr < SYSCALL_TABLE_SIZE ? nr : SYSCALL_TABLE_SIZE - 1;
    uint64_t bit = 1ULL << (idx % 64);
    if (!(__atomic_fetch_or(&unknown_named[idx / 64], bit, __ATOMIC_RELAXED) & bit))
        log_info("system call %llu is not implemented (ENOSYS), first made by %s",
                 (unsigned long long)nr, thread_current()->name);
    return -ENOSYS;
}

static int64_t call_plain(uint64_t nr, const uint64_t args[static 6])
{
    if (unlikely(nr >= SYSCALL_TABLE_SIZE || !syscall_table[nr].call))
        return unknown_call(nr);
    return syscall_table[nr].call(args);
}

/* With --strace or --stats. */
static int64_t call_observed(uint64_t nr, const uint64_t args[static 6])
{
    struct syscall_observation obs;
    syscall_observe_begin(&obs, nr, args);
    int64_t result = call_plain(nr, args);
    syscall_observe_end(&obs, result);
    return result;
}

static int64_t call(uint64_t nr, const uint64_t args[static 6])
{
    bool is_observed = plat_host_info.trace_syscalls || plat_host_info.print_stats;
    return unlikely(is_observed) ? call_observed(nr, args) : call_plain(nr, args);
}

static __attribute__((noinline)) int64_t call_timed(uint64_t nr, const uint64_t args[static 6])
{
    struct thread *t = thread_current();
    ns_t began = thread_cpu_ns(t);
    int64_t result = call(nr, args);
    thread_call_ended(t, thread_cpu_ns(t) - began);
    return result;
}

void syscall_dispatch(struct arch_regs *regs)
{
    struct thread *t = thread_current();
    uint64_t nr = arch_regs_syscall_nr(regs);
    uint64_t args[6];
    arch_regs_syscall_args(regs, args);
    t->syscall_nr = nr;
    int64_t result;
    if (likely(!t->seccomp_mode) || !seccomp_stops(regs, nr, args, &result))
        result = unlikely(thread_call_is_timed(t)) ? call_timed(nr, args) : call(nr, args);
    arch_regs_set_result(regs, result);
}
