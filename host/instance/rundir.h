/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run directories: one for each enclave that was started, running or ended, until `naos rm`. In $XDG_RUNTIME_DIR/naos, or
 * /run/naos for root, or /tmp/naos-UID; only their owner can look in. A directory holds
 *
 *   lock      flocked by the enclave's process (and its supervisor) as long as it lives
 *   instance  link to the instance's folder        pid      of the process to signal
 *   control   socket (docs/control-protocol.md)    program  what runs in it, in one line
 *   log, log.1   what came out (log.h), if it was detached    status   the exit status, once it has ended
 *   enclave   pid of the process that the enclave is in
 *   stopping  somebody asked for the end: no restart
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define RUNDIR_NAME_MAX 64

struct rundir {
    char name[RUNDIR_NAME_MAX];
    char path[PATH_MAX];
};

/*
 * Makes the directory of a new enclave, or takes over that of one that has ended, and locks it: *lock_fd, which processes that
 * are forked share. name NULL: the last part of dir.
 */
int rundir_create(struct rundir *r, const char *name, const char *dir, int *lock_fd, struct error *err);
/* By name; or with name NULL, the one that was started from dir: a running one first. */
int rundir_find(struct rundir *r, const char *name, const char *dir, struct error *err);
/* All of this user's, by name; the caller frees *list. */
int rundir_list(struct rundir **list, size_t *count, struct error *err);
int rundir_remove(const struct rundir *r, struct error *err);

bool rundir_is_live(const struct rundir *r);
/* Until it is no longer live, or timeout_ms have passed (-1: for ever). False: it still is. */
bool rundir_wait(const struct rundir *r, int timeout_ms);

/* PATH_MAX bytes in buf. */
const char *rundir_file(const struct rundir *r, const char *name, char *buf);
/* The first line of a file, "" if there is none. */
void rundir_get(const struct rundir *r, const char *name, char *buf, size_t size);
int rundir_set(const struct rundir *r, const char *name, const char *text, struct error *err);
bool rundir_has(const struct rundir *r, const char *name);
int rundir_status(const struct rundir *r); /* the exit status; -1: none is known */
