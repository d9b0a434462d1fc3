/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions and interrupts, told by the SSA frame alone. sgx_exception runs at CSSA 1 on a stack of its own and only
 * redirects: interrupted user code goes on in sgx_trap at CSSA 0, on its task's kernel stack, with its vector
 * state live, as after a system call. Kernel code is redirected only where it touches user memory.
 */
#include "arch_cpu.h"
#include "base/string.h"
#include "offsets.h"
#include "trusted.h"

enum { VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_UD = 6, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16, VECTOR_AC = 17, VECTOR_XM = 19 };
#define NO_VECTOR (~0ULL) /* an interrupt */
#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_FETCH 16u
#define KERNEL_RFLAGS 0x2ULL
#define RFLAGS_TF 0x100ULL
#define RFLAGS_AC 0x40000ULL

struct user_access { /* a row of .ex_table; offsets count from their own places */
    int32_t start, end, fixup;
};
extern const struct user_access __ex_table_start[], __ex_table_end[];

/* What sgx_user_fault_path pops, in its order; the access's own stack begins behind it. */
struct user_fault {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rflags, rip;
};

void sgx_call_jump(void);
void sgx_user_jump(void);
void sgx_exception(void);
void sgx_trap(struct arch_regs *regs, uint64_t vector, uint64_t error_code, uint64_t addr);
void sgx_user_fault(struct user_fault *f, uint64_t addr, uint64_t error_code, uint64_t fixup);
_Noreturn void sgx_kernel_died(uint64_t pc, uint64_t vector, uint64_t addr, const uint64_t *frame, uint64_t error_code);
void sgx_syscall(struct arch_regs *regs);
void sgx_cpuid(struct arch_regs *regs);

static struct sgx_gprs *ssa_gprs(struct vcpu *vcpu)
{
    uint64_t area = (uint64_t)vcpu - SGX_AREA_DATA * SGX_PAGE_SIZE;
    return (struct sgx_gprs *)(area + (SGX_AREA_SSA + 1) * SGX_PAGE_SIZE) - 1;
}

static bool is_kernel_pc(uint64_t pc)
{
    return pc >= sgx_boot_params_addr->image_start && pc < sgx_boot_params_addr->image_end;
}

/* The kernel's own memory: if an access to it faults, the host has taken a page away, and no program is told that its pointer is bad. */
static bool is_kernel_addr(uint64_t addr)
{
    return addr >= sgx_boot_params_addr->image_start && addr < sgx_boot_params_addr->elrange_size;
}

static bool is_user_pc(uint64_t pc)
{
    return pc >= plat_info.user_start && pc < plat_info.user_end;
}

/* ---- user code ---------------------------------------------------------------------------------------------- */

static void regs_take(struct arch_regs *r, const struct sgx_gprs *g)
{
    *r = (struct arch_regs){
        .r15 = g->r15, .r14 = g->r14, .r13 = g->r13, .r12 = g->r12, .rbp = g->rbp, .rbx = g->rbx, .r11 = g->r11,
        .r10 = g->r10, .r9 = g->r9, .r8 = g->r8, .rax = g->rax, .rcx = g->rcx, .rdx = g->rdx, .rsi = g->rsi,
        .rdi = g->rdi, .orig_rax = NO_VECTOR, .rip = g->rip, .rflags = g->rflags, .rsp = g->rsp,
        .fs_base = g->fsbase, .kind = ARCH_REGS_TRAP,
    };
}

static void redirect(struct sgx_gprs *g, void (*path)(void), uint64_t rsp)
{
    g->rip = (uint64_t)path;
    g->rsp = rsp;
    g->rflags = KERNEL_RFLAGS;
    g->exitinfo = (struct sgx_exitinfo){0}; /* taken: entering again finds an interrupt of kernel code */
}

/* Our own bug, or a page that the host took away. Says so from the boot stack: the one it happened on may be the reason. */
static void kernel_die(struct vcpu *vcpu, struct sgx_gprs *g)
{
    g->rdi = g->rip;
    g->rsi = g->exitinfo.vector;
    g->rdx = ((const struct sgx_exinfo *)g - 1)->maddr;
    g->rcx = g->rbp;
    g->r8 = ((const struct sgx_exinfo *)g - 1)->errcd;
    redirect(g, (void (*)(void))sgx_kernel_died, (uint64_t)vcpu - BOOT_STACK_TOP - 8);
}

/*
 * What user code touches of the kernel by design (text and rodata when it enters, its vCPU's words in a trampoline) is always there: if not,
 * the host took it, and the program must not be told of a fault that it did not make.
 */
static bool is_taken_page(struct vcpu *vcpu, const struct sgx_gprs *g)
{
    const struct sgx_exinfo *x = (const struct sgx_exinfo *)g - 1;
    bool is_own = is_kernel_pc(x->maddr) || x->maddr - (uint64_t)vcpu < sizeof(*vcpu);
    return g->exitinfo.valid && g->exitinfo.vector == VECTOR_PF && is_own && !(x->errcd & PF_PRESENT);
}

static void user_exception(struct vcpu *vcpu, struct sgx_gprs *g)
{
    const struct sgx_exinfo *x = (const struct sgx_exinfo *)g - 1;
    if (is_taken_page(vcpu, g)) {
        kernel_die(vcpu, g);
        return;
    }
    struct arch_regs *regs = (struct arch_regs *)vcpu->current->kstack_top - 1;
    bool is_page = g->exitinfo.valid && g->exitinfo.vector == VECTOR_PF;
    uint64_t vector = g->exitinfo.valid ? g->exitinfo.vector : NO_VECTOR;
    regs_take(regs, g);
    g->rdi = (uint64_t)regs;
    g->rsi = vector;
    g->rdx = x->errcd;
    g->rcx = is_page ? x->maddr : 0;
    redirect(g, sgx_trap_path, (uint64_t)regs);
}

/* ---- kernel code ---------------------------------------------------------------------------------------------- */

static uint64_t fixup_find(uint64_t pc)
{
    for (const struct user_access *a = __ex_table_start; a < __ex_table_end; a++) {
        uint64_t start = (uint64_t)&a->start + (uint64_t)(int64_t)a->start;
        uint64_t end = (uint64_t)&a->end + (uint64_t)(int64_t)a->end;
        if (pc >= start && pc < end)
            return (uint64_t)&a->fixup + (uint64_t)(int64_t)a->fixup;
    }
    return 0;
}

static void user_access_fault(struct sgx_gprs *g, uint64_t fixup)
{
    const struct sgx_exinfo *x = (const struct sgx_exinfo *)g - 1;
    struct user_fault *f = (struct user_fault *)(g->rsp - sizeof(*f));
    bool is_page = g->exitinfo.vector == VECTOR_PF;
    *f = (struct user_fault){
        .rax = g->rax, .rbx = g->rbx, .rcx = g->rcx, .rdx = g->rdx, .rsi = g->rsi, .rdi = g->rdi, .rbp = g->rbp,
        .r8 = g->r8, .r9 = g->r9, .r10 = g->r10, .r11 = g->r11, .r12 = g->r12, .r13 = g->r13, .r14 = g->r14,
        .r15 = g->r15, .rflags = g->rflags, .rip = g->rip,
    };
    g->rdi = (uint64_t)f;
    g->rsi = is_page ? x->maddr : 0;
    g->rdx = is_page ? x->errcd : ~0ULL;
    g->rcx = fixup;
    redirect(g, sgx_user_fault_path, (uint64_t)f);
}

/*
 * At the last instruction of the way out all registers are the user's already: what happens there is the user's, at the
 * address it jumps to (which may be no address at all).
 */
static bool is_leaving(struct vcpu *vcpu, struct sgx_gprs *g)
{
    if (g->rip == (uint64_t)sgx_call_jump)
        g->rip = g->rcx;
    else if (g->rip == (uint64_t)sgx_user_jump)
        g->rip = *sgx_vcpu_word(vcpu, VCPU_USER_PC);
    else
        return false;
    return true;
}

/* The user's trap and alignment flags work on in the kernel until it is entered for good: they are put out. */
static bool is_users_flag(struct sgx_gprs *g)
{
    uint64_t flag = g->exitinfo.vector == VECTOR_DB ? RFLAGS_TF : g->exitinfo.vector == VECTOR_AC ? RFLAGS_AC : 0;
    bool is_set = g->exitinfo.valid && (g->rflags & flag);
    if (is_set) {
        g->rflags &= ~flag;
        g->exitinfo = (struct sgx_exitinfo){0};
    }
    return is_set;
}

static void kernel_exception(struct vcpu *vcpu, struct sgx_gprs *g)
{
    if (!g->exitinfo.valid) {
        if (vcpu->current)
            vcpu->current->was_ticked = true;
        return;
    }
    if (is_users_flag(g))
        return;
    bool is_access = g->exitinfo.vector == VECTOR_PF ? !is_kernel_addr(((const struct sgx_exinfo *)g - 1)->maddr) : g->exitinfo.vector == VECTOR_GP;
    uint64_t fixup = is_access ? fixup_find(g->rip) : 0;
    if (fixup)
        user_access_fault(g, fixup);
    else
        kernel_die(vcpu, g);
}

void sgx_exception(void)
{
    struct vcpu *vcpu = sgx_vcpu();
    struct sgx_gprs *g = ssa_gprs(vcpu);
    bool is_leaving_kernel = is_leaving(vcpu, g), is_step = g->exitinfo.valid && g->exitinfo.vector == VECTOR_DB;
    if (is_kernel_pc(g->rip))
        kernel_exception(vcpu, g);
    else if (is_leaving_kernel && is_step && is_user_pc(g->rip))
        g->exitinfo = (struct sgx_exitinfo){0}; /* the trap flag counts from the user's first instruction on */
    else
        user_exception(vcpu, g);
}

/* ---- at CSSA 0 -------------------------------------------------------------------------------------------------- */

static struct arch_fault fault_of(uint64_t vector, uint64_t error_code, uint64_t addr)
{
    static const struct {
        uint64_t vector;
        enum arch_fault_kind kind;
    } kinds[] = {
        {VECTOR_PF, ARCH_FAULT_PAGE}, {VECTOR_DE, ARCH_FAULT_DIVIDE}, {VECTOR_MF, ARCH_FAULT_FP}, {VECTOR_XM, ARCH_FAULT_FP},
        {VECTOR_DB, ARCH_FAULT_STEP}, {VECTOR_BP, ARCH_FAULT_BREAKPOINT}, {VECTOR_UD, ARCH_FAULT_ILLEGAL}, {VECTOR_AC, ARCH_FAULT_ALIGN},
    };
    struct arch_fault f = {.kind = ARCH_FAULT_PROTECTION, .addr = addr};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (kinds[i].vector == vector)
            f.kind = kinds[i].kind;
    }
    f.is_write = error_code & PF_WRITE;
    f.is_exec = error_code & PF_FETCH;
    return f;
}

/* The second byte of a two-byte instruction that raised #UD; 0: it is none, or cannot be read. */
static uint8_t undefined_opcode(const struct arch_regs *regs)
{
    uint8_t code[2];
    bool is_read = regs->rip >= plat_info.user_start && regs->rip < plat_info.user_end - 2 &&
                   arch_user_copy(code, (const void *)regs->rip, 2) == 0;
    return is_read && code[0] == 0x0f ? code[1] : 0;
}

static void trapped_syscall(struct arch_regs *regs)
{
    regs->rip += 2;
    regs->rcx = regs->rip;
    regs->r11 = regs->rflags;
    regs->orig_rax = regs->rax;
    arch_upcalls.syscall(regs);
}

/* As the instruction leaves them: the upper halves are zero, no flag changes. */
static void cpuid_serve(struct arch_regs *regs)
{
    uint32_t out[4];
    arch_cpuid((uint32_t)regs->rax, (uint32_t)regs->rcx, out);
    regs->rax = out[0], regs->rbx = out[1], regs->rcx = out[2], regs->rdx = out[3];
}

/* `syscall` and `cpuid` instructions that are in no table: #UD, served as what they are. */
static bool undefined_serve(struct arch_regs *regs)
{
    uint8_t opcode = undefined_opcode(regs);
    if (opcode == 0x05) {
        trapped_syscall(regs);
    } else if (opcode == 0xa2) {
        cpuid_serve(regs);
        regs->rip += 2;
    }
    return opcode == 0x05 || opcode == 0xa2;
}

void sgx_trap(struct arch_regs *regs, uint64_t vector, uint64_t error_code, uint64_t addr)
{
    if (vector == NO_VECTOR) {
        sched_tick();
    } else if (vector != VECTOR_UD || !undefined_serve(regs)) {
        struct arch_fault fault = fault_of(vector, error_code, addr);
        arch_upcalls.fault(regs, &fault);
    }
    arch_upcalls.user_return(regs);
}

void sgx_syscall(struct arch_regs *regs)
{
    arch_upcalls.syscall(regs);
    arch_upcalls.user_return(regs);
}

void sgx_cpuid(struct arch_regs *regs)
{
    regs->orig_rax = NO_VECTOR;
    cpuid_serve(regs);
    arch_upcalls.user_return(regs);
}

/* An access of the kernel to user memory faulted: brings the page in, or makes the access fail. */
void sgx_user_fault(struct user_fault *f, uint64_t addr, uint64_t error_code, uint64_t fixup)
{
    struct arch_fault fault = fault_of(VECTOR_PF, error_code, addr);
    bool is_page = error_code != NO_VECTOR;
    if (!is_page || !arch_upcalls.kernel_fault(&fault))
        f->rip = fixup;
}

/* Callers, by the chain of frame pointers, as offsets in the image: for addr2line. */
static void backtrace_add(char *text, size_t size, const uint64_t *frame)
{
    size_t len = strlen(text);
    for (int depth = 0; depth < 12 && len < size; depth++) {
        uint64_t at = (uint64_t)frame;
        if (at % 8 || at < sgx_boot_params_addr->image_start || at >= sgx_boot_params_addr->elrange_size - 16 || !is_kernel_pc(frame[1]))
            return;
        len += (size_t)format(text + len, size - len, " %#llx", (unsigned long long)(frame[1] - sgx_boot_params_addr->image_start));
        frame = (const uint64_t *)frame[0];
    }
}

void sgx_kernel_died(uint64_t pc, uint64_t vector, uint64_t addr, const uint64_t *frame, uint64_t error_code)
{
    char text[256];
    if (vector == VECTOR_PF && !(error_code & PF_PRESENT) && (arch_upcalls.is_given(addr) || is_kernel_pc(addr))) {
        format(text, sizeof(text), "the host took the page at %#llx away, or never gave it", (unsigned long long)addr);
        plat_panic(text);
    }
    format(text, sizeof(text), "kernel exception %llu, address %#llx, at image+%#llx, called from", (unsigned long long)vector,
           (unsigned long long)addr, (unsigned long long)(pc - sgx_boot_params_addr->image_start));
    backtrace_add(text, sizeof(text), frame);
    plat_panic(text);
}
