/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/mutex.h"
#include "unit.h"

#define TASKS  6
#define ROUNDS 60

static struct mutex mutex;
static struct rwlock rw;
static int inside, readers, total;

static void pause_somewhere(void)
{
    if (fake_random() % 3 == 0)
        task_yield();
    if (fake_random() % 8 == 0)
        EXPECT_EQ(sleep_until((ns_t)(fake_random() % 100000)), 0);
}

static void one_at_a_time(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        mutex_lock(&mutex);
        EXPECT(mutex_is_mine(&mutex) && ++inside == 1);
        pause_somewhere();
        inside--;
        total++;
        mutex_unlock(&mutex);
        pause_somewhere();
    }
}

static void all_run(void (*entry)(void *arg))
{
    struct unit_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++)
        tasks[i] = unit_spawn(entry, NULL);
    for (int i = 0; i < TASKS; i++)
        unit_join(tasks[i]);
}

static void excludes(void)
{
    all_run(one_at_a_time);
    EXPECT_EQ(total, TASKS * ROUNDS);
    EXPECT(mutex_trylock(&mutex));
    mutex_unlock(&mutex);
}

static void read_or_write(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (fake_random() % 4 == 0) {
            rwlock_lock_write(&rw);
            EXPECT(++inside == 1 && readers == 0);
            pause_somewhere();
            inside--;
            rwlock_unlock_write(&rw);
        } else {
            rwlock_lock_read(&rw);
            readers++;
            EXPECT(inside == 0);
            pause_somewhere();
            readers--;
            rwlock_unlock_read(&rw);
        }
        total++;
    }
}

static void readers_and_writers(void)
{
    all_run(read_or_write);
    EXPECT_EQ(total, TASKS * ROUNDS);
}

static const struct unit_test tests[] = {
    {"excludes", excludes, .vcpus = 3, .seeds = 8},
    {"readers_and_writers", readers_and_writers, .vcpus = 3, .seeds = 8},
};
UNIT_MAIN(tests)
