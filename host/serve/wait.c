/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs with nothing to do. One of those that sleep is the poller: it sleeps in the epoll of all descriptors, and takes what
 * comes from there with the same call. The others sleep on their own word (a futex), so that an event wakes one
 * thread and no more. If the poller runs tasks for longer, the ticker makes another one the poller as soon as there are events;
 * one that finds nothing to do in what it brings steps back.
 */

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "serve_internal.h"

#define NOBODY     -1
#define EVENTS_MAX 64
#define IN_VAIN_NS 50000 /* what comes back from the enclave sooner had nothing to run there: an idle vCPU spins for 30 µs */

/* ---- events ------------------------------------------------------------------------------------------------- */

static size_t signals_take(struct serve *serve, struct hostcall_event *out, size_t max)
{
    struct signalfd_siginfo info;
    size_t count = 0;
    while (count < max && read(serve->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCONT)
            terminal_resume(); /* a shell that gave us the terminal back set it as it was when we stopped, or before */
        if (info.ssi_signo == SIGTSTP && atomic_load(&serve->is_stopping))
            continue; /* stop_self's own */
        uint64_t value = info.ssi_code == SI_KERNEL ? HOSTCALL_SIGNAL_FOR_GROUP : 0;
        out[count++] = (struct hostcall_event){HOSTCALL_EVENT_SIGNAL, info.ssi_signo, value};
    }
    return count;
}

static size_t event_take(struct serve *serve, const struct epoll_event *event, struct hostcall_event *out, size_t max)
{
    uint64_t kicks;
    switch (event->data.u64) {
    case SERVE_SIGNAL_TAG:
        return signals_take(serve, out, max);
    case SERVE_REQUEST_TAG:
        *out = (struct hostcall_event){HOSTCALL_EVENT_REQUEST, 0, 0};
        return 1;
    case SERVE_KICK_TAG:
        if (read(serve->kick_fd, &kicks, sizeof(kicks)) < 0)
            return 0; /* another poller took it */
        return 0;
    default:
        *out = (struct hostcall_event){HOSTCALL_EVENT_READY, (uint32_t)event->data.u64, event->events};
        return 1;
    }
}

/* What no vCPU has taken yet: descriptors that became ready, and signals. Waits for it. */
static size_t events_take(struct serve *serve, int64_t timeout_ns, struct hostcall_event *out, size_t max)
{
    struct epoll_event ready[EVENTS_MAX];
    struct timespec ts = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    int n = epoll_pwait2(serve->events_fd, ready, max < EVENTS_MAX ? (int)max : EVENTS_MAX, timeout_ns < 0 ? NULL : &ts, NULL);
    size_t count = 0;
    for (int i = 0; i < n && count < max; i++)
        count += event_take(serve, &ready[i], out + count, max - count);
    return count;
}

/* ---- sleeping -------------------------------------------------------------------------------------------------- */

static void word_sleep(struct serve_vcpu *vcpu, int64_t timeout_ns)
{
    struct timespec ts = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    syscall(SYS_futex, &vcpu->is_kicked, FUTEX_WAIT_PRIVATE, 0, timeout_ns < 0 ? NULL : &ts, NULL, 0);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/*
 * It has just brought events, and they gave it nothing to do: they were for tasks that run on another vCPU, which will ask for more itself
 * when it has no others. To be woken for each would only take processor time away from those who work.
 */
static bool polls_in_vain(const struct serve_vcpu *vcpu)
{
    const struct serve *serve = vcpu->serve;
    if (now_ns() - vcpu->polled_at > IN_VAIN_NS)
        return false;
    for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
        if (i != vcpu->id && !atomic_load(&serve->vcpus[i].is_waiting) && !atomic_load(&serve->vcpus[i].is_gone))
            return true;
    }
    return false;
}

/* Order: a kick that does not see us as the poller was there before we look whether one came. */
static size_t vcpu_sleep(struct serve_vcpu *vcpu, int64_t timeout_ns, struct hostcall_event *out, size_t max)
{
    struct serve *serve = vcpu->serve;
    int nobody = NOBODY;
    size_t count = 0;
    atomic_store(&vcpu->is_waiting, true);
    if (!polls_in_vain(vcpu) && atomic_compare_exchange_strong(&serve->poller, &nobody, (int)vcpu->id)) {
        count = events_take(serve, atomic_load(&vcpu->is_kicked) ? 0 : timeout_ns, out, max);
        atomic_store(&serve->poller, NOBODY);
        vcpu->polled_at = count > 0 ? now_ns() : 0;
    } else {
        word_sleep(vcpu, timeout_ns);
    }
    atomic_store(&vcpu->is_waiting, false);
    atomic_store(&vcpu->is_kicked, 0);
    return count;
}

void vcpu_kick(struct serve_vcpu *vcpu)
{
    const uint64_t one = 1;
    atomic_store(&vcpu->is_kicked, 1);
    if (!atomic_load(&vcpu->is_waiting))
        sgx_interrupt(vcpu->serve->enclave, vcpu->id);
    else if (atomic_load(&vcpu->serve->poller) != (int)vcpu->id)
        syscall(SYS_futex, &vcpu->is_kicked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    else if (write(vcpu->serve->kick_fd, &one, sizeof(one)) < 0)
        return; /* full: kicked already */
}

int wait_init(struct serve *serve)
{
    struct epoll_event signals = {.events = EPOLLIN, .data.u64 = SERVE_SIGNAL_TAG}, kicks = {.events = EPOLLIN, .data.u64 = SERVE_KICK_TAG};
    atomic_store(&serve->poller, NOBODY);
    serve->events_fd = epoll_create1(EPOLL_CLOEXEC);
    serve->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (serve->events_fd < 0 || serve->kick_fd < 0 || epoll_ctl(serve->events_fd, EPOLL_CTL_ADD, serve->kick_fd, &kicks) < 0)
        return -1;
    return epoll_ctl(serve->events_fd, EPOLL_CTL_ADD, serve->signal_fd, &signals);
}

/* ---- the calls ---------------------------------------------------------------------------------------------------- */

int64_t serve_wait(struct serve_vcpu *vcpu, int64_t timeout_ns, void *events, size_t events_size)
{
    size_t max = events_size / sizeof(struct hostcall_event), count;
    if (timeout_ns == 0) {
        count = events_take(vcpu->serve, 0, events, max);
    } else {
        count = vcpu_sleep(vcpu, timeout_ns, events, max);
        ticker_wake(vcpu->serve);
    }
    return (int64_t)(count * sizeof(struct hostcall_event));
}

int64_t serve_kick(struct serve_vcpu *vcpu, uint32_t target)
{
    if (target >= vcpu->serve->options.vcpu_count)
        return -EINVAL;
    vcpu_kick(&vcpu->serve->vcpus[target]);
    return 0;
}
