/* SPDX-License-Identifier: Apache-2.0 */
/* timerfd_create(2): a timer to wait for. */
#pragma once
#include <linux/timerfd.h>
#include "vfs/file.h"

struct timerfd_value {
    ns_t next;     /* from now, or a point with TFD_TIMER_ABSTIME; 0: disarmed */
    ns_t interval; /* 0: once */
};

/* clock: one of those of timerfd_create(2), checked here (-EINVAL); flags: O_NONBLOCK counts. */
nodiscard int timerfd_create(int clock, unsigned flags, struct file **f);
/* -EINVAL: not such a file. flags: TFD_TIMER_*. */
nodiscard int timerfd_set(struct file *f, unsigned flags, const struct timerfd_value *value, struct timerfd_value *old);
nodiscard int timerfd_get(struct file *f, struct timerfd_value *value);

/* CLOCK_REALTIME was set: timers that name a point on it move, and those with TFD_TIMER_CANCEL_ON_SET are cancelled. */
void timerfd_clock_was_set(void);
