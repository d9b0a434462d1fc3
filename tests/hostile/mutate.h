/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that lies. What it answers is drawn from a seed and the number of the call, so that a run can be told by
 * `mode:seed` and happens again. Used against the enclave (host.c) and on the fake platform (tests/unit/hostcall/hostile_test.c).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "naos/hostcall.h"

struct hostile_call { /* a row of hostcall.tab: made by tools/gen-hostcall TAB hostile */
    const char *name;
    int64_t ret_min, ret_max; /* ret_max -1: the size of the data asked for */
    uint32_t in_max, out_max;
    int errs[32]; /* believed; ended by 0 */
};
extern const struct hostile_call hostile_calls[];
extern const unsigned hostile_call_count;

enum hostile_mode {
    HOSTILE_NONE,
    HOSTILE_SWEEP,   /* one value in one field of one call: seed is the case, see hostile_sweep */
    HOSTILE_RANDOM,  /* any field of any reply */
    HOSTILE_FLIP,    /* a second thread changes shared memory meanwhile (host.c) */
    HOSTILE_REPLAY,  /* replies of earlier calls, of others, twice */
    HOSTILE_FLOOD,   /* more events than anybody asked for */
    HOSTILE_MEMORY,  /* only about memory: that it was not given, not protected, not taken back */
    HOSTILE_UNSEALED, /* says that it took write access away from pages, and left it (host.c): the enclave must stop */
    HOSTILE_CLOCK,   /* real time goes back, stands, leaps; waits end early or say so */
    HOSTILE_MODE_COUNT,
};
extern const char *const hostile_mode_names[HOSTILE_MODE_COUNT];

struct hostile {
    enum hostile_mode mode;
    uint64_t seed, step;
    uint64_t lies; /* replies that were changed */
    int64_t last_results[8];
};

/* The honest reply is in the frame and the buffer; afterwards it may not be. Also scrambles what the enclave must not read. */
void hostile_reply(struct hostile *h, struct hostcall_frame *frame, uint8_t *buffer, int64_t honest);
/* Sweep: case `seed` of `hostile_sweep_count`, for all calls with that number from the skip-th on. */
uint64_t hostile_sweep_count(void);
void hostile_sweep_describe(uint64_t seed, char *text, unsigned size);
/* mode:seed as printed. False: not one. */
bool hostile_parse(const char *text, struct hostile *h);
