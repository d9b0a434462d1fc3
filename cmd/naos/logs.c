/* SPDX-License-Identifier: Apache-2.0 */
/* naos logs and attach: what a detached enclave says, and speaking to it. */
#include <stdio.h>
#include <string.h>
#include "instance/exec.h"
#include "options.h"

static const char logs_usage[] = "Usage: naos logs [-f] [-n LINES] [NAME]\n"
                                 "Show what came out of an enclave that was started with -d.\n\n"
                                 "  -f, --follow         go on until it ends\n"
                                 "  -n, --tail LINES     only the last LINES\n" TARGET_USAGE "  -h, --help           this text\n";

int cmd_logs(int argc, char **argv)
{
    static const struct option options[] = {{"follow", no_argument, NULL, 'f'},
                                            {"tail", required_argument, NULL, 'n'},
                                            {"instance", required_argument, NULL, 'C'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct rundir r;
    struct error err;
    bool is_following = false;
    const char *dir = ".";
    long lines = -1;
    int c;
    while ((c = getopt_long(argc, argv, "fn:C:h", options, NULL)) != -1) {
        switch (c) {
        case 'f': is_following = true; break;
        case 'n':
            lines = strcmp(optarg, "all") == 0 ? -1 : number_option("logs", "-n", optarg, 0, 1000000000);
            if (lines < 0 && strcmp(optarg, "all") != 0)
                return STATUS_USER_ERROR;
            break;
        case 'C': dir = optarg; break;
        case 'h': fputs(logs_usage, stdout); return STATUS_OK;
        default: try_help("logs"); return STATUS_USER_ERROR;
        }
    }
    if (rundir_find(&r, argv[optind], dir, &err) < 0 || instance_logs(&r, lines, is_following, &err) < 0)
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
