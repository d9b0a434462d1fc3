/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door out. The checked wrappers hostcall_<name>() are generated (hostcall_gen.h in build/gen) from
 * hostcall.tab: they copy data through the vCPU's bounce buffer, leave, and check each part of the reply against
 * its range. The result is the call's, or -errno of its list, or -EIO for anything else.
 */
#pragma once
#include "base/list.h"
#include "naos/hostcall.h"
#include "hostcall_gen.h"

/* Bytes of the host, read once into trusted memory. src is a checked host range. */
void host_copy_in(void *dst, uint64_t src, size_t size);
void host_copy_out(uint64_t dst, const void *src, size_t size);

/*
 * Waiting for host descriptors: the one place that knows which of them somebody waits for. `wait` events are
 * handed to the watch of their descriptor; a descriptor that nobody watches is ignored.
 */
struct host_watch {
    struct list node; /* hostcall's own */
    int fd;
    /* Runs in the idle loop of some vCPU; must not sleep. events: EPOLL bits, checked. */
    void (*ready)(struct host_watch *watch, uint32_t events);
};
nodiscard int host_watch_add(struct host_watch *watch, uint32_t events);
void host_watch_remove(struct host_watch *watch);

/* Filled by init. Both run in the idle loop of some vCPU and must not sleep. */
/*
 * On the host's word a program gets only what a terminal, a user or a service manager sends; a fault (SIGSEGV, SIGFPE ...) only by the
 * processor's: a handler of one believes that what it handles has happened.
 */
static inline bool host_signal_is_fault(int signo)
{
    return signo == 4 || signo == 5 || signo == 7 || signo == 8 || signo == 11 || signo == 31; /* ILL TRAP BUS FPE SEGV SYS */
}

struct host_event_ops {
    /* The host process got it; of the few that are let in. is_for_group: the host's terminal sent it. */
    void (*signal)(int signo, bool is_for_group);
    void (*request)(void); /* request_take has something */
};
extern const struct host_event_ops host_event_ops;

/* sched calls this when a vCPU has nothing to do; it leaves, waits, and hands out what it brought. */
void hostcall_idle(ns_t deadline);
/* The same without waiting, for a vCPU that was interrupted: events may have come while all are busy. */
void hostcall_collect(void);
/* Log lines leave through the `log` call from here on. */
void hostcall_log_init(void);
/* Counts for --stats: calls by number. */
extern uint64_t hostcall_counts[HOSTCALL_COUNT];
extern uint64_t hostcall_bytes[HOSTCALL_COUNT]; /* of data, both ways */
