/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

extern char **environ;

int cmd_fail(const char *name, const char *text)
{
    fprintf(stderr, "naos %s: %s\n", name, text);
    return STATUS_USER_ERROR;
}

int try_help(const char *command)
{
    fprintf(stderr, "Try 'naos %s --help'.\n", command);
    return STATUS_NAOS_FAILED;
}

int option_fail(const char *command, const char *option, const char *value, const char *want)
{
    fprintf(stderr, "naos %s: %s: '%s' is not %s\n", command, option, value, want);
    return -1;
}

long number_option(const char *command, const char *option, const char *text, long min, long max)
{
    char *end, want[64];
    long n = strtol(text, &end, 10);
    if (*text && !*end && n >= min && n <= max)
        return n;
    snprintf(want, sizeof(want), "a number from %ld to %ld", min, max);
    return option_fail(command, option, text, want);
}

void env_add(const char **list, size_t *count, const char *arg)
{
    size_t len = strlen(arg);
    if (strchr(arg, '=')) {
        list[(*count)++] = arg;
        return;
    }
    for (char **e = environ; *e; e++) {
        if (strncmp(*e, arg, len) == 0 && (*e)[len] == '=') {
            list[(*count)++] = *e;
            return;
        }
    }
}

int image_key_option(const char *command, struct image_keys *keys)
{
    struct error err;
    if (image_keys_add(keys, optarg, &err) == 0)
        return 0;
    fprintf(stderr, "naos %s: --image-key: %s\n", command, err.text);
    return -1;
}

int targets_each(const char *command, const char *dir, char *const *names,
                 int (*each)(const struct rundir *r, void *context, struct error *err), void *context)
{
    struct rundir r;
    struct error err;
    int status = STATUS_OK;
    bool is_first = true;
    for (; *names || is_first; is_first = false) {
        if (rundir_find(&r, *names, dir, &err) < 0 || each(&r, context, &err) < 0)
            status = cmd_fail(command, err.text);
        if (*names)
            names++;
        if (!*names)
            break;
    }
    return status;
}

int signal_number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text && !*end)
        return n >= 1 && n <= 64 ? (int)n : -1;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int i = 1; i < 32; i++) {
        if (strcasecmp(text, sigabbrev_np(i)) == 0)
            return i;
    }
    return -1;
}
