/* SPDX-License-Identifier: Apache-2.0 */
/* What exec hands to a program: its strings, taken from the old memory, and the stack that it finds them on. */
#include <linux/auxvec.h>
#include <linux/limits.h>
#include "base/string.h"
#include "crypto/random.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "proc/internal.h"

#define STRING_MAX      (128UL << 10) /* MAX_ARG_STRLEN */
#define STRINGS_MAX     (6UL << 20)   /* three quarters of _STK_LIM */
#define STRINGS_MIN     (128UL << 10) /* ARG_MAX */
#define STACK_SIZE_MIN  (256UL << 10)
#define STACK_SIZE_MAX  (1UL << 30)
#define STACK_UNLIMITED (64UL << 20) /* what "unlimited" gets: address space is set aside for it   \
                                      */
#define STACK_GUARD (1UL << 20)
#define AUX_COUNT   22

/* ---- strings ------------------------------------------------------------------------------------------------ */

static size_t strings_limit(void)
{
    uint64_t quarter = process_limit(process_current(), RLIMIT_STACK) / 4;
    return MAX(MIN(quarter, STRINGS_MAX), STRINGS_MIN);
}

static int room_make(struct exec_args *args, size_t extra)
{
    if (args->capacity - args->size >= extra)
        return 0;
    size_t capacity = MAX(args->capacity * 2, (size_t)PAGE_SIZE);
    while (capacity - args->size < extra)
        capacity *= 2;
    char *buf = heap_realloc(args->buf, args->size, capacity);
    if (!buf)
        return -ENOMEM;
    args->buf = buf;
    args->capacity = capacity;
    return 0;
}

static int total_check(const struct exec_args *args)
{
    uint64_t pointers = (args->argc + args->envc + 2ULL) * sizeof(uint64_t);
    return args->size + pointers > strings_limit() ? -E2BIG : 0;
}

static int string_add_user(struct exec_args *args, uaddr_t src)
{
    for (size_t room = 256;; room *= 4) {
        int err = room_make(args, room);
        if (err < 0)
            return err;
        size_t free = MIN(args->capacity - args->size, STRING_MAX);
        int64_t len = copy_string_from_user(args->buf + args->size, src, free);
        if (len >= 0) {
            args->size += (size_t)len + 1;
            return total_check(args);
        }
        if (len != -ENAMETOOLONG)
            return (int)len;
        if (free == STRING_MAX)
            return -E2BIG;
    }
}

static int string_add(struct exec_args *args, const char *s)
{
    size_t size = strlen(s) + 1;
    int err = room_make(args, size);
    if (err < 0)
        return err;
    memcpy(args->buf + args->size, s, size);
    args->size += size;
    return total_check(args);
}

static int vector_add_user(struct exec_args *args, uaddr_t vector, unsigned *count)
{
    for (uaddr_t at = vector; vector; at += sizeof(uint64_t)) {
        uint64_t string;
        int err = copy_from_user(&string, at, sizeof(string));
        if (err < 0 || string == 0)
            return err;
        ++*count;
        err = string_add_user(args, string);
        if (err < 0)
            return err;
    }
    return 0;
}

static int vector_add(struct exec_args *args, const char *const *vector, unsigned *count)
{
    for (; vector && *vector; vector++) {
        ++*count;
        int err = string_add(args, *vector);
        if (err < 0)
            return err;
    }
    return 0;
}

/* A program without argv[0] gets an empty one, as in Linux since 5.18. */
static int argv_finish(struct exec_args *args)
{
    int err = 0;
    if (args->argc == 0) {
        args->argc = 1;
        err = string_add(args, "");
    }
    args->env_off = args->size;
    return err;
}

int exec_args_from_user(struct exec_args *args, uaddr_t argv, uaddr_t envp)
{
    *args = (struct exec_args){0};
    int err = vector_add_user(args, argv, &args->argc);
    if (!err)
        err = argv_finish(args);
    if (!err)
        err = vector_add_user(args, envp, &args->envc);
    if (err < 0)
        exec_args_fini(args);
    return err;
}

int exec_args_from_kernel(struct exec_args *args, const char *const *argv, const char *const *envp)
{
    *args = (struct exec_args){0};
    int err = vector_add(args, argv, &args->argc);
    if (!err)
        err = argv_finish(args);
    if (!err)
        err = vector_add(args, envp, &args->envc);
    if (err < 0)
        exec_args_fini(args);
    return err;
}

void exec_args_fini(struct exec_args *args)
{
    heap_free(args->buf);
    args->buf = NULL;
}

int exec_args_for_script(struct exec_args *args, const char *interp, const char *arg,
                         const char *path)
{
    size_t old = strlen(args->buf) + 1;
    size_t sizes[3] = {strlen(interp) + 1, arg ? strlen(arg) + 1 : 0, strlen(path) + 1};
    const char *strings[3] = {interp, arg, path};
    size_t added = sizes[0] + sizes[1] + sizes[2];
    int err = room_make(args, added);
    if (err < 0)
        return err;
    memmove(args->buf + added, args->buf + old, args->size - old);
    char *at = args->buf;
    for (int i = 0; i < 3; at += sizes[i++])
        if (strings[i])
            memcpy(at, strings[i], sizes[i]);
    args->size += added - old;
    args->env_off += added - old;
    args->argc += arg ? 2 : 1;
    return total_check(args);
}

/* ---- the stack ---------------------------------------------------------------------------------------------- */

struct stack_plan {
    uaddr_t low, top;      /* the area */
    uaddr_t path, strings; /* where AT_EXECFN and the block of strings lie */
    uaddr_t random, platform;
    uaddr_t sp;
    size_t words;
};

static int stack_map(struct vmspace *vm, bool is_executable, struct stack_plan *plan)
{
    uint64_t limit = process_limit(process_current(), RLIMIT_STACK);
    uint64_t size = limit == RLIM64_INFINITY ? STACK_UNLIMITED
                                             : MIN(MAX(limit, STACK_SIZE_MIN), STACK_SIZE_MAX);
    uaddr_t at;
    size = align_up(size, PAGE_SIZE);
    int err = vm_find_free(vm, size + STACK_GUARD, PAGE_SIZE, &at);
    if (err < 0)
        return err;
    struct vm_map_request req = {
        .addr = at + STACK_GUARD,
        .size = size,
        .prot = VM_READ | VM_WRITE | (is_executable ? VM_EXEC : 0),
        .is_fixed = true,
        .is_stack = true,
        .grow_limit = size,
        .name = "[stack]",
    };
    plan->low = req.addr;
    plan->top = req.addr + size;
    return vm_map(vm, &req, &at);
}

/* The kernel writes there at once: bring it in without taking a fault. Failing is no harm, the write will tell. */
static void stack_touch(struct vmspace *vm, uaddr_t from, uaddr_t to)
{
    for (uaddr_t at = align_down(from, PAGE_SIZE); at < to; at += 16 * PAGE_SIZE) {
        struct arch_fault fault = {.kind = ARCH_FAULT_PAGE, .addr = at, .is_write = true};
        if (vm_fault(vm, &fault) < 0)
            return;
    }
}

static void stack_plan(const struct exec_args *args, const char *path, struct stack_plan *plan)
{
    uint16_t shift;
    random_bytes(&shift, sizeof(shift));
    plan->path = plan->top - sizeof(uint64_t) - (shift & 0x1ff0) - (strlen(path) + 1);
    plan->strings = plan->path - args->size;
    plan->random = align_down(plan->strings, 16) - 16;
    plan->platform = plan->random - 16;
    plan->words = 1 + args->argc + 1 + args->envc + 1 + AUX_COUNT * 2;
    plan->sp = align_down(plan->platform - plan->words * sizeof(uint64_t), 16);
}

/* Addresses of the strings of [off, ...), count of them, then NULL. */
static uint64_t *pointers_put(uint64_t *at, const struct exec_args *args, uaddr_t base, size_t off,
                              unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        *at++ = base + off;
        off += strlen(args->buf + off) + 1;
    }
    *at++ = 0;
    return at;
}

static uint64_t *aux_put(uint64_t *at, uint64_t type, uint64_t value)
{
    at[0] = type;
    at[1] = value;
    return at + 2;
}

static void auxv_put(uint64_t *at, const struct exec_stack *what, const struct stack_plan *plan)
{
    const struct cred *cred = thread_current()->cred;
    const struct elf_place *main = &what->program;
    if (what->vdso)
        at = aux_put(at, AT_SYSINFO_EHDR, what->vdso);
    at = aux_put(at, AT_HWCAP, ARCH_HWCAP);
    at = aux_put(at, AT_PAGESZ, PAGE_SIZE);
    at = aux_put(at, AT_CLKTCK, USER_HZ);
    at = aux_put(at, AT_PHDR, main->headers);
    at = aux_put(at, AT_PHENT, 56 /* sizeof(Elf64_Phdr) */);
    at = aux_put(at, AT_PHNUM, main->header_count);
    at = aux_put(at, AT_BASE, what->has_interp ? what->interp.bias : 0);
    at = aux_put(at, AT_FLAGS, 0);
    at = aux_put(at, AT_ENTRY, main->entry);
    at = aux_put(at, AT_UID, cred->uid);
    at = aux_put(at, AT_EUID, cred->euid);
    at = aux_put(at, AT_GID, cred->gid);
    at = aux_put(at, AT_EGID, cred->egid);
    at = aux_put(at, AT_SECURE, what->is_secure);
    at = aux_put(at, AT_RANDOM, plan->random);
    at = aux_put(at, AT_HWCAP2, ARCH_HWCAP2);
    at = aux_put(at, AT_EXECFN, plan->path);
    at = aux_put(at, AT_PLATFORM, plan->platform);
    at = aux_put(at, AT_MINSIGSTKSZ, align_up(arch_sigframe_size() + 512, 256));
    aux_put(at, AT_NULL, 0);
}

static int stack_write(const struct exec_args *args, const struct exec_stack *what,
                       const struct stack_plan *plan)
{
    size_t size = plan->random + 16 - plan->sp;
    uint8_t *block = heap_zalloc(size);
    if (!block)
        return -ENOMEM;
    uint64_t *at = (uint64_t *)block;
    *at++ = args->argc;
    at = pointers_put(at, args, plan->strings, 0, args->argc);
    at = pointers_put(at, args, plan->strings, args->env_off, args->envc);
    auxv_put(at, what, plan);
    memcpy(block + (plan->platform - plan->sp), ARCH_MACHINE, sizeof(ARCH_MACHINE));
    random_bytes(block + (plan->random - plan->sp), 16);
    int err = copy_to_user(plan->path, what->path, strlen(what->path) + 1);
    if (!err)
        err = copy_to_user(plan->strings, args->buf, args->size);
    if (!err)
        err = copy_to_user(plan->sp, block, size);
    heap_free(block);
    return err;
}

int exec_stack_make(struct vmspace *vm, const struct exec_args *args, const struct exec_stack *what,
                    uaddr_t *sp)
{
    struct stack_plan plan;
    int err = stack_map(vm, what->is_executable, &plan);
    if (err < 0)
        return err;
    stack_plan(args, what->path, &plan);
    if (plan.sp < plan.low + PAGE_SIZE)
        return -E2BIG;
    stack_touch(vm, plan.sp - PAGE_SIZE, plan.top);
    err = stack_write(args, what, &plan);
    struct vm_layout *layout = vm_layout(vm);
    layout->stack_start = *sp = plan.sp;
    layout->args_start = plan.strings;
    layout->args_end = layout->env_start = plan.strings + args->env_off;
    layout->env_end = plan.strings + args->size;
    return err;
}
