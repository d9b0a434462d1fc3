/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --strace and --stats: each call as strace(1) prints it, and how often and how long each was made. Strings are
 * read before the call (it may replace the memory), data after it (a read fills it).
 */
#include <linux/fcntl.h>
#include "abi/linux/errno_names.h"
#include "abi/linux/signal_names.h"
#include "base/string.h"
#include "hostcall/hostcall.h"
#include "mm/usercopy.h"
#include "platform/plat.h"
#include "proc/process.h"
#include "syscall/flag_names.h"
#include "syscall/stats.h"
#include "time/clock.h"

#define STRING_SHOWN 32

struct text {
    char *buf;
    size_t size, len; /* len < size: what does not fit is cut */
};

static void text_add(struct text *t, const char *fmt, ...) printf_like(2, 3);
static void text_add(struct text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = format_v(t->buf + t->len, t->size - t->len, fmt, args);
    va_end(args);
    t->len = MIN(t->len + (size_t)n, t->size - 1);
}

static void text_add_quoted(struct text *t, const char *s, size_t size, bool is_cut)
{
    text_add(t, "\"");
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '\n')
            text_add(t, "\\n");
        else if (c == '\t')
            text_add(t, "\\t");
        else if (c == '"' || c == '\\')
            text_add(t, "\\%c", c);
        else if (c < ' ' || c > '~')
            text_add(t, "\\%o", c);
        else
            text_add(t, "%c", c);
    }
    text_add(t, is_cut ? "\"..." : "\"");
}

static void text_add_user_string(struct text *t, uaddr_t addr)
{
    char s[256];
    int64_t len = copy_string_from_user(s, addr, sizeof(s));
    if (len == -EFAULT)
        text_add(t, addr ? "%#llx" : "NULL", (unsigned long long)addr);
    else
        text_add_quoted(t, s, len < 0 ? sizeof(s) - 1 : (size_t)len, len < 0);
}

static void text_add_user_data(struct text *t, uaddr_t addr, uint64_t size)
{
    char s[STRING_SHOWN];
    size_t shown = MIN(size, sizeof(s));
    if (copy_from_user(s, addr, shown) < 0)
        text_add(t, "%#llx", (unsigned long long)addr);
    else
        text_add_quoted(t, s, shown, shown < size);
}

static void text_add_signal(struct text *t, uint64_t signo)
{
    static const char *const names[] = {SIGNAL_NAMES};
    if (signo < ARRAY_COUNT(names))
        text_add(t, "%s", names[signo]);
    else
        text_add(t, "SIGRT_%llu", (unsigned long long)signo - 32);
}

/* O_RDONLY|O_CLOEXEC; what has no name comes last, in hexadecimal. */
static void text_add_flags(struct text *t, const struct flag_set *set, uint64_t value)
{
    const char *between = "";
    for (size_t i = 0; i < set->count; i++) {
        const struct flag_name *f = &set->names[i];
        if ((value & f->mask) != f->value || (f->value == 0 && f->mask == ~0ULL && *between))
            continue;
        text_add(t, "%s%s", between, f->name);
        between = "|";
        value &= ~f->value;
        if (f->mask == ~0ULL)
            return;
    }
    if (value || !*between)
        text_add(t, value ? "%s%#llx" : "%s0", between, (unsigned long long)value);
}

static bool is_32_bit(enum syscall_arg_kind kind)
{
    return kind == ARG_INT || kind == ARG_UINT || kind == ARG_FLAGS;
}

static void text_add_arg(struct text *t, const struct syscall_arg *arg, uint64_t value)
{
    if (arg->flags) {
        text_add_flags(t, arg->flags, is_32_bit(arg->kind) ? (uint32_t)value : value);
        return;
    }
    switch (arg->kind) {
    case ARG_FD:
        text_add(t, (int)value == AT_FDCWD ? "AT_FDCWD" : "%d", (int)value);
        break;
    case ARG_INT:
    case ARG_PID:
        text_add(t, "%d", (int)value);
        break;
    case ARG_UINT:
        text_add(t, "%u", (unsigned)value);
        break;
    case ARG_SIG:
        text_add_signal(t, value);
        break;
    case ARG_MODE:
        text_add(t, "%#o", (unsigned)value);
        break;
    case ARG_I64:
    case ARG_OFF:
        text_add(t, "%lld", (long long)value);
        break;
    case ARG_U64:
    case ARG_SIZE:
        text_add(t, "%llu", (unsigned long long)value);
        break;
    default:
        text_add(t, value ? "%#llx" : "NULL", (unsigned long long)value);
    }
}

/* Arguments up to the first that is data: the rest is printed after the call. */
static void inputs_format(struct syscall_observation *obs, const struct syscall_entry *entry)
{
    struct text t = {obs->inputs, sizeof(obs->inputs), 0};
    text_add(&t, "%s(", entry->name);
    for (unsigned i = 0; i < entry->count; i++) {
        if (entry->args[i].kind == ARG_BUF)
            return;
        text_add(&t, i ? ", " : "");
        if (entry->args[i].kind == ARG_STR)
            text_add_user_string(&t, obs->args[i]);
        else
            text_add_arg(&t, &entry->args[i], obs->args[i]);
    }
}

static void outputs_format(struct text *t, const struct syscall_observation *obs,
                           const struct syscall_entry *entry, int64_t result)
{
    unsigned i = 0;
    while (i < entry->count && entry->args[i].kind != ARG_BUF)
        i++;
    for (; i < entry->count; i++) {
        const struct syscall_arg *arg = &entry->args[i];
        text_add(t, i ? ", " : "");
        if (arg->kind == ARG_BUF && result >= 0 && arg->size_idx >= 0)
            text_add_user_data(t, obs->args[i], MIN((uint64_t)result, obs->args[arg->size_idx]));
        else if (arg->kind == ARG_STR)
            text_add_user_string(t, obs->args[i]);
        else
            text_add_arg(t, arg, obs->args[i]);
    }
}

static bool gives_address(const char *name)
{
    static const char *const names[] = {"brk", "mmap", "mremap", "shmat"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void result_format(struct text *t, int64_t result, bool is_address)
{
#define ROW(name, text) {name, #name, text},
    static const struct {
        int err;
        const char *name, *text;
    } rows[] = {ERRNO_TABLE(ROW)};
#undef ROW
    if (result >= 0 || result < -4095) {
        text_add(t, is_address ? ") = %#llx\n" : ") = %lld\n", (long long)result);
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].err == -result) {
            text_add(t, ") = -1 %s (%s)\n", rows[i].name, rows[i].text);
            return;
        }
    }
    text_add(t, ") = ? ERESTART_%lld (To be restarted if a signal does not end it)\n", (long long)-result);
}

static void text_print(const struct text *t)
{
    int64_t err = hostcall_stats(t->buf, t->len);
    (void)err; /* a trace that the host drops is the host's loss */
}

static void trace_print(const struct syscall_observation *obs, int64_t result)
{
    char line[1024];
    struct text t = {line, sizeof(line), 0};
    text_add(&t, "[pid %5d] %s", thread_current()->tid, obs->inputs);
    const struct syscall_entry *entry = obs->nr < SYSCALL_TABLE_SIZE ? &syscall_table[obs->nr] : NULL;
    bool is_known = entry && entry->call;
    if (is_known)
        outputs_format(&t, obs, entry, result);
    result_format(&t, result, is_known && gives_address(entry->name));
    text_print(&t);
}

/* ---- counting --------------------------------------------------------------------------------------- */

static struct {
    uint64_t count, errors, ns;
} totals[SYSCALL_TABLE_SIZE];

static void count_add(uint64_t nr, int64_t result, ns_t spent)
{
    if (nr >= SYSCALL_TABLE_SIZE)
        return;
    __atomic_fetch_add(&totals[nr].count, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&totals[nr].ns, (uint64_t)spent, __ATOMIC_RELAXED);
    if (result < 0 && result >= -4095)
        __atomic_fetch_add(&totals[nr].errors, 1, __ATOMIC_RELAXED);
}

/* Calls that do not come back are shown when they are made. */
static bool does_return(const char *name)
{
    return strcmp(name, "exit") != 0 && strcmp(name, "exit_group") != 0;
}

void syscall_observe_begin(struct syscall_observation *obs, uint64_t nr, const uint64_t args[static 6])
{
    obs->nr = nr;
    memcpy(obs->args, args, sizeof(obs->args));
    obs->began = clock_monotonic();
    bool is_known = nr < SYSCALL_TABLE_SIZE && syscall_table[nr].call;
    if (!plat_host_info.trace_syscalls)
        return;
    if (is_known)
        inputs_format(obs, &syscall_table[nr]);
    else
        format(obs->inputs, sizeof(obs->inputs), "syscall_%llu(", (unsigned long long)nr);
    if (is_known && !does_return(syscall_table[nr].name)) {
        count_add(nr, 0, 0);
        char line[128];
        struct text t = {line, sizeof(line), 0};
        text_add(&t, "[pid %5d] %s) = ?\n", thread_current()->tid, obs->inputs);
        text_print(&t);
    }
}

void syscall_observe_end(struct syscall_observation *obs, int64_t result)
{
    count_add(obs->nr, result, clock_monotonic() - obs->began);
    if (plat_host_info.trace_syscalls)
        trace_print(obs, result);
}

/* The index of the call with the most time among those not yet printed; SYSCALL_TABLE_SIZE: none. */
static size_t heaviest(const uint64_t *printed)
{
    size_t best = SYSCALL_TABLE_SIZE;
    for (size_t i = 0; i < SYSCALL_TABLE_SIZE; i++) {
        bool is_done = (printed[i / 64] >> (i % 64)) & 1;
        if (totals[i].count && !is_done && (best == SYSCALL_TABLE_SIZE || totals[i].ns > totals[best].ns))
            best = i;
    }
    return best;
}

void syscall_stats_print(void)
{
    uint64_t printed[SYSCALL_TABLE_SIZE / 64] = {0};
    char line[160];
    struct text t = {line, sizeof(line), 0};
    text_add(&t, "     calls    errors   usecs/call  system call\n");
    text_print(&t);
    for (size_t i = heaviest(printed); i < SYSCALL_TABLE_SIZE; i = heaviest(printed)) {
        printed[i / 64] |= 1ULL << (i % 64);
        uint64_t ns = totals[i].ns / totals[i].count;
        t.len = 0;
        text_add(&t, "%10llu %9llu %8llu.%03llu  ", (unsigned long long)totals[i].count, (unsigned long long)totals[i].errors,
                 (unsigned long long)(ns / 1000), (unsigned long long)(ns % 1000));
        if (syscall_table[i].name)
            text_add(&t, "%s\n", syscall_table[i].name);
        else
            text_add(&t, "syscall_%llu\n", (unsigned long long)i);
        text_print(&t);
    }
}
