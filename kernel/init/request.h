/* SPDX-License-Identifier: Apache-2.0 */
/* What the host asks of the running enclave (naos/request.h): programs beside the first one, signals, tables. */
#pragma once
#include "base/base.h"
#include "naos/request.h"

/* The thread that serves requests as they come. */
_Noreturn void request_serve(void *arg);
/* host_event_ops.request. */
void request_announce(void);
/* proc_ops.program_loaded, and program_exited. */
void request_program_loaded(uint32_t id, int32_t pid, int err);
void request_program_exited(uint32_t id, int wait_status);
/* An answer with a text (NULL: none). */
void request_reply(uint32_t id, enum reply_kind kind, int64_t value, const char *text);
