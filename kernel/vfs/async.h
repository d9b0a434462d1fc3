/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals about open files: the owner of a file (F_SETOWN, F_SETSIG), and what tells it: O_ASYNC here, leases in lease.c,
 * directory notices in dnotify.c.
 */
#pragma once
#include "vfs/file.h"

struct f_owner_ex;
struct lease;
struct dnotify;

/* Of a file that any of this was asked for. Lives as long as the file. */
struct file_async {
    struct spinlock lock; /* guards the owner and the signal */
    int type;             /* F_OWNER_* */
    int32_t id;           /* of a thread, a process or a group; 0: nobody */
    uint32_t uid, euid;   /* of who set it */
    int signo;            /* F_SETSIG; 0: SIGIO without siginfo */
    struct mutex mutex;   /* guards what follows */
    bool is_on;           /* O_ASYNC: waiter is on the file's queues */
    int fd;               /* through which O_ASYNC was set */
    struct file *f;
    struct waiter waiter;
    struct lease *lease;
    struct dnotify *dnotify;
};

/* Makes it at first use; -ENOMEM. */
nodiscard int file_async_get(struct file *f, struct file_async **result);
nodiscard int file_owner_set(struct file *f, const struct f_owner_ex *owner); /* -ESRCH, -EINVAL */
void file_owner_get(struct file *f, struct f_owner_ex *owner);
/* The caller's process becomes the owner, unless there is one. */
void file_owner_default(struct file_async *a);
nodiscard int file_signal_set(struct file *f, int signo);
int file_signal_get(struct file *f);
/* Sends the signal: `reason` is POLL_IN and its like. From any context that holds no lock of proc. */
void file_async_signal(struct file_async *a, int fd, int reason);
/* Can a file of this kind have O_ASYNC? */
bool file_has_async(const struct file *f);
nodiscard int file_async_switch(struct file *f, int fd, bool is_on);
/* The last reference of f goes. */
void file_async_release(struct file *f);

/* ---- lease.c: F_SETLEASE ---- */

nodiscard int lease_set(struct file *f, int fd, int type);
int lease_get(struct file *f); /* F_RDLCK, F_WRLCK, F_UNLCK: what it is, or is about to become */
void lease_release(struct file_async *a);
/* Before inode is opened or truncated: those that a lease promised something are told, and may take their time. -EAGAIN, -EINTR. */
nodiscard int lease_break_slow(struct inode *inode, bool is_write, bool nonblock);
extern uint32_t lease_count, lease_break_seconds; /* lease_break_seconds: /proc/sys/fs/lease-break-time */
static inline nodiscard int lease_break(struct inode *inode, bool is_write, bool nonblock)
{
    return likely(!__atomic_load_n(&lease_count, __ATOMIC_RELAXED)) ? 0 : lease_break_slow(inode, is_write, nonblock);
}

/* ---- dnotify.c: F_NOTIFY ---- */

nodiscard int dnotify_set(struct file *f, int fd, uint32_t mask); /* DN_*; 0: no more */
void dnotify_release(struct file_async *a);
