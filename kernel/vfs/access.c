/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: mode bits and capabilities, with the filesystem ids of the calling thread. And changes of attributes. */
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>
#include "proc/process.h"
#include "time/clock.h"
#include "vfs/async.h"
#include "vfs/names.h"
#include "vfs/notify.h"

#define FALLOC_FL_ALL (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE | \
                       FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE)

int vfs_access(struct inode *inode, unsigned want)
{
    const struct cred *cred = thread_current()->cred;
    unsigned mode = inode->mode, bits = mode & 7;
    if (cred->fsuid == inode->uid)
        bits = (mode >> 6) & 7;
    else if (cred_has_group(cred, inode->gid))
        bits = (mode >> 3) & 7;
    if ((want & ~bits & 7) == 0)
        return 0;
    bool is_dir = S_ISDIR(mode);
    if (capable(CAP_DAC_OVERRIDE) && (is_dir || !(want & 1) || (mode & 0111)))
        return 0;
    if (capable(CAP_DAC_READ_SEARCH) && !(want & 2) && (is_dir || !(want & 1)))
        return 0;
    return -EACCES;
}

/* May the caller make or keep set-group-id files of this group? */
static bool keeps_setgid(uint32_t gid)
{
    return cred_has_group(thread_current()->cred, gid) || capable(CAP_FSETID);
}

/* May the caller remove or rename an entry? Write permission is checked; this is the sticky bit. */
int vfs_check_sticky(const struct inode *dir, const struct inode *inode)
{
    uint32_t me = thread_current()->cred->fsuid;
    if (!(dir->mode & S_ISVTX) || inode->uid == me || dir->uid == me || capable(CAP_FOWNER))
        return 0;
    return -EPERM;
}

void inode_init_owner(struct inode *inode, const struct inode *dir)
{
    const struct thread *t = thread_current();
    if (!t->task.vm)
        return; /* a kernel task, at boot: root owns what it makes */
    inode->uid = t->cred->fsuid;
    inode->gid = t->cred->fsgid;
    if (!(dir->mode & S_ISGID))
        return;
    inode->gid = dir->gid;
    if (S_ISDIR(inode->mode))
        inode->mode |= S_ISGID;
    else if ((inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !keeps_setgid(inode->gid))
        inode->mode &= ~(unsigned)S_ISGID;
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static bool is_owner(const struct inode *inode)
{
    return thread_current()->cred->fsuid == inode->uid || capable(CAP_FOWNER);
}

static int chown_check(const struct inode *inode, const struct iattr *attr)
{
    const struct cred *cred = thread_current()->cred;
    if (capable(CAP_CHOWN))
        return 0;
    bool is_mine = cred->fsuid == inode->uid;
    if ((attr->valid & IATTR_UID) && !(is_mine && attr->uid == inode->uid))
        return -EPERM;
    bool may_group = is_mine && (attr->gid == inode->gid || cred_has_group(cred, attr->gid));
    return (attr->valid & IATTR_GID) && !may_group ? -EPERM : 0;
}

/* The sets that the inode loses; a set-group-id bit without S_IXGRP means something else (mandatory locking, once). */
static unsigned privileges_lost(const struct inode *inode)
{
    bool loses_group = (inode->mode & S_IXGRP) || !keeps_setgid(inode->gid);
    return inode->mode & (S_ISUID | (loses_group ? S_ISGID : 0));
}

static void mode_adjust(const struct inode *inode, struct iattr *attr)
{
    if ((attr->valid & IATTR_KILL_PRIVILEGES) && privileges_lost(inode)) {
        attr->mode = inode->mode & ~privileges_lost(inode);
        attr->valid |= IATTR_MODE;
    } else if ((attr->valid & IATTR_MODE) && !keeps_setgid(attr->valid & IATTR_GID ? attr->gid : inode->gid)) {
        attr->mode &= ~(unsigned)S_ISGID;
    }
    attr->valid &= ~(unsigned)IATTR_KILL_PRIVILEGES;
}

static int attr_apply(struct inode *inode, const struct iattr *attr)
{
    struct iattr adjusted = *attr;
    if (!inode->ops->setattr)
        return -EPERM;
    int err = inode->ops->make_writable ? inode->ops->make_writable(inode) : 0;
    if (err)
        return err;
    mutex_lock(&inode->lock);
    mode_adjust(inode, &adjusted);
    err = inode->ops->setattr(inode, &adjusted);
    mutex_unlock(&inode->lock);
    return err;
}

static uint32_t attr_events(const struct iattr *attr)
{
    const unsigned times = attr->valid & (IATTR_ATIME | IATTR_MTIME);
    if (times == (IATTR_ATIME | IATTR_MTIME) || (attr->valid & (IATTR_MODE | IATTR_UID | IATTR_GID)))
        return IN_ATTRIB;
    return times == IATTR_ATIME ? IN_ACCESS : times == IATTR_MTIME ? IN_MODIFY : 0;
}

int vfs_setattr(const struct path *path, const struct iattr *attr)
{
    struct inode *inode = path_inode(path);
    struct iattr full = *attr;
    if (mount_flags(path->mount) & MOUNT_READ_ONLY)
        return -EROFS;
    if ((attr->valid & IATTR_KILL_PRIVILEGES) && (S_ISDIR(inode->mode) || !privileges_lost(inode)))
        full.valid &= ~(unsigned)IATTR_KILL_PRIVILEGES;
    if ((full.valid & (IATTR_MODE | IATTR_KILL_PRIVILEGES)) && !is_owner(inode))
        return -EPERM;
    int err = chown_check(inode, attr);
    if (err == 0)
        err = attr_apply(inode, &full);
    if (err == 0)
        notify_path(path, attr_events(attr));
    return err;
}

int inode_privileges_drop(struct inode *inode)
{
    const struct iattr attr = {.valid = IATTR_KILL_PRIVILEGES};
    if (likely(!(inode->mode & (S_ISUID | S_ISGID))) || !S_ISREG(inode->mode) || capable(CAP_FSETID) || !privileges_lost(inode))
        return 0;
    return attr_apply(inode, &attr);
}

/* At most once a day for a file that does not change, so that reading costs no write ("relatime"). */
void inode_accessed(struct inode *inode, const struct mount *mount, unsigned file_flags)
{
    const unsigned flags = mount ? mount_flags(mount) : 0;
    ns_t now = clock_realtime();
    bool is_newer = inode->atime > inode->mtime && inode->atime > inode->ctime && now - inode->atime < 24 * 3600 * NS_PER_S;
    if ((is_newer && !(flags & MOUNT_STRICTATIME)) || (file_flags & O_NOATIME) || (flags & (MOUNT_READ_ONLY | MOUNT_NOATIME)) ||
        ((flags & MOUNT_NODIRATIME) && S_ISDIR(inode->mode)))
        return;
    inode->atime = now;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static int size_check(uint64_t size)
{
    if (size <= process_limit(process_current(), RLIMIT_FSIZE))
        return 0;
    siginfo_t *none = NULL;
    int err = signal_send_thread(thread_current(), SIGXFSZ, none);
    (void)err; /* the caller itself: it is there */
    return -EFBIG;
}

int vfs_truncate(const struct path *path, uint64_t size)
{
    struct inode *inode = path_inode(path);
    const struct iattr attr = {.valid = IATTR_SIZE | IATTR_KILL_PRIVILEGES * !capable(CAP_FSETID), .size = size};
    if (!S_ISREG(inode->mode))
        return S_ISDIR(inode->mode) ? -EISDIR : -EINVAL;
    if (mount_flags(path->mount) & MOUNT_READ_ONLY)
        return -EROFS;
    int err = vfs_access(inode, 2);
    if (err == 0)
        err = size_check(size);
    if (err == 0)
        err = lease_break(inode, true, false);
    if (err == 0)
        err = inode_write_begin(inode);
    if (err)
        return err;
    err = attr_apply(inode, &attr);
    inode_write_end(inode);
    if (err == 0)
        notify_path(path, IN_MODIFY);
    return err;
}

int vfs_ftruncate(struct file *f, uint64_t size)
{
    if (!(f->mode & FMODE_WRITE) || !f->ops->truncate)
        return -EINVAL;
    int err = size_check(size);
    if (err == 0 && f->inode)
        err = inode_privileges_drop(f->inode);
    if (err == 0)
        err = f->ops->truncate(f, size);
    if (err == 0)
        notify_file(f, IN_MODIFY);
    return err;
}

int vfs_fallocate(struct file *f, int mode, int64_t off, int64_t size)
{
    if (off < 0 || size <= 0)
        return -EINVAL;
    if (mode & ~FALLOC_FL_ALL)
        return -EOPNOTSUPP;
    if (!(f->mode & FMODE_WRITE))
        return -EBADF;
    unsigned type = file_type(f);
    if (type != S_IFREG || !f->inode)
        return type == S_IFIFO ? -ESPIPE : type == S_IFDIR ? -EISDIR : -ENODEV;
    if (off + (uint64_t)size > INT64_MAX)
        return -EFBIG;
    int err = mode & FALLOC_FL_KEEP_SIZE ? 0 : size_check((uint64_t)off + (uint64_t)size);
    if (err == 0)
        err = inode_privileges_drop(f->inode);
    if (err == 0)
        err = f->ops->fallocate ? f->ops->fallocate(f, mode, (uint64_t)off, (uint64_t)size) : -EOPNOTSUPP;
    return err;
}

/* ---- writers and programs -------------------------------------------------------------------------------------- */

static int writers_step(struct inode *inode, int32_t step)
{
    int32_t old = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);
    do {
        if (step > 0 ? old < 0 : old > 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&inode->writers, &old, old + step, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return 0;
}

int inode_write_begin(struct inode *inode)
{
    return writers_step(inode, 1);
}

void inode_write_end(struct inode *inode)
{
    __atomic_fetch_sub(&inode->writers, 1, __ATOMIC_ACQ_REL);
}

int inode_write_deny(struct inode *inode)
{
    return writers_step(inode, -1);
}

void inode_write_allow(struct inode *inode)
{
    __atomic_fetch_add(&inode->writers, 1, __ATOMIC_ACQ_REL);
}
