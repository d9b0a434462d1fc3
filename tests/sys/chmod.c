/* SPDX-License-Identifier: Apache-2.0 */
/* chmod(2), chown(2) and the bits that they, and writing, take away. */
#include "fs.h"
#include <sys/syscall.h>

static void test_chmod(void)
{
    put_file("f", "", 0644);
    CHECK(mkdir("d", 0755) == 0 && symlink("f", "l") == 0 && symlink("none", "dangling") == 0);
    struct stat before = stat_of("f");
    tick();
    CHECK(chmod("f", 07777) == 0 && mode_of("f") == 07777);
    CHECK(time_compare(before.st_ctim, stat_of("f").st_ctim) < 0 && time_compare(before.st_mtim, stat_of("f").st_mtim) == 0);
    CHECK(chmod("l", 0600) == 0 && mode_of("f") == 0600 && mode_of("l") == 0777);
    CHECK(chmod("d", 01700) == 0 && mode_of("d") == 01700);
    int fd = open("f", O_RDONLY);
    CHECK(fchmod(fd, 0123) == 0 && mode_of("f") == 0123);
    CHECK(fchmodat(AT_FDCWD, "f", 0321, 0) == 0 && mode_of("f") == 0321);
    CHECK_ERRNO(chmod("none", 0600), ENOENT);
    CHECK_ERRNO(chmod("dangling", 0600), ENOENT);
    CHECK_ERRNO(chmod("f/x", 0600), ENOTDIR);
    CHECK_ERRNO(chmod("", 0600), ENOENT);
    CHECK_ERRNO(fchmod(99, 0600), EBADF);
    CHECK(syscall(SYS_chmod, "f", S_IFDIR | 0604) == 0 && stat_of("f").st_mode == (S_IFREG | 0604));
}

static void test_chown(void)
{
    put_file("f", "", 0644);
    CHECK(symlink("f", "l") == 0);
    struct stat before = stat_of("f");
    tick();
    CHECK(chown("f", 5, 6) == 0 && stat_of("f").st_uid == 5 && stat_of("f").st_gid == 6);
    CHECK(time_compare(before.st_ctim, stat_of("f").st_ctim) < 0);
    CHECK(chown("f", (uid_t)-1, 7) == 0 && stat_of("f").st_uid == 5 && stat_of("f").st_gid == 7);
    CHECK(chown("f", 8, (gid_t)-1) == 0 && stat_of("f").st_uid == 8 && stat_of("f").st_gid == 7);
    CHECK(lchown("l", 9, 9) == 0 && stat_of("l").st_uid == 9 && stat_of("f").st_uid == 8);
    CHECK(chown("l", 1, 1) == 0 && stat_of("l").st_uid == 9 && stat_of("f").st_uid == 1);
    CHECK(chmod("f", 06755) == 0 && chown("f", 2, 2) == 0 && mode_of("f") == 0755);
    CHECK(chmod("f", 06755) == 0 && chown("f", (uid_t)-1, (gid_t)-1) == 0 && mode_of("f") == 0755);
    CHECK(chmod("f", 06744) == 0 && chown("f", 3, 3) == 0 && mode_of("f") == 02744); /* without S_IXGRP: not a set-group bit */
    mkdir("d", 0755);
    CHECK(chmod("d", 06755) == 0 && chown("d", 2, 2) == 0 && mode_of("d") == 06755);
    CHECK_ERRNO(chown("none", 1, 1), ENOENT);
    CHECK_ERRNO(fchownat(AT_FDCWD, "f", 1, 1, 1), EINVAL);
    int fd = open("f", O_RDONLY);
    CHECK(fchown(fd, 11, 12) == 0 && stat_of("f").st_uid == 11);
    CHECK(fchownat(fd, "", 13, 14, AT_EMPTY_PATH) == 0 && stat_of("f").st_uid == 13);
}

static void user_part(void)
{
    CHECK_ERRNO(chmod("root", 0666), EPERM);
    CHECK_ERRNO(chown("root", USER, USER), EPERM);
    CHECK_ERRNO(chown("root", 0, (gid_t)-1), EPERM);
    CHECK(chown("root", (uid_t)-1, (gid_t)-1) == 0);
    put_file("mine", "", 0644);
    CHECK_ERRNO(chown("mine", OTHER, (gid_t)-1), EPERM);
    CHECK_ERRNO(chown("mine", (uid_t)-1, OTHER), EPERM);
    CHECK(chmod("mine", 06755) == 0 && mode_of("mine") == 06755);
    CHECK(chown("mine", USER, USER) == 0 && mode_of("mine") == 0755);
    CHECK_ERRNO(chown("foreign group", (uid_t)-1, 4242), EPERM);
    CHECK(chmod("foreign group", 02755) == 0 && mode_of("foreign group") == 0755);
    CHECK_ERRNO(chmod("closed/f", 0600), EACCES);
}

static void group_part(void)
{
    gid_t groups[] = {OTHER, 77};
    CHECK(setgroups(2, groups) == 0 && setresgid(USER, USER, USER) == 0 && setresuid(USER, USER, USER) == 0);
    put_file("g", "", 0644);
    CHECK(chown("g", (uid_t)-1, OTHER) == 0 && chown("g", USER, 77) == 0 && stat_of("g").st_gid == 77);
    CHECK(chmod("g", 02755) == 0 && mode_of("g") == 02755);
}

static void test_user(void)
{
    put_file("root", "", 0666);
    put_file("foreign group", "", 0644);
    CHECK(chown("foreign group", USER, OTHER) == 0);
    mkdir("closed", 0700);
    put_file("closed/f", "", 0666);
    as_user(USER, user_part);
    in_child(group_part);
}

static void write_part(void)
{
    int fd = open("f", O_RDWR);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && mode_of("f") == 0777);
    fd = open("g", O_RDWR);
    CHECK(ftruncate(fd, 1) == 0 && mode_of("g") == 0777);
    CHECK(truncate("h", 0) == 0 && mode_of("h") == 0777);
    CHECK(open("i", O_WRONLY | O_TRUNC) >= 0 && mode_of("i") == 0777);
    fd = open("j", O_RDWR);
    CHECK(fd >= 0 && mode_of("j") == 06777);
}

static void test_write_clears(void)
{
    for (char name[2] = "f"; name[0] <= 'j'; name[0]++) {
        put_file(name, "abc", 0777);
        CHECK(chmod(name, 06777) == 0);
    }
    as_user(USER, write_part);
    int fd = open("j", O_RDWR);
    CHECK(write(fd, "x", 1) == 1 && mode_of("j") == 06777); /* CAP_FSETID */
}

FS_MAIN(test_chmod, test_chown, test_user, test_write_clears)
