/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded sequences of changes to a store, and a number that says all that is in one. */
#pragma once
#include "medium.h"

extern const uint8_t workload_key[STORE_KEY_SIZE];
void workload_format(struct medium *m, uint64_t blocks, uint32_t log_blocks);

enum workload_kind {
    WORKLOAD_MIXED,   /* all kinds of changes, now and then a sync */
    WORKLOAD_ROLLBACK_JOURNAL, /* as SQLite: write the journal, sync, write the file, sync, remove the journal */
    WORKLOAD_WAL,     /* append to a log, sync; now and then a checkpoint into the file */
    WORKLOAD_REPLACE, /* write a new file, sync, rename it over the old one, sync the directory */
    WORKLOAD_COUNT,
};
extern const char *const workload_names[WORKLOAD_COUNT];

struct workload {
    struct store *st;
    unsigned seed;
    void (*before_sync)(struct workload *w);
    void (*after_sync)(struct workload *w, int err);
    int err; /* the first that is not due to what is asked for */
};
void workload_run(struct workload *w, enum workload_kind kind, unsigned steps);

/* Names, attributes, content and extended attributes of everything, as one number. -EIO and its like through *err. */
uint64_t workload_digest(struct store *st, int *err);
unsigned workload_random(unsigned *seed);
