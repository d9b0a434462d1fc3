/* SPDX-License-Identifier: Apache-2.0 */
/* arch.h on fibers and C functions. */
#include "arch/arch.h"
#include <stdlib.h>
#include "base/string.h"
#include "fiber.h"
#include "platform/fake/fake.h"
#include "platform/plat.h"
#include "sched/sched.h"

/* ---- contexts: kernel stacks are reused, so their fibers are found by the stack ----------------------------------- */

#define FIBER_MAX 65536
static struct stack_fiber {
    void *stack_top;
    struct fiber *fiber;
} stack_fibers[FIBER_MAX];

static struct fiber **fiber_of_stack(void *stack_top)
{
    size_t at = ((uintptr_t)stack_top >> 12) % FIBER_MAX;
    while (stack_fibers[at].stack_top && stack_fibers[at].stack_top != stack_top)
        at = (at + 1) % FIBER_MAX;
    stack_fibers[at].stack_top = stack_top;
    return &stack_fibers[at].fiber;
}

void arch_context_init(struct arch_context *ctx, void *stack_top, void (*entry)(void *), void *arg)
{
    struct fiber **f = fiber_of_stack(stack_top);
    if (*f)
        fiber_reset(*f, entry, arg);
    else
        *f = fiber_create(entry, arg);
    ctx->fiber = *f;
}

void arch_context_switch(struct arch_context *from, struct arch_context *to)
{
    fake_lock_check_none("a task sleeps or gives way");
    from->fiber = fiber_current();
    fiber_switch(to->fiber);
}

/* ---- vector state: one word, so that tests see whose is live --------------------------------------------------------- */

uint64_t fake_fpu;

size_t arch_fpu_size(void)
{
    return sizeof(fake_fpu);
}

void arch_fpu_init(void *state)
{
    memset(state, 0, sizeof(fake_fpu));
}

void arch_fpu_save(void *state)
{
    memcpy(state, &fake_fpu, sizeof(fake_fpu));
}

void arch_fpu_restore(const void *state)
{
    memcpy(&fake_fpu, state, sizeof(fake_fpu));
}

/* ---- registers --------------------------------------------------------------------------------------------------------- */

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

size_t arch_regs_core(const struct arch_regs *regs, uaddr_t pc, uint64_t out[static ARCH_CORE_REGS])
{
    out[0] = pc;
    out[1] = regs->sp;
    return 2;
}

bool arch_regs_show(const struct arch_regs *regs, unsigned idx, char *line, size_t size)
{
    (void)regs, (void)idx, (void)line, (void)size;
    return false;
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
    memcpy(args, regs->args, 6 * sizeof(args[0]));
}

void arch_regs_set_result(struct arch_regs *regs, int64_t result)
{
    regs->result = result;
}

int64_t arch_regs_result(const struct arch_regs *regs)
{
    return regs->result;
}

void arch_regs_restart_syscall(struct arch_regs *regs, uint64_t nr)
{
    regs->nr = nr;
}

void arch_regs_set_tls(struct arch_regs *regs, uaddr_t tls)
{
    regs->tls = tls;
}

uaddr_t arch_regs_tls(const struct arch_regs *regs)
{
    return regs->tls;
}

void arch_regs_fork(struct arch_regs *child, const struct arch_regs *parent)
{
    *child = *parent;
}

void (*fake_user)(struct arch_regs *regs);

/* A function of the test; anything else that is not a loaded program is nowhere. */
static void (*user_of(uaddr_t pc))(struct arch_regs *)
{
    extern char __executable_start[], etext[];
    if (pc >= plat_info.user_start && pc < plat_info.user_end)
        return fake_user;
    return pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext ? (void (*)(struct arch_regs *))(uintptr_t)pc : NULL;
}

_Noreturn void arch_user_enter(struct arch_regs *regs)
{
    CHECK(regs == task_regs(task_current()));
    for (;;) {
        const struct arch_fault nowhere = {.kind = ARCH_FAULT_PAGE, .addr = regs->pc, .is_exec = true};
        void (*user)(struct arch_regs *) = user_of(regs->pc);
        if (user) {
            user(regs);
            CHECK(!"the user's function came back; it has to make exit_group");
        }
        arch_upcalls.fault(regs, &nowhere);
        arch_upcalls.user_return(regs);
    }
}

int64_t fake_syscall(struct arch_regs *regs, uint64_t nr, const uint64_t args[6])
{
    regs->nr = nr;
    memcpy(regs->args, args, sizeof(regs->args));
    arch_upcalls.syscall(regs);
    arch_upcalls.user_return(regs);
    return regs->result;
}

/* ---- user memory: a page is asked for before it is touched -------------------------------------------------------------- */

static bool is_kernel_memory(const void *addr)
{
    return (uintptr_t)addr >= plat_info.user_end;
}

static bool page_touch(const void *addr, bool is_write)
{
    const struct arch_fault fault = {.kind = ARCH_FAULT_PAGE, .addr = (uintptr_t)addr, .is_write = is_write};
    unsigned need = is_write ? PLAT_PROT_WRITE : PLAT_PROT_READ;
    if (is_kernel_memory(addr))
        return true;
    fake_lock_check_none("user memory is touched");
    for (int tries = 0; !(fake_mem_prot((uintptr_t)addr) & need); tries++) {
        if (tries > 8 || !arch_upcalls.kernel_fault(&fault))
            return false;
    }
    return true;
}

static size_t page_rest(const void *addr)
{
    return PAGE_SIZE - (uintptr_t)addr % PAGE_SIZE;
}

size_t arch_user_copy(void *dst, const void *src, size_t size)
{
    char *d = dst;
    const char *s = src;
    while (size > 0) {
        size_t n = MIN(size, MIN(page_rest(d), page_rest(s)));
        do { /* bringing the one in may have taken the other out */
            if (!page_touch(s, false) || !page_touch(d, true))
                return size;
        } while (!is_kernel_memory(s) && !(fake_mem_prot((uintptr_t)s) & PLAT_PROT_READ));
        memmove(d, s, n); /* both may be the program's, and overlap */
        d += n, s += n, size -= n;
    }
    return 0;
}

size_t arch_user_zero(void *dst, size_t size)
{
    for (char *d = dst; size > 0;) {
        size_t n = MIN(size, page_rest(d));
        if (!page_touch(d, true))
            return size;
        memset(d, 0, n);
        d += n, size -= n;
    }
    return 0;
}

int arch_user_load32(const uint32_t *from, uint32_t *value)
{
    return arch_user_copy(value, from, sizeof(*value)) ? -EFAULT : 0;
}

int arch_user_cas32(uint32_t *at, uint32_t old, uint32_t new_value, uint32_t *seen)
{
    if (!page_touch(at, true))
        return -EFAULT;
    memcpy(seen, at, sizeof(*seen)); /* it may be misaligned */
    if (*seen == old)
        memcpy(at, &new_value, sizeof(new_value));
    return 0;
}

/* ---- signals: the frame is the registers and the mask ----------------------------------------------------------------- */

struct frame {
    struct arch_regs regs;
    uint64_t fpu, mask, altstack_sp, altstack_size;
    int altstack_flags, signo;
};

size_t arch_sigframe_size(void)
{
    return sizeof(struct frame);
}

uaddr_t arch_sigframe_place(uaddr_t sp)
{
    return (sp - sizeof(struct frame)) & ~15ULL;
}

void arch_sigframe_build(void *buf, uaddr_t at, const struct arch_signal *sig, struct arch_regs *regs, const void *fpu)
{
    struct frame *f = buf;
    *f = (struct frame){
        .regs = *regs, .mask = sig->mask, .altstack_sp = sig->altstack_sp, .altstack_size = sig->altstack_size,
        .altstack_flags = sig->altstack_flags, .signo = sig->signo,
    };
    memcpy(&f->fpu, fpu, sizeof(f->fpu));
    regs->sp = at;
    regs->pc = sig->handler;
    regs->args[0] = (uint64_t)sig->signo;
}

uaddr_t arch_sigframe_find(const struct arch_regs *regs)
{
    return regs->sp;
}

int arch_sigframe_parse(const void *buf, struct arch_regs *regs, void *fpu, struct arch_signal *out)
{
    const struct frame *f = buf;
    *regs = f->regs;
    memcpy(fpu, &f->fpu, sizeof(f->fpu));
    out->mask = f->mask;
    out->altstack_sp = f->altstack_sp;
    out->altstack_size = f->altstack_size;
    out->altstack_flags = f->altstack_flags;
    return 0;
}

/* ---- call sites: there is no text to patch ------------------------------------------------------------------------------ */

int arch_callsite_patch(const struct callsite *site, const uint8_t *text, uaddr_t text_at, uint8_t *tramp, uaddr_t tramp_at,
                        uint8_t *patched)
{
    (void)site, (void)text, (void)text_at, (void)tramp, (void)tramp_at, (void)patched;
    return -ERANGE;
}

unsigned arch_callsite_text_off(const struct callsite *site, unsigned off)
{
    (void)site;
    return off;
}

unsigned arch_callsite_trampoline_off(const struct callsite *site, unsigned off)
{
    (void)site;
    return off;
}

const void *arch_vdso(size_t *size)
{
    *size = 0;
    return NULL;
}
