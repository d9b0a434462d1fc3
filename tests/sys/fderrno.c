/* SPDX-License-Identifier: Apache-2.0 */
/* What calls on descriptors say about files of a kind that they do not work on, and about offsets and flags. */
#include "fs.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

static int ends[2], sock;

static void test_positions(void)
{
    put_file("f", "0123456789", 0644);
    int f = open("f", O_RDWR);
    CHECK(pipe(ends) == 0);
    sock = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(lseek(ends[0], 0, 99), EINVAL); /* before it is looked at what it is */
    CHECK_ERRNO(lseek(ends[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(lseek(f, -11, SEEK_END), EINVAL);
    CHECK_ERRNO(fallocate(sock, 0, 0, 1), ENODEV);
    CHECK_ERRNO(fallocate(ends[1], 0, 0, 1), ESPIPE);
    CHECK(posix_fadvise(sock, 0, 0, POSIX_FADV_NORMAL) == 0);
    CHECK(posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL) == ESPIPE);
    CHECK_ERRNO(sync_file_range(ends[1], 0, 1, SYNC_FILE_RANGE_WRITE), ESPIPE);
    CHECK_ERRNO(sync_file_range(sock, 0, 1, SYNC_FILE_RANGE_WRITE), ESPIPE);
    CHECK_ERRNO(sync_file_range(f, INT64_MAX, 1, SYNC_FILE_RANGE_WRITE), EINVAL);
    CHECK_ERRNO(sync_file_range(99, 0, 1, 77), EBADF);
}

static void test_copy_bounds(void)
{
    put_file("from", "0123456789", 0644);
    put_file("to", "", 0644);
    int from = open("from", O_RDONLY), to = open("to", O_RDWR);
    loff_t from_off = 0, to_off = 5;
    CHECK_ERRNO(copy_file_range(from, &from_off, to, &to_off, SIZE_MAX, 0), EOVERFLOW);
    to_off = 0;
    CHECK(copy_file_range(from, &from_off, to, &to_off, SIZE_MAX, 0) == 10);
    from_off = INT64_MAX - 1;
    CHECK(copy_file_range(from, &from_off, to, &to_off, 10, 0) == 0);
}

static void test_sendfile(void)
{
    char buf[16];
    off_t off = 0;
    put_file("f", "0123456789", 0644);
    int f = open("f", O_RDWR), zero = open("/dev/zero", O_RDONLY);
    CHECK(pipe(ends) == 0);
    CHECK_ERRNO(sendfile(f, open(".", O_RDONLY), NULL, 1), EINVAL);
    CHECK_ERRNO(sendfile(f, ends[0], &off, 1), ESPIPE);
    CHECK_ERRNO(sendfile(f, f, NULL, SIZE_MAX), EINVAL);
    CHECK(sendfile(ends[1], zero, NULL, 10) == 10 && read(ends[0], buf, 16) == 10);
    CHECK(sendfile(f, f, NULL, 1) == 1); /* onto itself, further on */
    CHECK_ERRNO(splice(open(".", O_RDONLY), NULL, ends[1], NULL, 1, 0), EINVAL);
    CHECK_ERRNO(splice(ends[0], NULL, eventfd(0, 0), NULL, 1, 0), EINVAL); /* and does not wait for the pipe */
    CHECK_ERRNO(splice(inotify_init(), NULL, ends[1], NULL, 1, 0), EINVAL);
    CHECK_ERRNO(copy_file_range(ends[0], NULL, open(".", O_RDONLY), NULL, 1, 0), EISDIR);
    CHECK_ERRNO(copy_file_range(f, NULL, open("f", O_RDONLY), NULL, 1, 0), EBADF);
    CHECK_ERRNO(copy_file_range(open("f", O_WRONLY), NULL, f, NULL, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_pipe2, ends, -1), EINVAL);
    CHECK_ERRNO(syscall(SYS_setns, f, 0), EINVAL); /* a file that is no namespace */
    CHECK_ERRNO(syscall(SYS_setns, -1, 0), EBADF);
}

static void test_names_of_nothing(void)
{
    char buf[16];
    put_file("f", "", 0644);
    CHECK(symlink("f", "l") == 0);
    int link = open("l", O_PATH | O_NOFOLLOW), f = open("f", O_RDONLY);
    CHECK(readlinkat(link, "", buf, sizeof(buf)) == 1);
    CHECK_ERRNO(readlinkat(f, "", buf, sizeof(buf)), ENOENT);
    CHECK(syscall(452, AT_FDCWD, "f", 0640, 0) == 0 || errno == ENOSYS); /* fchmodat2, since Linux 6.6 */
    if (errno != ENOSYS) {
        CHECK(mode_of("f") == 0640 && syscall(452, f, "", 0600, AT_EMPTY_PATH) == 0 && mode_of("f") == 0600);
        CHECK_ERRNO(syscall(452, AT_FDCWD, "l", 0640, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
        CHECK_ERRNO(syscall(452, AT_FDCWD, "f", 0640, 1), EINVAL);
    }
}

static void test_xattr_nowhere(void)
{
    char buf[16];
    CHECK(pipe(ends) == 0);
    CHECK_ERRNO(fsetxattr(ends[0], "user.a", "1", 1, 0), EPERM);
    CHECK_ERRNO(fgetxattr(ends[0], "user.a", buf, sizeof(buf)), ENODATA);
    CHECK(flistxattr(ends[0], buf, sizeof(buf)) == 0);
}

static void test_sockets(void)
{
    int value = getpid(), tcp = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof(value);
    CHECK_ERRNO(getsockopt(tcp, 500, 1, &value, &size), EOPNOTSUPP);
    CHECK_ERRNO(getsockopt(tcp, 17, 1, &value, &size), EOPNOTSUPP);
    CHECK_ERRNO(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
    CHECK(ioctl(tcp, FIOSETOWN, &value) == 0 && (value = 0, ioctl(tcp, SIOCGPGRP, &value)) == 0 && value == getpid());
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "name"};
    sock = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(sock, (struct sockaddr *)&name, sizeof(name)) == 0);
    CHECK_ERRNO(bind(sock, (struct sockaddr *)&name, sizeof(name)), EADDRINUSE);
    name.sun_path[0] = 'N';
    CHECK_ERRNO(bind(sock, (struct sockaddr *)&name, sizeof(name)), EINVAL);
}

static void test_locks_without_inode(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(pipe(ends) == 0);
    sock = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(flock(ends[0], LOCK_EX) == 0 && flock(sock, LOCK_SH) == 0 && flock(epoll_create1(0), LOCK_EX) == 0);
    CHECK(fcntl(ends[1], F_SETLK, &lock) == 0);
    lock.l_type = F_RDLCK;
    CHECK_ERRNO(fcntl(ends[1], F_SETLK, &lock), EBADF); /* not open for reading */
}

struct old_entry { /* of getdents(2) */
    unsigned long ino, off;
    unsigned short size;
    char name[];
};

static void test_getdents(void)
{
    char buf[4096];
    bool is_found = false;
    put_file("entry", "", 0644);
    int dir = open(".", O_RDONLY | O_DIRECTORY), f = open("entry", O_RDONLY);
    CHECK_ERRNO(syscall(SYS_getdents, dir, buf, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_getdents, f, buf, sizeof(buf)), ENOTDIR);
    CHECK_ERRNO(syscall(SYS_getdents, 99, buf, sizeof(buf)), EBADF);
    CHECK_ERRNO(syscall(SYS_getdents, dir, nowhere, sizeof(buf)), EFAULT);
    long n = syscall(SYS_getdents, dir, buf, sizeof(buf));
    CHECK(n > 0);
    for (long i = 0; i < n;) {
        struct old_entry *e = (struct old_entry *)(buf + i);
        if (strcmp(e->name, "entry") == 0) {
            is_found = true;
            CHECK(e->ino == stat_of("entry").st_ino && buf[i + e->size - 1] == DT_REG);
        }
        i += e->size;
    }
    CHECK(is_found && syscall(SYS_getdents, dir, buf, sizeof(buf)) == 0);
}

struct old_ustat {
    int free;
    unsigned long inodes;
    char names[12];
};

static void test_statfs(void)
{
    struct statfs s;
    struct old_ustat u;
    CHECK(pipe(ends) == 0 && fstatfs(ends[0], &s) == 0 && s.f_type == 0x50495045);
    CHECK(fstatfs(socket(AF_UNIX, SOCK_STREAM, 0), &s) == 0 && s.f_type == 0x534f434b);
    CHECK(fstatfs(epoll_create1(0), &s) == 0 && s.f_type == 0x09041934);
    CHECK(fstatfs(memfd_create("m", 0), &s) == 0 && s.f_type == 0x01021994);
    CHECK(statfs(".", &s) == 0 && (s.f_flags & 0x20)); /* ST_VALID */
    CHECK(syscall(SYS_ustat, stat_of(".").st_dev, &u) == 0);
    CHECK_ERRNO(syscall(SYS_ustat, stat_of(".").st_dev, nowhere), EFAULT);
    CHECK_ERRNO(syscall(SYS_ustat, 0x999999, &u), EINVAL);
}

static void test_stat_flags(void)
{
    struct stat st;
    put_file("f", "abc", 0644);
    int f = open("f", O_RDONLY);
    CHECK(fcntl(f, F_GETFL) & 0100000); /* O_LARGEFILE of the kernel */
    CHECK(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x4000) == 0 && st.st_size == 3); /* AT_STATX_DONT_SYNC */
    CHECK_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x20000), EINVAL);
    CHECK(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
}

static void user_part(void)
{
    CHECK_ERRNO(mknod("closed/dev", S_IFCHR | 0600, 0x103), EACCES);
    CHECK_ERRNO(mknod("open/dev", S_IFCHR | 0600, 0x103), EPERM);
}

static void test_mknod_order(void)
{
    CHECK(mkdir("closed", 0755) == 0 && mkdir("open", 0777) == 0);
    as_user(USER, user_part);
}

static void test_read_only(void)
{
    CHECK(mkdir("m", 0755) == 0);
    if (mount("none", "m", "tmpfs", 0, NULL))
        return; /* on a Linux where root may not */
    put_file("m/f", "", 0644);
    put_file("here", "", 0644);
    CHECK(mknod("m/fifo", S_IFIFO | 0666, 0) == 0);
    int writer = open("m/f", O_RDWR);
    CHECK_ERRNO(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
    close(writer);
    CHECK(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY | MS_NOATIME, NULL) == 0);
    struct statfs s;
    CHECK(statfs("m", &s) == 0 && (s.f_flags & MS_RDONLY) && (s.f_flags & 0x400) && !(s.f_flags & 0x1000));
    CHECK_ERRNO(link("here", "m/new"), EROFS);
    CHECK_ERRNO(rename("here", "m/new"), EXDEV);
    CHECK_ERRNO(access("m/f", W_OK), EROFS);
    CHECK(access("m/fifo", W_OK) == 0);
    CHECK(umount("m") == 0);
}

FS_MAIN(test_positions, test_copy_bounds, test_sendfile, test_names_of_nothing, test_xattr_nowhere, test_sockets,
        test_locks_without_inode, test_getdents, test_statfs, test_stat_flags, test_mknod_order,
        test_read_only)
