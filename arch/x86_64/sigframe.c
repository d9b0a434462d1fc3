/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames as Linux lays them (uapi asm/sigcontext.h, asm/ucontext.h): struct rt_sigframe and, behind it, the
 * XSAVE image in the standard format with the software bytes that say how long it is.
 */
#include <asm/sigcontext.h>
#include <linux/signal.h>
#include <asm/ucontext.h>
#include "arch/arch.h"
#include "arch_cpu.h"
#include "base/string.h"
#include "fpu.h"

#define RED_ZONE       128
#define SIGINFO_SIZE   128
#define FRAME_OFF      56  /* so that the frame is 8 below a multiple of 16, and the image at one of 64 */
#define FPSTATE_OFF    512
#define UC_SS_FLAGS    (UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS)
#define USER_CS        0x33
#define USER_SS        0x2b
#define USER_RFLAGS    0x240dd5ULL /* what a program may set: CF PF AF ZF SF TF DF OF AC ID */
#define RFLAGS_ON      0x202ULL
#define XSTATE_BV_OFF  512
#define MXCSR_OFF      24
#define MXCSR_MASK     0xffffu

struct kernel_ucontext { /* asm-generic/ucontext.h with the kernel's stack_t and an 8-byte mask */
    uint64_t uc_flags, uc_link, stack_sp;
    int32_t stack_flags, stack_pad;
    uint64_t stack_size;
    struct sigcontext_64 mcontext;
    uint64_t mask;
};

struct rt_sigframe {
    uint64_t pretcode;
    struct kernel_ucontext uc;
    uint8_t info[SIGINFO_SIZE];
};
_Static_assert(FRAME_OFF + sizeof(struct rt_sigframe) <= FPSTATE_OFF, "the image lies behind the frame");

struct frame { /* base: a multiple of 64 */
    uint8_t pad[FRAME_OFF];
    struct rt_sigframe rt;
    uint8_t gap[FPSTATE_OFF - FRAME_OFF - sizeof(struct rt_sigframe)];
    uint8_t fpstate[ARCH_XSAVE_SIZE];
    uint32_t magic2;
};

size_t arch_sigframe_size(void)
{
    return sizeof(struct frame);
}

uaddr_t arch_sigframe_place(uaddr_t sp)
{
    return (sp - RED_ZONE - sizeof(struct frame)) & ~63ULL;
}

uaddr_t arch_sigframe_find(const struct arch_regs *regs)
{
    return regs->rsp - sizeof(uint64_t) - FRAME_OFF; /* the handler's ret took the return address */
}

static void sigcontext_fill(struct sigcontext_64 *c, const struct arch_regs *r)
{
    *c = (struct sigcontext_64){
        .r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
        .di = r->rdi, .si = r->rsi, .bp = r->rbp, .bx = r->rbx, .dx = r->rdx, .ax = r->rax, .cx = r->rcx, .sp = r->rsp,
        .ip = r->rip, .flags = r->rflags, .cs = USER_CS, .ss = USER_SS,
    };
}

static void fpstate_fill(struct frame *f)
{
    struct _fpx_sw_bytes sw = {
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = ARCH_XSAVE_SIZE + sizeof(f->magic2),
        .xfeatures = arch_cpu_xfrm(),
        .xstate_size = ARCH_XSAVE_SIZE,
    };
    CHECK((uintptr_t)f->fpstate % 64 == 0);
    memset(f->fpstate, 0, sizeof(f->fpstate));
    arch_fpu_save_standard(f->fpstate);
    memcpy(f->fpstate + 464, &sw, sizeof(sw)); /* struct _fpstate.sw_reserved */
    f->magic2 = FP_XSTATE_MAGIC2;
}

void arch_sigframe_build(void *buf, uaddr_t at, const struct arch_signal *sig, struct arch_regs *regs, const void *fpu)
{
    struct frame *f = buf;
    uaddr_t rt_at = at + FRAME_OFF;
    (void)fpu; /* it is live as well, and only xsave knows the standard format */
    memset(f, 0, FPSTATE_OFF);
    f->rt.pretcode = sig->restorer;
    f->rt.uc = (struct kernel_ucontext){
        .uc_flags = UC_SS_FLAGS, .stack_sp = sig->altstack_sp, .stack_flags = sig->altstack_flags,
        .stack_size = sig->altstack_size, .mask = sig->mask,
    };
    sigcontext_fill(&f->rt.uc.mcontext, regs);
    f->rt.uc.mcontext.fpstate = at + FPSTATE_OFF;
    memcpy(f->rt.info, sig->siginfo, SIGINFO_SIZE);
    fpstate_fill(f);
    regs->rdi = (uint64_t)sig->signo;
    regs->rsi = rt_at + offsetof(struct rt_sigframe, info);
    regs->rdx = rt_at + offsetof(struct rt_sigframe, uc);
    regs->rax = 0;
    regs->rsp = rt_at;
    regs->rip = sig->handler;
    regs->rflags = (regs->rflags & ~0x10500ULL) | RFLAGS_ON; /* no DF, TF, RF */
    regs->kind = ARCH_REGS_TRAP;
}

static void sigcontext_take(struct arch_regs *r, const struct sigcontext_64 *c)
{
    *r = (struct arch_regs){
        .r15 = c->r15, .r14 = c->r14, .r13 = c->r13, .r12 = c->r12, .rbp = c->bp, .rbx = c->bx, .r11 = c->r11, .r10 = c->r10,
        .r9 = c->r9, .r8 = c->r8, .rax = c->ax, .rcx = c->cx, .rdx = c->dx, .rsi = c->si, .rdi = c->di,
        .orig_rax = ~0ULL, .rip = c->ip, .rflags = (c->flags & USER_RFLAGS) | RFLAGS_ON, .rsp = c->sp,
        .fs_base = r->fs_base, .kind = ARCH_REGS_TRAP,
    };
}

/* What XRSTOR would fault on is put right: the header's reserved bytes, components that are not ours, MXCSR. */
static void fpstate_take(struct frame *f)
{
    struct _fpx_sw_bytes sw;
    uint64_t header[8] = {0};
    uint32_t mxcsr;
    memcpy(&sw, f->fpstate + 464, sizeof(sw));
    bool is_extended = sw.magic1 == FP_XSTATE_MAGIC1 && f->magic2 == FP_XSTATE_MAGIC2;
    memcpy(&header[0], f->fpstate + XSTATE_BV_OFF, sizeof(header[0]));
    header[0] = is_extended ? header[0] & arch_cpu_xfrm() : 3;
    memcpy(f->fpstate + XSTATE_BV_OFF, header, sizeof(header));
    memcpy(&mxcsr, f->fpstate + MXCSR_OFF, sizeof(mxcsr));
    mxcsr &= MXCSR_MASK;
    memcpy(f->fpstate + MXCSR_OFF, &mxcsr, sizeof(mxcsr));
    arch_fpu_restore(f->fpstate);
}

int arch_sigframe_parse(const void *buf, struct arch_regs *regs, void *fpu, struct arch_signal *out)
{
    struct frame *f = (struct frame *)buf;
    uaddr_t at = arch_sigframe_find(regs);
    if (at % 64 != 0)
        return -EINVAL;
    if (f->rt.uc.mcontext.fpstate == 0) {
        arch_fpu_init(fpu);
    } else if (f->rt.uc.mcontext.fpstate == at + FPSTATE_OFF) {
        fpstate_take(f);
        arch_fpu_save(fpu);
    } else {
        return -EINVAL; /* a state elsewhere: no program that we know does this */
    }
    sigcontext_take(regs, &f->rt.uc.mcontext);
    out->mask = f->rt.uc.mask;
    out->altstack_sp = f->rt.uc.stack_sp;
    out->altstack_size = f->rt.uc.stack_size;
    out->altstack_flags = f->rt.uc.stack_flags;
    return 0;
}
