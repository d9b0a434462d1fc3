/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naos gdb, and naos run --gdb: gdb with the symbols of the kernel and of the programs in an enclave. gdb sees the process that the enclave is
 * in, and cmd/naos/gdb.py tells it the rest.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "debug.h"
#include "gdb_gen.h"
#include "options.h"

static const char usage[] =
    "Usage: naos gdb [-C DIR] [NAME] [-- GDB-OPTION...]\n"
    "       naos gdb [-C DIR] --core FILE [-- GDB-OPTION...]\n"
    "Attach gdb to a running debug enclave, or open a core file that a program of the instance left (naos run --core).\n"
    "Symbols of the kernel and of programs are there; `info threads` shows which task each vCPU runs, `tasks` lists all of them,\n"
    "and `task TID bt` shows where one is. See also naos run --gdb.\n\n"
    "      --core FILE      a core file; one that is encrypted is for naos core first\n" TARGET_USAGE "  -h, --help           this text\n";

/* ---- gdb itself ---------------------------------------------------------------------------------------------------------- */

static int gdb_exec(char *const *first, char *const *rest)
{
    size_t count = 0, more = 0;
    while (first[count])
        count++;
    while (rest && rest[more])
        more++;
    char **argv = calloc(count + more + 1, sizeof(*argv));
    if (!argv)
        return STATUS_NAOS_FAILED;
    memcpy(argv, first, count * sizeof(*argv));
    if (rest)
        memcpy(argv + count, rest, more * sizeof(*argv));
    execvp("gdb", argv);
    fprintf(stderr, "naos gdb: gdb cannot be run: %s; install the package gdb\n", strerror(errno));
    return STATUS_NAOS_FAILED;
}

/* Signals that enclaves live by are theirs. */
static void script_put(FILE *to, const char *image, bool is_fresh, const struct symbol_file *files, size_t count)
{
    fputs("set pagination off\nset confirm off\nset breakpoint pending on\nset trust-readonly-sections on\nset displaced-stepping off\n"
          "handle SIGSEGV SIGBUS SIGILL SIGFPE SIGSYS nostop noprint pass\n"
          "handle SIGUSR1 SIGUSR2 SIGHUP SIGTERM SIGCONT SIGWINCH SIGSTOP nostop noprint pass\nhandle SIG34 SIG35 SIG36 SIG37 SIG38 SIG39 SIG40 nostop noprint pass\n"
          "python\n",
          to);
    fprintf(to, "naos_image = '''%s'''\nnaos_is_fresh = %s\nnaos_files = [", image, is_fresh ? "True" : "False");
    for (size_t i = 0; i < count; i++)
        fprintf(to, "('''%s''', %#llx), ", files[i].path, (unsigned long long)files[i].bias);
    fputs("]\n", to);
    fwrite(gdb_text, 1, sizeof(gdb_text), to);
    fputs("end\n", to);
}

/* ---- a running one ------------------------------------------------------------------------------------------------------- */

/* Into the run directory, which goes with the enclave. */
static int attach_script(const struct debug_target *t, char path[PATH_MAX], struct error *err)
{
    char image[PATH_MAX + 8], dir[PATH_MAX];
    FILE *f = fopen(rundir_file(&t->rundir, "gdb", path), "we");
    if (!f)
        return error_errno(err, "%s", path);
    rundir_get(&t->rundir, "instance", dir, sizeof(dir));
    snprintf(image, sizeof(image), "%s/image", dir);
    script_put(f, image, false, t->files, t->count);
    return fclose(f) == 0 ? 0 : error_errno(err, "%s", path);
}

static int attach(const char *name, const char *dir, char *const *rest)
{
    struct debug_target t = {0};
    struct error err;
    char script[PATH_MAX], pid[16];
    if (debug_target_open(&t, name, dir, &err) < 0 || attach_script(&t, script, &err) < 0)
        return cmd_fail("gdb", err.text);
    snprintf(pid, sizeof(pid), "%d", (int)t.pid);
    return gdb_exec((char *const[]){"gdb", "-q", "-p", pid, "-x", script, NULL}, rest);
}

/* ---- a fresh one --------------------------------------------------------------------------------------------------------- */

/* The enclave is loaded; gdb lets us go on. If gdb ends, so do we. */
static int wait_for_gdb(void *context, struct serve *serve, struct error *err)
{
    (void)context, (void)serve, (void)err;
    return raise(SIGSTOP);
}

static pid_t stopped_start(const struct instance_run *run)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    struct instance_run stopping = *run;
    struct error err;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    stopping.prepare = wait_for_gdb;
    int status = instance_run(&stopping, &err);
    if (status < 0)
        fprintf(stderr, "naos run: %s\n", err.text);
    exit(status < 0 ? STATUS_NAOS_FAILED : status);
}

/* A file that is gone once gdb has read it. */
static int fresh_script(const char *dir, char *path, struct error *err)
{
    struct symbol_file kernel;
    char *real = realpath(dir, NULL), image[PATH_MAX + 8];
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!real || !f)
        return error_errno(err, "%s", real ? path : dir);
    if (symbol_kernel(real, &kernel, err) < 0)
        return -1;
    snprintf(image, sizeof(image), "%s/image", real);
    fprintf(f, "shell rm -f %s\n", path);
    script_put(f, image, true, &kernel, 1);
    free(real);
    return fclose(f) == 0 ? 0 : error_errno(err, "%s", path);
}

int gdb_run(const struct instance_run *run)
{
    char script[] = "/tmp/naos-gdb.XXXXXX", pid[16];
    struct error err;
    int status;
    fflush(NULL);
    pid_t child = stopped_start(run);
    if (child < 0 || waitpid(child, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
        return STATUS_NAOS_FAILED; /* it said why */
    if (fresh_script(run->dir, script, &err) < 0) {
        kill(child, SIGKILL);
        fprintf(stderr, "naos run: %s\n", err.text);
        return STATUS_NAOS_FAILED;
    }
    snprintf(pid, sizeof(pid), "%d", (int)child);
    return gdb_exec((char *const[]){"gdb", "-q", "-p", pid, "-x", script, NULL}, NULL);
}

/* ---- a core file --------------------------------------------------------------------------------------------------------- */

/* The note of a type in an ELF core; NULL: there is none. */
static const uint8_t *note_find(const struct bytes *core, uint32_t type, size_t *size)
{
    const Elf64_Ehdr *e = (const Elf64_Ehdr *)core->data;
    if (core->size < sizeof(*e) || e->e_type != ET_CORE || e->e_phoff > core->size - sizeof(Elf64_Phdr))
        return NULL;
    const Elf64_Phdr *p = (const Elf64_Phdr *)(core->data + e->e_phoff);
    uint64_t end = p->p_offset + p->p_filesz;
    if (p->p_type != PT_NOTE || p->p_offset > core->size || end > core->size || end < p->p_offset)
        return NULL;
    for (uint64_t at = p->p_offset; at + sizeof(Elf64_Nhdr) <= end;) {
        const Elf64_Nhdr *n = (const Elf64_Nhdr *)(core->data + at);
        uint64_t text = at + sizeof(*n) + ((n->n_namesz + 3ULL) & ~3ULL);
        if (text + n->n_descsz > end)
            return NULL;
        *size = n->n_descsz;
        if (n->n_type == type)
            return core->data + text;
        at = text + ((n->n_descsz + 3ULL) & ~3ULL);
    }
    return NULL;
}

static uint64_t entry_of(const struct bytes *core)
{
    size_t size = 0;
    const uint64_t *auxv = (const uint64_t *)note_find(core, NT_AUXV, &size);
    for (size_t i = 0; auxv && i + 2 <= size / 8; i += 2) {
        if (auxv[i] == AT_ENTRY)
            return auxv[i + 1];
    }
    return 0;
}

/* The file that the entry point lies in. */
static const char *program_of_core(const struct bytes *core)
{
    size_t size = 0;
    const uint64_t *files = (const uint64_t *)note_find(core, NT_FILE, &size), entry = entry_of(core);
    if (!files || size < 16 || files[0] > (size - 16) / 24)
        return NULL;
    const char *name = (const char *)(files + 2 + 3 * files[0]), *end = (const char *)files + size;
    for (uint64_t i = 0; i < files[0] && memchr(name, 0, (size_t)(end - name)); i++, name += strlen(name) + 1) {
        if (entry >= files[2 + 3 * i] && entry < files[3 + 3 * i])
            return name;
    }
    return NULL;
}

static int core_show(const char *dir, const char *path, char *const *rest)
{
    struct bytes core;
    struct error err;
    char *real = realpath(dir, NULL), sysroot[PATH_MAX + 32], program[2 * PATH_MAX];
    if (!real || file_read(path, &core, &err) < 0)
        return cmd_fail("gdb", real ? err.text : strerror(errno));
    if (core.size > 8 && memcmp(core.data, "NAOSCORE", 8) == 0)
        return cmd_fail("gdb", "this core file is encrypted; `naos core --key KEY` decrypts it");
    const char *name = program_of_core(&core);
    if (!name)
        return cmd_fail("gdb", "this is no core file of a program in an enclave");
    snprintf(sysroot, sizeof(sysroot), "set sysroot %s/image", real);
    snprintf(program, sizeof(program), "%s/image%s", real, name);
    /* The host's libthread_db, held to the image's libc, finds threads that are not there. */
    return gdb_exec((char *const[]){"gdb", "-q", "-iex", "set libthread-db-search-path /nonexistent", "-iex", sysroot, program, (char *)path, NULL}, rest);
}

/* ---- the command --------------------------------------------------------------------------------------------------------- */

int cmd_gdb(int argc, char **argv)
{
    static const struct option options[] = {{"core", required_argument, NULL, 'c'},
                                            {"instance", required_argument, NULL, 'C'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *dir = ".", *core = NULL, *name = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "+C:h", options, NULL)) != -1) {
        switch (c) {
        case 'C': dir = optarg; break;
        case 'c': core = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help("gdb"); return STATUS_USER_ERROR;
        }
    }
    bool is_rest = strcmp(argv[optind - 1], "--") == 0;
    if (!core && !is_rest && optind < argc && argv[optind][0] != '-')
        name = argv[optind++];
    if (!is_rest && optind < argc && strcmp(argv[optind], "--") == 0)
        optind++;
    return core ? core_show(dir, core, argv + optind) : attach(name, dir, argv + optind);
}
