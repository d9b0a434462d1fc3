/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a detached enclave: what came out of it, and when. The run directory's `log` holds records, one for each piece that was read from
 * the program; when it has grown to half of the limit it becomes `log.1`, in place of an older one. One process writes it; any may read.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "rundir.h"

#define LOG_PIECE_MAX    8192
#define LOG_LIMIT_DEFAULT (16u << 20)

struct log_record {
    int64_t time_ns; /* since 1970 */
    uint32_t size;   /* of the text behind it, at most LOG_PIECE_MAX */
    uint32_t stream; /* 1 or 2, as the descriptor */
};

/* Records what comes from the two descriptors (stdout, stderr) until both have ended. */
void log_keep(const struct rundir *r, const int fds[2], uint64_t limit);

struct log_reader {
    const struct rundir *rundir;
    int fd;
    off_t off;
    struct log_record record;
    char text[LOG_PIECE_MAX];
};
/* At the oldest record. -1 with err: there is no log. */
int log_open(struct log_reader *l, const struct rundir *r, struct error *err);
/* The next record, with its text; false: there is none yet. */
bool log_next(struct log_reader *l);
void log_close(struct log_reader *l);
