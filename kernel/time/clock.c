/* SPDX-License-Identifier: Apache-2.0 */
#include "time/clock.h"
#include "arch/arch.h"
#include "platform/plat.h"

#define CLOCK_SHIFT 32

static struct clock_page page;
static struct clock_page *published;
const struct clock_page *clock_page = &page;

void clock_init(void)
{
    page.shift = CLOCK_SHIFT;
    page.mult = ((unsigned __int128)NS_PER_S << CLOCK_SHIFT) / plat_host_info.tsc_hz;
    page.base_tsc = (uint64_t)plat_host_info.tsc_at_boot;
    page.base_ns = 0;
    page.realtime_offset = plat_host_info.realtime_ns;
}

void clock_publish(struct clock_page *copy)
{
    *copy = page;
    __atomic_store_n(&published, copy, __ATOMIC_RELEASE);
}

ns_t clock_monotonic(void)
{
    static ns_t latest;
    uint64_t ticks = arch_counter() - clock_page->base_tsc;
    ns_t now = (ns_t)(((unsigned __int128)ticks * clock_page->mult) >> CLOCK_SHIFT);
    /* Counters of two processors may differ by a little, and the host may set them: never go back by more than we notice. */
    ns_t seen = __atomic_load_n(&latest, __ATOMIC_RELAXED);
    if (unlikely(now < seen))
        return seen;
    if (now - seen > NS_PER_US)
        __atomic_store_n(&latest, now, __ATOMIC_RELAXED);
    return now;
}

ns_t clock_realtime(void)
{
    return clock_monotonic() + __atomic_load_n(&clock_page->realtime_offset, __ATOMIC_RELAXED);
}

void clock_set_realtime(ns_t now)
{
    struct clock_page *copy = __atomic_load_n(&published, __ATOMIC_ACQUIRE);
    __atomic_store_n(&page.realtime_offset, now - clock_monotonic(), __ATOMIC_RELAXED);
    if (copy) /* one word: readers see the old or the new */
        __atomic_store_n(&copy->realtime_offset, page.realtime_offset, __ATOMIC_RELEASE);
}
