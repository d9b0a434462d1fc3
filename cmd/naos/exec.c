/* SPDX-License-Identifier: Apache-2.0 */
/* naos exec: a program in an enclave that runs already. */
#include <stdio.h>
#include <stdlib.h>
#include "image/user.h"
#include "instance/exec.h"
#include "options.h"

static const char usage[] =
    "Usage: naos exec [OPTION]... [NAME] PROGRAM [ARGUMENT]...\n"
    "Run PROGRAM, an absolute path inside the image, in the running enclave NAME (default: the one that was started from here).\n\n"
    "  -i, --interactive      pass standard input on\n"
    "  -t, --tty              run it on this terminal\n"
    "  -d, --detach           do not wait for it\n"
    "  -e, --env NAME=VALUE   set a variable that env.host in naos.json allows; NAME alone: take it from here\n"
    "  -w, --workdir DIR      start in DIR (a path inside)\n"
    "  -u, --user USER[:GROUP]  run as this user; only if the configuration's is root\n"
    "  -C, --instance DIR     the enclave that was started from DIR (default: here)\n"
    "  -h, --help             this text\n\n"
    "The exit status is the program's; 128+n if signal n ended it; 126 if it cannot be run, 127 if it is not there;\n"
    "125 if naos itself failed.\n";

struct arguments {
    struct instance_exec exec;
    const char *dir, *user;
    const char **env;
};

static int options_parse(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"interactive", no_argument, NULL, 'i'},    {"tty", no_argument, NULL, 't'},           {"detach", no_argument, NULL, 'd'},
        {"env", required_argument, NULL, 'e'},      {"workdir", required_argument, NULL, 'w'}, {"user", required_argument, NULL, 'u'},
        {"instance", required_argument, NULL, 'C'}, {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "+itde:w:u:C:h", options, NULL)) != -1) {
        switch (c) {
        case 'i': a->exec.is_interactive = true; break;
        case 't': a->exec.is_tty = true; break;
        case 'd': a->exec.is_detached = true; break;
        case 'e': env_add(a->env, &a->exec.start.env_count, optarg); break;
        case 'w': a->exec.start.workdir = optarg; break;
        case 'u': a->user = optarg; break;
        case 'C': a->dir = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: return try_help("exec");
        }
    }
    return -1;
}

static int exec(struct arguments *a, const char *name, struct error *err)
{
    struct rundir r;
    char dir[PATH_MAX], image[PATH_MAX + 8];
    if (rundir_find(&r, name, a->dir, err) < 0)
        return -1;
    rundir_get(&r, "instance", dir, sizeof(dir));
    snprintf(image, sizeof(image), "%s/image", dir);
    if (a->user && image_user(image, a->user, &a->exec.uid, &a->exec.gid, err) < 0)
        return -1;
    return instance_exec(&r, &a->exec, err);
}

int cmd_exec(int argc, char **argv)
{
    struct arguments a = {.exec = {.uid = REQUEST_UID_DEFAULT, .gid = REQUEST_UID_DEFAULT}, .dir = "."};
    struct error err;
    a.env = calloc((size_t)argc + 1, sizeof(*a.env));
    if (!a.env)
        return STATUS_NAOS_FAILED;
    int status = options_parse(argc, argv, &a);
    if (status >= 0)
        return status;
    /* Programs are absolute paths, names are not. */
    const char *name = optind < argc && argv[optind][0] != '/' ? argv[optind++] : NULL;
    if (optind >= argc) {
        fputs("naos exec: which program? For example: naos exec /bin/sh\nTry 'naos exec --help'.\n", stderr);
        return STATUS_NAOS_FAILED;
    }
    a.exec.start.argv = argv + optind;
    a.exec.start.env = a.env;
    status = exec(&a, name, &err);
    if (status < 0)
        fprintf(stderr, "naos exec: %s\n", err.text);
    return status < 0 ? STATUS_NAOS_FAILED : status;
}
