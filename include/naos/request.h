/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host asks of a running enclave: it announces a request by an event of `wait`, the kernel fetches it with request_take
 * and answers with request_reply. None of it is trusted: a program must be an entry point, and gets the rights and the
 * variables that the measured configuration allows, as the first one does.
 */
#pragma once
#include <stdint.h>

enum request_kind {
    REQUEST_RUN = 1,   /* run a program; a struct start_block follows */
    REQUEST_SIGNAL,    /* value: the signal, to program id */
    REQUEST_HANGUP,    /* who asked for program id is gone */
    REQUEST_WINDOW,    /* the terminal of program id has another size */
    REQUEST_PROCESSES, /* the process table, as text; id is any */
    REQUEST_STATS,     /* counters, as text; id is any */
    REQUEST_MAPS,      /* which files' code lies where, as text, of debug enclaves only; id is any */
};

#define REQUEST_UID_DEFAULT 0xffffffffu

struct request {
    uint32_t kind;   /* enum request_kind */
    uint32_t id;     /* of a program: chosen by who asks to run it, not 0; 0: pid 1 */
    int32_t value;
    uint32_t is_tty; /* RUN: fds[0] is a terminal, and is all three streams */
    int32_t fds[3];  /* RUN: host descriptors of the streams; -1: closed */
    uint32_t uid, gid; /* RUN: REQUEST_UID_DEFAULT: the configuration's. Only root may become somebody else */
    uint32_t size;   /* of what follows */
};
#define REQUEST_SIZE_MAX (1u << 20) /* all of it */

/* Answers carry the id of their request; STARTED and FAILED of pid 1 have 0 and come unasked. */
enum reply_kind {
    REPLY_NOTE = 1, /* RUN: text for the user; more will come */
    REPLY_STARTED,  /* RUN: value is its pid inside */
    REPLY_FAILED,   /* RUN: value is the errno; it exits with 126 or 127 */
    REPLY_EXITED,   /* RUN: value as wait(2) has it. The last one */
    REPLY_REFUSED,  /* text says why; nothing was done. The last one */
    REPLY_DATA,     /* PROCESSES, STATS, MAPS: a part of the text; empty: the end. The last one */
    REPLY_CORE_BEGIN, /* of no request: a core file (naos/core.h) begins; value is the pid, text its program's name in debug enclaves */
    REPLY_CORE_PART,  /* bytes of it; value is their place in the file. What no part is about is zero */
    REPLY_CORE_END,   /* value is its size; 0: it could not be made whole, and the text says why */
};
#define REPLY_TEXT_MAX 65536
