/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs. */
#pragma once
#include "vfs/file.h"

#define PIPE_SIZE_MAX (1U << 20) /* /proc/sys/fs/pipe-max-size: more only for CAP_SYS_RESOURCE */

/* The reading and the writing end of a new pipe. flags: O_NONBLOCK for both, O_DIRECT for the writer. */
nodiscard int pipe_create(unsigned flags, struct file *ends[static 2]);

/* vfs_special_ops.fifo_open: may wait for the other end (-EINTR); -ENXIO, -EINVAL, -ENOMEM. */
nodiscard int fifo_open(struct inode *inode, struct file *f);
