/* SPDX-License-Identifier: Apache-2.0 */
#include "net/accept.h"
#include <linux/eventpoll.h>

void accept_queue_init(struct accept_queue *q)
{
    *q = (struct accept_queue){0};
    list_init(&q->pending);
    waitq_init(&q->acceptors);
    waitq_init(&q->connectors);
}

int accept_push(struct socket *listener, struct accept_queue *q, struct socket *s, bool nonblock, ns_t deadline)
{
    int err = 0;
    spin_lock(&listener->lock);
    while (err == 0 && q->max > 0 && q->count >= q->max)
        err = nonblock ? -EAGAIN : waitq_sleep(&q->connectors, &listener->lock, deadline);
    if (err == 0 && q->max == 0)
        err = -ECONNREFUSED;
    if (err == 0) {
        list_push_back(&q->pending, &s->pending_node);
        q->count++;
        waitq_wake_one(&q->acceptors, EPOLLIN);
        waitq_wake_all(&listener->polls, EPOLLIN | EPOLLRDNORM);
    }
    spin_unlock(&listener->lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

struct socket *accept_take(struct socket *listener, struct accept_queue *q)
{
    spin_lock(&listener->lock);
    struct socket *s = list_first(&q->pending, struct socket, pending_node);
    if (s) {
        list_remove(&s->pending_node);
        q->count--;
        waitq_wake_one(&q->connectors, EPOLLOUT);
    }
    spin_unlock(&listener->lock);
    return s;
}

int accept_wait(struct socket *listener, struct accept_queue *q, bool (*may_come)(struct socket *listener), bool nonblock,
                ns_t deadline)
{
    int err = 0;
    spin_lock(&listener->lock);
    while (err == 0 && q->max > 0 && list_is_empty(&q->pending) && !(may_come && may_come(listener)))
        err = nonblock ? -EAGAIN : waitq_sleep(&q->acceptors, &listener->lock, deadline);
    if (err == 0 && q->max == 0)
        err = -EINVAL;
    spin_unlock(&listener->lock);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

void accept_wake(struct socket *listener, struct accept_queue *q)
{
    spin_lock(&listener->lock);
    waitq_wake_all(&q->acceptors, EPOLLIN);
    waitq_wake_all(&listener->polls, EPOLLIN | EPOLLRDNORM);
    spin_unlock(&listener->lock);
}

void accept_queue_close(struct socket *listener, struct accept_queue *q)
{
    struct list left = LIST_INIT(left);
    struct socket *s, *after;
    spin_lock(&listener->lock);
    q->max = 0;
    q->count = 0;
    list_splice(&left, &q->pending);
    waitq_wake_all(&q->connectors, EPOLLHUP);
    waitq_wake_all(&q->acceptors, EPOLLHUP);
    spin_unlock(&listener->lock);
    list_for_each_safe (s, after, &left, pending_node) {
        list_remove(&s->pending_node);
        s->is_abandoned = true;
        s->ops->close(s);
        socket_put(s);
    }
}
