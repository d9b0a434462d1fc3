/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the host: read and written through a bounce buffer of one size, never waited for outside: EAGAIN puts the
 * task to sleep until `wait` brings the descriptor's readiness. A host that lies about readiness costs time only.
 *
 * Lock: stream->lock guards the queue and `events`, the bits that came since they were last used up.
 */
#include "fs/stdio.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "mm/usercopy.h"

#define CHUNK_SIZE (64UL << 10)
#define ALL_EVENTS (EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR | EPOLLRDHUP)

struct host_stream {
    struct host_watch watch;
    struct spinlock lock;
    struct waitq waitq;
    uint32_t events;
    bool is_watched; /* false: a file, always ready */
};

static void stream_ready(struct host_watch *watch, uint32_t events)
{
    struct host_stream *s = container_of(watch, struct host_stream, watch);
    spin_lock(&s->lock);
    s->events |= events;
    waitq_wake_all(&s->waitq, events);
    spin_unlock(&s->lock);
}

static void events_clear(struct host_stream *s, uint32_t events)
{
    spin_lock(&s->lock);
    s->events &= ~events;
    spin_unlock(&s->lock);
}

/* Sleeps until one of `events`, or the end of the stream, was reported. */
static int stream_wait(struct host_stream *s, uint32_t events)
{
    int err = 0;
    spin_lock(&s->lock);
    while (err == 0 && !(s->events & (events | EPOLLHUP | EPOLLERR)))
        err = waitq_sleep(&s->waitq, &s->lock, NS_NEVER);
    spin_unlock(&s->lock);
    return err;
}

static int64_t host_read_once(struct host_stream *s, void *buf, size_t size, bool nonblock)
{
    for (;;) {
        events_clear(s, EPOLLIN | EPOLLHUP);
        int64_t n = hostcall_read(s->watch.fd, buf, size);
        if (n != -EAGAIN || nonblock || !s->is_watched)
            return n;
        int err = stream_wait(s, EPOLLIN);
        if (err)
            return err;
    }
}

static int64_t host_write_once(struct host_stream *s, const void *buf, size_t size, bool nonblock)
{
    for (;;) {
        events_clear(s, EPOLLOUT);
        int64_t n = hostcall_write(s->watch.fd, buf, size);
        if (n != -EAGAIN || nonblock || !s->is_watched)
            return n;
        int err = stream_wait(s, EPOLLOUT);
        if (err)
            return err;
    }
}

static int64_t stream_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    size_t size = MIN(to->left, CHUNK_SIZE);
    void *buf = heap_alloc(size + 1);
    (void)off;
    if (!buf)
        return -ENOMEM;
    int64_t n = host_read_once(f->data, buf, size, nonblock);
    if (n > 0 && iov_copy_to(to, buf, (size_t)n) != n)
        n = -EFAULT;
    heap_free(buf);
    return n;
}

static int64_t chunk_write(struct host_stream *s, const uint8_t *buf, size_t size, bool nonblock)
{
    size_t done = 0;
    while (done < size) {
        int64_t n = host_write_once(s, buf + done, size - done, nonblock);
        if (n < 0)
            return done > 0 ? (int64_t)done : n;
        done += (size_t)n;
        if (n == 0)
            break;
    }
    return (int64_t)done;
}

static int64_t stream_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    uint8_t *buf = heap_alloc(MIN(from->left, CHUNK_SIZE) + 1);
    int64_t total = 0, n = 0;
    (void)off;
    if (!buf)
        return -ENOMEM;
    while (from->left > 0) {
        int64_t size = iov_copy_from(from, buf, MIN(from->left, CHUNK_SIZE));
        n = size > 0 ? chunk_write(f->data, buf, (size_t)size, nonblock) : size;
        total += MAX(n, 0);
        if (n < size || size <= 0)
            break;
    }
    heap_free(buf);
    return total > 0 ? total : n;
}

static uint32_t stream_poll(struct file *f, struct waiter *waiter)
{
    struct host_stream *s = f->data;
    spin_lock(&s->lock);
    if (waiter)
        waitq_add(&s->waitq, waiter);
    spin_unlock(&s->lock);
    if (!s->is_watched)
        return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
    int64_t events = hostcall_poll(s->watch.fd, EPOLLIN | EPOLLOUT);
    if (events < 0)
        return EPOLLERR;
    return ((uint32_t)events & ALL_EVENTS) | (events & EPOLLIN ? EPOLLRDNORM : 0) | (events & EPOLLOUT ? EPOLLWRNORM : 0);
}

static void stream_unpoll(struct file *f, struct waiter *waiter)
{
    struct host_stream *s = f->data;
    spin_lock(&s->lock);
    waitq_remove(&s->waitq, waiter);
    spin_unlock(&s->lock);
}

static void stream_release(struct file *f)
{
    struct host_stream *s = f->data;
    if (s->is_watched)
        host_watch_remove(&s->watch);
    int64_t err = hostcall_close(s->watch.fd);
    (void)err; /* nothing that could be done about it */
    heap_free(s);
}

static const struct file_ops stream_ops = {
    .name = "host",
    .stat_mode = S_IFIFO | 0600,
    .read = stream_read,
    .write = stream_write,
    .poll = stream_poll,
    .unpoll = stream_unpoll,
    .release = stream_release,
};

int host_file_open(int fd, unsigned flags, struct file **f)
{
    struct host_stream *s = heap_zalloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    waitq_init(&s->waitq);
    s->watch = (struct host_watch){.fd = fd, .ready = stream_ready};
    int err = host_watch_add(&s->watch, EPOLLIN | EPOLLOUT);
    s->is_watched = err == 0;
    if (err && err != -EPERM) { /* EPERM: a file */
        heap_free(s);
        return err;
    }
    err = file_create(&stream_ops, s, flags, f);
    if (err)
        heap_free(s);
    return err;
}
