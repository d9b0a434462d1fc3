/* SPDX-License-Identifier: Apache-2.0 */
/* What a vCPU without work does; filled by init with hostcall's functions. */
#pragma once
#include "base/base.h"

struct sched_idle_ops {
    void (*wait)(ns_t deadline); /* until a kick, an event or the deadline */
    void (*collect)(void);       /* takes events that have come already */
};
extern const struct sched_idle_ops sched_idle_ops;
