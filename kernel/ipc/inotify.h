/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7). */
#pragma once
#include "vfs/inode.h"

bool file_is_inotify(const struct file *f);
nodiscard int inotify_create(unsigned flags, struct file **f); /* flags: O_NONBLOCK counts */
/* -EINVAL where f is none, or there is no such watch. add: the watch descriptor, or as inotify_add_watch(2). mask: IN_*, checked. */
nodiscard int inotify_add(struct file *f, struct inode *inode, uint32_t mask);
nodiscard int inotify_remove(struct file *f, int wd);
