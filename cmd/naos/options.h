/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands have. */
#pragma once
#include <getopt.h>
#include "cmd.h"
#include "instance/instance.h"
#include "instance/rundir.h"

/* ---- of a program that is to be run: run, start, exec ----------------------------------------------------------- */

enum { OPT_STRACE = 256, OPT_STATS, OPT_LOG, OPT_VCPUS, OPT_STORE_KEY, OPT_IMAGE_KEY, OPT_OWN }; /* OPT_OWN: the first that a command has for itself */

#define RUN_OPTIONS                                                                                                                        \
    {"env", required_argument, NULL, 'e'}, {"workdir", required_argument, NULL, 'w'}, {"instance", required_argument, NULL, 'C'},          \
        {"strace", no_argument, NULL, OPT_STRACE}, {"stats", no_argument, NULL, OPT_STATS}, {"log", required_argument, NULL, OPT_LOG},     \
        {"vcpus", required_argument, NULL, OPT_VCPUS}, {"image-key", required_argument, NULL, OPT_IMAGE_KEY},                             \
    {                                                                                                                                      \
        "store-key", required_argument, NULL, OPT_STORE_KEY                                                                                \
    }
#define RUN_USAGE                                                                                                                          \
    "  -e, --env NAME=VALUE   set a variable that env.host in naos.json allows; NAME alone: take it from here\n"                           \
    "  -w, --workdir DIR      start in DIR (a path inside)\n"                                                                              \
    "  -C, --instance DIR     the instance is in DIR (default: here)\n"                                                                    \
    "      --strace           print each system call on stderr\n"                                                                          \
    "      --stats            print counts and times at the end, on stderr\n"                                                              \
    "      --log LEVEL        error, warning (default), info or debug\n"                                                                   \
    "      --vcpus N          enter at most N vCPUs (default: as many as there are processors)\n"                                          \
    "      --store-key FILE   the key (32 bytes, or 64 hexadecimal digits) of stores that are keyed by a file\n"                          \
    "      --image-key [TARGET=]FILE  the key of encrypted images, or of the one that is mounted at TARGET\n"

/* NAME alone stands for this process's variable; nothing if there is none. list has room. */
void env_add(const char **list, size_t *count, const char *arg);
/* 1: the option was one of RUN_OPTIONS. 0: it was not. -1: its value is wrong, which was said. env has room. */
int run_option(const char *command, int option, struct instance_run *run, const char **env);
/* --image-key with optarg. -1: it is wrong, which was said. */
int image_key_option(const char *command, struct image_keys *keys);
/* A whole number of min..max, or -1 and a line on stderr. */
long number_option(const char *command, const char *option, const char *text, long min, long max);
/* argv + optind, or what naos.json has as its command if that is empty. NULL: naos.json is wrong, which was said. */
char *const *program_of(const char *command, char *const *rest, const char *dir);
int try_help(const char *command); /* points to --help; STATUS_NAOS_FAILED */

/* ---- which enclave: stop, kill, ps and their like ------------------------------------------------------------------ */

#define TARGET_USAGE "  -C, --instance DIR   the one that was started from DIR (default: here), if no NAME is given\n"

/* Calls each for the enclaves that are named, or the one of dir. STATUS_OK, or STATUS_USER_ERROR if any failed, which was said. */
int targets_each(const char *command, const char *dir, char *const *names,
                 int (*each)(const struct rundir *r, void *context, struct error *err), void *context);

/* A signal's number: 9, KILL or SIGKILL. -1: there is none such. */
int signal_number(const char *text);
