/* SPDX-License-Identifier: Apache-2.0 */
/* name_to_handle_at(2) and open_by_handle_at(2). */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include "syscall/fds.h"
#include "syscall/paths.h"
#include "syscall_gen.h"
#include "vfs/dentry.h"
#include "vfs/handle.h"

#define HANDLE_BYTES_MAX 128 /* MAX_HANDLE_SZ; in no uapi header, as AT_HANDLE_FID and the structure */
#define HANDLE_FID       0x200U

struct handle_head { /* of struct file_handle */
    uint32_t size;
    int32_t type;
};

/* Writes the size, and the rest if there is room for it. */
static int handle_out(const struct path *p, uaddr_t handle, uint32_t room, uaddr_t mount_id)
{
    struct {
        struct handle_head head;
        struct file_id id;
    } h = {.head = {sizeof(h.id), FILE_ID_TYPE}};
    int err = room < sizeof(h.id) ? -EOVERFLOW : file_id_make(p, &h.id);
    if (err && err != -EOVERFLOW)
        return err;
    if (put_user(mount_id, p->mount->id) || copy_to_user(handle, &h, err ? sizeof(h.head) : sizeof(h)))
        return -EFAULT;
    return err;
}

int64_t sys_name_to_handle_at(int dir, uaddr_t name, uaddr_t handle, uaddr_t mount_id, unsigned flags)
{
    struct handle_head head;
    struct path path;
    if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | HANDLE_FID))
        return -EINVAL;
    int err = at_walk(dir, name, (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &path);
    if (err)
        return err;
    if (copy_from_user(&head, handle, sizeof(head)))
        err = -EFAULT;
    else
        err = head.size > HANDLE_BYTES_MAX ? -EINVAL : handle_out(&path, handle, head.size, mount_id);
    path_put(&path);
    return err;
}

static int handle_read(uaddr_t handle, struct file_id *id)
{
    struct handle_head head;
    if (copy_from_user(&head, handle, sizeof(head)))
        return -EFAULT;
    if (head.size == 0 || head.size > HANDLE_BYTES_MAX)
        return -EINVAL;
    if (head.size != sizeof(*id) || head.type != FILE_ID_TYPE)
        return -ESTALE;
    return copy_from_user(id, handle + sizeof(head), sizeof(*id));
}

/* Some file of the file system; AT_FDCWD: the working directory. */
static int mount_of(int fd, struct path *on)
{
    struct file *f;
    if (fd == AT_FDCWD) {
        fs_context_cwd(thread_current()->fs, on);
        return 0;
    }
    int err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    *on = f->path;
    if (on->mount)
        path_get(on);
    file_put(f);
    return on->mount ? 0 : -ESTALE;
}

static int64_t open_found(const struct path *path, unsigned flags)
{
    struct file *f;
    int err = vfs_open_path(path, flags & ~(unsigned)(O_CREAT | O_EXCL), &f);
    return err ? (err == -EINTR ? -ERESTARTSYS : err) : fd_new(f, flags);
}

int64_t sys_open_by_handle_at(int on_fd, uaddr_t handle, unsigned flags)
{
    struct file_id id;
    struct path on, path;
    if (!capable(CAP_DAC_READ_SEARCH))
        return -EPERM;
    int64_t err = handle_read(handle, &id);
    if (err == -EFAULT || err == -EINVAL)
        return err;
    int64_t mount_err = mount_of(on_fd, &on);
    if (mount_err)
        return mount_err;
    if (err == 0)
        err = file_id_find(&id, &on, &path);
    path_put(&on);
    if (err)
        return err;
    err = open_found(&path, flags | O_LARGEFILE);
    path_put(&path);
    return err;
}
