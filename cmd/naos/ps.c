/* SPDX-License-Identifier: Apache-2.0 */
/* naos ps, top and stats: enclaves, the processes in one, its counters. */
#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "instance/control.h"
#include "instance/exec.h"
#include "options.h"
#include "table.h"

struct show {
    bool is_json, is_all, is_quiet, is_live;
    const char *dir;
};

/* -1: go on. */
static int options_parse(int argc, char **argv, const char *usage, struct show *show)
{
    enum { OPT_JSON = 256, OPT_NO_STREAM };
    static const struct option options[] = {{"json", no_argument, NULL, OPT_JSON},
                                            {"all", no_argument, NULL, 'a'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"no-stream", no_argument, NULL, OPT_NO_STREAM},
                                            {"instance", required_argument, NULL, 'C'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "aqC:h", options, NULL)) != -1) {
        switch (c) {
        case 'a': show->is_all = true; break;
        case 'q': show->is_quiet = true; break;
        case 'C': show->dir = optarg; break;
        case OPT_JSON: show->is_json = true; break;
        case OPT_NO_STREAM: show->is_live = false; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help(argv[0]); return STATUS_USER_ERROR;
        }
    }
    return -1;
}

static int json_print(json_object *o)
{
    json_show(o);
    return STATUS_OK;
}

/* ---- ps ---------------------------------------------------------------------------------------------------------------- */

static const char ps_usage[] = "Usage: naos ps [-a] [-q] [--json]\n"
                               "List your enclaves that run.\n\n"
                               "  -a, --all     also those that have ended\n"
                               "  -q, --quiet   only names\n"
                               "      --json    as JSON\n"
                               "  -h, --help    this text\n";

static void since_text(const struct rundir *r, char *buf, size_t size)
{
    char path[PATH_MAX];
    struct stat st;
    long s = stat(rundir_file(r, "pid", path), &st) == 0 ? (long)(time(NULL) - st.st_mtime) : 0;
    if (s < 120)
        snprintf(buf, size, "%ld s", s < 0 ? 0 : s);
    else if (s < 7200)
        snprintf(buf, size, "%ld min", s / 60);
    else if (s < 172800)
        snprintf(buf, size, "%ld h", s / 3600);
    else
        snprintf(buf, size, "%ld days", s / 86400);
}

struct facts {
    bool is_live;
    int status;
    char state[64], pid[16], since[32], program[512], instance[PATH_MAX], health[16];
};

static void facts_read(const struct rundir *r, struct facts *f)
{
    f->is_live = rundir_is_live(r);
    f->status = f->is_live ? -1 : rundir_status(r);
    rundir_get(r, "pid", f->pid, sizeof(f->pid));
    rundir_get(r, "program", f->program, sizeof(f->program));
    rundir_get(r, "instance", f->instance, sizeof(f->instance));
    rundir_get(r, "health", f->health, sizeof(f->health));
    since_text(r, f->since, sizeof(f->since));
    if (f->is_live)
        snprintf(f->state, sizeof(f->state), "running%s%s%s", *f->health ? " (" : "", f->health, *f->health ? ")" : "");
    else if (f->status >= 0)
        snprintf(f->state, sizeof(f->state), "ended (%d)", f->status);
    else
        snprintf(f->state, sizeof(f->state), "killed");
}

static json_object *facts_json(const struct rundir *r, const struct facts *f)
{
    json_object *o = json_object_new_object();
    json_object_object_add(o, "name", json_object_new_string(r->name));
    json_object_object_add(o, "running", json_object_new_boolean(f->is_live));
    json_object_object_add(o, "status", f->status < 0 ? NULL : json_object_new_int(f->status));
    json_object_object_add(o, "health", *f->health ? json_object_new_string(f->health) : NULL);
    json_object_object_add(o, "pid", f->is_live ? json_object_new_int(atoi(f->pid)) : NULL);
    json_object_object_add(o, "program", json_object_new_string(f->program));
    json_object_object_add(o, "instance", json_object_new_string(f->instance));
    return o;
}

int cmd_ps(int argc, char **argv)
{
    struct show show = {0};
    struct rundir *list;
    struct error err;
    size_t count;
    int status = options_parse(argc, argv, ps_usage, &show);
    if (status >= 0)
        return status;
    if (rundir_list(&list, &count, &err) < 0)
        return cmd_fail("ps", err.text);
    json_object *all = json_object_new_array();
    struct table *t = table_create((const char *const[]){"NAME", "STATE", "SINCE", "PID", "PROGRAM", "INSTANCE", NULL});
    for (size_t i = 0; i < count; i++) {
        struct facts f;
        facts_read(&list[i], &f);
        if (!f.is_live && !show.is_all)
            continue;
        if (show.is_quiet)
            puts(list[i].name);
        json_object_array_add(all, facts_json(&list[i], &f));
        table_row(t, (const char *const[]){list[i].name, f.state, f.since, f.is_live ? f.pid : "-", f.program, f.instance});
    }
    if (show.is_json && !show.is_quiet)
        json_print(all);
    else if (!show.is_quiet)
        table_print(t);
    table_destroy(t);
    free(list);
    return STATUS_OK;
}

/* ---- top --------------------------------------------------------------------------------------------------------------- */

static const char top_usage[] = "Usage: naos top [--json] [NAME]\n"
                                "Show the processes in a running enclave. Names are shown of debug enclaves only: the host is not told.\n\n"
                                "      --json           as JSON\n" TARGET_USAGE "  -h, --help           this text\n";

struct process_row {
    int pid, ppid, uid, threads;
    char state;
    unsigned long long cpu_ns, memory;
    char name[32];
};

static bool row_read(const char *line, struct process_row *p)
{
    return sscanf(line, "%d %d %d %c %d %llu %llu %31s", &p->pid, &p->ppid, &p->uid, &p->state, &p->threads, &p->cpu_ns, &p->memory,
                  p->name) == 8;
}

static void top_row(struct table *t, const struct process_row *p)
{
    char pid[16], ppid[16], uid[16], state[2] = {p->state, 0}, threads[16], cpu[32], memory[32];
    snprintf(pid, sizeof(pid), "%d", p->pid);
    snprintf(ppid, sizeof(ppid), "%d", p->ppid);
    snprintf(uid, sizeof(uid), "%d", p->uid);
    snprintf(threads, sizeof(threads), "%d", p->threads);
    snprintf(cpu, sizeof(cpu), "%.2f s", (double)p->cpu_ns / 1e9);
    snprintf(memory, sizeof(memory), "%.1f MiB", (double)p->memory / 1048576);
    table_row(t, (const char *const[]){pid, ppid, uid, state, threads, cpu, memory, p->name});
}

static json_object *row_json(const struct process_row *p)
{
    const char state[2] = {p->state, 0};
    json_object *o = json_object_new_object();
    json_object_object_add(o, "pid", json_object_new_int(p->pid));
    json_object_object_add(o, "ppid", json_object_new_int(p->ppid));
    json_object_object_add(o, "uid", json_object_new_int(p->uid));
    json_object_object_add(o, "state", json_object_new_string(state));
    json_object_object_add(o, "threads", json_object_new_int(p->threads));
    json_object_object_add(o, "cpu_ns", json_object_new_int64((int64_t)p->cpu_ns));
    json_object_object_add(o, "memory", json_object_new_int64((int64_t)p->memory));
    json_object_object_add(o, "name", json_object_new_string(p->name));
    return o;
}

int cmd_top(int argc, char **argv)
{
    struct show show = {.dir = "."};
    struct rundir r;
    struct error err;
    char *text, *rest;
    int status = options_parse(argc, argv, top_usage, &show);
    if (status >= 0)
        return status;
    if (rundir_find(&r, argv[optind], show.dir, &err) < 0 || instance_table(&r, CONTROL_PROCESSES, &text, &err) < 0)
        return cmd_fail("top", err.text);
    json_object *all = json_object_new_array();
    struct table *t = table_create((const char *const[]){"PID", "PPID", "UID", "S", "THREADS", "CPU", "MEMORY", "NAME", NULL});
    rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        struct process_row p;
        if (!row_read(line, &p))
            continue;
        json_object_array_add(all, row_json(&p));
        top_row(t, &p);
    }
    if (show.is_json)
        json_print(all);
    else
        table_print(t);
    table_destroy(t);
    free(text);
    return STATUS_OK;
}

/* ---- stats ------------------------------------------------------------------------------------------------------------- */

static const char stats_usage[] = "Usage: naos stats [--json] [--no-stream] [NAME]\n"
                                  "Show a running enclave's counters; on a terminal again and again, until ^C.\n\n"
                                  "      --no-stream      once\n"
                                  "      --json           as JSON, once\n" TARGET_USAGE "  -h, --help           this text\n";

static json_object *stats_json(char *text)
{
    json_object *o = json_object_new_object();
    for (char *line; (line = strsep(&text, "\n")) != NULL && *line;) {
        char *name = strchr(line, ' ');
        if (!name)
            continue;
        *name++ = 0;
        for (char *p = name; *p; p++)
            *p = *p == ' ' ? '_' : (char)tolower((unsigned char)*p);
        json_object_object_add(o, name, json_object_new_int64(strtoll(line, NULL, 10)));
    }
    return o;
}

static void stats_print(const struct rundir *r, char *text, bool is_live)
{
    if (is_live)
        printf("\033[H\033[J%s\n", r->name);
    for (char *line; (line = strsep(&text, "\n")) != NULL && *line;) {
        char *name = strchr(line, ' ');
        if (name)
            printf("%14.*s  %s\n", (int)(name - line), line, name + 1);
    }
    fflush(stdout);
}

int cmd_stats(int argc, char **argv)
{
    struct show show = {.dir = ".", .is_live = isatty(1)};
    struct rundir r;
    struct error err;
    char *text;
    int status = options_parse(argc, argv, stats_usage, &show);
    if (status >= 0)
        return status;
    if (rundir_find(&r, argv[optind], show.dir, &err) < 0)
        return cmd_fail("stats", err.text);
    do {
        if (instance_table(&r, CONTROL_STATS, &text, &err) < 0)
            return cmd_fail("stats", err.text);
        if (show.is_json)
            return json_print(stats_json(text));
        stats_print(&r, text, show.is_live);
        free(text);
        if (show.is_live)
            sleep(1);
    } while (show.is_live);
    return STATUS_OK;
}
