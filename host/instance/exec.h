/* SPDX-License-Identifier: Apache-2.0 */
/* Programs in an enclave that runs already, and what else its control socket serves, from the client's side. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "instance.h"
#include "naos/request.h"
#include "rundir.h"

struct instance_exec {
    struct instance_start start;
    bool is_tty, is_interactive, is_detached;
    bool is_quiet;     /* its output goes nowhere, and signals of this process are not its business */
    uint32_t uid, gid; /* REQUEST_UID_DEFAULT */
};
/*
 * Runs a program and waits for it: its exit status, as a shell gives it; notes and reasons go to stderr. Signals that this process
 * gets go to the program; if this process dies, the program gets SIGHUP. -1 with err.
 */
int instance_exec(const struct rundir *r, const struct instance_exec *exec, struct error *err);

/* A signal for pid 1. */
int instance_signal(const struct rundir *r, int signo, struct error *err);
/* A table (CONTROL_PROCESSES, CONTROL_STATS) as the enclave gives it; the caller frees it. */
int instance_table(const struct rundir *r, int kind, char **text, struct error *err);
/* Shows what comes out and passes input on until the enclave ends, input's end or the detach keys (^P ^Q): its status, or -1. */
int instance_attach(const struct rundir *r, bool with_input, struct error *err);
struct log_show {
    long lines;       /* only the last ones; -1: all */
    int64_t since_ns; /* only lines that began at this time or later, in ns since 1970 */
    bool with_times, is_following;
};
/* Shows the log on stdout and stderr, as it came, and then, if asked, what is added until the enclave ends. */
int instance_logs(const struct rundir *r, const struct log_show *show, struct error *err);

/* Why pid 1 or an executed program could not be run, for people. */
const char *instance_why(int err);
