/* SPDX-License-Identifier: Apache-2.0 */
/* naos start: an enclave with a name, for exec, stop and their like. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "instance/start.h"
#include "options.h"

static const char usage[] =
    "Usage: naos start [OPTION]... [PROGRAM [ARGUMENT]...]\n"
    "Boot an enclave that stays until PROGRAM ends or `naos stop`. Without PROGRAM, and with no\n"
    "command in naos.json, it waits for `naos exec`.\n\n"
    "  -d, --detach           in the background; what it says goes to `naos logs`\n"
    "  -i, --interactive      with -d: keep its input open for `naos attach`\n"
    "  -t, --tty              with -d: give it a terminal\n"
    "  -n, --name NAME        what other commands call it (default: the name of the instance's folder)\n"
    "      --restart POLICY   no (default), on-failure, or on-failure:N for at most N times\n"
    "      --pid-file FILE    write the process id of what is to be signalled\n"
    "      --health PROGRAM   run this entry point again and again; `naos ps` shows whether it succeeds\n"
    "      --health-interval S, --health-retries N   (30 s; 3 failures in a row)\n" RUN_USAGE "  -h, --help             this text\n\n"
    "Without -d the exit status is the program's, as for `naos run`. NOTIFY_SOCKET (systemd's Type=notify) is told when it runs.\n";

enum { OPT_RESTART = OPT_OWN, OPT_PID_FILE, OPT_HEALTH, OPT_HEALTH_INTERVAL, OPT_HEALTH_RETRIES };

static int restart_parse(const char *text, int *max)
{
    if (strcmp(text, "no") == 0)
        *max = 0;
    else if (strcmp(text, "on-failure") == 0)
        *max = RESTART_ALWAYS_AGAIN;
    else if (strncmp(text, "on-failure:", 11) == 0 && (*max = (int)number_option("start", "--restart", text + 11, 1, 1000000)) > 0)
        return 0;
    else {
        fprintf(stderr, "naos start: --restart: '%s' is neither no, on-failure nor on-failure:N\n", text);
        return -1;
    }
    return 0;
}

/* 1: taken; 0: not one of these; -1: wrong. */
static int own_option(int c, struct instance_service *s)
{
    long n = 0;
    switch (c) {
    case 'd': s->is_detached = true; break;
    case 'i': s->is_interactive = true; break;
    case 't': s->is_tty = true; break;
    case 'n': s->name = optarg; break;
    case OPT_RESTART: n = restart_parse(optarg, &s->restart_max); break;
    case OPT_PID_FILE: s->pid_file = optarg; break;
    case OPT_HEALTH: s->health_program = optarg; break;
    case OPT_HEALTH_INTERVAL:
        n = number_option("start", "--health-interval", optarg, 1, 86400);
        s->health_interval_s = (unsigned)n;
        break;
    case OPT_HEALTH_RETRIES:
        n = number_option("start", "--health-retries", optarg, 1, 1000);
        s->health_retries = (unsigned)n;
        break;
    default: return 0;
    }
    return n < 0 ? -1 : 1;
}

static int options_parse(int argc, char **argv, struct instance_service *s, const char **env)
{
    static const struct option options[] = {
        RUN_OPTIONS,
        {"detach", no_argument, NULL, 'd'},
        {"interactive", no_argument, NULL, 'i'},
        {"tty", no_argument, NULL, 't'},
        {"name", required_argument, NULL, 'n'},
        {"restart", required_argument, NULL, OPT_RESTART},
        {"pid-file", required_argument, NULL, OPT_PID_FILE},
        {"health", required_argument, NULL, OPT_HEALTH},
        {"health-interval", required_argument, NULL, OPT_HEALTH_INTERVAL},
        {"health-retries", required_argument, NULL, OPT_HEALTH_RETRIES},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "+dite:w:C:n:h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return STATUS_OK;
        }
        int known = own_option(c, s);
        if (known == 0)
            known = run_option("start", c, &s->run, env);
        if (known <= 0)
            return known < 0 ? STATUS_NAOS_FAILED : try_help("start");
    }
    return -1;
}

int cmd_start(int argc, char **argv)
{
    struct instance_service s = {.run = {.dir = ".", .log_level = 2}, .health_interval_s = 30, .health_retries = 3};
    struct error err;
    char name[RUNDIR_NAME_MAX];
    const char **env = calloc((size_t)argc + 1, sizeof(*env));
    if (!env)
        return STATUS_NAOS_FAILED;
    int status = options_parse(argc, argv, &s, env);
    if (status >= 0)
        return status;
    s.run.argv = program_of("start", argv + optind, s.run.dir);
    if (!s.run.argv)
        return STATUS_NAOS_FAILED;
    s.run.env = env;
    status = instance_service(&s, name, &err);
    if (status < 0) {
        fprintf(stderr, "naos start: %s\n", err.text);
        return STATUS_NAOS_FAILED;
    }
    if (s.is_detached)
        puts(name);
    return status;
}
