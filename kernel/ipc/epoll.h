/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7). */
#pragma once
#include <linux/eventpoll.h>
#include "vfs/file.h"

nodiscard int epoll_create(struct file **f);
/* What the manual page of epoll_ctl(2) says; set is not known to be an epoll file. event: not looked at for EPOLL_CTL_DEL. */
nodiscard int epoll_ctl(struct file *set, int op, int fd, struct file *f, const struct epoll_event *event);
/* At most max events to user memory: how many, 0 at the deadline, -EINTR, -EFAULT; -EINVAL: not an epoll file. */
nodiscard int64_t epoll_wait(struct file *set, uaddr_t events, size_t max, ns_t deadline);

/* vfs_special_ops.watchers_release */
void epoll_file_gone(struct file *f);
