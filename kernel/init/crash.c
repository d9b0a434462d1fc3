/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a debug enclave says of a program that a signal like SIGSEGV ended: where it was, its registers, what on its stack lies in code, and
 * which files that code is of. Of the programs that the host asked for as a warning, of others for --log info. Another enclave says that
 * it happened, and no more: these are the program's secrets.
 */
#include "abi/linux/signal_names.h"
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "init/init.h"

#define STACK_SIZE 2048 /* bytes that are looked at */
#define CALLER_MAX 16

struct crash {
    enum log_level level;
    struct vmspace *vm;
    struct code_map map;
    uint64_t stack[STACK_SIZE / sizeof(uint64_t)];
};

static bool code_note(const struct vm_area_info *info, void *arg)
{
    struct code_map *map = arg;
    if (!(info->prot & VM_EXEC) || info->path[0] != '/')
        return true;
    struct code *code = &map->code[map->count++];
    *code = (struct code){.start = info->start, .end = info->end, .offset = info->offset};
    str_copy(code->path, info->path, sizeof(code->path));
    return map->count < CODE_MAX;
}

void code_map_read(struct vmspace *vm, struct code_map *map)
{
    map->count = 0;
    vm_for_each(vm, code_note, map);
}

static const struct code *code_at(const struct crash *c, uaddr_t addr)
{
    for (unsigned i = 0; i < c->map.count; i++) {
        if (addr >= c->map.code[i].start && addr < c->map.code[i].end)
            return &c->map.code[i];
    }
    return NULL;
}

/* "/usr/lib/libc.so.6+0x1234": an offset in the file. */
static void place_show(const struct crash *c, const char *what, uaddr_t addr)
{
    const struct code *code = code_at(c, addr);
    if (code)
        log_at(c->level, "    %s %#llx  %s+%#llx", what, (unsigned long long)addr, code->path,
               (unsigned long long)(addr - code->start + code->offset));
    else
        log_at(c->level, "    %s %#llx  (no code)", what, (unsigned long long)addr);
}

static void registers_show(const struct crash *c, const struct arch_regs *regs)
{
    char line[120];
    for (unsigned i = 0; arch_regs_show(regs, i, line, sizeof(line)); i++)
        log_at(c->level, "    %s", line);
}

/* Return addresses among other things: programs keep no frame pointers. */
static void stack_show(struct crash *c, uaddr_t sp)
{
    unsigned shown = 0;
    for (size_t i = 0; i < ARRAY_COUNT(c->stack) && shown < CALLER_MAX; i++) {
        if (vm_access(c->vm, sp + i * sizeof(uint64_t), &c->stack[i], sizeof(uint64_t), false))
            break;
        if (!code_at(c, c->stack[i]))
            continue;
        place_show(c, "on the stack", c->stack[i]);
        shown++;
    }
}

static void crash_show(struct crash *c, struct thread *t)
{
    const struct arch_regs *regs = task_regs(&t->task);
    code_map_read(c->vm, &c->map);
    place_show(c, "at", vm_pc_to_text(c->vm, arch_regs_pc(regs)));
    registers_show(c, regs);
    stack_show(c, arch_regs_sp(regs));
    for (unsigned i = 0; i < c->map.count; i++)
        log_at(c->level, "    code %#llx-%#llx %s", (unsigned long long)c->map.code[i].start, (unsigned long long)c->map.code[i].end,
               c->map.code[i].path);
}

void crash_report(struct thread *t, int signo)
{
    static const char *const names[] = {SIGNAL_NAMES};
    struct process *p = t->process;
    bool is_debug = config_get()->flags & CONFIG_DEBUG;
    enum log_level level = p->pid == 1 || p->outside_id ? LOG_WARN : LOG_INFO;
    if (level > log_level)
        return;
    log_at(level, "%s[%d] was ended by %s", is_debug ? t->name : "process", p->pid,
           (size_t)signo < ARRAY_COUNT(names) ? names[signo] : "a signal");
    struct crash *c = is_debug ? heap_zalloc(sizeof(*c)) : NULL;
    if (!c)
        return;
    c->level = level;
    c->vm = process_vm(p);
    if (c->vm) {
        crash_show(c, t);
        vmspace_put(c->vm);
    }
    heap_free(c);
}
