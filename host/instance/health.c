/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "exec.h"

static struct health {
    struct rundir rundir;
    const char *program;
    unsigned interval_s, retries;
} health;

static bool check(void)
{
    struct error err;
    char *argv[] = {(char *)health.program, NULL};
    const struct instance_exec exec = {.start = {.argv = argv}, .uid = REQUEST_UID_DEFAULT, .gid = REQUEST_UID_DEFAULT, .is_quiet = true};
    return instance_exec(&health.rundir, &exec, &err) == 0;
}

static void *health_main(void *arg)
{
    unsigned failures = 0;
    struct error err;
    (void)arg;
    for (;;) {
        sleep(health.interval_s);
        failures = check() ? 0 : failures + 1;
        const char *text = failures == 0 ? "healthy" : failures >= health.retries ? "unhealthy" : NULL;
        if (text && rundir_set(&health.rundir, "health", text, &err) < 0)
            error_report("health check: %s", err.text);
    }
    return NULL;
}

void health_start(const struct rundir *r, const char *program, unsigned interval_s, unsigned retries)
{
    pthread_t thread;
    struct error err;
    sigset_t all, old;
    health = (struct health){*r, program, interval_s, retries};
    if (rundir_set(r, "health", "starting", &err) < 0)
        error_report("health check: %s", err.text);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, health_main, NULL) == 0)
        pthread_detach(thread);
    else
        error_report("no thread for the health check");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}
