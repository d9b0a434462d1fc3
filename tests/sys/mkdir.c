/* SPDX-License-Identifier: Apache-2.0 */
/* mkdir(2), rmdir(2), mknod(2). */
#include "fs.h"
#include <sys/sysmacros.h>

static void test_mkdir(void)
{
    umask(022);
    CHECK(mkdir("d", 07777) == 0 && stat_of("d").st_mode == (S_IFDIR | 01755));
    umask(0);
    struct stat before = stat_of("d");
    CHECK(before.st_nlink == 2);
    tick();
    CHECK(mkdir("d/sub", 0) == 0 && mode_of("d/sub") == 0);
    struct stat after = stat_of("d");
    CHECK(after.st_nlink == 3 && time_compare(before.st_mtim, after.st_mtim) < 0);
    CHECK(mkdir("slash/", 0755) == 0 && mkdir("d/../d/sub2//", 0755) == 0);
    CHECK_ERRNO(mkdir("d", 0755), EEXIST);
    CHECK_ERRNO(mkdir("d/", 0755), EEXIST);
    CHECK_ERRNO(mkdir(".", 0755), EEXIST);
    CHECK_ERRNO(mkdir("d/..", 0755), EEXIST);
    CHECK_ERRNO(mkdir("/", 0755), EEXIST);
    CHECK_ERRNO(mkdir("", 0755), ENOENT);
    CHECK_ERRNO(mkdir("no/d", 0755), ENOENT);
    CHECK_ERRNO(mkdir("no/.", 0755), ENOENT);
    put_file("f", "", 0644);
    CHECK_ERRNO(mkdir("f", 0755), EEXIST);
    CHECK_ERRNO(mkdir("f/d", 0755), ENOTDIR);
    CHECK(symlink("nowhere", "l") == 0);
    CHECK_ERRNO(mkdir("l", 0755), EEXIST);
    CHECK(symlink("d", "dl") == 0 && mkdir("dl/through", 0755) == 0 && is_there("d/through"));
}

static void test_rmdir(void)
{
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/sub", 0755) == 0);
    put_file("d/f", "", 0644);
    CHECK(symlink("d", "l") == 0);
    CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
    CHECK_ERRNO(rmdir("d/f"), ENOTDIR);
    CHECK_ERRNO(rmdir("l"), ENOTDIR);
    CHECK_ERRNO(rmdir("l/"), ENOTDIR);
    CHECK_ERRNO(rmdir("none"), ENOENT);
    CHECK_ERRNO(rmdir("d/sub/."), EINVAL);
    CHECK_ERRNO(rmdir("d/sub/.."), ENOTEMPTY);
    CHECK_ERRNO(rmdir("d/f/x"), ENOTDIR);
    CHECK_ERRNO(rmdir("/"), EBUSY);
    CHECK_ERRNO(rmdir("/proc"), EBUSY);
    CHECK(rmdir("d/sub/") == 0 && stat_of("d").st_nlink == 2);
    CHECK(unlinkat(AT_FDCWD, "d/f", 0) == 0);
    int fd = open("d", O_RDONLY);
    CHECK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR) == 0 && !is_there("d"));
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
    char buf[1024];
    CHECK_ERRNO(getdents64(fd, buf, sizeof(buf)), ENOENT);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "x", 0x10000), EINVAL);
}

static void test_mknod(void)
{
    CHECK(mknod("f", S_IFREG | 0640, 0) == 0 && stat_of("f").st_mode == (S_IFREG | 0640));
    CHECK(mknod("g", 0600, 0) == 0 && S_ISREG(stat_of("g").st_mode));
    CHECK(mkfifo("p", 0622) == 0 && stat_of("p").st_mode == (S_IFIFO | 0622));
    CHECK(mknod("s", S_IFSOCK | 0600, 0) == 0 && S_ISSOCK(stat_of("s").st_mode));
    CHECK(mknod("c", S_IFCHR | 0600, makedev(1, 3)) == 0);
    CHECK(S_ISCHR(stat_of("c").st_mode) && stat_of("c").st_rdev == makedev(1, 3));
    CHECK(mknod("b", S_IFBLK | 0600, makedev(7, 300)) == 0);
    CHECK(S_ISBLK(stat_of("b").st_mode) && minor(stat_of("b").st_rdev) == 300 && major(stat_of("b").st_rdev) == 7);
    CHECK_ERRNO(mknod("d", S_IFDIR | 0700, 0), EPERM);
    CHECK_ERRNO(mknod("l", S_IFLNK | 0700, 0), EINVAL);
    CHECK_ERRNO(mknod("f", S_IFREG | 0700, 0), EEXIST);
    CHECK_ERRNO(mkfifo("new/", 0700), ENOENT);
    CHECK_ERRNO(open("s", O_RDWR), ENXIO);
    CHECK_ERRNO(mkfifo("f/p", 0700), ENOTDIR);
}

static void user_part(void)
{
    CHECK_ERRNO(mknod("c2", S_IFCHR | 0600, makedev(1, 3)), EPERM);
    CHECK_ERRNO(mknod("b2", S_IFBLK | 0600, makedev(1, 3)), EPERM);
    CHECK(mkfifo("p2", 0600) == 0 && mknod("s2", S_IFSOCK | 0600, 0) == 0);
    CHECK_ERRNO(mkdir("fixed/d", 0755), EACCES);
    CHECK_ERRNO(mkfifo("fixed/p", 0755), EACCES);
    CHECK_ERRNO(rmdir("fixed/old"), EACCES);
    CHECK_ERRNO(mkdir("fixed/old", 0755), EEXIST);
    CHECK_ERRNO(mkdir("closed/x", 0755), EACCES);
    CHECK(mkdir("mine", 0755) == 0 && stat_of("mine").st_uid == USER);
    CHECK_ERRNO(rmdir("sticky/old"), EPERM);
}

static void test_permissions(void)
{
    mkdir("fixed", 0755);
    mkdir("fixed/old", 0755);
    mkdir("closed", 0700);
    mkdir("sticky", 01777);
    mkdir("sticky/old", 0777);
    chmod("sticky", 01777);
    as_user(USER, user_part);
}

FS_MAIN(test_mkdir, test_rmdir, test_mknod, test_permissions)
