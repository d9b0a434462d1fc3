/* SPDX-License-Identifier: Apache-2.0 */
/* No wake is lost, by whatever way the vCPUs meet; each kind of end is told apart. */
#include "sync/waitq.h"
#include "time/clock.h"
#include "unit.h"

#define ITEMS 200

static struct channel {
    struct spinlock lock;
    struct waitq readers, writers;
    int value;
    bool is_full;
} channel;

static void channel_init(void)
{
    waitq_init(&channel.readers);
    waitq_init(&channel.writers);
}

static void produce(void *arg)
{
    (void)arg;
    for (int i = 0; i < ITEMS; i++) {
        spin_lock(&channel.lock);
        while (channel.is_full)
            EXPECT_EQ(waitq_sleep(&channel.writers, &channel.lock, NS_NEVER), 0);
        channel.value = i;
        channel.is_full = true;
        waitq_wake_one(&channel.readers, 0);
        spin_unlock(&channel.lock);
    }
}

static void consume(void *arg)
{
    (void)arg;
    for (int i = 0; i < ITEMS; i++) {
        spin_lock(&channel.lock);
        while (!channel.is_full)
            EXPECT_EQ(waitq_sleep(&channel.readers, &channel.lock, NS_NEVER), 0);
        EXPECT_EQ(channel.value, i);
        channel.is_full = false;
        waitq_wake_one(&channel.writers, 0);
        spin_unlock(&channel.lock);
    }
}

static void ping_pong(void)
{
    channel_init();
    struct unit_task *a = unit_spawn(produce, NULL), *b = unit_spawn(consume, NULL);
    unit_join(a);
    unit_join(b);
}

static void timeouts(void)
{
    channel_init();
    ns_t before = clock_monotonic();
    spin_lock(&channel.lock);
    EXPECT_EQ(waitq_sleep(&channel.readers, &channel.lock, before + 3 * NS_PER_MS), -ETIMEDOUT);
    EXPECT_EQ(waitq_sleep(&channel.readers, &channel.lock, before), -ETIMEDOUT);
    spin_unlock(&channel.lock);
    EXPECT(clock_monotonic() >= before + 3 * NS_PER_MS);
    EXPECT(!waitq_has_waiters(&channel.readers));
}

static struct task *sleeper;
static int ends[3];

static void sleep_and_tell(void *arg)
{
    (void)arg;
    __atomic_store_n(&sleeper, task_current(), __ATOMIC_RELEASE);
    spin_lock(&channel.lock);
    while (!channel.is_full && !task_current()->is_interrupted) {
        int err = waitq_sleep(&channel.readers, &channel.lock, clock_monotonic() + 20 * NS_PER_US);
        ends[err == 0 ? 0 : err == -EINTR ? 1 : 2]++;
    }
    spin_unlock(&channel.lock);
}

static void interrupts(void)
{
    channel_init();
    struct unit_task *t = unit_spawn(sleep_and_tell, NULL);
    while (!__atomic_load_n(&sleeper, __ATOMIC_ACQUIRE))
        EXPECT_EQ(sleep_until(clock_monotonic() + NS_PER_US), 0);
    EXPECT_EQ(sleep_until(clock_monotonic() + (ns_t)(fake_random() % 100000)), 0);
    task_interrupt(sleeper);
    unit_join(t);
    EXPECT_EQ(ends[0], 0);
    EXPECT(ends[1] <= 1);
}

static const struct unit_test tests[] = {
    {"ping_pong", ping_pong, .vcpus = 3, .seeds = 10},
    {"ping_pong_alone", ping_pong},
    {"timeouts", timeouts, .vcpus = 2, .seeds = 10},
    {"interrupts", interrupts, .vcpus = 3, .seeds = 10},
};
UNIT_MAIN(tests)
