/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of inotify(7). */
#include <linux/inotify.h>
#include "ipc/inotify.h"
#include "syscall/fds.h"
#include "syscall/paths.h"
#include "syscall_gen.h"
#include "vfs/mount.h"

#define KNOWN                                                                                                          \
    (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | \
     IN_MASK_CREATE | IN_ISDIR | IN_ONESHOT)

int64_t sys_inotify_init1(unsigned flags)
{
    struct file *f;
    if (flags & ~(unsigned)(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    int err = inotify_create(flags, &f);
    return err ? err : fd_new(f, flags);
}

int64_t sys_inotify_init(void)
{
    return sys_inotify_init1(0);
}

static int64_t watch_add(struct file *f, uaddr_t name, unsigned mask)
{
    struct path path;
    unsigned walk = (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) | (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0);
    int err = at_walk(AT_FDCWD, name, walk, &path);
    if (err)
        return err;
    err = vfs_access(path_inode(&path), 4);
    if (err == 0)
        err = inotify_add(f, path_inode(&path), mask);
    path_put(&path);
    return err;
}

int64_t sys_inotify_add_watch(int fd, uaddr_t name, unsigned mask)
{
    struct file *f;
    if (!(mask & KNOWN))
        return -EINVAL;
    int64_t result = fd_get_io(fd, &f);
    if (result)
        return result;
    bool is_both = (mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE);
    result = is_both || !file_is_inotify(f) ? -EINVAL : watch_add(f, name, mask);
    file_put(f);
    return result;
}

int64_t sys_inotify_rm_watch(int fd, int wd)
{
    struct file *f;
    int err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = inotify_remove(f, wd);
    file_put(f);
    return err;
}
