/* SPDX-License-Identifier: Apache-2.0 */
/* Times as programs give them, for the system calls that take one. */
#pragma once
#include <linux/time.h>
#include <linux/time_types.h>
#include "mm/usercopy.h"

/* -EINVAL: not a time. What is too far away for nanoseconds in 64 bits is NS_NEVER. */
nodiscard int timespec_to_ns(const struct __kernel_timespec *ts, ns_t *ns);
nodiscard int timespec_read(uaddr_t addr, ns_t *ns);
nodiscard int timespec_write(uaddr_t addr, ns_t ns);
nodiscard int timeval_read(uaddr_t addr, ns_t *ns);
nodiscard int timeval_write(uaddr_t addr, ns_t ns);
/* A relative timeout (struct timespec), as a point on the monotonic clock. */
nodiscard int timeout_read(uaddr_t addr, ns_t *deadline);
ns_t deadline_after(ns_t span);
/* A point on a clock as one on the monotonic clock. */
ns_t deadline_of_realtime(ns_t at);
