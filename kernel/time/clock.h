/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks. Monotonic time runs on the processor's counter and never goes back, whatever the host says;
 * real time starts from what the host claimed at boot and is not trusted (CAVEATS.md).
 */
#pragma once
#include "base/base.h"

void clock_init(void);
ns_t clock_monotonic(void); /* since boot */
ns_t clock_realtime(void);  /* since 1970 */
void clock_set_realtime(ns_t now); /* clock_settime inside the enclave; the host's clock stays as it is */

/*
 * What the vDSO reads, on a page of its own mapped read-only to programs. seq is odd during a change.
 * monotonic = base_ns + ((tsc - base_tsc) * mult >> shift); realtime = monotonic + realtime_offset.
 */
struct clock_page {
    uint32_t seq;
    uint32_t shift;
    uint64_t mult;
    uint64_t base_tsc;
    int64_t base_ns;
    int64_t realtime_offset;
};
extern const struct clock_page *clock_page; /* the kernel's own */
/* Programs' copy lies here from now on, and follows. The kernel never reads it. */
void clock_publish(struct clock_page *copy);
