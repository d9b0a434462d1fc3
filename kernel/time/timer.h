/* SPDX-License-Identifier: Apache-2.0 */
/* Something to do at a time. One ordered set for all vCPUs, under one lock held for a few instructions. */
#pragma once
#include "base/tree.h"

struct timer {
    struct tree_node node;
    ns_t deadline; /* monotonic */
    bool is_armed;
    bool is_running;
    /* Runs in the kernel, on any vCPU, with no lock held; must not sleep. May arm its timer again. */
    void (*fire)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));
/* Arms, or moves it if armed. A deadline in the past fires at the next timer_run. */
void timer_arm(struct timer *timer, ns_t deadline);
/* After it the timer is neither armed nor running. True if it was armed. Not from its own fire. */
bool timer_cancel(struct timer *timer);
ns_t timer_next(void); /* deadline of the earliest, NS_NEVER if none. Lock-free, may be stale by one change. */
void timer_run(void);  /* fires all that are due */
/* Set once by sched: told of each change of timer_next(), under the timers' lock. */
extern void (*timer_earliest_changed)(ns_t earliest);
