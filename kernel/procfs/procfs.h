/* SPDX-License-Identifier: Apache-2.0 */
/* /proc: processes, and what the system says of itself, as proc(5) has it. */
#pragma once
#include <linux/utsname.h>
#include "vfs/inode.h"

/* The auxiliary vector of a program, as many words as fit: their number. */
struct vmspace;
size_t proc_auxv(struct vmspace *vm, uint64_t *words, size_t max);
nodiscard int procfs_mount(struct superblock **sb);

/* What procfs calls up; filled by kernel/syscall. */
struct procfs_ops {
    void (*uts_get)(struct new_utsname *name);
    void (*uts_set_hostname)(const char *name);
    const char *filesystems; /* the text of /proc/filesystems */
};
extern const struct procfs_ops procfs_ops;
