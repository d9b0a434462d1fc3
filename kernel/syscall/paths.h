/* SPDX-License-Identifier: Apache-2.0 */
/* What system calls on files share: names from the user, and where they start. */
#pragma once
#include <linux/fcntl.h>
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/dentry.h"

/* A name from user memory, in memory of its own: free it with heap_free. err_ptr otherwise. */
char *user_path(uaddr_t name);

/* The directory that a *at call begins at; path.dentry NULL: the working directory. path_put it. */
nodiscard int at_start(int dir, const char *name, struct path *start);

/* Walks a user's name from `dir`; path_put the result. */
nodiscard int at_walk(int dir, uaddr_t name, unsigned walk_flags, struct path *result);

static inline const struct path *start_of(const struct path *start)
{
    return start->dentry ? start : NULL;
}
