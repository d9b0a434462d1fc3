/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on names and attributes of files. */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <linux/utime.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include "base/string.h"
#include "syscall/paths.h"
#include "syscall_gen.h"
#include "time/clock.h"
#include "vfs/device.h"
#include "vfs/names.h"
#include "vfs/xattr.h"

#define UTIME_NOW  ((1L << 30) - 1L) /* utimensat(2); in no uapi header */
#define UTIME_OMIT ((1L << 30) - 2L)

static int64_t on_path(int dir, uaddr_t name, unsigned walk_flags, int64_t (*op)(struct path *p, void *arg), void *arg)
{
    struct path path;
    int64_t err = at_walk(dir, name, walk_flags, &path);
    if (err)
        return err;
    err = op(&path, arg);
    path_put(&path);
    return err;
}

static unsigned follow(bool is_followed)
{
    return is_followed ? WALK_FOLLOW : 0;
}

static unsigned at_walk_flags(unsigned flags)
{
    return follow(!(flags & AT_SYMLINK_NOFOLLOW)) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}

/* ---- stat ------------------------------------------------------------------------------------------------------- */

static void inode_refresh(struct inode *inode)
{
    if (inode->ops && inode->ops->refresh)
        inode->ops->refresh(inode);
}

/* Rounded down, also before 1970. */
static unsigned long seconds(ns_t t)
{
    return (unsigned long)(t / NS_PER_S - (t % NS_PER_S < 0));
}

static unsigned long nanoseconds(ns_t t)
{
    return (unsigned long)(t % NS_PER_S + (t % NS_PER_S < 0 ? NS_PER_S : 0));
}

/* What stat(2) tells, and what only statx(2) does. */
struct stat_result {
    struct stat st;
    ns_t btime;
    bool has_btime, is_mount_root;
    uint64_t mount_id;
};

static void stat_fill(struct inode *inode, struct stat_result *r)
{
    inode_refresh(inode);
    r->st = (struct stat){
        .st_dev = inode->sb->dev, .st_ino = inode->ino, .st_nlink = inode->nlink, .st_mode = inode->mode,
        .st_uid = inode->uid, .st_gid = inode->gid, .st_rdev = inode->rdev, .st_size = (long)inode->size,
        .st_blksize = PAGE_SIZE, .st_blocks = (long)inode->blocks,
        .st_atime = seconds(inode->atime), .st_atime_nsec = nanoseconds(inode->atime),
        .st_mtime = seconds(inode->mtime), .st_mtime_nsec = nanoseconds(inode->mtime),
        .st_ctime = seconds(inode->ctime), .st_ctime_nsec = nanoseconds(inode->ctime),
    };
    r->btime = inode->btime;
    r->has_btime = true;
}

static int64_t stat_path(struct path *p, void *arg)
{
    struct stat_result *r = arg;
    stat_fill(path_inode(p), r);
    r->is_mount_root = p->dentry == p->mount->root;
    r->mount_id = (uint64_t)p->mount->id;
    return 0;
}

/* Pipes, sockets and their like have no inode of a file system. */
static void stat_fill_file(struct file *f, struct stat_result *r)
{
    *r = (struct stat_result){0};
    if (f->inode && f->path.dentry)
        stat_path(&f->path, r);
    else if (f->inode)
        stat_fill(f->inode, r);
    else
        r->st = (struct stat){.st_dev = 0xf, .st_ino = file_own_ino(f->data), .st_nlink = 1, .st_blksize = PAGE_SIZE,
                              .st_mode = f->ops->stat_mode ? f->ops->stat_mode : 0600};
}

static int64_t stat_fd(int fd, struct stat_result *r)
{
    struct file *f;
    int64_t err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    stat_fill_file(f, r);
    file_put(f);
    return 0;
}

static bool is_empty_name(uaddr_t name)
{
    char c = 1;
    return copy_from_user(&c, name, 1) == 0 && c == 0;
}

static int64_t stat_cwd(struct stat_result *r)
{
    struct path cwd;
    fs_context_cwd(thread_current()->fs, &cwd);
    int64_t err = stat_path(&cwd, r);
    path_put(&cwd);
    return err;
}

static int64_t stat_at(int dir, uaddr_t name, unsigned flags, struct stat_result *r)
{
    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    if ((flags & AT_EMPTY_PATH) && (!name || is_empty_name(name))) /* since Linux 6.11 NULL is as good as "" */
        return dir == AT_FDCWD ? stat_cwd(r) : stat_fd(dir, r);
    return on_path(dir, name, at_walk_flags(flags), stat_path, r);
}

static int64_t stat_out(int64_t err, const struct stat_result *r, uaddr_t buf)
{
    return err ? err : copy_to_user(buf, &r->st, sizeof(r->st));
}

int64_t sys_newfstatat(int dir, uaddr_t name, uaddr_t buf, unsigned flags)
{
    struct stat_result r;
    return stat_out(stat_at(dir, name, flags, &r), &r, buf);
}

int64_t sys_stat(uaddr_t name, uaddr_t buf)
{
    return sys_newfstatat(AT_FDCWD, name, buf, 0);
}

int64_t sys_lstat(uaddr_t name, uaddr_t buf)
{
    return sys_newfstatat(AT_FDCWD, name, buf, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fstat(int fd, uaddr_t buf)
{
    struct stat_result r;
    return stat_out(stat_fd(fd, &r), &r, buf);
}

static struct statx_timestamp statx_time(ns_t t)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)seconds(t), .tv_nsec = (uint32_t)nanoseconds(t)};
}

static struct statx_timestamp statx_stamp(unsigned long s, unsigned long ns)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)s, .tv_nsec = (uint32_t)ns};
}

int64_t sys_statx(int dir, uaddr_t name, unsigned flags, unsigned mask, uaddr_t buf)
{
    struct stat_result r = {0};
    if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    int64_t err = stat_at(dir, name, flags, &r);
    if (err)
        return err;
    const struct stat *st = &r.st;
    struct statx x = {
        .stx_mask = STATX_BASIC_STATS | (r.has_btime ? STATX_BTIME : 0) | (r.mount_id ? STATX_MNT_ID : 0),
        .stx_blksize = (uint32_t)st->st_blksize, .stx_nlink = (uint32_t)st->st_nlink, .stx_uid = st->st_uid,
        .stx_gid = st->st_gid, .stx_mode = (uint16_t)st->st_mode, .stx_ino = st->st_ino, .stx_size = (uint64_t)st->st_size,
        .stx_blocks = (uint64_t)st->st_blocks, .stx_atime = statx_stamp(st->st_atime, st->st_atime_nsec),
        .stx_mtime = statx_stamp(st->st_mtime, st->st_mtime_nsec), .stx_ctime = statx_stamp(st->st_ctime, st->st_ctime_nsec),
        .stx_btime = statx_time(r.btime), .stx_rdev_major = MAJOR(st->st_rdev), .stx_rdev_minor = MINOR(st->st_rdev),
        .stx_dev_major = MAJOR(st->st_dev), .stx_dev_minor = MINOR(st->st_dev), .stx_mnt_id = r.mount_id,
        .stx_attributes = r.is_mount_root ? STATX_ATTR_MOUNT_ROOT : 0, .stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
    };
    return copy_to_user(buf, &x, sizeof(x));
}

static int64_t access_path(struct path *p, void *arg)
{
    unsigned want = *(unsigned *)arg;
    struct inode *inode = path_inode(p);
    bool is_kept = S_ISREG(inode->mode) || S_ISDIR(inode->mode) || S_ISLNK(inode->mode); /* not a device or its like */
    if ((want & 2) && is_kept && (mount_flags(p->mount) & MOUNT_READ_ONLY))
        return -EROFS;
    if ((want & 1) && S_ISREG(inode->mode) && (mount_flags(p->mount) & MOUNT_NOEXEC))
        return -EACCES;
    return want ? vfs_access(inode, want) : 0;
}

/* access(2) asks for the real ids: they stand in for the filesystem ids meanwhile. */
int64_t sys_faccessat2(int dir, uaddr_t name, int mode, unsigned flags)
{
    unsigned want = (unsigned)mode;
    if (mode & ~7 || flags & ~(unsigned)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct thread *t = thread_current();
    struct cred *effective = t->cred, real = *effective;
    if (!(flags & AT_EACCESS)) {
        real.fsuid = real.uid;
        real.fsgid = real.gid;
        real.cap_effective = real.uid == 0 ? real.cap_permitted : 0;
        t->cred = &real;
    }
    int64_t err = on_path(dir, name, at_walk_flags(flags), access_path, &want);
    t->cred = effective;
    return err;
}

int64_t sys_faccessat(int dir, uaddr_t name, int mode)
{
    return sys_faccessat2(dir, name, mode, 0);
}

int64_t sys_access(uaddr_t name, int mode)
{
    return sys_faccessat2(AT_FDCWD, name, mode, 0);
}

struct out_buffer {
    uaddr_t buf;
    int64_t size;
    bool is_unnamed; /* the path was "" */
};

static int64_t readlink_path(struct path *p, void *arg)
{
    const struct out_buffer *out = arg;
    struct inode *inode = path_inode(p);
    if (!inode->ops->readlink || !S_ISLNK(inode->mode))
        return out->is_unnamed ? -ENOENT : -EINVAL;
    char *text = heap_alloc(PATH_MAX);
    if (!text)
        return -ENOMEM;
    int64_t len = inode->ops->readlink(inode, text, PATH_MAX);
    inode_accessed(inode, p->mount, 0);
    if (len > 0) {
        len = MIN(len, out->size);
        int err = copy_to_user(out->buf, text, (size_t)len);
        len = err ? err : len;
    }
    heap_free(text);
    return len;
}

int64_t sys_readlinkat(int dir, uaddr_t name, uaddr_t buf, int64_t size)
{
    const struct out_buffer out = {buf, size, is_empty_name(name)};
    if (size <= 0)
        return -EINVAL;
    return on_path(dir, name, out.is_unnamed ? WALK_EMPTY : 0, readlink_path, (void *)(uintptr_t)&out);
}

int64_t sys_readlink(uaddr_t name, uaddr_t buf, int64_t size)
{
    return sys_readlinkat(AT_FDCWD, name, buf, size);
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

struct named {
    char *name;
    struct path start;
};

static int named_begin(struct named *n, int dir, uaddr_t name)
{
    n->name = user_path(name);
    if (is_err(n->name))
        return ptr_err(n->name);
    int err = at_start(dir, n->name, &n->start);
    if (err)
        heap_free(n->name);
    return err;
}

static void named_end(struct named *n)
{
    path_put(&n->start);
    heap_free(n->name);
}

int64_t sys_mkdirat(int dir, uaddr_t name, unsigned mode)
{
    struct named n;
    int err = named_begin(&n, dir, name);
    if (err)
        return err;
    err = vfs_mkdir(start_of(&n.start), n.name, mode);
    named_end(&n);
    return err;
}

int64_t sys_mkdir(uaddr_t name, unsigned mode)
{
    return sys_mkdirat(AT_FDCWD, name, mode);
}

int64_t sys_mknodat(int dir, uaddr_t name, unsigned mode, uint64_t dev)
{
    struct named n;
    unsigned type = mode & S_IFMT;
    if (type == S_IFDIR)
        return -EPERM;
    if (type == 0)
        mode |= S_IFREG;
    else if (type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
        return -EINVAL;
    int err = named_begin(&n, dir, name);
    if (err)
        return err;
    err = vfs_mknod(start_of(&n.start), n.name, mode & (S_IFMT | 07777), dev, NULL);
    named_end(&n);
    return err;
}

int64_t sys_mknod(uaddr_t name, unsigned mode, uint64_t dev)
{
    return sys_mknodat(AT_FDCWD, name, mode, dev);
}

int64_t sys_unlinkat(int dir, uaddr_t name, unsigned flags)
{
    struct named n;
    if (flags & ~(unsigned)AT_REMOVEDIR)
        return -EINVAL;
    int err = named_begin(&n, dir, name);
    if (err)
        return err;
    err = vfs_unlink(start_of(&n.start), n.name, flags & AT_REMOVEDIR);
    named_end(&n);
    return err;
}

int64_t sys_unlink(uaddr_t name)
{
    return sys_unlinkat(AT_FDCWD, name, 0);
}

int64_t sys_rmdir(uaddr_t name)
{
    return sys_unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

int64_t sys_symlinkat(uaddr_t target, int dir, uaddr_t name)
{
    struct named n;
    char *text = user_path(target);
    if (is_err(text))
        return ptr_err(text);
    int err = *text ? named_begin(&n, dir, name) : -ENOENT;
    if (err == 0) {
        err = vfs_symlink(start_of(&n.start), n.name, text);
        named_end(&n);
    }
    heap_free(text);
    return err;
}

int64_t sys_symlink(uaddr_t target, uaddr_t name)
{
    return sys_symlinkat(target, AT_FDCWD, name);
}

int64_t sys_linkat(int from_dir, uaddr_t from, int dir, uaddr_t name, unsigned flags)
{
    struct named n;
    struct path target;
    if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if ((flags & AT_EMPTY_PATH) && !capable(CAP_DAC_READ_SEARCH))
        return -ENOENT;
    int err = at_walk(from_dir, from, follow(flags & AT_SYMLINK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &target);
    if (err)
        return err;
    err = named_begin(&n, dir, name);
    if (err == 0) {
        err = vfs_link(&target, start_of(&n.start), n.name);
        named_end(&n);
    }
    path_put(&target);
    return err;
}

int64_t sys_link(uaddr_t from, uaddr_t name)
{
    return sys_linkat(AT_FDCWD, from, AT_FDCWD, name, 0);
}

int64_t sys_renameat2(int from_dir, uaddr_t from, int to_dir, uaddr_t to, unsigned flags)
{
    struct named a, b;
    int err = named_begin(&a, from_dir, from);
    if (err)
        return err;
    err = named_begin(&b, to_dir, to);
    if (err == 0) {
        err = vfs_rename(start_of(&a.start), a.name, start_of(&b.start), b.name, flags);
        named_end(&b);
    }
    named_end(&a);
    return err;
}

int64_t sys_renameat(int from_dir, uaddr_t from, int to_dir, uaddr_t to)
{
    return sys_renameat2(from_dir, from, to_dir, to, 0);
}

int64_t sys_rename(uaddr_t from, uaddr_t to)
{
    return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- attributes ---------------------------------------------------------------------------------------------------------- */

static int64_t setattr_path(struct path *p, void *arg)
{
    return vfs_setattr(p, arg);
}

/* Through a descriptor: pipes and sockets have nothing to set. */
static int64_t setattr_fd(int fd, struct iattr *attr)
{
    struct file *f;
    int64_t err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    if (f->mode & FMODE_PATH)
        err = -EBADF;
    else
        err = f->path.dentry ? vfs_setattr(&f->path, attr) : 0;
    file_put(f);
    return err;
}

int64_t sys_fchmodat(int dir, uaddr_t name, unsigned mode)
{
    struct iattr attr = {.valid = IATTR_MODE, .mode = mode & 07777};
    return on_path(dir, name, WALK_FOLLOW, setattr_path, &attr);
}

static int64_t chmod_path(struct path *p, void *arg)
{
    return S_ISLNK(path_inode(p)->mode) ? -EOPNOTSUPP : setattr_path(p, arg);
}

int64_t sys_fchmodat2(int dir, uaddr_t name, unsigned mode, unsigned flags)
{
    struct iattr attr = {.valid = IATTR_MODE, .mode = mode & 07777};
    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return on_path(dir, name, at_walk_flags(flags), chmod_path, &attr);
}

int64_t sys_chmod(uaddr_t name, unsigned mode)
{
    return sys_fchmodat(AT_FDCWD, name, mode);
}

int64_t sys_fchmod(int fd, unsigned mode)
{
    struct iattr attr = {.valid = IATTR_MODE, .mode = mode & 07777};
    return setattr_fd(fd, &attr);
}

static struct iattr owner_attr(unsigned uid, unsigned gid)
{
    return (struct iattr){.valid = (uid != ~0U ? IATTR_UID : 0) | (gid != ~0U ? IATTR_GID : 0) | IATTR_KILL_PRIVILEGES,
                          .uid = uid, .gid = gid};
}

int64_t sys_fchownat(int dir, uaddr_t name, unsigned uid, unsigned gid, unsigned flags)
{
    struct iattr attr = owner_attr(uid, gid);
    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return on_path(dir, name, at_walk_flags(flags), setattr_path, &attr);
}

int64_t sys_chown(uaddr_t name, unsigned uid, unsigned gid)
{
    return sys_fchownat(AT_FDCWD, name, uid, gid, 0);
}

int64_t sys_lchown(uaddr_t name, unsigned uid, unsigned gid)
{
    return sys_fchownat(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchown(int fd, unsigned uid, unsigned gid)
{
    struct iattr attr = owner_attr(uid, gid);
    return setattr_fd(fd, &attr);
}

/* NULL times: now. Owners may set any time, writers only now. */
static int64_t times_path(struct path *p, void *arg)
{
    struct iattr *attr = arg;
    struct inode *inode = path_inode(p);
    bool is_owner = thread_current()->cred->fsuid == inode->uid || capable(CAP_FOWNER);
    if (!is_owner) {
        if (attr->gid != 1) /* not "both now" */
            return -EPERM;
        int err = vfs_access(inode, 2);
        if (err)
            return err;
    }
    return vfs_setattr(p, attr);
}

static int timespec_to_attr(const struct __kernel_timespec *ts, ns_t *field, unsigned bit, struct iattr *attr, bool *is_now)
{
    *is_now = ts->tv_nsec == UTIME_NOW;
    if (ts->tv_nsec == UTIME_OMIT)
        return 0;
    if (!*is_now && (ts->tv_nsec < 0 || ts->tv_nsec >= NS_PER_S))
        return -EINVAL;
    const int64_t limit = INT64_MAX / NS_PER_S - 1; /* the year 2262, as far as our times go */
    *field = *is_now ? clock_realtime() : MAX(MIN(ts->tv_sec, limit), -limit) * NS_PER_S + ts->tv_nsec;
    attr->valid |= bit;
    return 0;
}

static int64_t times_fd(int fd, struct iattr *attr)
{
    struct file *f;
    int64_t err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    if (f->mode & FMODE_PATH)
        err = -EBADF;
    else if (f->path.dentry && attr->valid)
        err = times_path(&f->path, attr);
    file_put(f);
    return err;
}

static int64_t set_times(int dir, uaddr_t name, const struct __kernel_timespec ts[2], unsigned flags)
{
    struct iattr attr = {0};
    bool now_a = true, now_m = true;
    int64_t err = timespec_to_attr(&ts[0], &attr.atime, IATTR_ATIME, &attr, &now_a);
    if (err == 0)
        err = timespec_to_attr(&ts[1], &attr.mtime, IATTR_MTIME, &attr, &now_m);
    if (err)
        return err;
    attr.gid = now_a && now_m; /* not applied: IATTR_GID is not set */
    if (!name)
        return dir == AT_FDCWD ? -EFAULT : flags ? -EINVAL : times_fd(dir, &attr);
    return attr.valid ? on_path(dir, name, at_walk_flags(flags), times_path, &attr) : 0;
}

static const struct __kernel_timespec times_now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

int64_t sys_utimensat(int dir, uaddr_t name, uaddr_t times, unsigned flags)
{
    struct __kernel_timespec ts[2] = {times_now[0], times_now[1]};
    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (times && copy_from_user(ts, times, sizeof(ts)))
        return -EFAULT;
    return set_times(dir, name, ts, flags);
}

int64_t sys_futimesat(int dir, uaddr_t name, uaddr_t times)
{
    struct __kernel_old_timeval tv[2];
    struct __kernel_timespec ts[2] = {times_now[0], times_now[1]};
    if (times) {
        if (copy_from_user(tv, times, sizeof(tv)))
            return -EFAULT;
        for (int i = 0; i < 2; i++) {
            if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
                return -EINVAL;
            ts[i] = (struct __kernel_timespec){tv[i].tv_sec, tv[i].tv_usec * 1000};
        }
    }
    return set_times(dir, name, ts, 0);
}

int64_t sys_utimes(uaddr_t name, uaddr_t times)
{
    return sys_futimesat(AT_FDCWD, name, times);
}

int64_t sys_utime(uaddr_t name, uaddr_t times)
{
    struct utimbuf ut;
    struct __kernel_timespec ts[2] = {times_now[0], times_now[1]};
    if (times) {
        if (copy_from_user(&ut, times, sizeof(ut)))
            return -EFAULT;
        ts[0] = (struct __kernel_timespec){ut.actime, 0};
        ts[1] = (struct __kernel_timespec){ut.modtime, 0};
    }
    return set_times(AT_FDCWD, name, ts, 0);
}

/* ---- where a process is ---------------------------------------------------------------------------------------------------- */

static int64_t chdir_path(struct path *p, void *arg)
{
    (void)arg;
    int err = vfs_access(path_inode(p), 1);
    if (err == 0)
        fs_context_set_cwd(thread_current()->fs, p);
    return err;
}

int64_t sys_chdir(uaddr_t name)
{
    return on_path(AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, chdir_path, NULL);
}

int64_t sys_fchdir(int fd)
{
    struct file *f;
    int64_t err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    err = f->path.dentry && S_ISDIR(f->inode->mode) ? chdir_path(&f->path, NULL) : -ENOTDIR;
    file_put(f);
    return err;
}

static int64_t chroot_path(struct path *p, void *arg)
{
    (void)arg;
    int err = vfs_access(path_inode(p), 1);
    if (err)
        return err;
    if (!capable(CAP_SYS_CHROOT))
        return -EPERM;
    fs_context_set_root(thread_current()->fs, p);
    return 0;
}

int64_t sys_chroot(uaddr_t name)
{
    return on_path(AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, chroot_path, NULL);
}

int64_t sys_getcwd(uaddr_t buf, uint64_t size)
{
    struct path cwd;
    char *text = heap_alloc(PATH_MAX);
    if (!text)
        return -ENOMEM;
    fs_context_cwd(thread_current()->fs, &cwd);
    static const char unreachable[] = "(unreachable)";
    size_t prefix = path_is_reachable(&cwd) ? 0 : sizeof(unreachable) - 1;
    memcpy(text, unreachable, prefix);
    int64_t len = cwd.dentry->is_unlinked ? -ENOENT : path_name(&cwd, text + prefix, PATH_MAX - prefix);
    len += len < 0 ? 0 : (int64_t)prefix;
    path_put(&cwd);
    if (len >= 0) {
        len++;
        int err = (uint64_t)len > size ? -ERANGE : copy_to_user(buf, text, (size_t)len);
        len = err ? err : len;
    }
    heap_free(text);
    return len;
}

int64_t sys_umask(unsigned mask)
{
    return fs_context_set_umask(thread_current()->fs, mask);
}

enum { ST_VALID = 0x20, ST_RELATIME = 0x1000 }; /* of f_flags; in no uapi header, as the rest */

static unsigned statfs_flags(unsigned mount_bits)
{
    static const struct {
        unsigned bit, st;
    } table[] = {{MOUNT_READ_ONLY, 1}, {MOUNT_NOSUID, 2}, {MOUNT_NODEV, 4}, {MOUNT_NOEXEC, 8}, {MOUNT_NOATIME, 0x400},
                 {MOUNT_NODIRATIME, 0x800}, {MOUNT_NOSYMFOLLOW, 0x2000}};
    unsigned flags = ST_VALID | (mount_bits & (MOUNT_NOATIME | MOUNT_STRICTATIME) ? 0 : ST_RELATIME);
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        flags |= mount_bits & table[i].bit ? table[i].st : 0;
    return flags;
}

static int64_t statfs_out(const struct statfs_info *info, unsigned flags, uaddr_t buf)
{
    struct statfs s = {
        .f_type = (long)info->type, .f_bsize = (long)info->block_size, .f_blocks = (long)info->blocks, .f_bfree = (long)info->free,
        .f_bavail = (long)info->available, .f_files = (long)info->files, .f_ffree = (long)info->files_free,
        .f_namelen = (long)info->name_max, .f_frsize = (long)info->block_size, .f_flags = flags,
    };
    return copy_to_user(buf, &s, sizeof(s));
}

static int statfs_info_get(struct superblock *sb, struct statfs_info *info)
{
    *info = (struct statfs_info){.block_size = PAGE_SIZE, .name_max = 255};
    return sb->ops && sb->ops->statfs ? sb->ops->statfs(sb, info) : 0;
}

static int64_t statfs_sb(struct superblock *sb, unsigned mount_bits, uaddr_t buf)
{
    struct statfs_info info;
    int err = statfs_info_get(sb, &info);
    return err ? err : statfs_out(&info, statfs_flags(mount_bits), buf);
}

static int64_t statfs_path(struct path *p, void *arg)
{
    return statfs_sb(mount_superblock(p->mount), mount_flags(p->mount), *(uaddr_t *)arg);
}

int64_t sys_statfs(uaddr_t name, uaddr_t buf)
{
    return on_path(AT_FDCWD, name, WALK_FOLLOW, statfs_path, &buf);
}

/* Of pipes, sockets and the others that no file system of ours has. */
static int64_t statfs_anonymous(const struct file *f, uaddr_t buf)
{
    const unsigned type = file_type(f);
    const struct statfs_info info = {
        .type = type == S_IFIFO ? PIPEFS_MAGIC : type == S_IFSOCK ? SOCKFS_MAGIC : ANON_INODE_FS_MAGIC,
        .block_size = PAGE_SIZE, .name_max = 255,
    };
    return statfs_out(&info, ST_VALID, buf);
}

int64_t sys_fstatfs(int fd, uaddr_t buf)
{
    struct file *f;
    int64_t err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    err = f->path.mount ? statfs_sb(f->inode->sb, mount_flags(f->path.mount), buf) : statfs_anonymous(f, buf);
    file_put(f);
    return err;
}

struct ustat {
    int32_t free, unused;
    uint64_t free_inodes;
    char name[6], pack[6];
};

int64_t sys_ustat(uint64_t dev, uaddr_t buf)
{
    struct path root;
    struct statfs_info info;
    if (!mount_find_dev((uint32_t)dev, &root))
        return -EINVAL;
    int64_t err = statfs_info_get(mount_superblock(root.mount), &info);
    path_put(&root);
    struct ustat u = {.free = (int32_t)info.free, .free_inodes = info.files_free};
    return err ? err : copy_to_user(buf, &u, sizeof(u));
}

/* ---- extended attributes ------------------------------------------------------------------------------------------------------ */

enum xattr_op { XATTR_GET, XATTR_SET, XATTR_LIST, XATTR_REMOVE };

struct xattr_call {
    enum xattr_op op;
    uaddr_t name, value;
    uint64_t size;
    int flags;
};

/* 1..XATTR_NAME_MAX bytes. */
static int xattr_name(uaddr_t user, char name[XATTR_NAME_MAX + 1])
{
    int64_t len = copy_string_from_user(name, user, XATTR_NAME_MAX + 1);
    return len > 0 ? 0 : len == -ENAMETOOLONG || len == 0 ? -ERANGE : (int)len;
}

static int64_t xattr_set(const struct path *p, const struct xattr_call *c, const char *name, char *buf)
{
    if (c->flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if (c->size > XATTR_SIZE_MAX)
        return -E2BIG;
    int err = copy_from_user(buf, c->value, c->size);
    return err ? err : vfs_setxattr(p, name, buf, c->size, c->flags);
}

static int64_t xattr_read(const struct path *p, const struct xattr_call *c, const char *name, char *buf, size_t size)
{
    int64_t n = c->op == XATTR_GET ? vfs_getxattr(p, name, buf, size) : vfs_listxattr(p, buf, size);
    return n > 0 && size && copy_to_user(c->value, buf, (size_t)n) ? -EFAULT : n;
}

static int64_t xattr_path(struct path *p, void *arg)
{
    const struct xattr_call *c = arg;
    char name[XATTR_NAME_MAX + 1];
    int64_t n = c->op == XATTR_LIST ? 0 : xattr_name(c->name, name);
    if (n || c->op == XATTR_REMOVE)
        return n ? n : vfs_removexattr(p, name);
    size_t size = MIN(c->size, (uint64_t)XATTR_SIZE_MAX);
    char *buf = heap_alloc(size + 1);
    if (!buf)
        return -ENOMEM;
    n = c->op == XATTR_SET ? xattr_set(p, c, name, buf) : xattr_read(p, c, name, buf, size);
    heap_free(buf);
    return n;
}

/* Pipes and sockets have none, and may have none of the user's. */
static int64_t xattr_nowhere(const struct xattr_call *c)
{
    char name[XATTR_NAME_MAX + 1];
    int64_t err = c->op == XATTR_LIST ? 0 : xattr_name(c->name, name);
    if (err || c->op == XATTR_LIST)
        return err;
    bool is_user = str_has_prefix(name, "user.");
    return !is_user ? -EOPNOTSUPP : c->op == XATTR_GET ? -ENODATA : -EPERM;
}

static int64_t xattr_fd(int fd, struct xattr_call *c)
{
    struct file *f;
    int64_t err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    err = f->mode & FMODE_PATH ? -EBADF : f->path.dentry ? xattr_path(&f->path, c) : xattr_nowhere(c);
    file_put(f);
    return err;
}

static int64_t xattr_name_call(uaddr_t path, bool follows, struct xattr_call c)
{
    return on_path(AT_FDCWD, path, follow(follows), xattr_path, &c);
}

int64_t sys_getxattr(uaddr_t path, uaddr_t name, uaddr_t value, uint64_t size)
{
    return xattr_name_call(path, true, (struct xattr_call){XATTR_GET, name, value, size, 0});
}

int64_t sys_lgetxattr(uaddr_t path, uaddr_t name, uaddr_t value, uint64_t size)
{
    return xattr_name_call(path, false, (struct xattr_call){XATTR_GET, name, value, size, 0});
}

int64_t sys_fgetxattr(int fd, uaddr_t name, uaddr_t value, uint64_t size)
{
    return xattr_fd(fd, &(struct xattr_call){XATTR_GET, name, value, size, 0});
}

int64_t sys_setxattr(uaddr_t path, uaddr_t name, uaddr_t value, uint64_t size, int flags)
{
    return xattr_name_call(path, true, (struct xattr_call){XATTR_SET, name, value, size, flags});
}

int64_t sys_lsetxattr(uaddr_t path, uaddr_t name, uaddr_t value, uint64_t size, int flags)
{
    return xattr_name_call(path, false, (struct xattr_call){XATTR_SET, name, value, size, flags});
}

int64_t sys_fsetxattr(int fd, uaddr_t name, uaddr_t value, uint64_t size, int flags)
{
    return xattr_fd(fd, &(struct xattr_call){XATTR_SET, name, value, size, flags});
}

int64_t sys_listxattr(uaddr_t path, uaddr_t list, uint64_t size)
{
    return xattr_name_call(path, true, (struct xattr_call){XATTR_LIST, 0, list, size, 0});
}

int64_t sys_llistxattr(uaddr_t path, uaddr_t list, uint64_t size)
{
    return xattr_name_call(path, false, (struct xattr_call){XATTR_LIST, 0, list, size, 0});
}

int64_t sys_flistxattr(int fd, uaddr_t list, uint64_t size)
{
    return xattr_fd(fd, &(struct xattr_call){XATTR_LIST, 0, list, size, 0});
}

int64_t sys_removexattr(uaddr_t path, uaddr_t name)
{
    return xattr_name_call(path, true, (struct xattr_call){XATTR_REMOVE, name, 0, 0, 0});
}

int64_t sys_lremovexattr(uaddr_t path, uaddr_t name)
{
    return xattr_name_call(path, false, (struct xattr_call){XATTR_REMOVE, name, 0, 0, 0});
}

int64_t sys_fremovexattr(int fd, uaddr_t name)
{
    return xattr_fd(fd, &(struct xattr_call){XATTR_REMOVE, name, 0, 0, 0});
}
