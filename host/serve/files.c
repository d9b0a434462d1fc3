/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host directories for the enclave: the file_* rows of hostcall.tab. A name is opened in a directory that is open, and links
 * are never followed here: the enclave walks. What is only asked about is held by an O_PATH descriptor.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "serve_internal.h"

#define NS 1000000000LL

static void self_path(char path[32], int fd)
{
    snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static int open_flags(uint32_t flags)
{
    int access = flags & HOSTCALL_FILE_WRITE ? (flags & HOSTCALL_FILE_READ ? O_RDWR : O_WRONLY) : O_RDONLY;
    if (!(flags & (HOSTCALL_FILE_READ | HOSTCALL_FILE_WRITE)))
        return O_PATH | O_NOFOLLOW | O_CLOEXEC;
    return access | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | (flags & HOSTCALL_FILE_CREATE ? O_CREAT | O_EXCL : 0);
}

/* A zero-ended copy without slashes; false: it is none. */
static bool name_read(const void *from, size_t size, char name[256])
{
    if (size == 0 || size > 255 || memchr(from, '/', size) || memchr(from, 0, size))
        return false;
    memcpy(name, from, size);
    name[size] = 0;
    return true;
}

static int root_open(const void *path, size_t size)
{
    char name[4097];
    umask(0); /* the enclave's processes have their own */
    memcpy(name, path, size);
    name[size] = 0;
    return open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int64_t serve_file_open(struct serve_vcpu *vcpu, int dir, uint32_t flags, uint32_t mode, const void *name, size_t name_size)
{
    char text[256];
    int at = fd_of(vcpu, dir);
    if (flags & HOSTCALL_FILE_ROOT)
        return fd_give(vcpu, root_open(name, name_size));
    if (at < 0)
        return -EBADF;
    if (name_size == 0) { /* through /proc the link is the file itself */
        self_path(text, at);
        return fd_give(vcpu, open(text, open_flags(flags) & ~O_NOFOLLOW));
    }
    if (!name_read(name, name_size, text))
        return -EINVAL;
    return fd_give(vcpu, openat(at, text, open_flags(flags), mode & 07777));
}

/* ---- what a file has ----------------------------------------------------------------------------------------------- */

static int64_t ns_of(struct timespec t)
{
    return t.tv_sec * NS + t.tv_nsec;
}

static int64_t stat_get(int fd, void *data, size_t size)
{
    struct stat st;
    if (size < sizeof(struct hostcall_file_stat))
        return -EINVAL;
    if (fstat(fd, &st) < 0)
        return -errno;
    *(struct hostcall_file_stat *)data = (struct hostcall_file_stat){
        .dev = st.st_dev, .ino = st.st_ino, .size = (uint64_t)st.st_size, .blocks = (uint64_t)st.st_blocks,
        .atime = ns_of(st.st_atim), .mtime = ns_of(st.st_mtim), .ctime = ns_of(st.st_ctim),
        .mode = st.st_mode, .nlink = (uint32_t)st.st_nlink, .uid = st.st_uid, .gid = st.st_gid,
    };
    return sizeof(struct hostcall_file_stat);
}

struct kernel_dirent {
    uint64_t ino;
    int64_t off;
    uint16_t size;
    uint8_t type;
    char name[];
};

static int64_t entries_get(int fd, uint64_t off, uint8_t *data, size_t size)
{
    char raw[16384];
    size_t used = 0;
    if (lseek(fd, (off_t)off, SEEK_SET) < 0)
        return -errno;
    long n = syscall(SYS_getdents64, fd, raw, sizeof(raw));
    for (long i = 0; i < n;) {
        const struct kernel_dirent *e = (const struct kernel_dirent *)(raw + i);
        size_t name_size = strlen(e->name);
        struct hostcall_file_entry entry = {.ino = e->ino, .next = (uint64_t)e->off, .name_size = (uint16_t)name_size, .type = e->type};
        if (used + sizeof(entry) + name_size > size)
            break;
        memcpy(data + used, &entry, sizeof(entry));
        memcpy(data + used + sizeof(entry), e->name, name_size);
        used += sizeof(entry) + name_size;
        i += e->size;
    }
    return n < 0 ? -errno : (int64_t)used;
}

int64_t serve_file_get(struct serve_vcpu *vcpu, int fd, uint32_t part, uint64_t off, void *data, size_t data_size)
{
    int file = fd_of(vcpu, fd);
    if (file < 0)
        return -EBADF;
    switch (part) {
    case HOSTCALL_FILE_STAT:
        return stat_get(file, data, data_size);
    case HOSTCALL_FILE_DATA:
        return result_of(pread(file, data, data_size, (off_t)off));
    case HOSTCALL_FILE_LINK:
        return result_of(readlinkat(file, "", data, data_size));
    case HOSTCALL_FILE_ENTRIES:
        return entries_get(file, off, data, data_size);
    default:
        return -EINVAL;
    }
}

/* ---- what it gets -------------------------------------------------------------------------------------------------- */

static struct timespec timespec_of(int64_t ns, bool is_set)
{
    int64_t s = ns / NS - (ns % NS < 0);
    return is_set ? (struct timespec){s, ns - s * NS} : (struct timespec){0, UTIME_OMIT};
}

/* fd may be O_PATH: what takes a path gets /proc/self/fd/N. */
static int attr_set(int fd, const struct hostcall_file_attr *a)
{
    char path[32];
    struct timespec times[2] = {timespec_of(a->atime, a->valid & 16), timespec_of(a->mtime, a->valid & 32)};
    self_path(path, fd);
    if ((a->valid & 6) && fchownat(fd, "", a->valid & 2 ? a->uid : (uid_t)-1, a->valid & 4 ? a->gid : (gid_t)-1, AT_EMPTY_PATH) < 0)
        return -errno;
    if ((a->valid & 1) && chmod(path, a->mode & 01777) < 0)
        return -errno;
    if ((a->valid & 8) && truncate(path, (off_t)a->size) < 0)
        return -errno;
    return (a->valid & 48) && utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

int64_t serve_file_set(struct serve_vcpu *vcpu, int fd, uint32_t part, uint64_t off, const void *data, size_t data_size)
{
    int file = fd_of(vcpu, fd);
    if (file < 0)
        return -EBADF;
    switch (part) {
    case HOSTCALL_FILE_DATA:
        return result_of(pwrite(file, data, data_size, (off_t)off));
    case HOSTCALL_FILE_ATTR:
        return data_size == sizeof(struct hostcall_file_attr) ? attr_set(file, data) : -EINVAL;
    case HOSTCALL_FILE_SYNC:
        return result_of(fsync(file));
    default:
        return -EINVAL;
    }
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

int64_t serve_file_change(struct serve_vcpu *vcpu, uint32_t what, int dir, int to_dir, uint32_t mode, const void *names,
                          size_t names_size)
{
    int from = fd_of(vcpu, dir), to = fd_of(vcpu, to_dir);
    const char *first = names, *second;
    char name[256], other[256];
    if (names_size < 2 || first[names_size - 1] != 0 || strlen(first) + 2 > names_size)
        return -EINVAL;
    second = first + strlen(first) + 1;
    if (!name_read(first, strlen(first), name))
        return -EINVAL;
    bool has_other = name_read(second, strlen(second), other);
    switch (what) {
    case HOSTCALL_FILE_MKDIR:
        return result_of(mkdirat(from, name, mode & 07777));
    case HOSTCALL_FILE_SYMLINK:
        return result_of(symlinkat(second, from, name));
    case HOSTCALL_FILE_UNLINK:
        return result_of(unlinkat(from, name, 0));
    case HOSTCALL_FILE_RMDIR:
        return result_of(unlinkat(from, name, AT_REMOVEDIR));
    case HOSTCALL_FILE_LINK_TO: /* to_dir is the file itself */
        self_path(other, to);
        return result_of(linkat(AT_FDCWD, other, from, name, AT_SYMLINK_FOLLOW));
    case HOSTCALL_FILE_RENAME:
        return has_other ? result_of(renameat2(from, name, to, other, mode & 3)) : -EINVAL;
    default:
        return -EINVAL;
    }
}
