/* SPDX-License-Identifier: Apache-2.0 */
/* naos gdb and perf-map: a running debug enclave for tools that know no enclaves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "image/elf_symbols.h"
#include "instance/symbols.h"
#include "options.h"

struct target {
    struct rundir rundir;
    struct symbol_file *files;
    size_t count;
    pid_t pid;
};

static int target_open(struct target *t, const char *name, const char *dir, struct error *err)
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

/* ---- gdb --------------------------------------------------------------------------------------------------------------- */

static const char gdb_usage[] =
    "Usage: naos gdb [-C DIR] [NAME] [-- GDB-OPTION...]\n"
    "Attach gdb to a running debug enclave, with the symbols of its kernel and of the programs in it where they are.\n"
    "Signals that enclaves live by are passed on. `tasks` lists the tasks of the kernel, as far as they can be read.\n\n" TARGET_USAGE
    "  -h, --help           this text\n";

/* Walks the table of pids; offsets come from the kernel's debug information. */
static const char gdb_tasks[] =
    "python\n"
    "import gdb\n"
    "class Tasks(gdb.Command):\n"
    "    'List the tasks inside: tid, name, state, and where a sleeping one will go on.'\n"
    "    def __init__(self):\n"
    "        super().__init__('tasks', gdb.COMMAND_STATUS)\n"
    "    def invoke(self, arg, tty):\n"
    "        chunks = gdb.lookup_static_symbol('chunks').value()\n"
    "        for i in range(chunks.type.range()[1] + 1):\n"
    "            if int(chunks[i]) == 0:\n"
    "                continue\n"
    "            for k in range(64):\n"
    "                t = chunks[i][k]['thread']\n"
    "                if int(t) == 0:\n"
    "                    continue\n"
    "                task = t['task']\n"
    "                print('%6d %-16s %-16s kstack %#x' % (int(t['tid']), t['name'].string(), task['state'], int(task['kstack_top'])))\n"
    "Tasks()\n"
    "end\n";

/* Into the run directory, which goes with the enclave. */
static int gdb_script(const struct target *t, char path[PATH_MAX], struct error *err)
{
    FILE *f = fopen(rundir_file(&t->rundir, "gdb", path), "we");
    if (!f)
        return error_errno(err, "%s", path);
    fputs("set pagination off\nset confirm off\n"
          "handle SIGSEGV SIGBUS SIGILL SIGFPE SIGSYS SIGTRAP nostop noprint pass\nhandle SIG34 SIG35 SIG36 nostop noprint pass\n",
          f);
    for (size_t i = 0; i < t->count; i++)
        fprintf(f, "add-symbol-file %s -o %#llx\n", t->files[i].path, (unsigned long long)t->files[i].bias);
    fputs(gdb_tasks, f);
    return fclose(f) == 0 ? 0 : error_errno(err, "%s", path);
}

int cmd_gdb(int argc, char **argv)
{
    struct target t = {0};
    struct error err;
    char script[PATH_MAX], pid[16];
    const char *dir = ".";
    int status = options_parse(argc, argv, gdb_usage, &dir);
    if (status >= 0)
        return status;
    const char *name = optind < argc && argv[optind][0] != '-' && strcmp(argv[optind - 1], "--") != 0 ? argv[optind++] : NULL;
    if (optind < argc && strcmp(argv[optind], "--") == 0)
        optind++;
    if (target_open(&t, name, dir, &err) < 0 || gdb_script(&t, script, &err) < 0)
        return cmd_fail("gdb", err.text);
    char **gdb = calloc((size_t)argc + 8, sizeof(*gdb));
    if (!gdb)
        return STATUS_NAOS_FAILED;
    snprintf(pid, sizeof(pid), "%d", (int)t.pid);
    char *fixed[] = {"gdb", "-q", "-p", pid, "-x", script};
    memcpy(gdb, fixed, sizeof(fixed));
    memcpy(gdb + sizeof(fixed) / sizeof(fixed[0]), argv + optind, (size_t)(argc - optind) * sizeof(*gdb));
    execvp("gdb", gdb);
    fprintf(stderr, "naos gdb: gdb cannot be run: %s; install the package gdb\n", strerror(errno));
    return STATUS_NAOS_FAILED;
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

static int map_write(const struct target *t, const char *path, size_t *count, struct error *err)
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
    struct target t = {0};
    struct error err;
    char path[64];
    size_t count = 0;
    const char *dir = ".";
    int status = options_parse(argc, argv, perf_usage, &dir);
    if (status >= 0)
        return status;
    if (target_open(&t, argv[optind], dir, &err) < 0)
        return cmd_fail("perf-map", err.text);
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)t.pid);
    if (map_write(&t, path, &count, &err) < 0)
        return cmd_fail("perf-map", err.text);
    printf("wrote %zu functions to %s; next: perf record -p %d\n", count, path, (int)t.pid);
    return STATUS_OK;
}
