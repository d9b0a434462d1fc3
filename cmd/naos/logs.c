/* SPDX-License-Identifier: Apache-2.0 */
/* naos logs and attach: what a detached enclave says, and speaking to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "instance/exec.h"
#include "options.h"

static const char logs_usage[] =
    "Usage: naos logs [OPTION]... [NAME]\n"
    "Show what came out of an enclave that was started with -d.\n\n"
    "  -f, --follow         go on until it ends\n"
    "  -n, --tail LINES     only the last LINES\n"
    "      --since TIME     only what came since: 2026-11-30T12:00:00Z (without Z: local time), seconds since 1970, or 90s, 10m, 2h, 1d ago\n"
    "  -t, --timestamps     with the time of each line\n" TARGET_USAGE "  -h, --help           this text\n";

/* "1h30m": how long ago, in seconds. -1: it is no such text. */
static double ago_parse(const char *text)
{
    double sum = 0;
    char *end;
    do {
        double n = strtod(text, &end);
        double unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
        if (end == text || unit == 0 || n < 0)
            return -1;
        sum += n * unit;
        text = end + 1;
    } while (*text);
    return sum;
}

/* Seconds since 1970. */
static bool moment_parse(const char *text, double *moment)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    char *end;
    *moment = strtod(text, &end);
    if (end != text && !*end)
        return true;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *rest = strptime(text, forms[i], &tm);
        double fraction = rest && *rest == '.' ? strtod(rest, &end) : 0;
        rest = rest && *rest == '.' ? end : rest;
        if (!rest || (*rest && strcmp(rest, "Z") != 0))
            continue;
        *moment = (double)(*rest ? timegm(&tm) : mktime(&tm)) + fraction;
        return true;
    }
    return false;
}

static int since_take(const char *text, int64_t *since_ns)
{
    double moment, ago = ago_parse(text);
    if (ago >= 0)
        moment = (double)time(NULL) - ago;
    else if (!moment_parse(text, &moment))
        return option_fail("logs", "--since", text, "a time: 2026-11-30T12:00:00Z, seconds since 1970, or how long ago: 90s, 10m, 2h, 1d");
    *since_ns = (int64_t)(moment * 1e9);
    return 0;
}

static int lines_take(const char *text, long *lines)
{
    bool is_all = strcmp(text, "all") == 0;
    *lines = is_all ? -1 : number_option("logs", "-n", text, 0, 1000000000);
    return *lines < 0 && !is_all ? -1 : 0;
}

int cmd_logs(int argc, char **argv)
{
    enum { OPT_SINCE = 256 };
    static const struct option options[] = {{"follow", no_argument, NULL, 'f'},
                                            {"tail", required_argument, NULL, 'n'},
                                            {"since", required_argument, NULL, OPT_SINCE},
                                            {"timestamps", no_argument, NULL, 't'},
                                            {"instance", required_argument, NULL, 'C'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct log_show show = {.lines = -1, .since_ns = INT64_MIN};
    struct rundir r;
    struct error err;
    const char *dir = ".";
    int c, result = 0;
    while (result == 0 && (c = getopt_long(argc, argv, "fn:tC:h", options, NULL)) != -1) {
        switch (c) {
        case 'f': show.is_following = true; break;
        case 'n': result = lines_take(optarg, &show.lines); break;
        case OPT_SINCE: result = since_take(optarg, &show.since_ns); break;
        case 't': show.with_times = true; break;
        case 'C': dir = optarg; break;
        case 'h': fputs(logs_usage, stdout); return STATUS_OK;
        default: try_help("logs"); return STATUS_USER_ERROR;
        }
    }
    if (result < 0)
        return STATUS_USER_ERROR;
    if (rundir_find(&r, argv[optind], dir, &err) < 0 || instance_logs(&r, &show, &err) < 0)
        return cmd_fail("logs", err.text);
    return STATUS_OK;
}

static const char attach_usage[] = "Usage: naos attach [--no-stdin] [NAME]\n"
                                   "Show what comes out of an enclave that was started with -d, and pass input (start -i) and signals on.\n"
                                   "On a terminal (start -t), ^P ^Q leaves it running.\n\n"
                                   "      --no-stdin       only show\n" TARGET_USAGE "  -h, --help           this text\n\n"
                                   "The exit status is that of the enclave.\n";

int cmd_attach(int argc, char **argv)
{
    enum { OPT_NO_STDIN = 256 };
    static const struct option options[] = {{"no-stdin", no_argument, NULL, OPT_NO_STDIN},
                                            {"instance", required_argument, NULL, 'C'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct rundir r;
    struct error err;
    bool with_input = true;
    const char *dir = ".";
    int c;
    while ((c = getopt_long(argc, argv, "C:h", options, NULL)) != -1) {
        switch (c) {
        case OPT_NO_STDIN: with_input = false; break;
        case 'C': dir = optarg; break;
        case 'h': fputs(attach_usage, stdout); return STATUS_OK;
        default: return try_help("attach");
        }
    }
    int status = rundir_find(&r, argv[optind], dir, &err) < 0 ? -1 : instance_attach(&r, with_input, &err);
    if (status >= 0)
        return status;
    cmd_fail("attach", err.text);
    return STATUS_NAOS_FAILED;
}
