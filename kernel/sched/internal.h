/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sched share. */
#pragma once
#include "sched/sched.h"

#define STEAL_AFTER (50 * NS_PER_US)
#define SLICE       (4 * NS_PER_MS)
#define WAKE_AFTER  (1 * NS_PER_MS) /* of a slice, after which one who has run less may take over */
#define SLICE_MAX   (100 * NS_PER_MS)
#define SWAP_WORTH  3 /* times the cost of a swap */
#define SPIN_TIME   (30 * NS_PER_US)
#define KICK_AGAIN  (1 * NS_PER_MS)

void sched_finish_switch(void);
