/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues. Their names are a list of their own (mq_overview(7): a file system that need not be mounted). A queue
 * lives as long as it has a name or an open file. Lock order: queues_lock before queue->lock.
 */
#include "ipc/mqueue.h"
#include <asm/siginfo.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"

#define MESSAGES_HARD_MAX 65536
#define SIZE_HARD_MAX     (16 << 20)
#define EVENTS_IN         (EPOLLIN | EPOLLRDNORM)
#define EVENTS_OUT        (EPOLLOUT | EPOLLWRNORM)

struct mqueue {
    struct refcount ref;
    struct list node; /* in all_queues, under queues_lock: an empty list when it has no name */
    char name[NAME_MAX + 1];
    uint32_t uid, gid, mode;
    uint64_t max, size; /* messages, and bytes of each */
    struct spinlock lock; /* guards the rest */
    struct list texts;    /* the highest priority first, and of one priority the oldest */
    uint64_t count, bytes;
    struct waitq senders, receivers, watchers;
    unsigned receiving;   /* tasks asleep for a message */
    struct process *noticed; /* referenced: who asked to be told; NULL: nobody */
    struct mq_notice notice;
};

static struct spinlock queues_lock; /* guards the list and its count */
static struct list all_queues = LIST_INIT(all_queues);
static unsigned queue_count;
static const struct file_ops mqueue_ops;

/* The process that was noticed is told no more, or was told: what it registered goes. */
static void notice_end(struct process *p, struct mq_notice *notice, uint8_t why)
{
    if (notice->socket) {
        notice->cookie[NOTIFY_COOKIE_LEN - 1] = why;
        mqueue_upcalls.post(notice->socket, notice->cookie, sizeof(notice->cookie));
        file_put(notice->socket);
    }
    process_put(p);
}

static void queue_put(struct mqueue *q)
{
    struct mq_text *text, *after;
    if (!ref_put(&q->ref))
        return;
    list_for_each_safe (text, after, &q->texts, node)
        heap_free(text);
    if (q->noticed)
        notice_end(q->noticed, &q->notice, NOTIFY_REMOVED);
    heap_free(q);
}

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

static struct mqueue *find_locked(const char *name)
{
    struct mqueue *q;
    list_for_each (q, &all_queues, node) {
        if (strcmp(q->name, name) == 0)
            return q;
    }
    return NULL;
}

static int name_check(const char *name)
{
    if (name[0] == 0)
        return -ENOENT;
    if (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EACCES;
    return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int attr_check(const struct mq_attr *attr)
{
    const bool is_privileged = capable(CAP_SYS_RESOURCE);
    if (attr->mq_maxmsg <= 0 || attr->mq_msgsize <= 0)
        return -EINVAL;
    if (attr->mq_maxmsg > (is_privileged ? MESSAGES_HARD_MAX : MQ_MESSAGES_MAX))
        return -EINVAL;
    return attr->mq_msgsize > (is_privileged ? SIZE_HARD_MAX : MQ_SIZE_MAX) ? -EINVAL : 0;
}

static int queue_create(const char *name, unsigned mode, const struct mq_attr *attr, struct mqueue **result)
{
    const struct cred *c = thread_current()->cred;
    int err = attr ? attr_check(attr) : 0;
    if (err)
        return err;
    if (queue_count >= MQ_QUEUES_MAX && !capable(CAP_SYS_RESOURCE))
        return -ENOSPC;
    struct mqueue *q = heap_zalloc(sizeof(*q));
    if (!q)
        return -ENOMEM;
    ref_init(&q->ref, 1); /* its name's */
    str_copy(q->name, name, sizeof(q->name));
    q->uid = c->fsuid;
    q->gid = c->fsgid;
    q->mode = mode & 0777 & ~fs_context_umask(thread_current()->fs);
    q->max = attr ? (uint64_t)attr->mq_maxmsg : MQ_MESSAGES_DEFAULT;
    q->size = attr ? (uint64_t)attr->mq_msgsize : MQ_SIZE_MAX;
    list_init(&q->texts);
    waitq_init(&q->senders);
    waitq_init(&q->receivers);
    waitq_init(&q->watchers);
    list_push_back(&all_queues, &q->node);
    queue_count++;
    *result = q;
    return 0;
}

static bool is_allowed(const struct mqueue *q, unsigned flags)
{
    const struct cred *c = thread_current()->cred;
    const unsigned access = flags & O_ACCMODE;
    const unsigned want = (access != O_WRONLY ? 4 : 0) | (access != O_RDONLY ? 2 : 0);
    unsigned mode = q->mode;
    if (c->fsuid == q->uid)
        mode >>= 6;
    else if (cred_has_group(c, q->gid))
        mode >>= 3;
    return !(want & ~mode) || capable(CAP_DAC_OVERRIDE);
}

static int find_or_create(const char *name, unsigned flags, unsigned mode, const struct mq_attr *attr, struct mqueue **q)
{
    *q = find_locked(name);
    if (!*q)
        return flags & O_CREAT ? queue_create(name, mode, attr, q) : -ENOENT;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    return is_allowed(*q, flags) ? 0 : -EACCES;
}

int mqueue_open(const char *name, unsigned flags, unsigned mode, const struct mq_attr *attr, struct file **f)
{
    struct mqueue *q;
    int err = name_check(name);
    if (err)
        return err;
    spin_lock(&queues_lock);
    err = find_or_create(name, flags, mode, attr, &q);
    if (err == 0)
        ref_get(&q->ref);
    spin_unlock(&queues_lock);
    if (err)
        return err;
    err = file_create(&mqueue_ops, q, flags & (O_ACCMODE | O_NONBLOCK), f);
    if (err)
        queue_put(q);
    return err;
}

int mqueue_unlink(const char *name)
{
    int err = name_check(name);
    if (err)
        return err;
    spin_lock(&queues_lock);
    struct mqueue *q = find_locked(name);
    if (!q)
        err = -ENOENT;
    else if (thread_current()->cred->fsuid != q->uid && !capable(CAP_FOWNER))
        err = -EPERM;
    if (err == 0) {
        list_remove(&q->node);
        queue_count--;
    }
    spin_unlock(&queues_lock);
    if (err == 0)
        queue_put(q);
    return err;
}

/* ---- messages ----------------------------------------------------------------------------------------------------------------- */

static void text_insert(struct mqueue *q, struct mq_text *text)
{
    struct list *at = q->texts.prev;
    while (at != &q->texts && list_entry(at, struct mq_text, node)->priority < text->priority)
        at = at->prev;
    list_insert(&text->node, at, at->next);
    q->count++;
    q->bytes += text->size;
}

/* Who is to be told, once, with its reference; NULL: nobody, or somebody waits for the message itself. */
static struct process *notice_take(struct mqueue *q, struct mq_notice *notice)
{
    struct process *p = q->noticed;
    if (!p || q->count != 1 || q->receiving)
        return NULL;
    *notice = q->notice;
    q->noticed = NULL;
    return p;
}

static void notice_send(struct process *p, struct mq_notice *notice)
{
    siginfo_t info = {.si_signo = notice->signo, .si_code = SI_MESGQ};
    info.si_pid = process_current()->pid;
    info.si_uid = thread_current()->cred->uid;
    info.si_ptr = (void *)(uintptr_t)notice->value;
    if (notice->signo) {
        int err = signal_send_process(p, notice->signo, &info);
        (void)err; /* it may be gone, or have too many signals queued: Linux does not say so either */
    }
    notice_end(p, notice, NOTIFY_WOKENUP);
}

static int send_wait(struct mqueue *q, bool nonblock, ns_t deadline)
{
    int err = 0;
    while (err == 0 && q->count >= q->max)
        err = nonblock ? -EAGAIN : waitq_sleep(&q->senders, &q->lock, deadline);
    return q->count < q->max ? 0 : err;
}

int mqueue_send(struct file *f, struct mq_text *text, ns_t deadline)
{
    struct mqueue *q = f->data;
    struct process *p = NULL;
    struct mq_notice notice;
    if (f->ops != &mqueue_ops || !(f->mode & FMODE_WRITE))
        return -EBADF;
    if (text->size > q->size)
        return -EMSGSIZE;
    spin_lock(&q->lock);
    int err = send_wait(q, file_is_nonblock(f), deadline);
    if (err == 0) {
        text_insert(q, text);
        p = notice_take(q, &notice);
        waitq_wake_one(&q->receivers, 0);
        waitq_wake_all(&q->watchers, EVENTS_IN);
    }
    spin_unlock(&q->lock);
    if (p)
        notice_send(p, &notice);
    return err;
}

static int receive_wait(struct mqueue *q, bool nonblock, ns_t deadline)
{
    int err = 0;
    q->receiving++;
    while (err == 0 && q->count == 0)
        err = nonblock ? -EAGAIN : waitq_sleep(&q->receivers, &q->lock, deadline);
    q->receiving--;
    return q->count ? 0 : err;
}

int mqueue_receive(struct file *f, uint64_t size, ns_t deadline, struct mq_text **text)
{
    struct mqueue *q = f->data;
    if (f->ops != &mqueue_ops || !(f->mode & FMODE_READ))
        return -EBADF;
    if (size < q->size)
        return -EMSGSIZE;
    spin_lock(&q->lock);
    int err = receive_wait(q, file_is_nonblock(f), deadline);
    if (err == 0) {
        *text = list_first(&q->texts, struct mq_text, node);
        list_remove(&(*text)->node);
        q->count--;
        q->bytes -= (*text)->size;
        waitq_wake_one(&q->senders, 0);
        waitq_wake_all(&q->watchers, EVENTS_OUT);
    }
    spin_unlock(&q->lock);
    return err;
}

/* ---- notification ---------------------------------------------------------------------------------------------------------------- */

/* Under the lock: what the caller's process registered, to be ended after it; NULL: nothing. */
static struct process *notice_drop(struct mqueue *q, struct mq_notice *notice)
{
    struct process *p = q->noticed;
    if (p != process_current())
        return NULL;
    *notice = q->notice;
    q->noticed = NULL;
    return p;
}

int mqueue_notify(struct file *f, const struct mq_notice *notice)
{
    struct mqueue *q = f->data;
    struct process *dropped = NULL;
    struct mq_notice old;
    int err = 0;
    if (f->ops != &mqueue_ops)
        return -EBADF;
    spin_lock(&q->lock);
    if (!notice) {
        dropped = notice_drop(q, &old);
    } else if (q->noticed) {
        err = -EBUSY;
    } else {
        q->noticed = process_current();
        process_get(q->noticed);
        q->notice = *notice;
    }
    spin_unlock(&q->lock);
    if (dropped)
        notice_end(dropped, &old, NOTIFY_REMOVED);
    return err;
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------------- */

int mqueue_attr(struct file *f, const struct mq_attr *fresh, struct mq_attr *old)
{
    struct mqueue *q = f->data;
    if (f->ops != &mqueue_ops)
        return -EBADF;
    unsigned flags = __atomic_load_n(&f->flags, __ATOMIC_RELAXED);
    *old = (struct mq_attr){.mq_flags = flags & O_NONBLOCK, .mq_maxmsg = (long)q->max, .mq_msgsize = (long)q->size};
    spin_lock(&q->lock);
    old->mq_curmsgs = (long)q->count;
    spin_unlock(&q->lock);
    if (fresh)
        __atomic_store_n(&f->flags, (flags & ~(unsigned)O_NONBLOCK) | (fresh->mq_flags & O_NONBLOCK), __ATOMIC_RELAXED);
    return 0;
}

static int64_t mqueue_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct mqueue *q = f->data;
    char text[80];
    (void)nonblock;
    spin_lock(&q->lock);
    int len = format(text, sizeof(text), "QSIZE:%-10llu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", (unsigned long long)q->bytes, 0,
                     q->noticed ? q->notice.signo : 0, q->noticed ? q->noticed->pid : 0);
    spin_unlock(&q->lock);
    if (off >= (uint64_t)len)
        return 0;
    return iov_copy_to(to, text + off, MIN((size_t)len - off, to->left));
}

static uint32_t mqueue_poll(struct file *f, struct waiter *waiter)
{
    struct mqueue *q = f->data;
    spin_lock(&q->lock);
    if (waiter)
        waitq_add(&q->watchers, waiter);
    uint32_t events = (q->count ? EVENTS_IN : 0) | (q->count < q->max ? EVENTS_OUT : 0);
    spin_unlock(&q->lock);
    return events;
}

static void mqueue_unpoll(struct file *f, struct waiter *waiter)
{
    struct mqueue *q = f->data;
    spin_lock(&q->lock);
    waitq_remove(&q->watchers, waiter);
    spin_unlock(&q->lock);
}

/* Whoever closes any descriptor of the queue is told no more. */
static void mqueue_flush(struct file *f)
{
    struct mqueue *q = f->data;
    spin_lock(&q->lock);
    struct mq_notice old;
    struct process *dropped = notice_drop(q, &old);
    spin_unlock(&q->lock);
    if (dropped)
        notice_end(dropped, &old, NOTIFY_REMOVED);
}

static void mqueue_release(struct file *f)
{
    queue_put(f->data);
}

static const struct file_ops mqueue_ops = {
    .name = "mqueue",
    .stat_mode = S_IFREG | 0600,
    .read = mqueue_read,
    .poll = mqueue_poll,
    .unpoll = mqueue_unpoll,
    .flush = mqueue_flush,
    .release = mqueue_release,
};
