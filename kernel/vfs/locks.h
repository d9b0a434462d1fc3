/* SPDX-License-Identifier: Apache-2.0 */
/* Locks on files: flock(2), POSIX record locks and open file description locks of fcntl(2). Advisory. */
#pragma once
#include "base/base.h"

struct file;
struct file_locks;
struct fdtable;
struct flock;

void locks_free(struct file_locks *locks);
nodiscard int locks_flock(struct file *f, int operation);
/* cmd: F_GETLK, F_SETLK, F_SETLKW, or their F_OFD_ forms. */
nodiscard int locks_fcntl(struct file *f, unsigned cmd, struct flock *lk);
void locks_release_file(struct file *f);                          /* its last reference goes */
void locks_release_posix(struct file *f, struct fdtable *owner);  /* close(2) of any descriptor of it */
