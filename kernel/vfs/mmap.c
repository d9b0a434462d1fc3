/* SPDX-License-Identifier: Apache-2.0 */
/* What a mapping keeps of its file: the file itself is the vm_owner. */
#include "base/string.h"
#include "proc/process.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"

static struct file *file_of(struct vm_owner *owner)
{
    return container_of(owner, struct file, vm_owner);
}

static void owner_get(struct vm_owner *owner)
{
    file_get(file_of(owner));
}

static void owner_put(struct vm_owner *owner)
{
    file_put(file_of(owner));
}

static void owner_describe(struct vm_owner *owner, char *path, size_t size, uint64_t *dev, uint64_t *ino)
{
    struct file *f = file_of(owner);
    *dev = f->inode->sb->dev;
    *ino = f->inode->ino;
    if (path_name(&f->path, path, size) < 0)
        path[0] = 0;
}

static const struct callsite_table *owner_callsites(struct vm_owner *owner)
{
    return __atomic_load_n(&file_of(owner)->inode->callsites, __ATOMIC_RELAXED);
}

static const struct vm_owner_ops owner_ops = {
    .get = owner_get, .put = owner_put, .describe = owner_describe, .callsites = owner_callsites,
};

int vfs_file_mmap(struct file *f, struct vm_map_request *req)
{
    struct inode *inode = f->inode;
    if (!inode->pages)
        return -ENODEV;
    if ((req->prot & VM_EXEC) && f->path.mount && (mount_flags(f->path.mount) & MOUNT_NOEXEC))
        return -EPERM;
    /* A shared mapping's pages move to its home: those of the image stay where all can read them. */
    if (req->is_shared && inode->ops->make_writable) {
        int err = inode->ops->make_writable(inode);
        if (err)
            return err;
    }
    f->vm_owner.ops = &owner_ops;
    req->pages = inode->pages;
    req->owner = &f->vm_owner;
    return 0;
}
