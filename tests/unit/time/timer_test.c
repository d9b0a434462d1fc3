/* SPDX-License-Identifier: Apache-2.0 */
#include "time/timer.h"
#include "base/list.h"
#include "sched/sched.h"
#include "sync/waitq.h"
#include "time/clock.h"
#include "unit.h"

#define TIMERS 100

static struct item {
    struct timer timer;
    ns_t deadline;
    int fired;
} items[TIMERS];

static void fire(struct timer *timer)
{
    struct item *item = container_of(timer, struct item, timer);
    EXPECT(clock_monotonic() >= item->deadline);
    item->fired++;
}

static void never_early_never_lost(void)
{
    ns_t start = clock_monotonic();
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&items[i].timer, fire);
        items[i].deadline = start + (ns_t)(fake_random() % 1000) * NS_PER_US;
        timer_arm(&items[i].timer, items[i].deadline);
    }
    for (int i = 0; i < TIMERS; i += 3)
        EXPECT(timer_cancel(&items[i].timer) || items[i].fired);
    for (int i = 1; i < TIMERS; i += 3) { /* moved: those that are armed still */
        if (!timer_cancel(&items[i].timer))
            continue;
        timer_arm(&items[i].timer, items[i].deadline + NS_PER_S);
        items[i].deadline += 500 * NS_PER_US;
        timer_arm(&items[i].timer, items[i].deadline);
    }
    EXPECT_EQ(sleep_until(start + 2000 * NS_PER_US), 0);
    for (int i = 0; i < TIMERS; i++)
        EXPECT(items[i].fired <= 1 && (i % 3 == 0 || items[i].fired == 1));
    EXPECT(timer_next() > clock_monotonic());
}

static int ticks;

static void tick(struct timer *timer)
{
    if (++ticks < 5)
        timer_arm(timer, clock_monotonic() + NS_PER_MS);
}

static void arms_itself_again(void)
{
    static struct timer timer;
    timer_init(&timer, tick);
    timer_arm(&timer, clock_monotonic() - 1);
    EXPECT_EQ(sleep_until(clock_monotonic() + 50 * NS_PER_MS), 0);
    EXPECT_EQ(ticks, 5);
    EXPECT(!timer_cancel(&timer));
}

static void clock_goes_forward(void)
{
    ns_t last = 0;
    for (int i = 0; i < 10000; i++) {
        ns_t now = clock_monotonic();
        EXPECT(now >= last);
        last = now;
    }
    clock_set_realtime(12345 * NS_PER_S);
    EXPECT(clock_realtime() >= 12345 * NS_PER_S && clock_realtime() < 12346 * NS_PER_S);
    EXPECT(clock_monotonic() >= last && clock_monotonic() < last + NS_PER_S);
}

static const struct unit_test tests[] = {
    {"never_early_never_lost", never_early_never_lost, .vcpus = 2, .seeds = 8},
    {"arms_itself_again", arms_itself_again, .vcpus = 2, .seeds = 10},
    {"clock_goes_forward", clock_goes_forward},
};
UNIT_MAIN(tests)
