/* SPDX-License-Identifier: Apache-2.0 */
/* What all sockets share: life, events, and a socket as a file. */
#include "net/socket.h"
#include <linux/eventpoll.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "net/caller.h"
#include "net/interface.h"
#include "time/clock.h"

static struct spinlock all_lock; /* guards the list and the count; nothing is locked under it */
static struct list all = LIST_INIT(all);
static size_t all_count;

/* ---- life --------------------------------------------------------------------------------------------------- */

void socket_init(struct socket *s, const struct socket_ops *ops, unsigned family, unsigned type, unsigned protocol)
{
    static uint64_t last_cookie;
    ref_init(&s->ref, 1);
    waitq_init(&s->polls);
    list_init(&s->pending_node);
    s->ops = ops;
    s->family = (uint16_t)family;
    s->type = (uint16_t)type;
    s->protocol = (uint16_t)protocol;
    s->send_size = s->receive_size = SOCKET_BUFFER_DEFAULT;
    s->uid = caller_ucred().uid;
    spin_lock(&all_lock);
    s->cookie = ++last_cookie;
    list_push_back(&all, &s->all_node);
    all_count++;
    spin_unlock(&all_lock);
}

/* Its last descriptor went, or it never had one. Once at least, and more often does no harm. */
static void unlist(struct socket *s)
{
    spin_lock(&all_lock);
    all_count -= !list_is_empty(&s->all_node);
    list_remove(&s->all_node);
    spin_unlock(&all_lock);
}

static size_t list_fill(struct socket **list, size_t max)
{
    struct socket *s;
    size_t count = 0;
    spin_lock(&all_lock);
    list_for_each (s, &all, all_node) {
        if (count < max && ref_get_unless_zero(&s->ref))
            list[count++] = s;
    }
    spin_unlock(&all_lock);
    return count;
}

int socket_list(struct socket ***list, size_t *count)
{
    size_t max = __atomic_load_n(&all_count, __ATOMIC_RELAXED) + 16; /* some may come meanwhile; more are left out */
    *list = heap_alloc(max * sizeof(**list));
    if (!*list)
        return -ENOMEM;
    *count = list_fill(*list, max);
    return 0;
}

void socket_get(struct socket *s)
{
    ref_get(&s->ref);
}

void socket_put(struct socket *s)
{
    if (s && ref_put(&s->ref)) {
        unlist(s);
        s->ops->destroy(s);
    }
}

int socket_create(unsigned family, unsigned type, unsigned protocol, struct socket **s)
{
    switch (family) {
    case AF_UNIX:
        return unix_create(type, protocol, s);
    case AF_INET:
    case AF_INET6:
        return inet_create(family, type, protocol, s);
    case AF_NETLINK:
        return netlink_create(type, protocol, s);
    default:
        return -EAFNOSUPPORT;
    }
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

void socket_wake(struct socket *s, uint32_t events)
{
    spin_lock(&s->lock);
    waitq_wake_all(&s->polls, events);
    spin_unlock(&s->lock);
}

int socket_take_error(struct socket *s)
{
    if (likely(__atomic_load_n(&s->error, __ATOMIC_RELAXED) == 0))
        return 0;
    return -__atomic_exchange_n(&s->error, 0, __ATOMIC_ACQ_REL);
}

void socket_set_error(struct socket *s, int error)
{
    __atomic_store_n(&s->error, error < 0 ? -error : error, __ATOMIC_RELEASE);
}

void socket_add_shutdown(struct socket *s, unsigned bits)
{
    __atomic_fetch_or(&s->shutdown, (uint8_t)bits, __ATOMIC_SEQ_CST);
}

ns_t socket_deadline(ns_t timeout)
{
    ns_t deadline;
    if (timeout == 0 || __builtin_add_overflow(clock_monotonic(), timeout, &deadline))
        return NS_NEVER;
    return deadline;
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

int64_t socket_send(struct socket *s, struct message *m)
{
    if ((m->flags & MSG_OOB) && !s->ops->has_urgent)
        return -EOPNOTSUPP;
    if (m->scm.rights && s->family != AF_UNIX)
        return -EINVAL;
    if (unlikely(socket_shutdown_bits(s) & SOCKET_SHUT_SEND)) {
        int err = socket_take_error(s);
        return err ? err : -EPIPE;
    }
    return s->ops->send ? s->ops->send(s, m) : -EOPNOTSUPP;
}

int64_t socket_receive(struct socket *s, struct message *m)
{
    bool is_inet = s->family == AF_INET || s->family == AF_INET6;
    if ((m->flags & MSG_OOB) && !s->ops->has_urgent && !is_inet) /* UDP takes no notice of it */
        return -EOPNOTSUPP;
    if (m->flags & MSG_ERRQUEUE)
        return -EAGAIN;
    return s->ops->receive ? s->ops->receive(s, m) : -EOPNOTSUPP;
}

/* ---- as a file ------------------------------------------------------------------------------------------------------ */

static int64_t socket_file_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct message m = {.it = to, .nonblock = nonblock};
    (void)off;
    if (to->left == 0)
        return 0;
    int64_t n = socket_receive(f->data, &m);
    scm_drop(&m.scm);
    return n;
}

static int64_t socket_file_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct socket *s = f->data;
    struct message m = {.it = from, .nonblock = nonblock};
    (void)off;
    int64_t n = socket_send(s, &m);
    scm_drop(&m.scm);
    if (n == -EPIPE && s->type == SOCK_STREAM)
        caller_sigpipe();
    return n;
}

static uint32_t socket_file_poll(struct file *f, struct waiter *waiter)
{
    struct socket *s = f->data;
    if (waiter) {
        spin_lock(&s->lock);
        waitq_add(&s->polls, waiter);
        spin_unlock(&s->lock);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* who changes a state after this sees the waiter */
    }
    return s->ops->poll(s);
}

static void socket_file_unpoll(struct file *f, struct waiter *waiter)
{
    struct socket *s = f->data;
    spin_lock(&s->lock);
    waitq_remove(&s->polls, waiter);
    spin_unlock(&s->lock);
}

static int64_t socket_file_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct socket *s = f->data;
    int64_t result = interface_ioctl(cmd, arg);
    if (result == -ENOTTY && s->ops->ioctl)
        result = s->ops->ioctl(s, cmd, arg);
    return result;
}

static void socket_file_release(struct file *f)
{
    struct socket *s = f->data;
    unlist(s);
    s->ops->close(s);
    socket_put(s);
}

static const struct file_ops socket_file_ops = {
    .name = "socket",
    .stat_mode = S_IFSOCK | 0777,
    .read = socket_file_read,
    .write = socket_file_write,
    .ioctl = socket_file_ioctl,
    .poll = socket_file_poll,
    .unpoll = socket_file_unpoll,
    .release = socket_file_release,
};

int socket_file(struct socket *s, unsigned flags, struct file **f)
{
    int err = file_create(&socket_file_ops, s, 02 /* O_RDWR */ | (flags & SOCK_NONBLOCK), f);
    if (err) {
        s->ops->close(s);
        socket_put(s);
    } else {
        (*f)->mode |= FMODE_STREAM;
    }
    return err;
}

struct socket *socket_of(struct file *f)
{
    return f->ops == &socket_file_ops ? f->data : NULL;
}
