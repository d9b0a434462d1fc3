/* SPDX-License-Identifier: Apache-2.0 */
/* fcntl(2) and ioctl(2), as far as they are the same for all kinds of files. */
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <linux/capability.h>
#include <linux/stat.h>
#include "proc/internal.h"
#include "syscall/fds.h"
#include "syscall_gen.h"
#include "vfs/async.h"
#include "vfs/inode.h"
#include "vfs/locks.h"

#define F_DUPFD_QUERY 1027 /* since Linux 6.10 */

static struct fdtable *files_mine(void)
{
    return thread_current()->files;
}

int64_t fd_dup_from(int fd, int min, bool cloexec)
{
    struct file *f;
    const uint64_t limit = process_limit(process_current(), RLIMIT_NOFILE);
    int err = fd_get(files_mine(), fd, &f);
    if (err)
        return err;
    if (min < 0 || (uint64_t)min >= limit)
        err = -EINVAL;
    int to = err ? err : fd_install(files_mine(), f, min, cloexec, limit);
    if (to < 0)
        file_put(f);
    return to;
}

/* ---- status flags and locks ------------------------------------------------------------------------------------------------ */

static int64_t set_flags(struct file *f, int fd, unsigned flags)
{
    const unsigned may_change = O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | (file_has_async(f) ? FASYNC : 0);
    unsigned wanted = (f->flags & ~may_change) | (flags & may_change);
    if ((wanted & ~f->flags & O_NOATIME) && f->inode && thread_current()->cred->fsuid != f->inode->uid && !capable(CAP_FOWNER))
        return -EPERM;
    int err = f->ops->set_flags ? f->ops->set_flags(f, wanted) : 0;
    if (err == 0 && ((wanted ^ f->flags) & FASYNC))
        err = file_async_switch(f, fd, wanted & FASYNC);
    if (err == 0)
        __atomic_store_n(&f->flags, wanted, __ATOMIC_RELAXED);
    return err;
}

static int64_t fcntl_lock(struct file *f, unsigned cmd, uaddr_t arg)
{
    struct flock lk;
    int err = copy_from_user(&lk, arg, sizeof(lk));
    if (err == 0)
        err = locks_fcntl(f, cmd, &lk);
    if (err == 0 && (cmd == F_GETLK || cmd == F_OFD_GETLK))
        err = copy_to_user(arg, &lk, sizeof(lk));
    return err;
}

/* ---- who is told by signals ---------------------------------------------------------------------------------------------------- */

/* A process, or -group, as F_SETOWN has it. */
static int64_t owner_set(struct file *f, int owner)
{
    if (owner == INT32_MIN)
        return -EINVAL;
    const struct f_owner_ex ex = {.type = owner < 0 ? F_OWNER_PGRP : F_OWNER_PID, .pid = owner < 0 ? -owner : owner};
    return file_owner_set(f, &ex);
}

static int64_t owner_get(struct file *f)
{
    struct f_owner_ex ex;
    file_owner_get(f, &ex);
    return ex.type == F_OWNER_PGRP ? -ex.pid : ex.pid;
}

static int64_t owner_set_ex(struct file *f, uaddr_t arg)
{
    struct f_owner_ex ex;
    return copy_from_user(&ex, arg, sizeof(ex)) ? -EFAULT : file_owner_set(f, &ex);
}

static int64_t owner_get_ex(struct file *f, uaddr_t arg)
{
    struct f_owner_ex ex;
    file_owner_get(f, &ex);
    return copy_to_user(arg, &ex, sizeof(ex));
}

static int64_t owner_uids(struct file *f, uaddr_t arg)
{
    const struct file_async *a = __atomic_load_n(&f->async, __ATOMIC_ACQUIRE);
    const uint32_t uids[2] = {a ? a->uid : 0, a ? a->euid : 0};
    return copy_to_user(arg, uids, sizeof(uids));
}

static int64_t fcntl_owner(struct file *f, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case F_SETOWN:
        return owner_set(f, (int)arg);
    case F_GETOWN:
        return owner_get(f);
    case F_SETOWN_EX:
        return owner_set_ex(f, arg);
    case F_GETOWN_EX:
        return owner_get_ex(f, arg);
    case F_GETOWNER_UIDS:
        return owner_uids(f, arg);
    case F_SETSIG:
        return arg > SIGNAL_COUNT ? -EINVAL : file_signal_set(f, (int)arg);
    default:
        return file_signal_get(f);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------------------------- */

/* How long what is written is likely to last: kept for the next who asks. */
static int64_t fcntl_hint(struct file *f, unsigned cmd, uaddr_t arg)
{
    uint64_t hint;
    if (!f->inode)
        return -EINVAL;
    if (cmd == F_GET_RW_HINT)
        return put_user(arg, (uint64_t)f->inode->write_hint);
    if (copy_from_user(&hint, arg, sizeof(hint)))
        return -EFAULT;
    bool is_owner = thread_current()->cred->fsuid == f->inode->uid || capable(CAP_FOWNER);
    if (!is_owner || hint > RWH_WRITE_LIFE_EXTREME)
        return is_owner ? -EINVAL : -EPERM;
    f->inode->write_hint = (uint8_t)hint;
    return 0;
}

/* F_DUPFD_QUERY: is the other descriptor one of the same open file? */
static int64_t is_same_file(const struct file *f, int other_fd)
{
    struct file *other;
    int64_t err = fd_get(files_mine(), other_fd, &other);
    if (err)
        return err;
    file_put(other);
    return other == f;
}

static int64_t fcntl_file(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case F_GETFL:
        return f->flags;
    case F_SETFL:
        return set_flags(f, fd, (unsigned)arg);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_GETOWNER_UIDS:
    case F_SETSIG:
    case F_GETSIG:
        return fcntl_owner(f, cmd, arg);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return fcntl_lock(f, cmd, arg);
    case F_SETLEASE:
        return lease_set(f, fd, (int)arg);
    case F_GETLEASE:
        return lease_get(f);
    case F_NOTIFY:
        return dnotify_set(f, fd, (uint32_t)arg);
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
        return fcntl_hint(f, cmd, arg);
    case F_SETPIPE_SZ:
    case F_GETPIPE_SZ:
        return file_type(f) == S_IFIFO && f->ops->fcntl ? f->ops->fcntl(f, cmd, arg) : -EBADF;
    default:
        return f->ops->fcntl ? f->ops->fcntl(f, cmd, arg) : -EINVAL;
    }
}

/* With a descriptor that need not be one for reading and writing (O_PATH). */
static bool is_for_paths(unsigned cmd)
{
    return cmd == F_GETFL || cmd == F_DUPFD_QUERY;
}

int64_t sys_fcntl(int fd, unsigned cmd, uint64_t arg)
{
    struct file *f;
    int64_t result;
    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return fd_dup_from(fd, (int)arg, cmd == F_DUPFD_CLOEXEC);
    case F_GETFD:
        result = fd_get_cloexec(files_mine(), fd);
        return result < 0 ? result : result ? FD_CLOEXEC : 0;
    case F_SETFD:
        return fd_set_cloexec(files_mine(), fd, arg & FD_CLOEXEC);
    default:
        break;
    }
    result = fd_get(files_mine(), fd, &f);
    if (result)
        return result;
    if ((f->mode & FMODE_PATH) && !is_for_paths(cmd))
        result = -EBADF;
    else
        result = cmd == F_DUPFD_QUERY ? is_same_file(f, (int)arg) : fcntl_file(f, fd, cmd, arg);
    file_put(f);
    return result;
}

/* ---- ioctl -------------------------------------------------------------------------------------------------------------------------- */

/* F_SETOWN and F_GETOWN as sockets have them too. */
static int64_t ioctl_owner(struct file *f, unsigned cmd, uaddr_t arg)
{
    int owner = (int)owner_get(f);
    if (cmd == FIOGETOWN || cmd == SIOCGPGRP)
        return put_user(arg, owner);
    return copy_from_user(&owner, arg, sizeof(owner)) ? -EFAULT : owner_set(f, owner);
}

static int64_t ioctl_generic(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
    int value = 0;
    switch (cmd) {
    case FIOCLEX:
    case FIONCLEX:
        return fd_set_cloexec(files_mine(), fd, cmd == FIOCLEX);
    case FIONBIO:
    case FIOASYNC: {
        unsigned flag = cmd == FIONBIO ? O_NONBLOCK : FASYNC;
        if (copy_from_user(&value, arg, sizeof(value)))
            return -EFAULT;
        return set_flags(f, fd, value ? f->flags | flag : f->flags & ~flag);
    }
    case FIONREAD:
        if (f->inode && S_ISREG(f->inode->mode)) {
            value = (int)MIN(f->inode->size - MIN(f->pos, f->inode->size), (uint64_t)INT32_MAX);
            return put_user(arg, value);
        }
        break;
    case FIOSETOWN:
    case SIOCSPGRP:
    case FIOGETOWN:
    case SIOCGPGRP:
        if (file_type(f) == S_IFSOCK)
            return ioctl_owner(f, cmd, arg);
        break;
    default:
        break;
    }
    return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

int64_t sys_ioctl(int fd, unsigned cmd, uint64_t arg)
{
    struct file *f;
    int64_t result = fd_get_io(fd, &f);
    if (result)
        return result;
    result = ioctl_generic(f, fd, cmd, arg);
    file_put(f);
    return result == -EINTR ? -ERESTARTSYS : result;
}
