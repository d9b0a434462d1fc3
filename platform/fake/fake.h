/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake platform: the kernel in an ordinary process, under sanitizers. Memory is the heap's (malloc, so that every
 * overrun is seen), the host is a function, time is virtual, and one thread plays all vCPUs by a seed.
 */
#pragma once
#include "base/base.h"
#include "naos/hostcall.h"

struct arch_regs;

struct fake_params {
    uint64_t seed;
    unsigned vcpu_count;     /* default 1 */
    unsigned switch_every;   /* another vCPU goes on at about one in so many locks and pauses; 0: only when one waits */
    uint64_t memory_size;    /* default 1 GiB */
    const void *config;
    size_t config_size;
};
/* Before anything else. */
void fake_init(const struct fake_params *params);
/*
 * Runs `body` as the first task of a kernel that has its scheduler, clock, random and mm, and returns when it is over. NULL: boots as
 * on any platform (kernel_main), and returns when the first program has ended.
 */
void fake_run(void (*body)(void *arg), void *arg);

uint64_t fake_random(void); /* of the seed */

/* ---- the fault plan ------------------------------------------------------------------------------------------------ */

enum fake_fault { FAKE_FAULT_ALLOC, FAKE_FAULT_COMMIT, FAKE_FAULT_HOST, FAKE_FAULT_COUNT };
/* The n-th from now (from 1) fails, and all after it if is_lasting; 0: none. */
void fake_fail(enum fake_fault kind, uint64_t n, bool is_lasting);
bool fake_has_failed(enum fake_fault kind); /* since fake_fail */
bool fake_fault_due(enum fake_fault kind);  /* for those that fail: counts, and says whether it is this one */

/* Blocks of the kernel's heap that are in use. */
extern size_t fake_heap_count;

/* ---- the host ---------------------------------------------------------------------------------------------------------- */

/* Serves the frame's request. NULL: fake_host_honest. */
extern void (*fake_host)(struct hostcall_frame *frame);
void fake_host_honest(struct hostcall_frame *frame);
/* Memory that counts as the host's. */
void *fake_host_alloc(size_t size);
/* When every vCPU waits for ever, fake_run returns instead of calling it a bug: hosts can do that. */
extern bool fake_may_hang;
/* What plat_exit was called with ends fake_run; -1 if it was not. */
extern int fake_exit_status;

/* ---- the user ---------------------------------------------------------------------------------------------------------- */

/* Plays a program that exec has loaded: called on its task; makes system calls, does not return. */
extern void (*fake_user)(struct arch_regs *regs);
int64_t fake_syscall(struct arch_regs *regs, uint64_t nr, const uint64_t args[6]);
unsigned fake_mem_prot(uintptr_t addr); /* enum plat_prot of a page; 0 if it is not committed */
extern uint64_t fake_fpu;               /* the live vector state */

/* ---- what others of the fake platform use ---------------------------------------------------------------------------------- */

void fake_lock_check_none(const char *what);
void fake_vcpu_point(void); /* another vCPU may go on here */
void fake_vcpu_stop(void);  /* back to fake_run */
_Noreturn void fake_die(const char *fmt, ...) printf_like(1, 2);
