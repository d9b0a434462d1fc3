/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/eventfd.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include "base/string.h"
#include "heap/heap.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
    struct spinlock lock; /* guards the rest */
    struct waitq waitq;
    uint64_t count;
    bool is_semaphore;
    unsigned id;
};

static int64_t eventfd_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct eventfd *e = f->data;
    uint64_t value = 0;
    int err = 0;
    (void)off;
    if (to->left < sizeof(value))
        return -EINVAL;
    spin_lock(&e->lock);
    while (err == 0 && e->count == 0)
        err = nonblock ? -EAGAIN : waitq_sleep(&e->waitq, &e->lock, NS_NEVER);
    if (err == 0) {
        value = e->is_semaphore ? 1 : e->count;
        e->count -= value;
        waitq_wake_all(&e->waitq, EPOLLOUT | EPOLLWRNORM);
    }
    spin_unlock(&e->lock);
    return err ? err : iov_copy_to(to, &value, sizeof(value));
}

static int64_t eventfd_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct eventfd *e = f->data;
    uint64_t value;
    int err = 0;
    (void)off;
    if (from->left < sizeof(value))
        return -EINVAL;
    if (iov_copy_from(from, &value, sizeof(value)) < (int64_t)sizeof(value))
        return -EFAULT;
    if (value > COUNT_MAX)
        return -EINVAL;
    spin_lock(&e->lock);
    while (err == 0 && COUNT_MAX - e->count < value)
        err = nonblock ? -EAGAIN : waitq_sleep(&e->waitq, &e->lock, NS_NEVER);
    if (err == 0) {
        e->count += value;
        waitq_wake_all(&e->waitq, EPOLLIN | EPOLLRDNORM);
    }
    spin_unlock(&e->lock);
    return err ? err : (int64_t)sizeof(value);
}

static uint32_t eventfd_poll(struct file *f, struct waiter *waiter)
{
    struct eventfd *e = f->data;
    uint32_t events = 0;
    spin_lock(&e->lock);
    if (waiter)
        waitq_add(&e->waitq, waiter);
    if (e->count > 0)
        events |= EPOLLIN | EPOLLRDNORM;
    if (e->count < COUNT_MAX)
        events |= EPOLLOUT | EPOLLWRNORM;
    spin_unlock(&e->lock);
    return events;
}

static void eventfd_unpoll(struct file *f, struct waiter *waiter)
{
    struct eventfd *e = f->data;
    spin_lock(&e->lock);
    waitq_remove(&e->waitq, waiter);
    spin_unlock(&e->lock);
}

static void eventfd_release(struct file *f)
{
    heap_free(f->data);
}

static void eventfd_show_fdinfo(struct file *f, char *buf, size_t size)
{
    struct eventfd *e = f->data;
    format(buf, size, "eventfd-count: %16llx\neventfd-id: %u\neventfd-semaphore: %d\n", (unsigned long long)e->count, e->id,
           e->is_semaphore);
}

static const struct file_ops eventfd_ops = {
    .name = "[eventfd]",
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .unpoll = eventfd_unpoll,
    .release = eventfd_release,
    .show_fdinfo = eventfd_show_fdinfo,
};

bool file_is_eventfd(const struct file *f)
{
    return f->ops == &eventfd_ops;
}

int eventfd_create(uint64_t count, bool is_semaphore, unsigned flags, struct file **f)
{
    static unsigned next_id;
    struct eventfd *e = heap_zalloc(sizeof(*e));
    if (!e)
        return -ENOMEM;
    waitq_init(&e->waitq);
    e->count = count;
    e->is_semaphore = is_semaphore;
    e->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
    int err = file_create(&eventfd_ops, e, O_RDWR | (flags & O_NONBLOCK), f);
    if (err)
        heap_free(e);
    return err;
}
