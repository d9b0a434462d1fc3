/* SPDX-License-Identifier: Apache-2.0 */
/* Enclaves that have a name: kept running, found again, started anew when they fail. */
#pragma once
#include "instance.h"
#include "rundir.h"

#define RESTART_ALWAYS_AGAIN (-1)

struct instance_service {
    struct instance_run run;    /* prepare and context are filled in here */
    const char *name;           /* NULL: from the instance's folder */
    bool is_detached;           /* in the background: output goes to the run directory's log */
    bool is_interactive;        /* detached: input stays open for `naos attach` */
    bool is_tty;                /* detached: a terminal for it */
    uint64_t log_limit;         /* detached: bytes that the log may take */
    int restart_max;            /* how often it is started again after it failed; RESTART_ALWAYS_AGAIN */
    const char *pid_file;       /* NULL: none */
    const char *health_program; /* a path inside, run every health_interval_s; NULL: none */
    unsigned health_interval_s, health_retries;
};

/*
 * Detached: returns 0 when the program runs, with its name in name (RUNDIR_NAME_MAX bytes). Else: when it has ended, its exit status.
 * -1 with err.
 */
int instance_service(struct instance_service *service, char *name, struct error *err);

/* SIGTERM to pid 1, and after timeout_s SIGKILL. Not started again. -1 with err. */
int instance_stop(const struct rundir *r, unsigned timeout_s, struct error *err);
/* SIGKILL to pid 1, and to the enclave's process if that does not help. */
int instance_kill(const struct rundir *r, struct error *err);
