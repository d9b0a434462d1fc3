/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket of a running enclave, both ends. The protocol is docs/control-protocol.md. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "naos/request.h"
#include "rundir.h"

struct control_header {
    uint32_t size; /* of the message, header included */
    uint32_t kind; /* enum control_kind; of answers: enum reply_kind */
    int64_t value;
};
#define CONTROL_SIZE_MAX (REQUEST_SIZE_MAX)

enum control_kind {
    CONTROL_RUN = 1, /* struct control_run, a start block, and descriptors: one (a terminal) or three */
    CONTROL_SIGNAL,  /* value, to this connection's program; to pid 1 if it has none */
    CONTROL_WINDOW,  /* the terminal of this connection's program has another size */
    CONTROL_PROCESSES,
    CONTROL_STATS,
    CONTROL_ATTACH, /* the answer, a REPLY_DATA, brings the descriptor of pid 1's input */
    CONTROL_MAPS,
    CONTROL_CLOSE_INPUT, /* pid 1 finds the end of its input */
};

struct control_run {
    uint32_t is_tty, is_detached; /* detached: it outlives the connection */
    uint32_t uid, gid;            /* REQUEST_UID_DEFAULT */
};

/* ---- the server --------------------------------------------------------------------------------------------- */

struct serve;
struct control_options {
    const struct rundir *rundir;
    int input_fd; /* the far end of pid 1's input; -1: none */
    /* Pid 1 has its program (err 0), or an errno says why not. */
    void (*started)(void *context, int err);
    void *context;
};
/* Listens from here on, in a thread of its own, until the process ends. *serve was initialised by serve_init. */
int control_start(struct serve *serve, const struct control_options *options, struct error *err);

/* ---- the client ----------------------------------------------------------------------------------------------- */

struct control_message {
    struct control_header header;
    char *text; /* zero-ended; to be freed */
    int fd;     /* that came with it; -1: none */
};
/* A connection to the enclave's control socket. -1 with err: it is not running. */
int control_connect(const struct rundir *r, struct error *err);
struct control_part {
    const void *data;
    size_t size;
};
/* -1 with errno. */
int control_send(int fd, enum control_kind kind, int64_t value, const struct control_part parts[2], const int *fds, size_t fd_count);
/* 1; 0: the connection ended; -1 with errno. */
int control_receive(int fd, struct control_message *m);
