/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of mounts. One for the enclave; mount namespaces are not there. */
#pragma once
#include "vfs/inode.h"
#include "vfs/path.h"

enum { MOUNT_READ_ONLY = 1, MOUNT_NOEXEC = 2, MOUNT_NOSUID = 4, MOUNT_NODEV = 8, MOUNT_NOATIME = 16, MOUNT_NODIRATIME = 32,
       MOUNT_STRICTATIME = 64, MOUNT_NOSYMFOLLOW = 128 };

/* The first: makes the root. Takes the caller's reference of sb; source and options are for /proc/mounts. */
nodiscard int mount_root(struct superblock *sb, const char *source, unsigned flags, struct path *root);
/* Takes the caller's reference of sb, also on failure. */
nodiscard int mount_add(const struct path *at, struct superblock *sb, const char *source, unsigned flags);
nodiscard int mount_bind(const struct path *at, const struct path *from, unsigned flags);
/* What is mounted with its root at `from`, to another place: -EINVAL (it is no mount), -ELOOP (into itself). */
nodiscard int mount_move(const struct path *at, const struct path *from);
/* umount2(2)'s flags, which are in no uapi header. */
enum { MOUNT_FORCE = 1, MOUNT_DETACH = 2, MOUNT_EXPIRE = 4, MOUNT_NOFOLLOW = 8 };
/* -EBUSY; -EAGAIN: MOUNT_EXPIRE for the first time since it was used. */
nodiscard int mount_remove(const struct path *at, unsigned umount_flags);
bool mount_is_root(const struct path *at); /* of what is mounted there */
/* Some mount of sb, at its root: referenced; false: it is mounted nowhere. */
nodiscard bool mount_find(const struct superblock *sb, struct path *root);
/* MOUNT_* of what `at` is the root of; -EINVAL: it is none, -EBUSY: files are open for writing there. */
nodiscard int mount_set_flags(const struct path *at, unsigned flags);
unsigned mount_flags(const struct mount *m);
struct superblock *mount_superblock(const struct mount *m);
/* What is mounted and has this st_dev: referenced; false: nothing. */
nodiscard bool mount_find_dev(uint64_t dev, struct path *root);
/* Lines of /proc/self/mounts or mountinfo into buf; the size of the whole text. */
size_t mount_list(char *buf, size_t size, bool as_mountinfo);
void vfs_sync_all(void);

/* ---- what system calls do to named files; credentials and umask are those of the calling thread ---- */

/* open(2) flags and openat2 RESOLVE_* as walk flags. f: the caller's reference. */
nodiscard int vfs_open(const struct path *start, const char *name, unsigned flags, unsigned mode,
                       unsigned walk_flags, struct file **f);
nodiscard int vfs_open_path(const struct path *path, unsigned flags, struct file **f);
/* For the kernel to run it: whoever may execute a file need not be allowed to read it. */
nodiscard int vfs_open_program(const struct path *path, struct file **f);
nodiscard int vfs_mkdir(const struct path *start, const char *name, unsigned mode);
nodiscard int vfs_mknod(const struct path *start, const char *name, unsigned mode, uint64_t rdev,
                        struct inode **made); /* made may be NULL; sockets and FIFOs too */
nodiscard int vfs_access(struct inode *inode, unsigned want); /* MAY_READ 4, MAY_WRITE 2, MAY_EXEC 1 */
nodiscard int vfs_setattr(const struct path *path, const struct iattr *attr); /* all but the size */
nodiscard int vfs_truncate(const struct path *path, uint64_t size);
nodiscard int vfs_ftruncate(struct file *f, uint64_t size);
nodiscard int vfs_fallocate(struct file *f, int mode, int64_t off, int64_t size);
/* rwf: RWF_* of preadv2(2). -EOPNOTSUPP for what is not known. */
nodiscard int64_t vfs_read_with(struct file *f, struct iov_iter *to, uint64_t *pos, unsigned rwf);
nodiscard int64_t vfs_write_with(struct file *f, struct iov_iter *from, uint64_t *pos, unsigned rwf);
static inline nodiscard int64_t vfs_read(struct file *f, struct iov_iter *to, uint64_t *pos)
{
    return vfs_read_with(f, to, pos, 0);
}
static inline nodiscard int64_t vfs_write(struct file *f, struct iov_iter *from, uint64_t *pos)
{
    return vfs_write_with(f, from, pos, 0);
}
/* For the kernel's own use (exec, configuration): whole reads into kernel memory. */
nodiscard int64_t vfs_read_kernel(struct file *f, uint64_t off, void *buf, size_t size);

/* A file without a name in memory, as memfd_create makes it; label is what /proc shows. vfs_set_unnamed: at boot. */
nodiscard int vfs_open_unnamed(const char *label, uint32_t seals, struct file **f);
void vfs_set_unnamed(struct superblock *sb, const struct path *root, int (*make)(struct superblock *sb, uint32_t mode, struct inode **inode));
