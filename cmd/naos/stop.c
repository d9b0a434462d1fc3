/* SPDX-License-Identifier: Apache-2.0 */
/* naos stop, kill, wait and rm: the end of enclaves that were started. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "instance/exec.h"
#include "instance/start.h"
#include "options.h"

/* What each of the four is told by its options. */
struct order {
    unsigned timeout_s;
    int signo;
    bool is_forced;
};

/* ---- stop -------------------------------------------------------------------------------------------------------------- */

static const char stop_usage[] =
    "Usage: naos stop [-t SECONDS] [NAME]...\n"
    "SIGTERM to the enclave's first program, and SIGKILL if it has not ended in time. It is not started again.\n\n"
    "  -t, --time SECONDS   how long to wait (default: 10)\n" TARGET_USAGE "  -h, --help           this text\n";

static int stop_one(const struct rundir *r, void *context, struct error *err)
{
    const struct order *order = context;
    if (instance_stop(r, order->timeout_s, err) < 0)
        return -1;
    puts(r->name);
    return 0;
}

/* ---- kill -------------------------------------------------------------------------------------------------------------- */

static const char kill_usage[] = "Usage: naos kill [-s SIGNAL] [NAME]...\n"
                                 "Send a signal to the enclave's first program.\n\n"
                                 "  -s, --signal SIGNAL  number or name (default: KILL, which ends the enclave in any case)\n" TARGET_USAGE
                                 "  -h, --help           this text\n";

static int kill_one(const struct rundir *r, void *context, struct error *err)
{
    const struct order *order = context;
    int result = order->signo == SIGKILL ? instance_kill(r, err) : instance_signal(r, order->signo, err);
    if (result == 0)
        puts(r->name);
    return result;
}

/* ---- wait -------------------------------------------------------------------------------------------------------------- */

static const char wait_usage[] =
    "Usage: naos wait [NAME]...\n"
    "Wait until enclaves end, and print their exit status.\n\n" TARGET_USAGE "  -h, --help           this text\n";

static int wait_one(const struct rundir *r, void *context, struct error *err)
{
    (void)context;
    rundir_wait(r, -1);
    int status = rundir_status(r);
    if (status < 0)
        return error_set(err, "'%s' ended without a status: its process was killed", r->name);
    printf("%d\n", status);
    return 0;
}

/* ---- rm ---------------------------------------------------------------------------------------------------------------- */

static const char rm_usage[] = "Usage: naos rm [-f] [NAME]...\n"
                               "Forget enclaves that have ended: their logs and status.\n\n"
                               "  -f, --force          kill those that run\n" TARGET_USAGE "  -h, --help           this text\n";

static int rm_one(const struct rundir *r, void *context, struct error *err)
{
    const struct order *order = context;
    bool is_live = rundir_is_live(r);
    if (is_live && !order->is_forced)
        return error_set(err, "'%s' is running; `naos stop %s` first, or -f", r->name, r->name);
    if ((is_live && instance_kill(r, err) < 0) || rundir_remove(r, err) < 0)
        return -1;
    puts(r->name);
    return 0;
}

/* ---- all of them --------------------------------------------------------------------------------------------------------- */

static int order_run(int argc, char **argv, const char *usage, const char *short_options,
                     int (*each)(const struct rundir *r, void *context, struct error *err))
{
    static const struct option options[] = {
        {"time", required_argument, NULL, 't'},     {"signal", required_argument, NULL, 's'}, {"force", no_argument, NULL, 'f'},
        {"instance", required_argument, NULL, 'C'}, {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    struct order order = {.timeout_s = 10, .signo = SIGKILL};
    const char *dir = ".";
    long n;
    int c;
    while ((c = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
        if (c != 'h' && !strchr(short_options, c))
            c = '?'; /* another command's long option */
        switch (c) {
        case 't':
            n = number_option(argv[0], "-t", optarg, 0, 1000000);
            if (n < 0)
                return STATUS_USER_ERROR;
            order.timeout_s = (unsigned)n;
            break;
        case 's':
            order.signo = signal_number(optarg);
            if (order.signo < 0)
                return cmd_fail(argv[0], "-s: no such signal; give a number, or a name such as TERM or SIGHUP");
            break;
        case 'f': order.is_forced = true; break;
        case 'C': dir = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help(argv[0]); return STATUS_USER_ERROR;
        }
    }
    return targets_each(argv[0], dir, argv + optind, each, &order);
}

int cmd_stop(int argc, char **argv)
{
    return order_run(argc, argv, stop_usage, "t:C:h", stop_one);
}

int cmd_kill(int argc, char **argv)
{
    return order_run(argc, argv, kill_usage, "s:C:h", kill_one);
}

int cmd_wait(int argc, char **argv)
{
    return order_run(argc, argv, wait_usage, "C:h", wait_one);
}

int cmd_rm(int argc, char **argv)
{
    return order_run(argc, argv, rm_usage, "fC:h", rm_one);
}
