/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for `naos top` and `naos stats`: lines of text, in parts. What the host could not see anyway (the names of
 * programs) is left out unless the enclave is a debug enclave.
 */
#include "base/string.h"
#include "heap/heap.h"
#include "init/init.h"
#include "init/request.h"

#define PART_SIZE 4096
#define LINE_SIZE 160

struct report {
    uint32_t id;
    size_t used;
    char text[PART_SIZE];
};

static void part_send(struct report *r)
{
    r->text[r->used] = 0;
    if (r->used > 0)
        request_reply(r->id, REPLY_DATA, 0, r->text);
    r->used = 0;
}

static void line_add(struct report *r, const char *line)
{
    size_t len = strlen(line);
    if (r->used + len >= sizeof(r->text))
        part_send(r);
    memcpy(r->text + r->used, line, len);
    r->used += len;
}

static struct report *report_begin(uint32_t id)
{
    struct report *r = heap_zalloc(sizeof(*r));
    if (r)
        r->id = id;
    else
        request_reply(id, REPLY_REFUSED, 0, "no memory for the table");
    return r;
}

static void report_end(struct report *r)
{
    part_send(r);
    request_reply(r->id, REPLY_DATA, 0, NULL);
    heap_free(r);
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

static void name_of(struct process *p, char name[16])
{
    struct thread *t = process_next_thread(p, 0);
    bool is_shown = t && (config_get()->flags & CONFIG_DEBUG);
    str_copy(name, is_shown ? t->name : "-", 16);
    if (t)
        thread_put(t);
}

/* pid ppid uid state threads cpu_ns memory name */
static void process_line(struct report *r, struct process *p)
{
    struct process_ids ids;
    struct vm_usage usage = {0};
    char name[16], line[LINE_SIZE];
    struct vmspace *vm = process_vm(p);
    if (vm) {
        vm_usage(vm, &usage);
        vmspace_put(vm);
    }
    process_ids(p, &ids);
    name_of(p, name);
    format(line, sizeof(line), "%d %d %u %c %u %llu %llu %s\n", ids.pid, ids.ppid, process_uid(p), process_state(p), p->thread_count,
           (unsigned long long)process_cpu_ns(p), (unsigned long long)usage.resident, name);
    line_add(r, line);
}

void report_processes(uint32_t id)
{
    struct report *r = report_begin(id);
    struct process *p;
    if (!r)
        return;
    for (int32_t pid = 0; (p = process_next(pid)) != NULL; process_put(p)) {
        pid = p->pid;
        process_line(r, p);
    }
    report_end(r);
}

/* ---- counters --------------------------------------------------------------------------------------------------- */

static void counter_line(void *to, const char *name, uint64_t value)
{
    char line[LINE_SIZE];
    format(line, sizeof(line), "%llu %s\n", (unsigned long long)value, name);
    line_add(to, line);
}

void report_stats(uint32_t id)
{
    struct report *r = report_begin(id);
    if (!r)
        return;
    stats_each(counter_line, r);
    report_end(r);
}

/* ---- code --------------------------------------------------------------------------------------------------------- */

static void maps_lines(struct report *r, struct process *p, struct code_map *map)
{
    char line[LINE_SIZE];
    struct vmspace *vm = process_vm(p);
    if (!vm)
        return;
    code_map_read(vm, map);
    vmspace_put(vm);
    for (unsigned i = 0; i < map->count; i++) {
        const struct code *code = &map->code[i];
        format(line, sizeof(line), "%d %llx %llx %llx %s\n", p->pid, (unsigned long long)code->start, (unsigned long long)code->end,
               (unsigned long long)code->offset, code->path);
        line_add(r, line);
    }
}

void report_maps(uint32_t id)
{
    struct process *p;
    bool is_debug = config_get()->flags & CONFIG_DEBUG;
    struct code_map *map = is_debug ? heap_alloc(sizeof(*map)) : NULL;
    if (!map) {
        request_reply(id, REPLY_REFUSED, 0, is_debug ? "no memory for the table" : "not a debug enclave: what it runs is its own business");
        return;
    }
    struct report *r = report_begin(id);
    for (int32_t pid = 0; r && (p = process_next(pid)) != NULL; process_put(p)) {
        pid = p->pid;
        maps_lines(r, p, map);
    }
    heap_free(map);
    if (r)
        report_end(r);
}
