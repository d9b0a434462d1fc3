/* SPDX-License-Identifier: Apache-2.0 */
/* The program that a process runs: a file that nobody may write to meanwhile (ETXTBSY). */
#include "proc/internal.h"
#include "vfs/names.h"

void process_set_exe(struct process *p, const struct path *exe)
{
    bool denies = false;
    if (exe->dentry) {
        path_get(exe);
        denies = inode_write_deny(path_inode(exe)) == 0; /* else somebody opened it since exec looked: as Linux, too late */
    }
    spin_lock(&p->lock);
    struct path old = p->exe;
    bool denied = p->denies_exe_writes;
    p->exe = *exe;
    p->denies_exe_writes = denies;
    spin_unlock(&p->lock);
    if (denied)
        inode_write_allow(path_inode(&old));
    if (old.dentry)
        path_put(&old);
}
