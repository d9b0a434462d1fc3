/* SPDX-License-Identifier: Apache-2.0 */
/* naos run: one program in a fresh enclave. */
#include <stdio.h>
#include <stdlib.h>
#include "instance/start.h"
#include "options.h"

static const char usage[] =
    "Usage: naos run [OPTION]... [PROGRAM [ARGUMENT]...]\n"
    "Run PROGRAM, a path inside the image, in a fresh enclave (default: the command of naos.json).\n\n"
    "  -d, --detach           in the background, as `naos start -d` does\n"
    "  -n, --name NAME        let `naos exec`, `ps` and their like find it as long as it runs\n"
    "  -i, -t                 change nothing: input and terminal are always passed on\n" RUN_USAGE
    "  -h, --help             this text\n\n"
    "The exit status is the program's; 128+n if signal n ended it; 126 if it cannot be run, 127 if it is not there;\n"
    "125 if naos itself failed.\n";

/* -1: go on; else the status to end with. */
static int options_parse(int argc, char **argv, struct instance_service *s, const char **env)
{
    static const struct option options[] = {
        RUN_OPTIONS,
        {"detach", no_argument, NULL, 'd'},
        {"name", required_argument, NULL, 'n'},
        {"interactive", no_argument, NULL, 'i'},
        {"tty", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "+dn:ite:w:C:h", options, NULL)) != -1) {
        int known = 1;
        switch (c) {
        case 'd': s->is_detached = true; break;
        case 'n': s->name = optarg; break;
        case 'i':
        case 't': break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: known = run_option("run", c, &s->run, env); break;
        }
        if (known <= 0)
            return known < 0 ? STATUS_NAOS_FAILED : try_help("run");
    }
    return -1;
}

/* With a name it is like one that was started, but nothing is left of it in the end. */
static int run_named(struct instance_service *s, struct error *err)
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
    struct instance_service s = {.run = {.dir = ".", .log_level = 2}};
    struct error err;
    const char **env = calloc((size_t)argc + 1, sizeof(*env));
    if (!env)
        return STATUS_NAOS_FAILED;
    int status = options_parse(argc, argv, &s, env);
    if (status >= 0)
        return status;
    s.run.argv = program_of("run", argv + optind, s.run.dir);
    if (!s.run.argv)
        return STATUS_NAOS_FAILED;
    if (!s.run.argv[0]) {
        fputs("naos run: which program? For example: naos run /bin/sh\nTry 'naos run --help'.\n", stderr);
        return STATUS_NAOS_FAILED;
    }
    s.run.env = env;
    status = s.name || s.is_detached ? run_named(&s, &err) : instance_run(&s.run, &err);
    if (status < 0)
        fprintf(stderr, "naos run: %s\n", err.text);
    return status < 0 ? STATUS_NAOS_FAILED : status;
}
