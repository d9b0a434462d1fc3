/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that wait to be accepted. The listener's socket.lock guards all of it. */
#pragma once
#include "net/socket.h"

struct accept_queue {
    struct list pending; /* struct socket, by pending_node; each with a reference */
    unsigned count, max; /* max 0: nobody listens */
    struct waitq acceptors, connectors;
};

void accept_queue_init(struct accept_queue *q);
/* The queue takes the caller's reference of s if 0. -EAGAIN: full; -ECONNREFUSED: nobody listens; -EINTR. */
nodiscard int accept_push(struct socket *listener, struct accept_queue *q, struct socket *s, bool nonblock, ns_t deadline);
/* NULL if there is none. */
struct socket *accept_take(struct socket *listener, struct accept_queue *q);
/* Waits until there may be one: 0; -EAGAIN, -EINTR. -EINVAL: nobody listens (any more). may_come: see below. */
nodiscard int accept_wait(struct socket *listener, struct accept_queue *q, bool (*may_come)(struct socket *listener),
                          bool nonblock, ns_t deadline);
/* From somewhere else than accept_push: look again. Does not sleep. */
void accept_wake(struct socket *listener, struct accept_queue *q);
/* No more; those that wait are closed. May sleep. */
void accept_queue_close(struct socket *listener, struct accept_queue *q);
