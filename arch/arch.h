/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the kernel and a processor architecture. Each arch/<a>/ implements all of it;
 * arch/<a>/include/arch_types.h gives the shapes that the kernel must know the size of:
 *
 *   struct arch_regs     the user registers at kernel entry; kept at the top of the task's kernel stack
 *   struct arch_context  what a switched-out kernel stack needs (usually its stack pointer)
 *   arch_vcpu()          inline: the vCPU that runs this code (a register; never memory of the host)
 *   arch_relax()         inline: a pause in a spin loop
 *   arch_counter()       inline: the counter that clocks run on
 *   arch_lock_wanted(), arch_lock_taken(), arch_lock_dropped()   inline: told of each spinlock; empty but in the fake architecture (ARCH_LOOKS_AT_LOCKS),
 *                        which checks their order (base/lock_order.h) and lets other vCPUs go on there
 *
 * Kernel code is compiled without vector registers: between kernel entry and a context switch the
 * user's vector state stays live in the processor. Whoever uses vector instructions in the kernel
 * (crypto) brackets them with task_fpu_begin and task_fpu_end (sched/sched.h).
 */
#pragma once
#include "base/base.h"
#include "arch_types.h"

#ifndef ARCH_LOOKS_AT_LOCKS
static inline void arch_lock_wanted(const void *lock, unsigned rank)
{
    (void)lock, (void)rank;
}

static inline void arch_lock_taken(const void *lock, unsigned rank)
{
    (void)lock, (void)rank;
}

static inline void arch_lock_dropped(const void *lock)
{
    (void)lock;
}
#endif

/* ---- context switch ---------------------------------------------------------------------- */

/* Makes ctx such that the first switch to it calls entry(arg) on the stack that ends at stack_top. */
void arch_context_init(struct arch_context *ctx, void *stack_top, void (*entry)(void *), void *arg);
/* Saves the present kernel context in *from and goes on in *to. Callee-saved registers only. */
void arch_context_switch(struct arch_context *from, struct arch_context *to);

/* ---- vector and floating-point state of the user ------------------------------------------ */

/* Bytes that a saved state takes; a buffer for it is 64-byte aligned. */
size_t arch_fpu_size(void);
void arch_fpu_init(void *state); /* the state of a fresh program */
void arch_fpu_save(void *state);
void arch_fpu_restore(const void *state);

/* ---- user registers ------------------------------------------------------------------------ */

void arch_regs_init(struct arch_regs *regs, uaddr_t pc, uaddr_t sp); /* all else zero */
uaddr_t arch_regs_pc(const struct arch_regs *regs);
void arch_regs_set_pc(struct arch_regs *regs, uaddr_t pc); /* all registers are restored when it goes on there */
uaddr_t arch_regs_sp(const struct arch_regs *regs);
/* The registers as a core file has them (the ELF note NT_PRSTATUS) with this program counter; returns how many words. */
#define ARCH_CORE_REGS 34
size_t arch_regs_core(const struct arch_regs *regs, uaddr_t pc, uint64_t out[static ARCH_CORE_REGS]);
/* The idx-th line of the registers as people read them; false: there are no more lines. */
bool arch_regs_show(const struct arch_regs *regs, unsigned idx, char *line, size_t size);
void arch_regs_set_sp(struct arch_regs *regs, uaddr_t sp);
uint64_t arch_regs_syscall_nr(const struct arch_regs *regs);
void arch_regs_syscall_args(const struct arch_regs *regs, uint64_t args[static 6]);
void arch_regs_set_result(struct arch_regs *regs, int64_t result);
int64_t arch_regs_result(const struct arch_regs *regs);
/* Goes back to before the system call, so that returning to the user makes it again, with its number nr. */
void arch_regs_restart_syscall(struct arch_regs *regs, uint64_t nr);
/* The thread pointer (FS base, TPIDR_EL0). For the running task it takes effect at once. */
void arch_regs_set_tls(struct arch_regs *regs, uaddr_t tls);
uaddr_t arch_regs_tls(const struct arch_regs *regs);
/* The running task's registers, for a task that will start where it is now: fork and clone. */
void arch_regs_fork(struct arch_regs *child, const struct arch_regs *parent);

/* Leaves the kernel for the user; regs must be the running task's own, at the top of its stack. */
_Noreturn void arch_user_enter(struct arch_regs *regs);

/* ---- user memory ---------------------------------------------------------------------------- */

/*
 * Each takes addresses already checked to lie in the user range (mm/usercopy.h does) and survives a
 * fault in them. May sleep (a page may have to be filled): no spinlock may be held.
 */
nodiscard size_t arch_user_copy(void *dst, const void *src, size_t size); /* bytes not copied */
nodiscard size_t arch_user_zero(void *dst, size_t size);                  /* bytes not zeroed */
nodiscard int arch_user_load32(const uint32_t *from, uint32_t *value);    /* 0 or -EFAULT */
nodiscard int arch_user_cas32(uint32_t *at, uint32_t old, uint32_t new_value, uint32_t *seen);

/* ---- signals --------------------------------------------------------------------------------- */

struct arch_signal {
    int signo;
    const void *siginfo; /* 128 bytes, the Linux layout */
    uaddr_t handler, restorer;
    bool has_siginfo; /* SA_SIGINFO */
    uint64_t mask;    /* to be restored by sigreturn */
    uaddr_t altstack_sp;
    uint64_t altstack_size;
    int altstack_flags;
};

size_t arch_sigframe_size(void);
/* Where a frame goes when the stack pointer is sp: aligned, below the red zone. */
uaddr_t arch_sigframe_place(uaddr_t sp);
/* Lays the Linux rt_sigframe for address `at` into buf, and makes regs run the handler. */
void arch_sigframe_build(void *buf, uaddr_t at, const struct arch_signal *sig,
                         struct arch_regs *regs, const void *fpu);
/* Where the frame of a handler that calls rt_sigreturn now lies. */
uaddr_t arch_sigframe_find(const struct arch_regs *regs);
/* Takes registers, vector state and mask back. -EINVAL: the program damaged the frame. */
nodiscard int arch_sigframe_parse(const void *buf, struct arch_regs *regs, void *fpu,
                                      struct arch_signal *out);

/* ---- call sites: instructions that the kernel serves (DESIGN D3) ----------------------------- */

struct callsite; /* include/naos/callsite.h */
#define ARCH_CALLSITE_TRAMPOLINE_SIZE 64 /* bytes each */
/*
 * Writes the trampoline for a site into `tramp`, which will run at address tramp_at; text holds the
 * site's window (site->window_size bytes) as the file has it and will run at text_at. Fills `patched`
 * with the window's new bytes. -ERANGE: the two are too far apart, leave the site alone.
 */
nodiscard int arch_callsite_patch(const struct callsite *site, const uint8_t *text, uaddr_t text_at,
                                      uint8_t *tramp, uaddr_t tramp_at, uint8_t *patched);

/* The place in a site's window that an offset in its trampoline stands for, and back (not for the window's start). */
unsigned arch_callsite_text_off(const struct callsite *site, unsigned trampoline_off);
unsigned arch_callsite_trampoline_off(const struct callsite *site, unsigned text_off);

/*
 * The vDSO: an ELF file for programs, that reads struct clock_page on the page before it. *size 0: there is none.
 */
const void *arch_vdso(size_t *size);

/* ---- what arch calls up ----------------------------------------------------------------------- */

enum arch_fault_kind {
    ARCH_FAULT_PAGE,        /* addr, is_write, is_exec are set */
    ARCH_FAULT_ILLEGAL,     /* undefined instruction */
    ARCH_FAULT_FP,          /* arithmetic, x87 or SIMD */
    ARCH_FAULT_DIVIDE,
    ARCH_FAULT_BREAKPOINT,
    ARCH_FAULT_STEP,
    ARCH_FAULT_PROTECTION,  /* general protection: non-canonical address, privileged instruction */
    ARCH_FAULT_ALIGN,
};

struct arch_fault {
    enum arch_fault_kind kind;
    uaddr_t addr;
    bool is_write, is_exec;
};

/*
 * Filled by kernel/init/upcalls.c. All run on the current task's kernel stack, as ordinary kernel
 * code that may sleep; regs are the task's.
 */
struct arch_upcalls {
    /* A system call. Its result goes into regs. */
    void (*syscall)(struct arch_regs *regs);
    /* The user program faulted, for sure (hardware record, not the host's word). */
    void (*fault)(struct arch_regs *regs, const struct arch_fault *fault);
    /* A fault in arch_user_*: true if the page is there now and the access can be tried again. */
    bool (*kernel_fault)(const struct arch_fault *fault);
    /* Kernel code faulted at addr. True: the host had given a page there, and has taken it away. For the last words. */
    bool (*is_given)(uaddr_t addr);
    /* Last thing before each return to the user: signals, preemption, exit. */
    void (*user_return)(struct arch_regs *regs);
};
extern const struct arch_upcalls arch_upcalls;
