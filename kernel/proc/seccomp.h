/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2): which system calls a thread may make. What dispatch.c, seccomp calls and procfs need of seccomp.c. */
#pragma once
#include "proc/process.h"

struct arch_regs;
struct seccomp_filter;

/* The calling thread has a mode: true if the call is not to be made, *result is what the program gets then. Does not return if it kills. */
nodiscard bool seccomp_stops(struct arch_regs *regs, uint64_t nr, const uint64_t args[static 6], int64_t *result);
/* Reads and checks a program. -EINVAL: it is none that a filter may be; -EACCES: the caller may not have filters; -EFAULT, -ENOMEM. */
nodiscard int seccomp_filter_read(uaddr_t fprog, bool logs, struct seccomp_filter **filter);
/* Puts it on top of the caller's filters, or of all threads'. Takes the filter, unless it fails: -EINVAL in another mode, -ENOMEM if they are
 * too many; the tid of a thread that has other filters than the caller. */
nodiscard int32_t seccomp_filter_add(struct seccomp_filter *filter, bool all_threads);
nodiscard int seccomp_set_strict(void);
void seccomp_inherit(struct thread *child, struct thread *parent); /* of a child that is on its process's list and does not run yet */
void seccomp_filter_put(struct seccomp_filter *filter); /* and those below it that nobody else has; NULL is fine */
unsigned seccomp_filter_count(struct thread *t);
