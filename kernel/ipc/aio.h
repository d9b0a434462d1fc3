/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of asynchronous input and output, io_setup(2): queues of what is complete. The work itself is done when it is submitted
 * (syscall/sys_aio.c), as Linux does for all that it cannot do otherwise.
 */
#pragma once
#include <linux/aio_abi.h>
#include "proc/process.h"

#define AIO_MAX 65536 /* fs.aio-max-nr: events that contexts may have room for together */

struct aio_context;

/* Room for `count` events; *id is an address in the program's memory, where libaio looks. -EAGAIN: more than AIO_MAX. */
nodiscard int aio_create(unsigned count, uint64_t *id);
nodiscard int aio_get(uint64_t id, struct aio_context **ctx); /* -EINVAL: none of the caller's */
void aio_put(struct aio_context *ctx);
nodiscard int aio_destroy(uint64_t id);
bool aio_has_room(struct aio_context *ctx);
nodiscard int aio_complete(struct aio_context *ctx, const struct io_event *event); /* -EAGAIN: no room */
/* Up to `most` events, in order; waits until `least` are there or the deadline. The count, or -EINTR: none. */
nodiscard int aio_take(struct aio_context *ctx, unsigned least, unsigned most, ns_t deadline, struct io_event *events);
void aio_process_exited(struct process *p);
unsigned aio_count(void); /* fs.aio-nr */
