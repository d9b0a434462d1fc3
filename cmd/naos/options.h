/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands have. */
#pragma once
#include <getopt.h>
#include "cmd.h"
#include "instance/instance.h"
#include "instance/rundir.h"

/* ---- of a program that is to be run: run, start, exec ----------------------------------------------------------- */

/* NAME alone stands for this process's variable; nothing if there is none. list has room. */
void env_add(const char **list, size_t *count, const char *arg);
/* --image-key with optarg. -1: it is wrong, which was said. */
int image_key_option(const char *command, struct image_keys *keys);
/* A whole number of min..max, or -1 and a line on stderr. */
long number_option(const char *command, const char *option, const char *text, long min, long max);
/* argv + optind, or what naos.json has as its command if that is empty. NULL: naos.json is wrong, which was said. */
char *const *program_of(const char *command, char *const *rest, const char *dir);
/* "naos COMMAND: OPTION: 'VALUE' is not WANT" on stderr; -1. */
int option_fail(const char *command, const char *option, const char *value, const char *want);
int try_help(const char *command); /* points to --help; STATUS_NAOS_FAILED */

/* ---- which enclave: stop, kill, ps and their like ------------------------------------------------------------------ */

#define TARGET_USAGE "  -C, --instance DIR   the one that was started from DIR (default: here), if no NAME is given\n"

/* Calls each for the enclaves that are named, or the one of dir. STATUS_OK, or STATUS_USER_ERROR if any failed, which was said. */
int targets_each(const char *command, const char *dir, char *const *names,
                 int (*each)(const struct rundir *r, void *context, struct error *err), void *context);

/* A signal's number: 9, KILL or SIGKILL. -1: there is none such. */
int signal_number(const char *text);
