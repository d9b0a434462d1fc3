/* SPDX-License-Identifier: Apache-2.0 */
/* Moving data between pipes and files without user memory: splice(2), tee(2), vmsplice(2). */
#pragma once
#include "vfs/file.h"

bool file_is_pipe(const struct file *f);

/*
 * Bytes moved, at most size; 0: the end; -errno, where -EPIPE has raised SIGPIPE. nonblock: of the pipes, not of the file.
 * The caller has checked the modes. *pos is the file's position, and moves on.
 */
nodiscard int64_t splice_to_pipe(struct file *from, uint64_t *pos, struct file *pipe, uint64_t size, bool nonblock);
nodiscard int64_t splice_from_pipe(struct file *pipe, struct file *to, uint64_t *pos, uint64_t size, bool nonblock);
/* Two different pipes. is_tee: `from` keeps what it has. */
nodiscard int64_t splice_pipes(struct file *from, struct file *to, uint64_t size, bool nonblock, bool is_tee);
/* What fits: does not wait for room once there was some. */
nodiscard int64_t splice_user_to_pipe(struct iov_iter *from, struct file *pipe, bool nonblock);
