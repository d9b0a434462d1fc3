/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls as programs make them: what each argument is, and what a call gives that later ones use (descriptors by kind, ids,
 * memory). Beside sysgen.h's, which only knows a call's shape. Used on the fake platform, in the enclave and on Linux.
 */
#pragma once
#include <stdbool.h>
#include "sysgen.h"

#define CALLS_FDS 24
#define CALLS_IDS 6

enum calls_id { ID_PID, ID_MAP, ID_MSG, ID_SEM, ID_SHM, ID_TIMER, ID_WATCH, ID_KINDS };

struct calls {
    struct gen gen;
    void (*get)(uint64_t at, void *data, unsigned size); /* from scratch; 0 if it cannot be read */
    bool is_alike; /* only what must give the same on every Linux, and can do no harm there: nothing that waits, no time, no other process */
    struct {
        uint64_t fd;
        unsigned kind;
    } fds[CALLS_FDS];
    unsigned fd_count, id_count[ID_KINDS];
    uint64_t ids[ID_KINDS][CALLS_IDS];
};

struct calls_one {
    const char *name;
    long nr;
    uint64_t args[6];
    unsigned idx; /* of the description */
};

/* Draws the next call, and fills scratch with what it points to. */
void calls_draw(struct calls *c, struct calls_one *one);
/* What it returned: a negative errno, or what it gave. */
void calls_result(struct calls *c, const struct calls_one *one, int64_t result);
/* Is its result an address, a pid, or else different from run to run? */
bool calls_is_value(const struct calls_one *one);
