/* SPDX-License-Identifier: Apache-2.0 */
/* Interval timers and POSIX timers of a process, for the system calls and for each other. */
#pragma once
#include <linux/time.h>
#include "proc/internal.h"
#include "time/timer.h"

struct itimers {
    struct spinlock lock;
    struct process *process;
    struct timer real_timer, cpu_timer;
    ns_t next[3]; /* by ITIMER_*: monotonic for REAL, processor time for the others; 0: off */
    ns_t interval[3];
    uint64_t limit_told; /* RLIMIT_CPU: the second of the last SIGXCPU */
};

struct itimer_value {
    ns_t left, interval;
};

struct itimers *itimers_get(struct process *p); /* made if it is not there; NULL: no memory */
nodiscard int itimer_set(struct process *p, int which, const struct itimer_value *value,
                         struct itimer_value *old);
void itimer_get(struct process *p, int which, struct itimer_value *value);

/* ---- timer_create(2) and its relatives, of the calling process --------------------------------------------- */

struct posix_timer_spec {
    int clock;
    int notify; /* SIGEV_* */
    int signo;
    int32_t tid; /* SIGEV_THREAD_ID */
    uint64_t value; /* sigval */
    bool has_value; /* false: sigval is the timer's id */
};
nodiscard int posix_timer_create(const struct posix_timer_spec *spec, int *id);
/* value->left is a point on the timer's clock if is_absolute; 0 disarms. */
nodiscard int posix_timer_set(int id, bool is_absolute, const struct itimer_value *value,
                              struct itimer_value *old);
nodiscard int posix_timer_get(int id, struct itimer_value *value);
nodiscard int posix_timer_overrun(int id);
nodiscard int posix_timer_delete(int id);
/* Fires the CPU timers that are due; processor time until the next, NS_NEVER for none. */
ns_t posix_timers_check_cpu(struct process *p);
