/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's ways in and out under a host that does all that a host can there: what is in the processor at EENTER and ERESUME
 * (entry_wrap.S), an asynchronous exit at each instruction of the paths, a second one in the exception entry, entries that no
 * state allows, page faults of its own making. Linked into naos with ld --wrap; one vCPU.
 *
 * ENTRY=mode[:seed]:
 *   depth1  an interrupt at each point once, and where it hits, entries at CSSA 2, and the exception entry run twice (SmashEx)
 *   depth2  for each point on the exception's way: an interrupt at each point, and one there while that is served
 *   boot:N  the same on the way to the first host call, for the N-th point of the exception's way
 *   fault   the host takes the page away at each point once, each in a child: the enclave goes on or stops with a reason;
 *           seed 0: all of them, else each eighth
 *   state   no interrupts: only flags, MXCSR, x87 and XSAVE state at 70,000 entries; seed 0: all combinations with TF, else a few
 *   guard   the word that functions find their stack by (offsets.h) is another while they run: the kernel stops
 * The points are places of a breakpoint (int3) in the enclave's text: nothing of the enclave is changed but that byte, and it is put
 * back before the instruction runs.
 */
#include <errno.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "emulator/emulator.h"
#include "platform/sgx/trusted/offsets.h"
#include "serve/serve_internal.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define POINTS_MAX   4096
#define STATE_SIZE   4096
#define EFL_USER     0x240dd5UL /* what popfq changes in user mode, TF and ID included */
#define EFL_BAD      0x244500UL /* TF, DF, NT, AC, ID */
#define INT3         0xcc
#define FCW_RESET    0x37f
#define MXCSR_RESET  0x1f80
#define STATE_ENTRIES 70000
#define FAULT_STRIDE 8
#define SILENT_CALLS 500
#define DEPTH1_ROUNDS 60

enum mode { DEPTH1, DEPTH2, BOOT, FAULT, STATE, GUARD, MODE_COUNT };
static const char *const mode_names[MODE_COUNT] = {"depth1", "depth2", "boot", "fault", "state", "guard"};

struct point {
    uint8_t *at;
    uint8_t original;
    char kind; /* . x c, see entry-points */
    bool is_armed;
    char name[40];
};

struct tally { /* shared with the children of mode fault */
    uint32_t interrupted[POINTS_MAX], faulted[POINTS_MAX];
    uint32_t stops, silent, resumed, bad;
};

struct exit_record { /* entry_wrap.S */
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8_r15[8], flags;
    uint32_t xinuse, reserved;
};

struct exit_record entry_exit;
uint8_t entry_exit_state[STATE_SIZE] __attribute__((aligned(64)));
uint8_t entry_poison_state[STATE_SIZE] __attribute__((aligned(64)));
uint64_t entry_poison_flags, entry_poison_word, entry_host_fs;

static struct point points[POINTS_MAX];
static struct tally *tally;
static unsigned point_count, exc_count, exc_points[POINTS_MAX];
static enum mode mode;
static uint64_t seed, draws;
static unsigned inner, inner_hits, pairs; /* depth2: the point on the exception's way, and how often it was hit there */
static struct point *outer;               /* depth2: the point whose interrupt is being served */
static unsigned rounds, calls, calls_after, exits, entries, exceptions, refused, checked;
#define WORDS 32
static uint64_t words[SGX_NSSA + 1][WORDS]; /* RBP at the last entries to each level */
static unsigned word_at[SGX_NSSA + 1];
static bool is_child, is_fatal, was_stopped;
static bool is_refusal;                   /* the entry will be refused: the host's state stays */
static bool last_was_resume;              /* the vector state at an exit may be that of an earlier entry */
static uint64_t target;                   /* of EEXIT */
static uint64_t exit_flags, image_start;

void entry_poison_draw(struct emu_thread *t, int is_resume);
int __real_emu_signal_handle(int signo, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t);
int __wrap_emu_signal_handle(int signo, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t);
void __real_sgx_enter(struct sgx_enclave *e, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, struct sgx_run *run);
void __wrap_sgx_enter(struct sgx_enclave *e, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, struct sgx_run *run);
int __real_sgx_enclave_create(const struct sgx_load *load, struct sgx_enclave **enclave, char *why, size_t why_size);
int __wrap_sgx_enclave_create(const struct sgx_load *load, struct sgx_enclave **enclave, char *why, size_t why_size);

/* One line, and the end: async-signal-safe enough for one thread. */
__attribute__((format(printf, 1, 2), noreturn)) static void bad(const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    dprintf(2, "BAD: %.*s (mode %s:%llu, round %u, entry %u)\n", n, text, mode_names[mode], (unsigned long long)seed, rounds, entries);
    if (is_child)
        __atomic_fetch_add(&tally->bad, 1, __ATOMIC_RELAXED);
    _exit(99);
}

static uint64_t draw(void)
{
    uint64_t z = seed * 0x9e3779b97f4a7c15ULL + ++draws * 0xd1342543de82ef95ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* ---- what the host leaves in the processor ---------------------------------------------------------------------------- */

/* The k-th combination of the bits in mask. */
static uint64_t deposit(uint64_t k, uint64_t mask)
{
    uint64_t value = 0;
    for (; mask; mask &= mask - 1, k >>= 1) {
        if (k & 1)
            value |= mask & -mask;
    }
    return value;
}

static void fill(uint64_t word)
{
    for (unsigned off = 32; off < STATE_SIZE; off += 8) {
        if (off < 512 || off >= 576)
            memcpy(entry_poison_state + off, &word, 8);
    }
}

/*
 * All 2048 combinations of flags and all 65536 values of MXCSR come around, one apart in each entry; the x87 word is drawn. A pending x87
 * exception only where the enclave resets x87 before the host runs again, and no NT for what the emulator makes of ERESUME (iretq).
 */
void entry_poison_draw(struct emu_thread *t, int is_resume)
{
    uint32_t mxcsr = entries * 40503u & 0xffff;
    uint16_t fcw = (uint16_t)draw(), fsw = (uint16_t)(draw() & 0x7f3f);
    uint8_t ftw = (uint8_t)draw();
    entry_host_fs = t->host_fs;
    bool may_pend = !is_resume && t->cssa == 0 && !is_refusal;
    uint64_t word = 0xb0570000b0570000ULL | (uint64_t)entries << 16 >> 8;
    entries++;
    if (!may_pend)
        fcw |= 0x3f; /* all masked */
    memcpy(entry_poison_state, &fcw, 2), memcpy(entry_poison_state + 2, &fsw, 2), entry_poison_state[4] = ftw;
    memcpy(entry_poison_state + 24, &mxcsr, 4);
    fill(word);
    uint64_t components = emu_enclave->secs.attributes.xfrm;
    if (mode == DEPTH1)
        components = 0; /* what was used counts as used for long on some processors, and the kernel goes the long way */
    memcpy(entry_poison_state + 512, &components, 8);
    entry_poison_word = word;
    entry_poison_flags = deposit(entries, EFL_USER) | 2;
    if (is_resume)
        entry_poison_flags &= ~0x4100UL; /* NT, TF */
    if (mode != STATE || (seed ? entries % 2048 / 16 != seed % 128 || entries > 2048 : entries > 3 * 2048))
        entry_poison_flags &= ~0x100UL; /* each with TF costs the host twenty signals, of milliseconds on some machines */
    if (getenv("ENTRY_TRACE"))
        dprintf(2, "%u: %s to CSSA %llu, pending %u\n", entries, is_resume ? "ERESUME" : "EENTER", (unsigned long long)t->cssa, t->is_pending);
    last_was_resume = is_resume;
    words[t->cssa][++word_at[t->cssa] % WORDS] = word; /* the model has counted CSSA down already for ERESUME */
}

/* ---- what the enclave leaves in it ------------------------------------------------------------------------------------- */

static void vector_state_check(bool is_exception)
{
    static uint8_t reset[STATE_SIZE];
    const uint8_t *s = entry_exit_state;
    uint16_t fcw, fsw;
    uint32_t mxcsr;
    memcpy(&fcw, s, 2), memcpy(&fsw, s + 2, 2), memcpy(&mxcsr, s + 24, 4);
    if (is_exception) { /* the host's own, untouched: x87 registers, SSE, and what lies behind the header */
        if (!last_was_resume && mode != DEPTH1 && memcmp(s + 160, entry_poison_state + 160, 256) != 0)
            bad("vector registers at the exit of an exception are not the host's own");
        return;
    }
    if (fcw != FCW_RESET || fsw != 0 || s[4] != 0 || mxcsr != MXCSR_RESET)
        bad("x87 or MXCSR at an exit: fcw %#x fsw %#x ftw %#x mxcsr %#x", fcw, fsw, s[4], mxcsr);
    if (memcmp(s + 32, reset, 512 - 32 - 96) != 0 || memcmp(s + 576, reset, STATE_SIZE - 576) != 0)
        bad("vector registers at an exit are not zero");
    if (entry_exit.xinuse & ~3u)
        bad("components in use at an exit: %#x", entry_exit.xinuse);
}

/* The stack of the last entry; if an interrupt came after it was loaded, of the one before. */
static bool is_stack_of_host(const struct emu_thread *t)
{
    const uint64_t *known = words[t->cssa];
    if (entry_exit.rbp == known[word_at[t->cssa] % WORDS])
        return entry_exit.rsp == t->host_rsp - 8;
    for (unsigned i = 0; mode != STATE && i < WORDS; i++) {
        if (entry_exit.rbp == known[i])
            return true;
    }
    return false;
}

static void exit_check(const struct emu_thread *t)
{
    const struct exit_record *x = &entry_exit;
    uint64_t others = x->rcx | x->rdx | x->rsi | x->rdi;
    for (int i = 0; i < 8; i++)
        others |= x->r8_r15[i];
    exits++;
    if (x->rax != SGX_EEXIT || others)
        bad("registers at an exit: rax %#llx, all others %#llx", (unsigned long long)x->rax, (unsigned long long)others);
    if (!target)
        target = x->rbx, exit_flags = x->flags & EFL_USER & ~EFL_BAD;
    if (t->cssa == 2 ? x->rbx != target : x->rbx != target || (x->flags & EFL_USER) != exit_flags) /* refused: the host's own flags */
        bad("at an exit: target %#llx, flags %#llx", (unsigned long long)x->rbx, (unsigned long long)x->flags);
    if (!is_stack_of_host(t))
        bad("the stack that an exit gives back at CSSA %u: rsp %#llx for %#llx, rbp %#llx for %#llx", (unsigned)t->cssa,
            (unsigned long long)x->rsp + 8, (unsigned long long)t->host_rsp, (unsigned long long)x->rbp,
            (unsigned long long)words[t->cssa][word_at[t->cssa] % WORDS]);
    vector_state_check(t->cssa > 0);
    memset(&entry_exit, 0xee, sizeof(entry_exit));
}

/* What runs in the enclave next is C code: it must find what the ABI promises. */
static void entry_check(const struct point *p, const ucontext_t *uc)
{
    const greg_t *r = uc->uc_mcontext.gregs;
    const uint8_t *s = (const uint8_t *)uc->uc_mcontext.fpregs;
    uint64_t in_use, low = (uint64_t)r[REG_RSP];
    checked++;
    if (r[REG_EFL] & (greg_t)EFL_BAD)
        bad("%s runs with flags %#llx", p->name, (unsigned long long)r[REG_EFL]);
    if (low >= emu_enclave->secs.size || low % 8)
        bad("%s runs on the stack %#llx", p->name, (unsigned long long)low);
    if (p->kind == 'c' && strncmp(p->name, "exception_entry", 15) == 0)
        return; /* uses general registers only; vector state is the host's and stays so */
    memcpy(&in_use, s + 512, 8);
    static const uint8_t reset[384];
    if (in_use & ~3ULL || *(const uint16_t *)s != FCW_RESET || *(const uint32_t *)(s + 24) != MXCSR_RESET || *(const uint16_t *)(s + 2) ||
        s[4] || memcmp(s + 32, reset, sizeof(reset)) != 0)
        bad("%s runs with components %#llx, fcw %#x, mxcsr %#x", p->name, (unsigned long long)in_use, *(const uint16_t *)s, *(const uint32_t *)(s + 24));
}

/* ---- points ------------------------------------------------------------------------------------------------------------------ */

static void arm(struct point *p)
{
    *p->at = INT3;
    p->is_armed = true;
}

static void disarm(struct point *p)
{
    if (p->kind != 'c')
        *p->at = p->original;
    p->is_armed = false;
}

static struct point *point_find(uint64_t at)
{
    unsigned low = 0, high = point_count;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if ((uint64_t)points[mid].at < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low < point_count && (uint64_t)points[low].at == at ? &points[low] : NULL;
}

static void points_read(uint64_t image)
{
    const char *path = getenv("ENTRY_POINTS");
    FILE *f = path ? fopen(path, "r") : NULL;
    unsigned long off;
    char kind, name[40];
    while (f && point_count < POINTS_MAX && fscanf(f, "%lx %c %39s %*[^\n]", &off, &kind, name) == 3) {
        struct point *p = &points[point_count];
        *p = (struct point){.at = (uint8_t *)image + off, .kind = kind};
        snprintf(p->name, sizeof(p->name), "%s", name);
        if (kind == 'x' || (kind == 'c' && strncmp(name, "exception_entry", 15) == 0))
            exc_points[exc_count++] = point_count;
        point_count++;
    }
    if (!point_count) {
        fprintf(stderr, "entry: ENTRY_POINTS names no file of points\n");
        _exit(2);
    }
    fclose(f);
}

static void points_arm_all(void)
{
    for (unsigned i = 0; i < point_count; i++) {
        bool is_last = strcmp(points[i].name, "sgx_user_jump") == 0 || (strcmp(points[i].name, "sgx_enclu") == 0 && points[i].original == 0xc3);
        if (mode == FAULT && seed && !is_child && !is_last && i % FAULT_STRIDE != seed % FAULT_STRIDE)
            continue;
        if (mode != STATE && mode != GUARD && !(mode >= DEPTH2 && mode <= BOOT && i == inner))
            arm(&points[i]);
    }
}

static void begin(void)
{
    const char *how = getenv("ENTRY");
    const char *colon = how ? strchr(how, ':') : NULL;
    size_t len = colon ? (size_t)(colon - how) : how ? strlen(how) : 0;
    while (mode < MODE_COUNT && (strlen(mode_names[mode]) != len || strncmp(how, mode_names[mode], len) != 0))
        mode++;
    if (mode == MODE_COUNT) {
        fprintf(stderr, "entry: ENTRY is not one of the modes\n");
        _exit(2);
    }
    seed = colon ? strtoull(colon + 1, NULL, 0) : 1;
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

int __wrap_sgx_enclave_create(const struct sgx_load *load, struct sgx_enclave **enclave, char *why, size_t why_size)
{
    begin();
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* children copy what they touch: small pages */
    if (__real_sgx_enclave_create(load, enclave, why, why_size) < 0)
        return -1;
    image_start = load->layout->image_start;
    points_read(image_start);
    uint8_t *first = (uint8_t *)load->layout->image_start, *last = points[point_count - 1].at;
    mprotect(first, ((size_t)(last - first) + 2 * SGX_PAGE_SIZE) & ~(size_t)(SGX_PAGE_SIZE - 1), PROT_READ | PROT_WRITE | PROT_EXEC);
    for (unsigned i = 0; i < point_count; i++) {
        points[i].original = *points[i].at;
        if (points[i].kind == 'c')
            *points[i].at = INT3; /* for ever: what is there is done in its stead */
    }
    inner = mode == BOOT ? exc_points[seed % exc_count] : exc_points[0];
    points_arm_all();
    return 0;
}

/* ---- an exit at a point --------------------------------------------------------------------------------------------------------- */

/* The call or ret at a checked point. */
static int instruction_do(const struct point *p, ucontext_t *uc)
{
    greg_t *r = uc->uc_mcontext.gregs;
    int32_t rel;
    entry_check(p, uc);
    if (p->original == 0xc3) {
        r[REG_RIP] = *(greg_t *)r[REG_RSP];
        r[REG_RSP] += 8;
        return 1;
    }
    memcpy(&rel, p->at + 1, sizeof(rel));
    r[REG_RSP] -= 8;
    *(greg_t *)r[REG_RSP] = (greg_t)p->at + 5;
    r[REG_RIP] = (greg_t)p->at + 5 + rel;
    return 1;
}

static int interrupt(struct point *p, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t)
{
    __atomic_fetch_add(&tally->interrupted[p - points], 1, __ATOMIC_RELAXED);
    return __real_emu_signal_handle(EMU_SIGNAL, info, uc, fs, t);
}

/* The page of the instruction is gone: #PF, for a fetch by user mode. Now and then another exception, that no host can make. */
static int page_fault(struct point *p, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t)
{
    greg_t *r = uc->uc_mcontext.gregs;
    tally->faulted[p - points]++;
    is_fatal = t->cssa == 0;
    unsigned nr = (unsigned)(p - points) % 16;
    r[REG_TRAPNO] = nr == 3 ? SGX_VECTOR_GP : nr == 11 ? SGX_VECTOR_AC : SGX_VECTOR_PF;
    if (strncmp(p->name, "arch_user", 9) == 0 || strcmp(p->name, "sgx_user_jump") == 0 || strcmp(p->name, "sgx_call_jump") == 0)
        r[REG_TRAPNO] = SGX_VECTOR_PF; /* #GP is a program's there */
    if (r[REG_TRAPNO] == SGX_VECTOR_AC && (r[REG_EFL] & 0x40000))
        is_fatal = false; /* taken for the flag's, which is put out */
    r[REG_CR2] = (greg_t)p->at;
    r[REG_ERR] = 0x14;
    return __real_emu_signal_handle(r[REG_TRAPNO] == SGX_VECTOR_AC ? SIGBUS : SIGSEGV, info, uc, fs, t);
}

/* A child starts without Syscall User Dispatch; a seccomp filter in its place stays. */
static void dispatch_set(void)
{
    uint64_t size = emu_enclave->secs.size;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, size, (1UL << 47) - size, NULL) < 0 && errno != EINVAL)
        bad("prctl: %s", strerror(errno));
}

static void child_wait(struct point *p, pid_t pid)
{
    int status;
    for (int ms = 0; waitpid(pid, &status, WNOHANG) == 0; ms++) {
        usleep(1000);
        if (ms > 20000) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            bad("a page fault at %s+%#llx: the enclave neither goes on nor stops", p->name, (unsigned long long)(uint64_t)p->at);
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        bad("a page fault at %s, %#llx: status %#x", p->name, (unsigned long long)(uint64_t)p->at, (unsigned)status);
}

static int hit(struct point *p, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t)
{
    disarm(p);
    if (mode == FAULT && !is_child) {
        pid_t pid = fork();
        if (pid == 0) {
            is_child = true;
            dispatch_set();
            points_arm_all();
            disarm(p);
            return page_fault(p, info, uc, fs, t);
        }
        child_wait(p, pid);
        return p->kind == 'c' ? instruction_do(p, uc) : 1;
    }
    if (mode == DEPTH2 || mode == BOOT) {
        if (p == &points[inner]) {
            inner_hits++;
        } else if (!outer && t->cssa == 0) {
            outer = p;
            arm(&points[inner]);
        } else { /* on the exception's way, but not this time's: put back when it is over */
            return p->kind == 'c' ? instruction_do(p, uc) : 1;
        }
    }
    return interrupt(p, info, uc, fs, t);
}

/* entry_program.c's UD2 that is to be CPUID: not every processor can make CPUID itself undefined, as it is in an enclave. */
static void cpuid_place(uint8_t *at)
{
    static const uint8_t ud2_pop_ret[] = {0x0f, 0x0b, 0x5b, 0xc3};
    if (memcmp(at, ud2_pop_ret, sizeof(ud2_pop_ret)) == 0)
        at[1] = 0xa2;
}

int __wrap_emu_signal_handle(int signo, siginfo_t *info, ucontext_t *uc, uint64_t fs, struct emu_thread *t)
{
    greg_t *r = uc->uc_mcontext.gregs;
    if (signo == SIGILL && (uint64_t)r[REG_RIP] < emu_enclave->secs.size)
        cpuid_place((uint8_t *)r[REG_RIP]);
    if (signo == SIGTRAP && (uint64_t)r[REG_RIP] >= emu_enclave->secs.size && r[REG_TRAPNO] == 1)
        return 1; /* the host's own TF, until EENTER puts it out */
    if (signo != EMU_SIGNAL && (uint64_t)r[REG_RIP] >= emu_enclave->secs.size)
        bad("signal %d in the host at %#llx, trap %lld", signo, (unsigned long long)r[REG_RIP], (long long)r[REG_TRAPNO]);
    if (signo != SIGTRAP || (uint64_t)r[REG_RIP] >= emu_enclave->secs.size)
        return __real_emu_signal_handle(signo, info, uc, fs, t);
    struct point *p = r[REG_TRAPNO] == 3 ? point_find((uint64_t)r[REG_RIP] - 1) : NULL;
    if (!p || *p->at != INT3)
        return __real_emu_signal_handle(signo, info, uc, fs, t);
    r[REG_RIP]--;
    return p->is_armed ? hit(p, info, uc, fs, t) : instruction_do(p, uc);
}

/* ---- entries ---------------------------------------------------------------------------------------------------------------------- */

/* At CSSA 2, and at a busy TCS: what must be refused, and says nothing. */
static void refusals(struct sgx_enclave *e, unsigned vcpu)
{
    struct sgx_run run;
    __real_sgx_enter(e, vcpu, SGX_EENTER, draw(), draw(), draw(), &run);
    if (run.reason == SGX_RUN_INTERRUPTED || run.reason == SGX_RUN_EXCEPTION) { /* a point in refuse_nested: at CSSA 3 there is no frame */
        __real_sgx_enter(e, vcpu, SGX_EENTER, 0, 0, 0, &run);
        if (run.reason != SGX_RUN_FAILED)
            bad("EENTER without a free SSA frame was not refused");
        do
            __real_sgx_enter(e, vcpu, SGX_ERESUME, 0, 0, 0, &run);
        while (run.reason == SGX_RUN_INTERRUPTED || run.reason == SGX_RUN_EXCEPTION);
    }
    if (run.reason != SGX_RUN_EXIT)
        bad("EENTER at CSSA 2 ended by reason %u, vector %u, page %#llx, at %#llx", run.reason, run.vector, (unsigned long long)run.addr, (unsigned long long)e->threads[vcpu]->gprs->rip);
    exit_check(e->threads[vcpu]);
    refused++;
}

void __wrap_sgx_enter(struct sgx_enclave *e, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, struct sgx_run *run)
{
    struct emu_thread *t = e->threads[vcpu];
    bool is_exception_entry = leaf == SGX_EENTER && t->cssa == 1;
    __real_sgx_enter(e, vcpu, leaf, rdi, rsi, rdx, run);
    while (run->reason != SGX_RUN_EXIT && run->reason != SGX_RUN_FAILED && t->cssa == 2) {
        refusals(e, vcpu);
        __real_sgx_enter(e, vcpu, SGX_ERESUME, 0, 0, 0, run);
    }
    if (run->reason == SGX_RUN_EXIT)
        exit_check(t);
    if (!is_exception_entry)
        return;
    exceptions++;
    if (outer && run->reason == SGX_RUN_EXIT) {
        pairs += inner_hits > 0;
        inner_hits = 0;
        outer = NULL;
        disarm(&points[inner]);
    }
    if (run->reason == SGX_RUN_EXIT && draw() % 4 == 0) { /* and once more, before ERESUME */
        __real_sgx_enter(e, vcpu, SGX_EENTER, draw(), draw(), draw(), run);
        while (run->reason == SGX_RUN_INTERRUPTED || run->reason == SGX_RUN_EXCEPTION)
            __real_sgx_enter(e, vcpu, SGX_ERESUME, 0, 0, 0, run);
        if (run->reason == SGX_RUN_EXIT)
            exit_check(t);
    }
}

/* ---- the host ---------------------------------------------------------------------------------------------------------------------- */

static unsigned count_of(const uint32_t *hits)
{
    unsigned n = 0;
    const char *list = getenv("ENTRY_MISSED");
    FILE *f = list ? fopen(list, "w") : NULL;
    for (unsigned i = 0; i < point_count; i++) {
        n += hits[i] != 0;
        if (!tally->interrupted[i] && f) /* also in the children of mode fault */
            fprintf(f, "%llx %s\n", (unsigned long long)(uint64_t)points[i].at - image_start, points[i].name);
    }
    if (f)
        fclose(f);
    return n;
}

__attribute__((noreturn)) static void finish(void)
{
    dprintf(2, "entry: %s:%llu points %u of %u, pairs %u, entries %u, exits %u, checked %u, exceptions %u, refused %u, stopped %u, silent %u, went-on %u\n",
            mode_names[mode], (unsigned long long)seed,
            mode == STATE || mode == GUARD ? 0 : count_of(mode == FAULT ? tally->faulted : tally->interrupted), point_count,
            pairs, entries, exits, checked, exceptions, refused, tally->stops, tally->silent, tally->resumed);
    _exit(tally->bad ? 99 : 0);
}

static void round_end(void)
{
    static unsigned next = 1;
    rounds++;
    if (is_child) { /* the enclave went on after a page fault, as if it had been an interrupt */
        if (is_fatal)
            bad("the enclave goes on after a page of its kernel was gone");
        __atomic_fetch_add(&tally->resumed, 1, __ATOMIC_RELAXED);
        _exit(0);
    }
    if (mode == BOOT || (mode == STATE && entries >= STATE_ENTRIES) || (mode == DEPTH1 && rounds >= DEPTH1_ROUNDS) ||
        (mode == FAULT && rounds >= 3) || (mode == DEPTH2 && next >= exc_count))
        finish();
    if (mode == GUARD && rounds == 3)
        *(uint64_t *)(emu_enclave->threads[0]->enclave_gs + VCPU_STACK_GUARD) ^= 0x100;
    if (mode == GUARD && rounds > 3)
        bad("nobody saw that the stack is not as it was");
    if (mode == DEPTH2) {
        disarm(&points[inner]);
        inner = exc_points[next++];
        points_arm_all();
    }
}

/* A child's enclave says why it stops, and then that it ends. */
static int64_t child_call(struct serve_vcpu *vcpu)
{
    const struct hostcall_frame *frame = vcpu->frame;
    if (frame->nr == HOSTCALL_LOG && memmem(vcpu->buffer, frame->in_size, "enclave stopped: ", 17))
        was_stopped = true;
    if (frame->nr == HOSTCALL_EXIT) {
        if (!was_stopped || frame->args[0] != 125)
            bad("the enclave ended without a reason");
        __atomic_fetch_add(&tally->stops, 1, __ATOMIC_RELAXED);
        _exit(0);
    }
    return 0;
}

/* What no honest entry meets: CSSA 0, and no host call under way. The state is made so, by a hand that no host has. */
static void refuse_check(struct serve_vcpu *vcpu)
{
    struct emu_thread *t = emu_enclave->threads[vcpu->id];
    uint64_t *state = (uint64_t *)(t->enclave_gs + VCPU_STATE), was = *state;
    struct sgx_run run;
    is_refusal = true;
    *state = VCPU_STATE_RUNNING;
    __real_sgx_enter(emu_enclave, vcpu->id, SGX_EENTER, draw(), draw(), draw(), &run);
    while (run.reason != SGX_RUN_EXIT && run.reason != SGX_RUN_FAILED) {
        __wrap_sgx_enter(emu_enclave, vcpu->id, SGX_EENTER, 0, 0, 0, &run);
        __real_sgx_enter(emu_enclave, vcpu->id, SGX_ERESUME, 0, 0, 0, &run);
    }
    is_refusal = false;
    if (is_fatal) { /* a child's: it has come out to say why it stops */
        if (!memmem(vcpu->buffer, 300, "enclave stopped: ", 17))
            bad("no reason: reason %u, call %u, status %lld, %.60s", run.reason, vcpu->frame->nr, (long long)vcpu->frame->args[0], (char *)vcpu->buffer);
        __atomic_fetch_add(&tally->stops, 1, __ATOMIC_RELAXED);
        _exit(0);
    }
    if (run.reason != SGX_RUN_EXIT || *state != VCPU_STATE_RUNNING)
        bad("EENTER that no state allows ended by reason %u", run.reason);
    refused++;
    *state = was;
}

/* Results of `read` that are in its row, and others. */
static int64_t read_lie(struct hostcall_frame *frame)
{
    const int64_t results[] = {0, 5, (int64_t)frame->out_size + 1, -EAGAIN, -EIO, -EBADF, -9999, INT64_MAX, INT64_MIN, -EINTR};
    return results[rounds % (sizeof(results) / sizeof(results[0]))];
}

static int64_t call_dispatch(struct serve_vcpu *vcpu)
{
    struct hostcall_frame *frame = vcpu->frame;
    SERVE_DISPATCH(vcpu, frame, vcpu->buffer)
    return -ENOSYS;
}

void call_serve(struct serve_vcpu *vcpu)
{
    const struct hostcall_frame *frame = vcpu->frame;
    calls++;
    vcpu->exits++;
    if (is_child && is_fatal && !was_stopped && ++calls_after > SILENT_CALLS) { /* before it has a frame it cannot say why */
        __atomic_fetch_add(&tally->silent, 1, __ATOMIC_RELAXED);
        _exit(0);
    }
    if (frame->nr == HOSTCALL_READ) {
        vcpu->frame->result = read_lie(vcpu->frame);
        return;
    }
    if (frame->nr == HOSTCALL_WRITE && frame->in_size == 6 && memcmp(vcpu->buffer, "ROUND\n", 6) == 0) {
        if (rounds % 8 == 1)
            refuse_check(vcpu);
        vcpu->frame->result = 6;
        round_end();
        return;
    }
    if (mode == GUARD && frame->nr == HOSTCALL_LOG && memmem(vcpu->buffer, frame->in_size, "wrote beyond its own", 20))
        finish();
    if (is_child && (frame->nr == HOSTCALL_LOG || frame->nr == HOSTCALL_EXIT)) {
        vcpu->frame->result = child_call(vcpu);
        return;
    }
    vcpu->frame->result = call_dispatch(vcpu);
}
