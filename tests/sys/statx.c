/* SPDX-License-Identifier: Apache-2.0 */
/* statx(2), stat(2), access(2), statfs(2), chroot(2), getcwd(2), umask(2). */
#include "fs.h"
#include <linux/stat.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static void test_statx(void)
{
    struct statx x;
    put_file("f", "12345", 0640);
    CHECK(symlink("f", "l") == 0);
    struct stat st = stat_of("f");
    CHECK(statx(AT_FDCWD, "f", 0, STATX_ALL, &x) == 0);
    CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && x.stx_size == 5 && x.stx_mode == st.st_mode);
    CHECK(x.stx_ino == st.st_ino && x.stx_nlink == 1 && x.stx_uid == 0 && x.stx_blksize == (uint32_t)st.st_blksize);
    CHECK(x.stx_mtime.tv_sec == st.st_mtim.tv_sec && x.stx_mtime.tv_nsec == (uint32_t)st.st_mtim.tv_nsec);
    CHECK((x.stx_mask & STATX_BTIME) && x.stx_btime.tv_sec <= x.stx_ctime.tv_sec);
    CHECK(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x) == 0 && S_ISLNK(x.stx_mode));
    int fd = open("f", O_RDONLY);
    CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x) == 0 && x.stx_size == 5);
    CHECK(statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &x) == 0);
    CHECK_ERRNO(statx(fd, "", 0, STATX_SIZE, &x), ENOENT);
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0x80000, STATX_ALL, &x), EINVAL);
    CHECK_ERRNO(statx(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, STATX_ALL, &x), EINVAL);
    CHECK_ERRNO(statx(AT_FDCWD, "f", 0, STATX__RESERVED, &x), EINVAL);
    CHECK_ERRNO(statx(AT_FDCWD, "none", 0, STATX_ALL, &x), ENOENT);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0, STATX_ALL, 8), EFAULT);
    CHECK(statx(AT_FDCWD, "/proc", 0, STATX_ALL, &x) == 0 && (x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT));
    CHECK(x.stx_attributes & STATX_ATTR_MOUNT_ROOT);
    CHECK(statx(AT_FDCWD, "f", 0, STATX_ALL, &x) == 0 && !(x.stx_attributes & STATX_ATTR_MOUNT_ROOT));
}

static void test_stat(void)
{
    struct stat st;
    put_file("f", "x", 0600);
    CHECK(stat("f", &st) == 0 && st.st_nlink == 1 && st.st_size == 1 && st.st_blocks >= 0 && st.st_blksize > 0);
    CHECK_ERRNO(stat("none", &st), ENOENT);
    CHECK_ERRNO(stat("f/x", &st), ENOTDIR);
    CHECK_ERRNO(stat("f/", &st), ENOTDIR);
    CHECK_ERRNO(stat("", &st), ENOENT);
    CHECK_ERRNO(fstat(99, &st), EBADF);
    CHECK_ERRNO(syscall(SYS_stat, "f", 8), EFAULT);
    CHECK_ERRNO(fstatat(AT_FDCWD, "f", &st, 1), EINVAL);
    CHECK(fstatat(open("f", O_RDONLY), "", &st, AT_EMPTY_PATH) == 0 && st.st_size == 1);
    CHECK(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
}

static void access_part(void)
{
    CHECK(access("r", R_OK) == 0);
    CHECK_ERRNO(access("r", W_OK), EACCES);
    CHECK_ERRNO(access("r", X_OK), EACCES);
    CHECK(access("r", F_OK) == 0 && access("x", X_OK) == 0);
    CHECK_ERRNO(access("closed/f", F_OK), EACCES);
    CHECK_ERRNO(access("closed", X_OK), EACCES);
}

static void effective_part(void)
{
    CHECK(seteuid(USER) == 0); /* the real user is still root */
    CHECK(access("private", R_OK | W_OK) == 0);
    CHECK_ERRNO(faccessat(AT_FDCWD, "private", R_OK, AT_EACCESS), EACCES);
    CHECK(seteuid(0) == 0);
}

static void test_access(void)
{
    put_file("r", "", 0644);
    put_file("x", "", 0755);
    put_file("private", "", 0600);
    mkdir("closed", 0700);
    put_file("closed/f", "", 0666);
    CHECK(access("private", R_OK | W_OK) == 0);
    CHECK_ERRNO(access("private", X_OK), EACCES); /* root too needs one bit */
    CHECK(access("closed", X_OK) == 0);
    CHECK_ERRNO(access("none", F_OK), ENOENT);
    CHECK_ERRNO(access("r", 8), EINVAL);
    CHECK_ERRNO(access("r/x", F_OK), ENOTDIR);
    as_user(USER, access_part);
    in_child(effective_part);
}

static void test_statfs(void)
{
    struct statfs s;
    struct statvfs v;
    put_file("f", "", 0644);
    CHECK(statfs("f", &s) == 0 && s.f_bsize > 0 && s.f_blocks >= s.f_bfree && s.f_namelen == 255);
    CHECK(fstatfs(open("f", O_RDONLY), &s) == 0);
    CHECK(statvfs(".", &v) == 0 && v.f_namemax == 255);
    CHECK(statfs("/proc", &s) == 0 && s.f_type == 0x9fa0);
    CHECK_ERRNO(statfs("none", &s), ENOENT);
    CHECK_ERRNO(fstatfs(99, &s), EBADF);
}

static void chroot_part(void)
{
    struct stat here, up;
    char cwd[PATH_MAX];
    CHECK(chroot("d") == 0 && chdir("/") == 0);
    CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0 && is_there("/in") && !is_there("/etc"));
    CHECK(stat(".", &here) == 0 && stat("../..", &up) == 0 && here.st_ino == up.st_ino);
    check_content("/absolute", "inside");
    check_content("/../../in", "inside");
}

static void outside_part(void)
{
    CHECK(chroot("d") == 0); /* the working directory stays outside */
    CHECK(is_there("d/in"));
    char cwd[PATH_MAX];
    CHECK(syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 && strncmp(cwd, "(unreachable)", 13) == 0);
}

static void user_part(void)
{
    CHECK_ERRNO(chroot("d"), EPERM);
    CHECK_ERRNO(chdir("closed"), EACCES);
    CHECK_ERRNO(chroot("closed"), EACCES);
}

static void test_chroot(void)
{
    char small[2];
    mkdir("d", 0755);
    mkdir("closed", 0700);
    put_file("d/in", "inside", 0644);
    put_file("f", "", 0644);
    CHECK(symlink("/in", "d/absolute") == 0);
    in_child(chroot_part);
    in_child(outside_part);
    as_user(USER, user_part);
    CHECK_ERRNO(chroot("f"), ENOTDIR);
    CHECK_ERRNO(chroot("none"), ENOENT);
    CHECK_ERRNO(chdir("f"), ENOTDIR);
    CHECK_ERRNO(fchdir(open("f", O_RDONLY)), ENOTDIR);
    CHECK(getcwd(small, sizeof(small)) == NULL && errno == ERANGE);
    CHECK(umask(0777) == 0 && umask(01234) == 0777 && umask(0) == 0234);
}

static void test_mount(void)
{
    struct statfs s;
    mkdir("m", 0755);
    mkdir("b", 0755);
    put_file("file", "host", 0644);
    put_file("over", "over", 0644);
    put_file("m/under", "", 0644);
    CHECK(mount("none", "m", "tmpfs", MS_NOSUID, "size=1m,mode=0711") == 0);
    CHECK(!is_there("m/under") && mode_of("m") == 0711);
    CHECK(statfs("m", &s) == 0 && s.f_type == 0x01021994 && (uint64_t)s.f_blocks * (uint64_t)s.f_bsize == 1 << 20);
    int fd = open("m/full", O_RDWR | O_CREAT, 0644);
    static char block[65536];
    ssize_t total = 0, n;
    while ((n = write(fd, block, sizeof(block))) > 0)
        total += n;
    CHECK(n == -1 && errno == ENOSPC && total == 1 << 20);
    CHECK(statfs("m", &s) == 0 && s.f_bfree == 0);
    CHECK(pwrite(fd, "y", 1, 0) == 1); /* no more room is needed */
    CHECK_ERRNO(fallocate(fd, 0, 0, (1 << 20) + 4096), ENOSPC);
    CHECK(ftruncate(fd, 0) == 0);
    CHECK_ERRNO(fallocate(fd, 0, 0, 2 << 20), ENOSPC);
    CHECK(fstatfs(fd, &s) == 0 && s.f_bfree > 200); /* all or nothing */
    CHECK(ftruncate(fd, 0) == 0 && statfs("m", &s) == 0 && s.f_bfree > 200 && write(fd, block, 4096) == 4096);
    CHECK_ERRNO(rename("m/full", "elsewhere"), EXDEV);
    CHECK_ERRNO(link("m/full", "elsewhere"), EXDEV);
    CHECK_ERRNO(rmdir("m"), EBUSY);
    CHECK_ERRNO(rename("m", "n"), EBUSY);
    CHECK_ERRNO(umount("m"), EBUSY);
    close(fd);
    CHECK(mount("m", "b", NULL, MS_BIND, NULL) == 0 && is_there("b/full") && umount("b") == 0 && !is_there("b/full"));
    CHECK(mount("over", "file", NULL, MS_BIND, NULL) == 0);
    check_content("file", "over");
    fd = open("file", O_RDWR | O_CREAT, 0644); /* what is mounted, not what is under it */
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK_ERRNO(unlink("file"), EBUSY);
    CHECK(umount("file") == 0);
    check_content("file", "host");
    CHECK(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    CHECK_ERRNO(open("m/new", O_RDWR | O_CREAT, 0644), EROFS);
    CHECK_ERRNO(open("m/full", O_RDWR), EROFS);
    CHECK_ERRNO(mkdir("m/d", 0755), EROFS);
    CHECK_ERRNO(unlink("m/full"), EROFS);
    CHECK_ERRNO(chmod("m/full", 0600), EROFS);
    CHECK_ERRNO(rename("m/full", "m/x"), EROFS);
    CHECK_ERRNO(truncate("m/full", 0), EROFS);
    CHECK_ERRNO(access("m/full", W_OK), EROFS);
    CHECK_ERRNO(mkdir("m/full", 0755), EEXIST);
    CHECK(umount("m") == 0 && is_there("m/under"));
    CHECK_ERRNO(umount("m"), EINVAL);
    CHECK_ERRNO(mount("none", "m", "nosuchfs", 0, NULL), ENODEV);
    CHECK_ERRNO(mount("none", "file", "tmpfs", 0, NULL), ENOTDIR);
    CHECK_ERRNO(mount("none", "none", "tmpfs", 0, NULL), ENOENT);
}

FS_MAIN(test_statx, test_stat, test_access, test_statfs, test_chroot, test_mount)
