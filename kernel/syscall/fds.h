/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of the calling thread, for the system calls that make or take one. */
#pragma once
#include <linux/fcntl.h>
#include <linux/resource.h>
#include "proc/process.h"

/* A file that may be worked on: O_PATH ones may not. */
static inline nodiscard int fd_get_io(int fd, struct file **f)
{
    int err = fd_get(thread_current()->files, fd, f);
    if (err == 0 && ((*f)->mode & FMODE_PATH)) {
        file_put(*f);
        err = -EBADF;
    }
    return err;
}

/* The lowest free descriptor for f, whose reference goes to it, or is put if there is none. flags: O_CLOEXEC counts. */
static inline nodiscard int fd_new(struct file *f, unsigned flags)
{
    uint64_t limit = process_limit(process_current(), RLIMIT_NOFILE);
    int fd = fd_install(thread_current()->files, f, 0, flags & O_CLOEXEC, limit);
    if (fd < 0)
        file_put(f);
    return fd;
}

/* The list of readv(2) and its like, checked, its sizes cut to MAX_RW_COUNT in all; free it with heap_free. */
nodiscard int iov_from_user(uaddr_t user, uint64_t count, struct iov **result);

/* The lowest free descriptor >= min for the file of fd: F_DUPFD. */
nodiscard int64_t fd_dup_from(int fd, int min, bool cloexec);

/* Closes one that the caller never came to know. */
static inline void fd_undo(int fd)
{
    int err = fd_close(thread_current()->files, fd);
    (void)err; /* another thread may have guessed and closed it */
}
