/* SPDX-License-Identifier: Apache-2.0 */
/* sched_setaffinity(2): the caller moves at once, also to a processor that sleeps. */
#define _GNU_SOURCE
#include <sched.h>
#include <unistd.h>
#include "check.h"

static void move_to(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
    CHECK(sched_getcpu() == cpu);
    usleep(1000);
    CHECK(sched_getcpu() == cpu);
}

int main(void)
{
    cpu_set_t allowed, set;
    CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
    for (int round = 0; round < 20; round++) {
        for (int cpu = 0; cpu < 64; cpu++) {
            if (CPU_ISSET(cpu, &allowed))
                move_to(cpu);
        }
    }
    CPU_ZERO(&set);
    CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
    CHECK_ERRNO(sched_setaffinity(99999, sizeof(allowed), &allowed), ESRCH);
    CHECK(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
    CHECK(sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_EQUAL(&set, &allowed));
    return 0;
}
