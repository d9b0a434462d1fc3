/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/sched.h"
#include "heap/heap.h"
#include "sync/waitq.h"
#include "time/clock.h"
#include "unit.h"

static int ran;

static void count(void *arg)
{
    (void)arg;
    __atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
    task_yield();
}

static void hundreds_of_tasks(void)
{
    static struct unit_task *tasks[300];
    for (int i = 0; i < 300; i++)
        tasks[i] = unit_spawn(count, NULL);
    for (int i = 0; i < 300; i++)
        unit_join(tasks[i]);
    EXPECT_EQ(ran, 300);
}

/* A task's vector state is its own, whoever ran between. */
static void vector_state(void *arg)
{
    uint64_t mine = (uintptr_t)arg;
    for (int i = 0; i < 50; i++) {
        fake_fpu = mine;
        task_yield();
        EXPECT_EQ(fake_fpu, mine);
        EXPECT_EQ(sleep_until(clock_monotonic() + (ns_t)(fake_random() % 3000)), 0);
        EXPECT_EQ(fake_fpu, mine);
    }
}

static void vector_state_follows(void)
{
    struct unit_task *tasks[5];
    for (uintptr_t i = 0; i < 5; i++)
        tasks[i] = unit_spawn(vector_state, (void *)(i + 1));
    for (int i = 0; i < 5; i++)
        unit_join(tasks[i]);
}

static void stay(void *arg)
{
    uint64_t mask = (uintptr_t)arg;
    task_set_affinity(task_current(), mask);
    for (int i = 0; i < 30; i++) {
        EXPECT(mask & 1ULL << arch_vcpu()->id);
        EXPECT_EQ(sleep_until(clock_monotonic() + (ns_t)(fake_random() % 5000)), 0);
    }
}

static void affinity(void)
{
    struct unit_task *tasks[6];
    for (uintptr_t i = 0; i < 6; i++)
        tasks[i] = unit_spawn(stay, (void *)(uintptr_t)(i < 3 ? 1u << i : 5));
    for (int i = 0; i < 6; i++)
        unit_join(tasks[i]);
}

#define WANDERERS 4
static struct task *wanderers[WANDERERS];

static void wander(void *arg)
{
    __atomic_store_n(&wanderers[(uintptr_t)arg], task_current(), __ATOMIC_SEQ_CST);
    for (int i = 0; i < 40; i++) {
        task_yield();
        EXPECT_EQ(sleep_until(clock_monotonic() + (ns_t)(fake_random() % 3000)), 0);
    }
    __atomic_store_n(&wanderers[(uintptr_t)arg], NULL, __ATOMIC_SEQ_CST);
}

/* Others say where one may run, also while it waits in a queue where it may not stay. */
static void affinity_from_outside(void)
{
    struct unit_task *tasks[WANDERERS];
    for (uintptr_t i = 0; i < WANDERERS; i++)
        tasks[i] = unit_spawn(wander, (void *)i);
    for (int i = 0; i < 100; i++) {
        struct task *t = __atomic_load_n(&wanderers[fake_random() % WANDERERS], __ATOMIC_SEQ_CST);
        if (t)
            task_set_affinity(t, 1 + fake_random() % 7);
        if (fake_random() % 4 == 0)
            EXPECT_EQ(sleep_until(clock_monotonic() + (ns_t)(fake_random() % 2000)), 0);
    }
    for (int i = 0; i < WANDERERS; i++)
        unit_join(tasks[i]);
}

static void noop(void *arg)
{
    (void)arg;
}

static void task_or_nothing(void)
{
    static struct task tasks[80];
    int made = 0, err = 0;
    while (made < 80 && err == 0) {
        err = task_init(&tasks[made], NULL, noop, NULL);
        made += err == 0;
    }
    EXPECT(err == 0 || unit_is_nomem(err));
    for (int i = 0; i < made; i++)
        task_fini(&tasks[i]);
}

static void cpu_time(void)
{
    struct task *me = task_current();
    uint64_t before = task_cpu_ns(me);
    for (int i = 0; i < 1000; i++)
        EXPECT(clock_monotonic() > 0);
    uint64_t busy = task_cpu_ns(me);
    EXPECT(busy > before);
    EXPECT_EQ(sleep_until(clock_monotonic() + NS_PER_S), 0);
    EXPECT(task_cpu_ns(me) - busy < 100 * NS_PER_MS); /* sleeping costs nothing */
}

static const struct unit_test tests[] = {
    {"hundreds_of_tasks", hundreds_of_tasks, .vcpus = 4, .seeds = 10},
    {"vector_state_follows", vector_state_follows, .vcpus = 3, .seeds = 10},
    {"affinity", affinity, .vcpus = 3, .seeds = 10},
    {"affinity_from_outside", affinity_from_outside, .vcpus = 3, .seeds = 40},
    {"task_or_nothing", task_or_nothing, .is_nomem = true},
    {"cpu_time", cpu_time},
};
UNIT_MAIN(tests)
