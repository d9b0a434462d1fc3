/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX message queues: mq_overview(7). */
#pragma once
#include <linux/mqueue.h>
#include "vfs/file.h"

#define MQ_MESSAGES_DEFAULT 10
#define MQ_MESSAGES_MAX     10    /* /proc/sys/fs/mqueue/msg_max: more only for CAP_SYS_RESOURCE */
#define MQ_SIZE_MAX         8192  /* msgsize_max */
#define MQ_QUEUES_MAX       256   /* queues_max */

struct mq_text { /* on its way: memory of the heap */
    struct list node;
    unsigned priority;
    size_t size;
    uint8_t data[];
};

/*
 * What tells a process that a message came to an empty queue: signo 0 for SIGEV_NONE. SIGEV_THREAD is the C library's work: it listens on
 * a socket, and gets the cookie that it gave, with NOTIFY_WOKENUP or NOTIFY_REMOVED as its last byte.
 */
struct mq_notice {
    int signo;
    uint64_t value;
    struct file *socket; /* referenced; NULL: a signal, or nothing */
    uint8_t cookie[NOTIFY_COOKIE_LEN];
};

/* What ipc calls beside itself: filled by kernel/syscall. */
struct mqueue_upcalls {
    void (*post)(struct file *socket, const void *cookie, size_t size);
};
extern const struct mqueue_upcalls mqueue_upcalls;

/* name: of the path that the manual page has, without its slash. attr: NULL for the defaults. f: the caller's reference. */
nodiscard int mqueue_open(const char *name, unsigned flags, unsigned mode, const struct mq_attr *attr, struct file **f);
nodiscard int mqueue_unlink(const char *name);
/* All that follow: -EBADF, f is no queue. Takes the text over if it returns 0. */
nodiscard int mqueue_send(struct file *f, struct mq_text *text, ns_t deadline);
/* *text: the caller's, to heap_free. size: of the caller's buffer. */
nodiscard int mqueue_receive(struct file *f, uint64_t size, ns_t deadline, struct mq_text **text);
/* NULL: no more. Takes the reference of notice->socket over if it returns 0. */
nodiscard int mqueue_notify(struct file *f, const struct mq_notice *notice);
/* fresh, if there is one, sets O_NONBLOCK. */
nodiscard int mqueue_attr(struct file *f, const struct mq_attr *fresh, struct mq_attr *old);
