/* SPDX-License-Identifier: Apache-2.0 */
/* See poll.h. Each item is asked once with a waiter left behind; who is told asks all again. */
#include "ipc/poll.h"
#include "time/clock.h"

struct poll_wait {
    struct spinlock lock; /* taken inside the locks of the files' objects */
    struct waitq waitq;
    bool is_told;
};

static bool item_told(struct waiter *waiter, uint32_t events)
{
    struct poll_item *item = container_of(waiter, struct poll_item, waiter);
    struct poll_wait *wait = item->wait;
    if (events && !(events & item->want))
        return false;
    spin_lock(&wait->lock);
    wait->is_told = true;
    waitq_wake_all(&wait->waitq, 0);
    spin_unlock(&wait->lock);
    return true;
}

/* Leaves a waiter behind if `wait` is given: not once something was found, since then nobody will sleep. */
static bool item_ask(struct poll_item *item, struct poll_wait *wait)
{
    if (!item->f)
        return item->ready != 0;
    if (wait && item->f->ops->unpoll) {
        item->waiter = (struct waiter){.notify = item_told};
        item->wait = wait;
        item->is_watching = true;
    }
    item->ready = file_poll(item->f, wait && item->is_watching ? &item->waiter : NULL) & item->want;
    return item->ready != 0;
}

static int64_t ask_all(struct poll_item *items, size_t count, struct poll_wait *wait)
{
    int64_t ready = 0;
    for (size_t i = 0; i < count; i++) {
        if (item_ask(&items[i], ready ? NULL : wait))
            ready++;
    }
    return ready;
}

static int wait_until_told(struct poll_wait *wait, ns_t deadline)
{
    int err = 0;
    spin_lock(&wait->lock);
    while (err == 0 && !wait->is_told)
        err = waitq_sleep(&wait->waitq, &wait->lock, deadline);
    wait->is_told = false;
    spin_unlock(&wait->lock);
    return err;
}

int64_t poll_items(struct poll_item *items, size_t count, ns_t deadline)
{
    struct poll_wait wait = {0};
    int err = deadline == NS_NEVER || deadline > clock_monotonic() ? 0 : -ETIMEDOUT;
    waitq_init(&wait.waitq);
    for (size_t i = 0; i < count; i++)
        items[i].is_watching = false;
    int64_t ready = ask_all(items, count, err ? NULL : &wait);
    while (ready == 0 && err == 0) {
        err = wait_until_told(&wait, deadline);
        ready = ask_all(items, count, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].is_watching)
            items[i].f->ops->unpoll(items[i].f, &items[i].waiter);
    }
    return ready || err != -EINTR ? ready : -EINTR;
}
