/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames as Linux lays them on arm64 (uapi asm/sigcontext.h, asm/ucontext.h): siginfo, ucontext with a chain of
 * records in its reserved part, and above them a frame record (AAPCS64 6.4.6) for unwinders.
 */
#include <asm/ptrace.h>
#include <asm/sigcontext.h>
#include "arch/arch.h"
#include "base/string.h"
#include "fpu.h"

#define SIGINFO_SIZE 128
#define PSTATE_USER  (PSR_N_BIT | PSR_Z_BIT | PSR_C_BIT | PSR_V_BIT) /* what a program may set */

struct kernel_ucontext { /* asm/ucontext.h with an 8-byte mask */
    uint64_t uc_flags, uc_link, stack_sp;
    int32_t stack_flags, stack_pad;
    uint64_t stack_size, mask;
    uint8_t unused[1024 / 8 - 8];
    struct sigcontext mcontext;
};

struct frame {
    uint8_t info[SIGINFO_SIZE];
    struct kernel_ucontext uc;
    uint64_t fp, lr; /* the frame record */
};
_Static_assert(offsetof(struct kernel_ucontext, mcontext) == 176 && sizeof(struct frame) % 16 == 0, "as Linux lays it");

/* The records that are there: the vector state, and the end. */
struct records {
    struct fpsimd_context fpsimd;
    struct _aarch64_ctx end;
};

size_t arch_sigframe_size(void)
{
    return sizeof(struct frame);
}

uaddr_t arch_sigframe_place(uaddr_t sp)
{
    return (sp - sizeof(struct frame)) & ~15ULL; /* there is no red zone */
}

uaddr_t arch_sigframe_find(const struct arch_regs *regs)
{
    return regs->sp;
}

static void records_fill(struct records *r, const struct fpu_state *fpu)
{
    r->fpsimd.head = (struct _aarch64_ctx){FPSIMD_MAGIC, sizeof(r->fpsimd)};
    r->fpsimd.fpsr = fpu->fpsr;
    r->fpsimd.fpcr = fpu->fpcr;
    memcpy(r->fpsimd.vregs, fpu->v, sizeof(fpu->v));
}

void arch_sigframe_build(void *buf, uaddr_t at, const struct arch_signal *sig, struct arch_regs *regs, const void *fpu)
{
    struct frame *f = buf;
    memset(f, 0, sizeof(*f));
    memcpy(f->info, sig->siginfo, SIGINFO_SIZE);
    f->uc.stack_sp = sig->altstack_sp;
    f->uc.stack_flags = sig->altstack_flags;
    f->uc.stack_size = sig->altstack_size;
    f->uc.mask = sig->mask;
    memcpy(f->uc.mcontext.regs, regs->x, sizeof(regs->x));
    f->uc.mcontext.sp = regs->sp;
    f->uc.mcontext.pc = regs->pc;
    f->uc.mcontext.pstate = regs->pstate;
    records_fill((struct records *)f->uc.mcontext.__reserved, fpu);
    f->fp = regs->x[29];
    f->lr = regs->x[30];
    regs->x[0] = (uint64_t)sig->signo;
    regs->x[1] = at + offsetof(struct frame, info);
    regs->x[2] = at + offsetof(struct frame, uc);
    regs->x[29] = at + offsetof(struct frame, fp);
    regs->x[30] = sig->restorer;
    regs->sp = at;
    regs->pc = sig->handler;
    regs->nr = ~0ULL;
}

static int fpsimd_take(const struct _aarch64_ctx *head, struct fpu_state *fpu)
{
    const struct fpsimd_context *c = (const struct fpsimd_context *)head;
    if (head->size != sizeof(*c))
        return -EINVAL;
    *fpu = (struct fpu_state){.fpsr = c->fpsr, .fpcr = c->fpcr};
    memcpy(fpu->v, c->vregs, sizeof(fpu->v));
    return 0;
}

/* The vector state is there once. Other records are passed over: they are of extensions that programs are not shown, or only tell. */
static int records_take(const uint8_t *reserved, struct fpu_state *fpu)
{
    bool has_fpsimd = false;
    int err = 0;
    for (size_t at = 0; at + sizeof(struct _aarch64_ctx) <= sizeof(((struct sigcontext *)0)->__reserved) && err == 0;) {
        const struct _aarch64_ctx *head = (const struct _aarch64_ctx *)(reserved + at);
        size_t left = sizeof(((struct sigcontext *)0)->__reserved) - at;
        if (head->magic == 0 && head->size == 0)
            return has_fpsimd ? 0 : -EINVAL;
        if (head->size < sizeof(*head) || head->size % 16 != 0 || head->size > left)
            return -EINVAL;
        if (head->magic == FPSIMD_MAGIC) {
            err = has_fpsimd ? -EINVAL : fpsimd_take(head, fpu);
            has_fpsimd = true;
        }
        at += head->size;
    }
    return -EINVAL;
}

int arch_sigframe_parse(const void *buf, struct arch_regs *regs, void *fpu, struct arch_signal *out)
{
    const struct frame *f = buf;
    const struct sigcontext *c = &f->uc.mcontext;
    struct fpu_state state;
    if (regs->sp % 16 != 0 || c->pstate & (PSR_MODE_MASK | PSR_MODE32_BIT))
        return -EINVAL;
    int err = records_take(c->__reserved, &state);
    if (err)
        return err;
    memcpy(fpu, &state, sizeof(state));
    arch_fpu_restore(fpu);
    *regs = (struct arch_regs){.sp = c->sp, .pc = c->pc, .pstate = c->pstate & PSTATE_USER, .nr = ~0ULL, .tls = regs->tls};
    memcpy(regs->x, c->regs, sizeof(regs->x));
    out->mask = f->uc.mask;
    out->altstack_sp = f->uc.stack_sp;
    out->altstack_size = f->uc.stack_size;
    out->altstack_flags = f->uc.stack_flags;
    return 0;
}
