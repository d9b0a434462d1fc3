/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on open files. */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/fadvise.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/uio.h>
#include "base/string.h"
#include "proc/internal.h"
#include "syscall/fds.h"
#include "syscall/paths.h"
#include "syscall_gen.h"
#include "vfs/inode.h"
#include "vfs/locks.h"
#include "vfs/notify.h"
#include "vfs/names.h"

#define IO_MAX 0x7ffff000UL /* MAX_RW_COUNT */

static struct fdtable *files_mine(void)
{
    return thread_current()->files;
}

static uint64_t fd_limit(void)
{
    return process_limit(process_current(), RLIMIT_NOFILE);
}

/* ---- reading and writing -------------------------------------------------------------------------------------- */

static int64_t transfer(struct file *f, struct iov_iter *it, uint64_t *pos, bool is_write, unsigned rwf)
{
    if (is_write && f->inode && S_ISREG(f->inode->mode)) {
        uint64_t limit = process_limit(process_current(), RLIMIT_FSIZE);
        uint64_t at = f->flags & O_APPEND ? f->inode->size : *pos;
        if (at >= limit && it->left > 0) {
            siginfo_t *none = NULL;
            int err = signal_send_thread(thread_current(), SIGXFSZ, none);
            (void)err;
            return -EFBIG;
        }
        it->left = MIN(it->left, limit - at);
    }
    int64_t n = is_write ? vfs_write_with(f, it, pos, rwf) : vfs_read_with(f, it, pos, rwf);
    return n == -EINTR ? -ERESTARTSYS : n;
}

/* At the file's own position. */
static int64_t transfer_here(int fd, struct iov_iter *it, bool is_write, unsigned rwf)
{
    struct file *f;
    int64_t n = fd_get_io(fd, &f);
    if (n)
        return n;
    uint64_t pos = 0;
    if ((f->mode & FMODE_SEEK) && !(rwf & RWF_APPEND)) {
        mutex_lock(&f->pos_lock);
        n = transfer(f, it, &f->pos, is_write, rwf);
        mutex_unlock(&f->pos_lock);
    } else {
        n = transfer(f, it, &pos, is_write, rwf);
    }
    file_put(f);
    return n;
}

static int64_t transfer_at(int fd, struct iov_iter *it, int64_t off, bool is_write, unsigned rwf)
{
    struct file *f;
    if (off < 0)
        return -EINVAL;
    int64_t n = fd_get_io(fd, &f);
    if (n)
        return n;
    uint64_t pos = (uint64_t)off;
    n = f->mode & FMODE_SEEK || (f->inode && S_ISCHR(f->inode->mode)) ? transfer(f, it, &pos, is_write, rwf) : -ESPIPE;
    file_put(f);
    return n;
}

static int64_t user_transfer(int fd, uaddr_t buf, uint64_t count, const int64_t *off, bool is_write)
{
    struct iov_iter it;
    if (count && !user_range_ok(buf, MIN(count, IO_MAX)))
        return -EFAULT;
    iov_iter_user(&it, buf, MIN(count, IO_MAX));
    return off ? transfer_at(fd, &it, *off, is_write, 0) : transfer_here(fd, &it, is_write, 0);
}

int64_t sys_read(int fd, uaddr_t buf, uint64_t count)
{
    return user_transfer(fd, buf, count, NULL, false);
}

int64_t sys_write(int fd, uaddr_t buf, uint64_t count)
{
    return user_transfer(fd, buf, count, NULL, true);
}

int64_t sys_pread64(int fd, uaddr_t buf, uint64_t count, int64_t off)
{
    return user_transfer(fd, buf, count, &off, false);
}

int64_t sys_pwrite64(int fd, uaddr_t buf, uint64_t count, int64_t off)
{
    return user_transfer(fd, buf, count, &off, true);
}

int iov_from_user(uaddr_t user, uint64_t count, struct iov **result)
{
    uint64_t total = 0;
    if (count > UIO_MAXIOV)
        return -EINVAL;
    struct iov *iov = heap_alloc(MAX(count, 1UL) * sizeof(*iov));
    if (!iov)
        return -ENOMEM;
    int err = copy_from_user(iov, user, count * sizeof(*iov));
    for (uint64_t i = 0; i < count && err == 0; i++) {
        if ((int64_t)iov[i].size < 0)
            err = -EINVAL;
        else if (iov[i].size && !user_range_ok(iov[i].base, iov[i].size))
            err = -EFAULT;
        else
            iov[i].size = MIN(iov[i].size, IO_MAX - total);
        total += err ? 0 : iov[i].size;
    }
    if (err)
        heap_free(iov);
    else
        *result = iov;
    return err;
}

static int64_t vector_transfer(int fd, uaddr_t user, uint64_t count, const int64_t *off, bool is_write, unsigned rwf)
{
    struct iov *iov;
    struct iov_iter it;
    int err = iov_from_user(user, count, &iov);
    if (err)
        return err;
    iov_iter_vec(&it, iov, count);
    int64_t n = off ? transfer_at(fd, &it, *off, is_write, rwf) : transfer_here(fd, &it, is_write, rwf);
    heap_free(iov);
    return n;
}

int64_t sys_readv(int fd, uaddr_t iov, uint64_t count)
{
    return vector_transfer(fd, iov, count, NULL, false, 0);
}

int64_t sys_writev(int fd, uaddr_t iov, uint64_t count)
{
    return vector_transfer(fd, iov, count, NULL, true, 0);
}

int64_t sys_preadv(int fd, uaddr_t iov, uint64_t count, int64_t off, uint64_t off_high)
{
    (void)off_high; /* of 32-bit callers */
    return vector_transfer(fd, iov, count, &off, false, 0);
}

int64_t sys_pwritev(int fd, uaddr_t iov, uint64_t count, int64_t off, uint64_t off_high)
{
    (void)off_high;
    return vector_transfer(fd, iov, count, &off, true, 0);
}

int64_t sys_preadv2(int fd, uaddr_t iov, uint64_t count, int64_t off, uint64_t off_high, unsigned flags)
{
    (void)off_high;
    return vector_transfer(fd, iov, count, off == -1 ? NULL : &off, false, flags);
}

int64_t sys_pwritev2(int fd, uaddr_t iov, uint64_t count, int64_t off, uint64_t off_high, unsigned flags)
{
    (void)off_high;
    return vector_transfer(fd, iov, count, off == -1 ? NULL : &off, true, flags);
}

static int64_t seek_to(struct file *f, int64_t off, int whence)
{
    int64_t base = whence == SEEK_CUR ? (int64_t)f->pos : 0, at;
    if (whence == SEEK_END) {
        if (f->inode->ops->refresh)
            f->inode->ops->refresh(f->inode);
        base = (int64_t)f->inode->size;
    }
    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        at = off < 0 ? -ENXIO : f->ops->seek ? f->ops->seek(f, off, whence) : -EINVAL;
        if (at < 0)
            return at;
    } else if (__builtin_add_overflow(base, off, &at) || at < 0) {
        return -EINVAL;
    }
    f->pos = (uint64_t)at;
    return at;
}

int64_t sys_lseek(int fd, int64_t off, int whence)
{
    struct file *f;
    int64_t result = fd_get_io(fd, &f);
    if (result)
        return result;
    if (whence < SEEK_SET || whence > SEEK_HOLE) {
        result = -EINVAL;
    } else if (f->mode & FMODE_SEEK) {
        mutex_lock(&f->pos_lock);
        result = seek_to(f, off, whence);
        mutex_unlock(&f->pos_lock);
    } else {
        result = f->ops->seek ? f->ops->seek(f, off, whence) : -ESPIPE;
    }
    file_put(f);
    return result;
}

/* ---- opening and closing --------------------------------------------------------------------------------------------- */

static int64_t open_common(int dir, uaddr_t name, unsigned flags, unsigned mode, unsigned walk_flags)
{
    struct path start;
    struct file *f;
    char *s = user_path(name);
    if (is_err(s))
        return ptr_err(s);
    /* With RESOLVE_IN_ROOT and RESOLVE_BENEATH also an absolute name begins at `dir`. */
    int err = at_start(dir, walk_flags & (WALK_IN_ROOT | WALK_BENEATH) ? "" : s, &start);
    if (err == 0) {
        err = vfs_open(start_of(&start), s, flags, mode, walk_flags, &f);
        path_put(&start);
    }
    heap_free(s);
    if (err)
        return err == -EINTR ? -ERESTARTSYS : err;
    int fd = fd_install(files_mine(), f, 0, flags & O_CLOEXEC, fd_limit());
    if (fd < 0)
        file_put(f);
    return fd;
}

/* What open(2) does not know it ignores. */
static unsigned open_flags(unsigned flags)
{
    unsigned known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | FASYNC | O_DIRECT |
                     O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_SYNC | O_PATH | O_TMPFILE;
    flags &= known;
    if (flags & O_PATH)
        return flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return flags | O_LARGEFILE;
}

int64_t sys_openat(int dir, uaddr_t name, unsigned flags, unsigned mode)
{
    return open_common(dir, name, open_flags(flags), mode & 07777, 0);
}

int64_t sys_open(uaddr_t name, unsigned flags, unsigned mode)
{
    return sys_openat(AT_FDCWD, name, flags, mode);
}

int64_t sys_creat(uaddr_t name, unsigned mode)
{
    return sys_openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

static unsigned resolve_flags(uint64_t resolve)
{
    return (resolve & RESOLVE_NO_XDEV ? WALK_NO_XDEV : 0) | (resolve & RESOLVE_NO_MAGICLINKS ? WALK_NO_MAGICLINKS : 0) |
           (resolve & RESOLVE_NO_SYMLINKS ? WALK_NO_SYMLINKS : 0) | (resolve & RESOLVE_BENEATH ? WALK_BENEATH : 0) |
           (resolve & RESOLVE_IN_ROOT ? WALK_IN_ROOT : 0);
}

/* What a later version of a structure has more must be zero: -E2BIG. */
static int zero_check_user(uaddr_t at, uint64_t size)
{
    char chunk[64];
    for (uint64_t done = 0; done < size; done += sizeof(chunk)) {
        size_t n = MIN(size - done, sizeof(chunk));
        if (copy_from_user(chunk, at + done, n))
            return -EFAULT;
        for (size_t i = 0; i < n; i++) {
            if (chunk[i])
                return -E2BIG;
        }
    }
    return 0;
}

int64_t sys_openat2(int dir, uaddr_t name, uaddr_t how, uint64_t size)
{
    struct open_how h;
    if (size < sizeof(h))
        return -EINVAL;
    int err = size > PAGE_SIZE ? -E2BIG : zero_check_user(how + sizeof(h), size - sizeof(h));
    if (err == 0)
        err = copy_from_user(&h, how, sizeof(h));
    if (err)
        return err;
    bool needs_mode = h.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
    uint64_t known = RESOLVE_CACHED | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    if (h.flags >> 32 || (open_flags((unsigned)h.flags) & ~(unsigned)O_LARGEFILE) != ((unsigned)h.flags & ~(unsigned)O_LARGEFILE) ||
        h.resolve & ~known || h.mode & ~07777ULL || (h.mode && !needs_mode) ||
        (h.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
        return -EINVAL;
    return open_common(dir, name, (unsigned)h.flags, (unsigned)h.mode, resolve_flags(h.resolve));
}

int64_t sys_close(int fd)
{
    return fd_close(files_mine(), fd);
}

int64_t sys_close_range(unsigned first, unsigned last, unsigned flags)
{
    if (first > last || flags & ~(unsigned)(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE))
        return -EINVAL;
    int err = flags & CLOSE_RANGE_UNSHARE ? process_unshare(CLONE_FILES) : 0;
    if (err)
        return err;
    return fdtable_close_range(files_mine(), first, MIN(last, (unsigned)INT32_MAX), flags & CLOSE_RANGE_CLOEXEC);
}

int64_t sys_dup(int fd)
{
    return fd_dup_from(fd, 0, false);
}

static int64_t dup_to(int fd, int to, bool cloexec)
{
    struct file *f;
    int err = fd_get(files_mine(), fd, &f);
    if (err)
        return err;
    int result = fd_replace(files_mine(), to, f, cloexec, fd_limit());
    if (result < 0)
        file_put(f);
    return result;
}

int64_t sys_dup2(int fd, int to)
{
    if (fd != to)
        return dup_to(fd, to, false);
    return fd_get_cloexec(files_mine(), fd) < 0 ? -EBADF : fd;
}

int64_t sys_dup3(int fd, int to, unsigned flags)
{
    if (fd == to || flags & ~(unsigned)O_CLOEXEC)
        return -EINVAL;
    return dup_to(fd, to, flags & O_CLOEXEC);
}

/* ---- directories ---------------------------------------------------------------------------------------------------------- */

struct dirent_head { /* struct linux_dirent64 */
    uint64_t ino;
    int64_t off;
    uint16_t size;
    uint8_t type;
} packed_struct;

struct dirent_old_head { /* struct linux_dirent: the type is its last byte */
    uint64_t ino;
    int64_t off;
    uint16_t size;
} packed_struct;

struct dents {
    struct dir_sink sink;
    uaddr_t at;
    uint64_t left;
    int err;
    bool is_any;
};

/* One entry, if there is room. */
static bool dents_put(struct dents *d, const void *entry, size_t size)
{
    if (size > d->left) {
        d->err = d->is_any ? 0 : -EINVAL;
        return false;
    }
    d->err = copy_to_user(d->at, entry, size);
    if (d->err)
        return false;
    d->at += size;
    d->left -= size;
    d->is_any = true;
    return true;
}

static bool dents_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct dents *d = container_of(sink, struct dents, sink);
    struct {
        struct dirent_head head;
        char name[NAME_MAX + 9];
    } packed_struct e = {.head = {ino, (int64_t)next_pos, (uint16_t)align_up(sizeof(e.head) + len + 1, 8), (uint8_t)type}};
    memcpy(e.name, name, len);
    return dents_put(d, &e, e.head.size);
}

static bool dents_emit_old(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next_pos)
{
    struct dents *d = container_of(sink, struct dents, sink);
    struct {
        struct dirent_old_head head;
        char name[NAME_MAX + 10];
    } packed_struct e = {.head = {ino, (int64_t)next_pos, (uint16_t)align_up(sizeof(e.head) + len + 2, 8)}};
    memcpy(e.name, name, len);
    e.name[e.head.size - sizeof(e.head) - 1] = (char)type;
    return dents_put(d, &e, e.head.size);
}

/* "." and ".." are positions 0 and 1; a file system's own begin at 3 at least, or are byte offsets. */
static bool dots_emit(struct file *f, struct dents *d)
{
    struct inode *up = f->path.dentry ? f->path.dentry->parent->inode : f->inode;
    if (f->pos == 0) {
        if (!d->sink.emit(&d->sink, ".", 1, f->inode->ino, 4, 1))
            return false;
        f->pos = 1;
    }
    if (f->pos == 1) {
        if (!d->sink.emit(&d->sink, "..", 2, up->ino, 4, 3))
            return false;
        f->pos = 3;
    }
    return true;
}

static int64_t entries_read(int fd, struct dents d)
{
    struct file *f;
    const uaddr_t entries = d.at;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    mutex_lock(&f->pos_lock);
    if (!f->inode || !S_ISDIR(f->inode->mode) || !f->ops->readdir)
        err = -ENOTDIR;
    else if (f->path.dentry && f->path.dentry->is_unlinked)
        err = -ENOENT;
    else if (dots_emit(f, &d))
        err = f->ops->readdir(f, &d.sink);
    if (err == 0)
        inode_accessed(f->inode, f->path.mount, f->flags);
    mutex_unlock(&f->pos_lock);
    if (err == 0)
        notify_file(f, IN_ACCESS);
    file_put(f);
    if (d.at > entries)
        return (int64_t)(d.at - entries);
    return err ? err : d.err;
}

int64_t sys_getdents64(int fd, uaddr_t entries, uint64_t size)
{
    return entries_read(fd, (struct dents){.sink = {dents_emit}, .at = entries, .left = size});
}

int64_t sys_getdents(int fd, uaddr_t entries, uint64_t size)
{
    return entries_read(fd, (struct dents){.sink = {dents_emit_old}, .at = entries, .left = size});
}

/* ---- durability and size ------------------------------------------------------------------------------------------------------ */

static int64_t sync_file(int fd, bool data_only)
{
    struct file *f;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = f->ops->sync ? f->ops->sync(f, data_only) : -EINVAL;
    file_put(f);
    return err;
}

int64_t sys_fsync(int fd)
{
    return sync_file(fd, false);
}

int64_t sys_fdatasync(int fd)
{
    return sync_file(fd, true);
}

int64_t sys_sync(void)
{
    vfs_sync_all();
    return 0;
}

int64_t sys_syncfs(int fd)
{
    struct file *f;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    file_put(f);
    return sys_sync();
}

int64_t sys_sync_file_range(int fd, int64_t off, int64_t size, unsigned flags)
{
    struct file *f;
    int64_t end;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    unsigned type = file_type(f);
    if (off < 0 || size < 0 || __builtin_add_overflow(off, size, &end) || flags & ~7U)
        err = -EINVAL;
    else if (type != S_IFREG && type != S_IFDIR && type != S_IFBLK && type != S_IFLNK)
        err = -ESPIPE;
    else
        err = f->ops->sync ? f->ops->sync(f, true) : 0;
    file_put(f);
    return err;
}

int64_t sys_ftruncate(int fd, int64_t size)
{
    struct file *f;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = size < 0 ? -EINVAL : vfs_ftruncate(f, (uint64_t)size);
    file_put(f);
    return err;
}

int64_t sys_truncate(uaddr_t name, int64_t size)
{
    struct path path;
    if (size < 0)
        return -EINVAL;
    int64_t err = at_walk(AT_FDCWD, name, WALK_FOLLOW, &path);
    if (err)
        return err;
    err = vfs_truncate(&path, (uint64_t)size);
    path_put(&path);
    return err == -EINTR ? -ERESTARTSYS : err; /* somebody holds a lease */
}

int64_t sys_fallocate(int fd, int mode, int64_t off, int64_t size)
{
    struct file *f;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = vfs_fallocate(f, mode, off, size);
    if (err == 0)
        notify_file(f, IN_MODIFY);
    file_put(f);
    return err;
}

int64_t sys_flock(int fd, int operation)
{
    struct file *f;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = locks_flock(f, operation);
    file_put(f);
    return err;
}

int64_t sys_fadvise64(int fd, int64_t off, int64_t size, int advice)
{
    struct file *f;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = file_type(f) == S_IFIFO ? -ESPIPE : size < 0 || advice < 0 || advice > POSIX_FADV_NOREUSE ? -EINVAL : 0;
    if (err == 0 && advice == POSIX_FADV_DONTNEED && f->inode && f->inode->pages && off >= 0)
        pagecache_forget(f->inode->pages, (uint64_t)off, size ? (uint64_t)size : f->inode->pages->size);
    file_put(f);
    return err;
}

int64_t sys_readahead(int fd, int64_t off, uint64_t size)
{
    struct file *f;
    (void)off, (void)size;
    int64_t err = fd_get_io(fd, &f);
    if (err)
        return err;
    err = !(f->mode & FMODE_READ) ? -EBADF : f->inode && S_ISREG(f->inode->mode) ? 0 : -EINVAL;
    file_put(f);
    return err;
}

/* ---- file to file ---------------------------------------------------------------------------------------------------------------- */

#define BOUNCE_ORDER 4
#define BOUNCE_SIZE  (PAGE_SIZE << BOUNCE_ORDER)

/* Moves up to size bytes through the kernel. What was read and could not be written is lost to nobody: positions say how far. */
static int64_t copy_through(struct file *from, uint64_t *from_pos, struct file *to, uint64_t *to_pos, uint64_t size)
{
    char *bounce = page_alloc(BOUNCE_ORDER);
    int64_t done = 0, n = 0;
    if (!bounce)
        return -ENOMEM;
    while ((uint64_t)done < size) {
        struct iov_iter it;
        uint64_t pos = *from_pos;
        iov_iter_kernel(&it, bounce, MIN(size - (uint64_t)done, BOUNCE_SIZE));
        n = vfs_read(from, &it, &pos);
        if (n <= 0)
            break;
        iov_iter_kernel(&it, bounce, (uint64_t)n);
        n = vfs_write(to, &it, to_pos);
        if (n <= 0)
            break;
        *from_pos += (uint64_t)n;
        done += n;
    }
    page_free(bounce, BOUNCE_ORDER);
    return done ? done : n;
}

/* An offset in user memory is used and written back; without one the file's own position. */
static int offset_begin(struct file *f, uaddr_t user, uint64_t *pos)
{
    int64_t off = (int64_t)f->pos;
    if (user && copy_from_user(&off, user, sizeof(off)))
        return -EFAULT;
    if (off < 0)
        return -EINVAL;
    if (user && !(f->mode & FMODE_SEEK))
        return -ESPIPE;
    *pos = (uint64_t)off;
    return 0;
}

static int offset_end(struct file *f, uaddr_t user, uint64_t pos)
{
    if (user)
        return put_user(user, pos);
    if (f->mode & FMODE_SEEK)
        f->pos = pos;
    return 0;
}

static bool ranges_overlap(const struct file *from, uint64_t from_pos, const struct file *to, uint64_t to_pos, uint64_t size)
{
    return from->inode && from->inode == to->inode && S_ISREG(from->inode->mode) && from_pos < to_pos + size && to_pos < from_pos + size;
}

static int64_t file_to_file(struct file *from, uaddr_t from_off, struct file *to, uaddr_t to_off, uint64_t size)
{
    uint64_t from_pos, to_pos;
    int64_t n = offset_begin(from, from_off, &from_pos);
    if (n == 0)
        n = offset_begin(to, to_off, &to_pos);
    if (n == 0 && (!(from->mode & FMODE_READ) || !(to->mode & FMODE_WRITE)))
        n = -EBADF;
    if (n)
        return n;
    n = copy_through(from, &from_pos, to, &to_pos, MIN(size, IO_MAX));
    int err = offset_end(from, from_off, from_pos);
    if (err == 0)
        err = offset_end(to, to_off, to_pos);
    return err && n > 0 ? err : n == -EINTR ? -ERESTARTSYS : n;
}

static int sendfile_check(const struct file *from, const struct file *to, uaddr_t off, uint64_t size)
{
    const unsigned type = file_type(from);
    if (!(from->mode & FMODE_READ) || !(to->mode & FMODE_WRITE))
        return -EBADF;
    if ((int64_t)size < 0 || (to->flags & O_APPEND))
        return -EINVAL;
    if (type == S_IFCHR || (type == S_IFREG && from->mode & FMODE_SEEK))
        return off && !(from->mode & FMODE_SEEK) ? -ESPIPE : 0;
    return off && type != S_IFDIR ? -ESPIPE : -EINVAL;
}

int64_t sys_sendfile(int to_fd, int from_fd, uaddr_t off, uint64_t size)
{
    struct file *to, *from;
    int64_t n = fd_get_io(from_fd, &from);
    if (n)
        return n;
    n = fd_get_io(to_fd, &to);
    if (n == 0) {
        n = sendfile_check(from, to, off, size);
        if (n == 0)
            n = file_to_file(from, off, to, 0, size);
        file_put(to);
    }
    file_put(from);
    return n;
}

static int copy_range_check(const struct file *from, const struct file *to, unsigned flags)
{
    if (flags)
        return -EINVAL;
    if (file_type(from) == S_IFDIR || file_type(to) == S_IFDIR)
        return -EISDIR;
    if (!from->inode || !to->inode || !S_ISREG(from->inode->mode) || !S_ISREG(to->inode->mode))
        return -EINVAL;
    return !(from->mode & FMODE_READ) || !(to->mode & FMODE_WRITE) || (to->flags & O_APPEND) ? -EBADF : 0;
}

/* What the copy itself adds to the source is not copied. */
static uint64_t copy_range_size(struct file *from, uint64_t from_pos, uint64_t size)
{
    if (from->inode->ops->refresh)
        from->inode->ops->refresh(from->inode);
    uint64_t there = from->inode->size;
    return from_pos < there ? MIN(size, there - from_pos) : 0;
}

/* Neither range may wrap around (-EOVERFLOW), nor may they overlap in one file. */
static int copy_range_bounds(struct file *from, uaddr_t from_off, struct file *to, uaddr_t to_off, uint64_t *size)
{
    uint64_t from_pos, to_pos, end;
    int err = offset_begin(from, from_off, &from_pos);
    if (err == 0)
        err = offset_begin(to, to_off, &to_pos);
    if (err)
        return err;
    if (__builtin_add_overflow(from_pos, *size, &end) || __builtin_add_overflow(to_pos, *size, &end))
        return -EOVERFLOW;
    *size = MIN(copy_range_size(from, from_pos, *size), IO_MAX);
    return ranges_overlap(from, from_pos, to, to_pos, *size) ? -EINVAL : 0;
}

int64_t sys_copy_file_range(int from_fd, uaddr_t from_off, int to_fd, uaddr_t to_off, uint64_t size, unsigned flags)
{
    struct file *to, *from;
    int64_t n = fd_get_io(from_fd, &from);
    if (n)
        return n;
    n = fd_get_io(to_fd, &to);
    if (n == 0) {
        n = copy_range_check(from, to, flags);
        if (n == 0)
            n = copy_range_bounds(from, from_off, to, to_off, &size);
        if (n == 0)
            n = file_to_file(from, from_off, to, to_off, size);
        file_put(to);
    }
    file_put(from);
    return n;
}

/* ---- memfd ------------------------------------------------------------------------------------------------------------------------ */

int64_t sys_memfd_create(uaddr_t name, unsigned flags)
{
    char label[256] = "memfd:";
    struct file *f;
    if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    int64_t len = copy_string_from_user(label + 6, name, sizeof(label) - 6);
    if (len < 0)
        return len == -ENAMETOOLONG ? -EINVAL : len;
    int err = vfs_open_unnamed(label, flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL, &f);
    if (err)
        return err;
    int fd = fd_install(files_mine(), f, 0, flags & MFD_CLOEXEC, fd_limit());
    if (fd < 0)
        file_put(f);
    return fd;
}
