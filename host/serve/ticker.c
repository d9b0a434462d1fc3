/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ticker: what hardware would do with a timer interrupt. Every TICK it looks at the hints in the vCPUs' frames: a
 * vCPU with tasks that wait gets help from an idle one, or is interrupted; with no vCPU idle, events and due
 * timers interrupt one too; an idle one is made the poller. It sleeps while all vCPUs wait.
 */

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>
#include "serve_internal.h"

#define TICK_NS 2000000L
#define QUIET_TICKS 16 /* ticks with all vCPUs waiting before the ticker sleeps */

static pthread_t thread;
static _Atomic uint32_t is_asleep;
static _Atomic uint32_t is_stopped;

static bool is_waiting(struct serve *serve, unsigned vcpu)
{
    return atomic_load_explicit(&serve->vcpus[vcpu].is_waiting, memory_order_relaxed);
}

static int64_t enclave_now(const struct serve *serve)
{
    uint64_t ticks = __rdtsc() - serve->boot->tsc;
    return (int64_t)((unsigned __int128)ticks * 1000000000u / serve->boot->tsc_hz);
}

static bool is_timer_due(const struct serve *serve)
{
    int64_t next = __atomic_load_n(&serve->vcpus[0].frame->next_timer_ns, __ATOMIC_RELAXED);
    return next > 0 && next <= enclave_now(serve);
}

static bool has_events(struct serve *serve)
{
    struct pollfd p = {.fd = serve->events_fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/*
 * Tasks wait on a busy vCPU: wakes an idle vCPU to steal them; interrupts the busy one if there is none, or if that did not
 * help (tasks whose memory is in use on the busy one cannot go elsewhere).
 */
static void help_queued(struct serve *serve, int idle)
{
    for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
        uint32_t queued = __atomic_load_n(&serve->vcpus[i].frame->queued, __ATOMIC_RELAXED);
        if (queued == 0 || is_waiting(serve, i)) {
            serve->vcpus[i].queued_ticks = 0;
            continue;
        }
        if (idle >= 0)
            vcpu_kick(&serve->vcpus[idle]);
        if (idle < 0 || serve->vcpus[i].queued_ticks++ > 0)
            sgx_interrupt(serve->enclave, i);
    }
}

/* Events, and nobody who polls: an idle vCPU shall, else a busy one is interrupted to take them. */
static void event_help(struct serve *serve, int idle, int busy)
{
    if (idle >= 0)
        vcpu_kick(&serve->vcpus[idle]);
    else
        sgx_interrupt(serve->enclave, (unsigned)busy);
}

/* Some vCPU that waits, and some that does not; -1: there is none. */
static void vcpus_look(struct serve *serve, int *idle, int *busy)
{
    *idle = *busy = -1;
    for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
        if (is_waiting(serve, i))
            *idle = (int)i;
        else
            *busy = (int)i;
    }
}

void ticker_event(struct serve *serve)
{
    int idle, busy;
    vcpus_look(serve, &idle, &busy);
    if (busy >= 0 && atomic_load(&serve->poller) < 0)
        event_help(serve, idle, busy);
}

/* False: all vCPUs wait. */
static bool tick(struct serve *serve)
{
    int idle, busy;
    vcpus_look(serve, &idle, &busy);
    if (busy < 0)
        return false;
    help_queued(serve, idle);
    if (is_timer_due(serve))
        vcpu_kick(&serve->vcpus[idle >= 0 ? idle : busy]);
    else if (atomic_load(&serve->poller) < 0 && has_events(serve))
        event_help(serve, idle, busy);
    return true;
}

static void *ticker_main(void *arg)
{
    struct serve *serve = arg;
    const struct timespec pause = {0, TICK_NS};
    unsigned quiet = 0;
    while (!atomic_load(&serve->is_done)) {
        syscall(SYS_futex, &is_stopped, FUTEX_WAIT_PRIVATE, 0, &pause, NULL, 0);
        quiet = tick(serve) ? 0 : quiet + 1;
        if (quiet < QUIET_TICKS)
            continue;
        atomic_store(&is_asleep, 1);
        if (!tick(serve))
            syscall(SYS_futex, &is_asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
        quiet = 0;
    }
    return NULL;
}

void ticker_wake(struct serve *serve)
{
    (void)serve;
    if (atomic_load(&is_asleep) && atomic_exchange(&is_asleep, 0))
        syscall(SYS_futex, &is_asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int ticker_start(struct serve *serve)
{
    return -pthread_create(&thread, NULL, ticker_main, serve);
}

void ticker_stop(struct serve *serve)
{
    atomic_store(&is_stopped, 1); /* nobody waits for a tick that is not needed */
    syscall(SYS_futex, &is_stopped, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    ticker_wake(serve);
    pthread_join(thread, NULL);
}
