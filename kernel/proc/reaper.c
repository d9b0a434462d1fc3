/* SPDX-License-Identifier: Apache-2.0 */
/* Pid 1 of an enclave that was started without a program: a thread of the kernel's own, that does what tini does. */
#include <linux/wait.h>
#include "base/string.h"
#include "proc/internal.h"
#include "time/clock.h"

#define END_SET   (signal_bit(SIGTERM) | signal_bit(SIGINT))
#define LOOK_TIME (10 * NS_PER_MS) /* while the others end: they are no children, and tell nobody */

static void orphans_reap(void)
{
    const struct wait_request any = {.id_type = P_ALL, .options = WEXITED | WNOHANG | __WALL};
    struct wait_result result;
    int err;
    do
        err = process_wait(&any, &result);
    while (err == 0 && result.pid > 0);
}

void reaper_run(struct thread *t)
{
    bool is_ending = false;
    str_copy(t->name, "init", sizeof(t->name));
    signal_set_mask(t, ~0ULL);
    for (;;) {
        siginfo_t info;
        int signo = signal_wait(END_SET | signal_bit(SIGCHLD), is_ending ? clock_monotonic() + LOOK_TIME : NS_NEVER, &info);
        if (signo == -EINTR)
            process_exit_group(SIGKILL); /* nothing else gets past the mask */
        orphans_reap();
        if (signo > 0 && signo != SIGCHLD) {
            is_ending = true;
            process_signal_all_others(t->process, SIGTERM);
        }
        if (is_ending && !process_others_are_alive(t->process))
            process_exit_group(0);
    }
}
