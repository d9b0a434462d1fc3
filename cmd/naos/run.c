/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naos run and naos start: a program in a fresh enclave. They take the same options; `run` gives the enclave a name only when it is told
 * to, and leaves nothing of it behind, while `start` is for enclaves that stay.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "debug.h"
#include "instance/log.h"
#include "instance/start.h"
#include "options.h"
#include "store/keyfile.h"

#define OPTIONS_USAGE                                                                                                                      \
    "  -d, --detach           in the background; what it says goes to `naos logs`\n"                                                       \
    "  -i, --interactive      with -d: keep its input open for `naos attach`\n"                                                            \
    "  -t, --tty              with -d: give it a terminal (without -d it has yours)\n"                                                     \
    "      --log-size MIB     with -d: keep at most so much of what it says (default: 16)\n"                                               \
    "      --restart POLICY   no (default), on-failure, or on-failure:N for at most N times\n"                                             \
    "      --pid-file FILE    write the process id of what is to be signalled\n"                                                           \
    "      --health PROGRAM   run this entry point again and again; `naos ps` shows whether it succeeds\n"                                 \
    "      --health-interval S, --health-retries N   (30 s; 3 failures in a row)\n"                                                        \
    "  -e, --env NAME=VALUE   set a variable that env.host in naos.json allows; NAME alone: take it from here\n"                           \
    "  -w, --workdir DIR      start in DIR (a path inside)\n"                                                                              \
    "  -C, --instance DIR     the instance is in DIR (default: here)\n"                                                                    \
    "      --strace           print each system call on stderr\n"                                                                          \
    "      --stats            print counts and times at the end, on stderr\n"                                                              \
    "      --log LEVEL        error, warning (default), info or debug\n"                                                                   \
    "      --core DIR         a program that crashes leaves a core file in DIR (see `naos gdb --core`, `naos core`)\n"                       \
    "      --vcpus N          enter at most N vCPUs (default: as many as there are processors)\n"                                          \
    "      --store-key FILE   the key (32 bytes, or 64 hexadecimal digits) of stores that are keyed by a file\n"                           \
    "      --image-key [TARGET=]FILE  the key of encrypted images, or of the one that is mounted at TARGET\n"                              \
    "  -h, --help             this text\n\n"

static const char run_usage[] =
    "Usage: naos run [OPTION]... [PROGRAM [ARGUMENT]...]\n"
    "Run PROGRAM, a path inside the image, in a fresh enclave (default: the command of naos.json).\n\n"
    "      --gdb              in gdb, which stops before the enclave runs (see `naos gdb --help`)\n"
    "  -n, --name NAME        let `naos exec`, `ps` and their like find it as long as it runs\n" OPTIONS_USAGE
    "The exit status is the program's; 128+n if signal n ended it; 126 if it cannot be run, 127 if it is not there;\n"
    "125 if naos itself failed.\n";

static const char start_usage[] =
    "Usage: naos start [OPTION]... [PROGRAM [ARGUMENT]...]\n"
    "Boot an enclave that stays until PROGRAM ends or `naos stop`. Without PROGRAM, and with no\n"
    "command in naos.json, it waits for `naos exec`.\n\n"
    "  -n, --name NAME        what other commands call it (default: the name of the instance's folder)\n" OPTIONS_USAGE
    "Without -d the exit status is the program's, as for `naos run`. NOTIFY_SOCKET (systemd's Type=notify) is told when it runs.\n";

struct launch {
    const char *command, *usage;
    struct instance_service service;
    const char **env;
    bool is_debugged;
};

/* ---- options -------------------------------------------------------------------------------------------------------- */

enum {
    OPT_STRACE = 256,
    OPT_STATS,
    OPT_LOG,
    OPT_CORE,
    OPT_GDB,
    OPT_VCPUS,
    OPT_STORE_KEY,
    OPT_IMAGE_KEY,
    OPT_LOG_SIZE,
    OPT_RESTART,
    OPT_PID_FILE,
    OPT_HEALTH,
    OPT_HEALTH_INTERVAL,
    OPT_HEALTH_RETRIES,
};

static const struct option options[] = {
    {"detach", no_argument, NULL, 'd'},
    {"interactive", no_argument, NULL, 'i'},
    {"tty", no_argument, NULL, 't'},
    {"name", required_argument, NULL, 'n'},
    {"log-size", required_argument, NULL, OPT_LOG_SIZE},
    {"restart", required_argument, NULL, OPT_RESTART},
    {"pid-file", required_argument, NULL, OPT_PID_FILE},
    {"health", required_argument, NULL, OPT_HEALTH},
    {"health-interval", required_argument, NULL, OPT_HEALTH_INTERVAL},
    {"health-retries", required_argument, NULL, OPT_HEALTH_RETRIES},
    {"env", required_argument, NULL, 'e'},
    {"workdir", required_argument, NULL, 'w'},
    {"instance", required_argument, NULL, 'C'},
    {"strace", no_argument, NULL, OPT_STRACE},
    {"stats", no_argument, NULL, OPT_STATS},
    {"log", required_argument, NULL, OPT_LOG},
    {"core", required_argument, NULL, OPT_CORE},
    {"gdb", no_argument, NULL, OPT_GDB},
    {"vcpus", required_argument, NULL, OPT_VCPUS},
    {"store-key", required_argument, NULL, OPT_STORE_KEY},
    {"image-key", required_argument, NULL, OPT_IMAGE_KEY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int restart_parse(const char *command, const char *text, int *max)
{
    static const char prefix[] = "on-failure:";
    if (strcmp(text, "no") == 0)
        *max = 0;
    else if (strcmp(text, "on-failure") == 0)
        *max = RESTART_ALWAYS_AGAIN;
    else if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
        return (*max = (int)number_option(command, "--restart", text + sizeof(prefix) - 1, 1, 1000000)) < 0 ? -1 : 0;
    else
        return option_fail(command, "--restart", text, "one of no, on-failure, on-failure:N");
    return 0;
}

static int log_level_parse(const char *command, const char *name, unsigned *level)
{
    static const char *const names[] = {"none", "error", "warning", "info", "debug"};
    for (*level = 0; *level < sizeof(names) / sizeof(names[0]); ++*level) {
        if (strcmp(name, names[*level]) == 0)
            return 0;
    }
    return option_fail(command, "--log", name, "one of error, warning, info, debug");
}

static int store_key_take(const char *command, struct instance_run *run)
{
    static uint8_t key[32];
    struct error err;
    run->store_key = key;
    if (store_key_read(optarg, key, &err) == 0)
        return 0;
    fprintf(stderr, "naos %s: --store-key: %s\n", command, err.text);
    return -1;
}

static int count_take(const char *command, const char *option, long max, unsigned *count)
{
    long n = number_option(command, option, optarg, 1, max);
    *count = (unsigned)n;
    return n < 0 ? -1 : 0;
}

static int log_size_take(const char *command, uint64_t *limit)
{
    unsigned mib;
    if (count_take(command, "--log-size", 1000000, &mib) < 0)
        return -1;
    *limit = (uint64_t)mib << 20;
    return 0;
}

/* Of the enclave as a whole. 0: taken; -1: wrong, which was said; 1: not one of these. */
static int service_option(struct launch *l, int option)
{
    struct instance_service *s = &l->service;
    switch (option) {
    case 'd': s->is_detached = true; return 0;
    case 'i': s->is_interactive = true; return 0;
    case 't': s->is_tty = true; return 0;
    case 'n': s->name = optarg; return 0;
    case OPT_LOG_SIZE: return log_size_take(l->command, &s->log_limit);
    case OPT_RESTART: return restart_parse(l->command, optarg, &s->restart_max);
    case OPT_PID_FILE: s->pid_file = optarg; return 0;
    case OPT_HEALTH: s->health_program = optarg; return 0;
    case OPT_HEALTH_INTERVAL: return count_take(l->command, "--health-interval", 86400, &s->health_interval_s);
    case OPT_HEALTH_RETRIES: return count_take(l->command, "--health-retries", 1000, &s->health_retries);
    default: return 1;
    }
}

/* Of the program and how it is run; results as above. */
static int program_option(struct launch *l, int option)
{
    struct instance_run *run = &l->service.run;
    switch (option) {
    case 'e': env_add(l->env, &run->env_count, optarg); return 0;
    case 'w': run->workdir = optarg; return 0;
    case 'C': run->dir = optarg; return 0;
    case OPT_STRACE: run->trace_syscalls = true; return 0;
    case OPT_STATS: run->print_stats = true; return 0;
    case OPT_LOG: return log_level_parse(l->command, optarg, &run->log_level);
    case OPT_GDB: l->is_debugged = true; return 0;
    case OPT_CORE: run->core_dir = optarg; return 0;
    case OPT_VCPUS: return count_take(l->command, "--vcpus", 64, &run->vcpus);
    case OPT_IMAGE_KEY: return image_key_option(l->command, &run->image_keys);
    case OPT_STORE_KEY: return store_key_take(l->command, run);
    default: return 1;
    }
}

/* -1: go on; else the status to end with. */
static int options_parse(int argc, char **argv, struct launch *l)
{
    int c;
    while ((c = getopt_long(argc, argv, "+dn:ite:w:C:h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(l->usage, stdout);
            return STATUS_OK;
        }
        int result = service_option(l, c);
        if (result > 0)
            result = program_option(l, c);
        if (result != 0)
            return result < 0 ? STATUS_NAOS_FAILED : try_help(l->command);
    }
    return -1;
}

/* -1: go on. */
static int launch_read(int argc, char **argv, struct launch *l)
{
    l->service = (struct instance_service){
        .run = {.dir = ".", .log_level = 2}, .log_limit = LOG_LIMIT_DEFAULT, .health_interval_s = 30, .health_retries = 3};
    l->env = calloc((size_t)argc + 1, sizeof(*l->env));
    if (!l->env)
        return STATUS_NAOS_FAILED;
    int status = options_parse(argc, argv, l);
    if (status >= 0)
        return status;
    l->service.run.env = l->env;
    l->service.run.argv = program_of(l->command, argv + optind, l->service.run.dir);
    return l->service.run.argv ? -1 : STATUS_NAOS_FAILED;
}

/* ---- the two commands ------------------------------------------------------------------------------------------------ */

/* Its status, or 125 if that is not to be had, which is said. */
static int launch_end(const struct launch *l, int status, const struct error *err)
{
    if (status >= 0)
        return status;
    fprintf(stderr, "naos %s: %s\n", l->command, err->text);
    return STATUS_NAOS_FAILED;
}

static bool is_service(const struct instance_service *s)
{
    return s->name || s->is_detached || s->restart_max || s->pid_file || s->health_program;
}

/* Like one that was started, but nothing is left of it in the end. */
static int run_service(struct instance_service *s, struct error *err)
{
    char name[RUNDIR_NAME_MAX];
    struct rundir r;
    struct error ignored;
    int status = instance_service(s, name, err);
    if (status >= 0 && s->is_detached)
        puts(name);
    else if (status >= 0 && rundir_find(&r, name, s->run.dir, &ignored) == 0)
        rundir_remove(&r, &ignored);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct launch l = {.command = "run", .usage = run_usage};
    struct error err;
    int status = launch_read(argc, argv, &l);
    if (status >= 0)
        return status;
    if (!l.service.run.argv[0]) {
        fputs("naos run: which program? For example: naos run /bin/sh\nTry 'naos run --help'.\n", stderr);
        return STATUS_NAOS_FAILED;
    }
    if (l.is_debugged)
        return gdb_run(&l.service.run);
    status = is_service(&l.service) ? run_service(&l.service, &err) : instance_run(&l.service.run, &err);
    return launch_end(&l, status, &err);
}

int cmd_start(int argc, char **argv)
{
    struct launch l = {.command = "start", .usage = start_usage};
    char name[RUNDIR_NAME_MAX];
    struct error err;
    int status = launch_read(argc, argv, &l);
    if (status >= 0)
        return status;
    if (l.is_debugged) {
        fputs("naos start: --gdb is for naos run; attach to what was started with `naos gdb`\n", stderr);
        return STATUS_NAOS_FAILED;
    }
    status = instance_service(&l.service, name, &err);
    if (status >= 0 && l.service.is_detached)
        puts(name);
    return launch_end(&l, status, &err);
}
