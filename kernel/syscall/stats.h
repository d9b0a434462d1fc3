/* SPDX-License-Identifier: Apache-2.0 */
/* What --strace and --stats see of a system call. */
#pragma once
#include "syscall/dispatch.h"

struct syscall_observation {
    uint64_t nr;
    uint64_t args[6];
    ns_t began;
    char inputs[512]; /* arguments that the call itself may change or that must be read before it: already text */
};

void syscall_observe_begin(struct syscall_observation *obs, uint64_t nr, const uint64_t args[static 6]);
void syscall_observe_end(struct syscall_observation *obs, int64_t result);
/* The table of --stats, to the host's stderr. Once, at the end. */
void syscall_stats_print(void);
