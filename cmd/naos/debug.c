/* SPDX-License-Identifier: Apache-2.0 */
/* naos perf-map: a running debug enclave for a tool that knows no enclaves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "image/elf_symbols.h"
#include "instance/symbols.h"
#include "debug.h"
#include "options.h"

int debug_target_open(struct debug_target *t, const char *name, const char *dir, struct error *err)
{
    if (rundir_find(&t->rundir, name, dir, err) < 0 || symbol_files(&t->rundir, &t->files, &t->count, err) < 0)
        return -1;
    t->pid = rundir_enclave_pid(&t->rundir);
    return t->pid > 0 ? 0 : error_set(err, "'%s' does not say in which process its enclave is", t->rundir.name);
}

/* -1: go on. */
static int options_parse(int argc, char **argv, const char *usage, const char **dir)
{
    static const struct option options[] = {
        {"instance", required_argument, NULL, 'C'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "+C:h", options, NULL)) != -1) {
        switch (c) {
        case 'C': *dir = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help(argv[0]); return STATUS_USER_ERROR;
        }
    }
    return -1;
}

/* ---- perf ------------------------------------------------------------------------------------------------------------------ */

static const char perf_usage[] =
    "Usage: naos perf-map [-C DIR] [NAME]\n"
    "Write /tmp/perf-PID.map for a running debug enclave, so that perf shows the functions of its kernel and of the programs in\n"
    "it. What is loaded later is not in it: write it again.\n\n" TARGET_USAGE "  -h, --help           this text\n";

struct map {
    FILE *to;
    uint64_t bias;
    size_t count;
};

static void symbol_print(void *context, const char *name, uint64_t value, uint64_t size)
{
    struct map *m = context;
    fprintf(m->to, "%llx %llx %s\n", (unsigned long long)(value + m->bias), (unsigned long long)(size ? size : 1), name);
    m->count++;
}

static int map_write(const struct debug_target *t, const char *path, size_t *count, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    struct map m = {.to = fd < 0 ? NULL : fdopen(fd, "w")};
    if (!m.to)
        return error_errno(err, "%s", path);
    for (size_t i = 0; i < t->count; i++) {
        struct bytes elf;
        struct error ignored;
        if (file_read(t->files[i].path, &elf, &ignored) < 0)
            continue;
        m.bias = t->files[i].bias;
        elf_symbols_each(elf.data, elf.size, symbol_print, &m);
        free(elf.data);
    }
    *count = m.count;
    return fclose(m.to) == 0 ? 0 : error_errno(err, "%s", path);
}

int cmd_perf_map(int argc, char **argv)
{
    struct debug_target t = {0};
    struct error err;
    char path[64];
    size_t count = 0;
    const char *dir = ".";
    int status = options_parse(argc, argv, perf_usage, &dir);
    if (status >= 0)
        return status;
    if (debug_target_open(&t, argv[optind], dir, &err) < 0)
        return cmd_fail("perf-map", err.text);
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)t.pid);
    if (map_write(&t, path, &count, &err) < 0)
        return cmd_fail("perf-map", err.text);
    printf("wrote %zu functions to %s; next: perf record -p %d\n", count, path, (int)t.pid);
    return STATUS_OK;
}
