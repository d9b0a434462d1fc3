/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues: mq_overview(7). */
#include <asm/siginfo.h>
#include "base/log.h"
#include "heap/heap.h"
#include "ipc/mqueue.h"
#include "net/netlink.h"
#include "syscall/fds.h"
#include "syscall/paths.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

static int64_t restartable(int err)
{
    return err == -EINTR ? -ERESTARTSYS : err;
}

int64_t sys_mq_open(uaddr_t user_name, unsigned flags, unsigned mode, uaddr_t user_attr)
{
    struct mq_attr attr;
    struct file *f;
    if ((flags & O_CREAT) && user_attr && copy_from_user(&attr, user_attr, sizeof(attr)))
        return -EFAULT;
    char *name = user_path(user_name);
    if (is_err(name))
        return ptr_err(name);
    int err = mqueue_open(name, flags, mode, (flags & O_CREAT) && user_attr ? &attr : NULL, &f);
    heap_free(name);
    return err ? err : fd_new(f, O_CLOEXEC); /* always, as on Linux */
}

int64_t sys_mq_unlink(uaddr_t user_name)
{
    char *name = user_path(user_name);
    if (is_err(name))
        return ptr_err(name);
    int err = mqueue_unlink(name);
    heap_free(name);
    return err;
}

static int deadline_read(uaddr_t user, ns_t *deadline)
{
    *deadline = NS_NEVER;
    if (!user)
        return 0;
    int err = timespec_read(user, deadline);
    if (err == 0)
        *deadline = deadline_of_realtime(*deadline);
    return err;
}

static int64_t send(struct file *f, uaddr_t user, uint64_t size, unsigned priority, ns_t deadline)
{
    struct mq_attr attr;
    int err = mqueue_attr(f, NULL, &attr);
    if (err)
        return err;
    if (size > (uint64_t)attr.mq_msgsize)
        return -EMSGSIZE;
    struct mq_text *text = heap_alloc(sizeof(*text) + size);
    if (!text)
        return -ENOMEM;
    text->priority = priority;
    text->size = size;
    err = copy_from_user(text->data, user, size);
    if (err == 0)
        err = mqueue_send(f, text, deadline);
    if (err)
        heap_free(text);
    return restartable(err);
}

int64_t sys_mq_timedsend(int fd, uaddr_t text, uint64_t size, unsigned priority, uaddr_t timeout)
{
    ns_t deadline;
    struct file *f;
    int64_t err = deadline_read(timeout, &deadline);
    if (err == 0 && priority >= MQ_PRIO_MAX)
        err = -EINVAL;
    if (err == 0)
        err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = f->mode & FMODE_WRITE ? send(f, text, size, priority, deadline) : -EBADF;
    file_put(f);
    return err;
}

int64_t sys_mq_timedreceive(int fd, uaddr_t user, uint64_t size, uaddr_t priority, uaddr_t timeout)
{
    struct mq_text *text;
    ns_t deadline;
    struct file *f;
    int err = deadline_read(timeout, &deadline);
    if (err == 0)
        err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = mqueue_receive(f, size, deadline, &text);
    file_put(f);
    if (err)
        return restartable(err);
    int64_t result = (int64_t)text->size;
    err = copy_to_user(user, text->data, text->size);
    if (err == 0 && priority)
        err = put_user(priority, text->priority);
    heap_free(text);
    return err ? err : result;
}

struct user_sigevent { /* the first fields of struct sigevent */
    uint64_t value;
    int32_t signo, notify;
};

/* SIGEV_THREAD, as the C library asks for it: signo is a netlink socket, value where the cookie lies. */
static int socket_notice(const struct user_sigevent *ev, struct mq_notice *notice)
{
    int err = copy_from_user(notice->cookie, ev->value, sizeof(notice->cookie));
    if (err)
        return err;
    err = fd_get_io(ev->signo, &notice->socket);
    if (err == 0 && !file_is_netlink(notice->socket)) {
        file_put(notice->socket);
        notice->socket = NULL;
        err = -EINVAL;
    }
    return err;
}

static void notice_post(struct file *socket, const void *cookie, size_t size)
{
    if (netlink_post(socket, cookie, (uint32_t)size))
        log_debug("a notice of a message queue could not be posted");
}

const struct mqueue_upcalls mqueue_upcalls = {.post = notice_post};

static int notice_read(uaddr_t user, struct mq_notice *notice)
{
    struct user_sigevent ev;
    if (copy_from_user(&ev, user, sizeof(ev)))
        return -EFAULT;
    if (ev.notify != SIGEV_NONE && ev.notify != SIGEV_SIGNAL && ev.notify != SIGEV_THREAD)
        return -EINVAL;
    if (ev.notify == SIGEV_SIGNAL && (ev.signo < 0 || ev.signo > SIGNAL_COUNT))
        return -EINVAL;
    *notice = (struct mq_notice){.signo = ev.notify == SIGEV_SIGNAL ? ev.signo : 0, .value = ev.value};
    return ev.notify == SIGEV_THREAD ? socket_notice(&ev, notice) : 0;
}

int64_t sys_mq_notify(int fd, uaddr_t event)
{
    struct mq_notice notice = {0};
    struct file *f;
    int err = event ? notice_read(event, &notice) : 0;
    if (err)
        return err;
    err = fd_get_io(fd, &f);
    if (err == 0) {
        err = mqueue_notify(f, event ? &notice : NULL);
        file_put(f);
    }
    if (err && notice.socket)
        file_put(notice.socket);
    return err;
}

int64_t sys_mq_getsetattr(int fd, uaddr_t user_fresh, uaddr_t user_old)
{
    struct mq_attr fresh, old;
    struct file *f;
    if (user_fresh && copy_from_user(&fresh, user_fresh, sizeof(fresh)))
        return -EFAULT;
    if (user_fresh && fresh.mq_flags & ~(long)O_NONBLOCK)
        return -EINVAL;
    int err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = mqueue_attr(f, user_fresh ? &fresh : NULL, &old);
    file_put(f);
    return err || !user_old ? err : copy_to_user(user_old, &old, sizeof(old));
}
