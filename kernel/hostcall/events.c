/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `wait` brings: readiness of host descriptors, handed to who watches them, and signals. An event for a
 * descriptor that nobody watches, of an unknown kind, or with unknown bits is dropped.
 *
 * Lock: watch_lock guards the table. A watch's ready() runs under it, so that host_watch_remove ends with no
 * call of it under way; ready() must not add or remove watches.
 */
#include "hostcall/hostcall.h"
#include <linux/eventpoll.h>
#include "base/list.h"
#include "base/spinlock.h"
#include "base/log.h"
#include "time/clock.h"

#define WATCH_BUCKETS 256
#define EVENTS_MAX    64
#define EVENT_BITS    ((uint64_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP | EPOLLPRI))

static struct spinlock watch_lock = SPINLOCK(LOCK_WATCH);
static struct list watch_table[WATCH_BUCKETS];

static struct list *watch_bucket(int fd)
{
    struct list *bucket = &watch_table[(unsigned)fd % WATCH_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

int host_watch_add(struct host_watch *watch, uint32_t events)
{
    spin_lock(&watch_lock);
    list_push_back(watch_bucket(watch->fd), &watch->node);
    spin_unlock(&watch_lock);
    int64_t err = hostcall_watch(watch->fd, events);
    if (err < 0)
        host_watch_remove(watch);
    return (int)err;
}

void host_watch_remove(struct host_watch *watch)
{
    spin_lock(&watch_lock);
    list_remove(&watch->node);
    spin_unlock(&watch_lock);
}

static void event_ready(uint32_t fd, uint64_t events)
{
    struct host_watch *watch, *after;
    spin_lock(&watch_lock);
    list_for_each_safe (watch, after, watch_bucket((int)fd), node) {
        if (watch->fd == (int)fd)
            watch->ready(watch, (uint32_t)events);
    }
    spin_unlock(&watch_lock);
}

/* Those that host/serve takes (HUP INT QUIT USR1 USR2 TERM CONT TSTP WINCH). */
static bool is_signal_sent(uint32_t signo)
{
    const uint32_t sent = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 10 | 1u << 12 | 1u << 15 | 1u << 18 | 1u << 20 | 1u << 28;
    return signo < 32 && (sent >> signo & 1);
}

static void event_handle(const struct hostcall_event *event)
{
    if (event->kind == HOSTCALL_EVENT_READY && event->id <= 65535)
        event_ready(event->id, event->value & EVENT_BITS);
    else if (event->kind == HOSTCALL_EVENT_SIGNAL && is_signal_sent(event->id))
        host_event_ops.signal((int)event->id, event->value & HOSTCALL_SIGNAL_FOR_GROUP);
    else if (event->kind == HOSTCALL_EVENT_REQUEST)
        host_event_ops.request();
}

static void events_collect(ns_t timeout)
{
    struct hostcall_event events[EVENTS_MAX];
    int64_t size = hostcall_wait(timeout, events, sizeof(events));
    for (int64_t i = 0; i < size / (int64_t)sizeof(events[0]); i++)
        event_handle(&events[i]);
}

void hostcall_idle(ns_t deadline)
{
    ns_t timeout = -1;
    if (deadline != NS_NEVER) {
        timeout = deadline - clock_monotonic();
        if (timeout < 0)
            timeout = 0;
    }
    events_collect(timeout);
}

void hostcall_collect(void)
{
    events_collect(0);
}
