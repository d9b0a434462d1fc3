/* SPDX-License-Identifier: Apache-2.0 */
/* A medium in memory for the store's tests: it records each write and barrier, fails on demand, and can be copied. */
#pragma once
#include "fs/store/store.h"

struct medium_write {
    uint64_t block; /* MEDIUM_BARRIER: a sync */
    uint8_t *data;  /* STORE_BLOCK bytes */
};
#define MEDIUM_BARRIER UINT64_MAX

struct medium {
    struct store_dev dev;
    uint8_t *bytes; /* max_blocks of them */
    bool is_recording;
    struct medium_write *writes;
    size_t write_count, write_room;
    long fail_at; /* the n-th write, sync or resize from now on fails, and all after it; < 0: none */
};

void medium_init(struct medium *m, uint64_t max_blocks);
void medium_fini(struct medium *m);
void medium_forget(struct medium *m); /* what was recorded */
void medium_record(struct medium *m, bool is_on);
