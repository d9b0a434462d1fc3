/* SPDX-License-Identifier: Apache-2.0 */
/* rename(2), renameat2(2). */
#include "fs.h"
#include <sys/sysmacros.h>

static void test_files(void)
{
    put_file("a", "a", 0644);
    put_file("b", "b", 0600);
    mkdir("d", 0755);
    struct stat a = stat_of("a"), dir = stat_of(".");
    tick();
    CHECK(rename("a", "a much longer name") == 0);
    CHECK(!is_there("a") && stat_of("a much longer name").st_ino == a.st_ino);
    CHECK(time_compare(a.st_ctim, stat_of("a much longer name").st_ctim) < 0);
    CHECK(time_compare(dir.st_mtim, stat_of(".").st_mtim) < 0);
    CHECK(rename("a much longer name", "b") == 0 && stat_of("b").st_ino == a.st_ino);
    check_content("b", "a");
    CHECK(rename("b", "d/c") == 0 && rename("d/c", "d/c") == 0);
    CHECK(link("d/c", "same") == 0 && rename("same", "d/c") == 0 && is_there("same"));
    CHECK(symlink("none", "l") == 0 && rename("l", "l2") == 0 && S_ISLNK(stat_of("l2").st_mode));
    put_file("over", "over", 0644);
    int fd = open("over", O_RDONLY);
    CHECK(rename("same", "over") == 0);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
    check_content("over", "a");
}

static void test_errors(void)
{
    put_file("f", "f", 0644);
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    mkdir("full", 0755);
    put_file("full/x", "", 0644);
    CHECK(symlink("d", "dl") == 0);
    CHECK_ERRNO(rename("none", "x"), ENOENT);
    CHECK_ERRNO(rename("f", "none/x"), ENOENT);
    CHECK_ERRNO(rename("f", ""), ENOENT);
    CHECK_ERRNO(rename("", "f"), ENOENT);
    CHECK_ERRNO(rename("f", "d"), EISDIR);
    CHECK_ERRNO(rename("d", "f"), ENOTDIR);
    CHECK_ERRNO(rename("f/x", "g"), ENOTDIR);
    CHECK_ERRNO(rename("f", "f/x"), ENOTDIR);
    CHECK_ERRNO(rename("f", "new/"), ENOTDIR);
    CHECK_ERRNO(rename("f/", "new"), ENOTDIR);
    CHECK_ERRNO(rename("d", "d/x"), EINVAL);
    CHECK_ERRNO(rename("d", "d/e/x"), EINVAL);
    CHECK_ERRNO(rename("d/e", "d"), ENOTEMPTY);
    CHECK_ERRNO(rename("d", "full"), ENOTEMPTY);
    CHECK_ERRNO(rename("d/.", "x"), EBUSY);
    CHECK_ERRNO(rename("d/..", "x"), EBUSY);
    CHECK_ERRNO(rename("f", "."), EBUSY);
    CHECK_ERRNO(rename("f", "/proc/x"), EXDEV);
    CHECK_ERRNO(rename("d", "dl"), ENOTDIR);
    CHECK(rename("d/", "moved/") == 0 && is_there("moved/e"));
    char name[NAME_MAX + 2];
    memset(name, 'n', sizeof(name) - 1);
    name[NAME_MAX + 1] = 0;
    CHECK_ERRNO(rename("f", name), ENAMETOOLONG);
    CHECK_ERRNO(rename(name, "f"), ENAMETOOLONG);
}

static void test_directories(void)
{
    char cwd[PATH_MAX];
    mkdir("a", 0755);
    mkdir("a/sub", 0755);
    put_file("a/sub/f", "x", 0644);
    mkdir("b", 0755);
    mkdir("b/empty", 0755);
    CHECK(chdir("a/sub") == 0);
    CHECK(rename("../../a/sub", "../../b/a name that is longer than before") == 0);
    CHECK(getcwd(cwd, sizeof(cwd)) && strstr(cwd, "/b/a name that is longer than before"));
    put_file("made", "here", 0644);
    check_content("f", "x");
    CHECK(chdir("../..") == 0 && is_there("b/a name that is longer than before/made"));
    CHECK(stat_of("a").st_nlink == 2 && stat_of("b").st_nlink == 4);
    CHECK(rename("b/a name that is longer than before", "b/empty") == 0);
    CHECK(stat_of("b").st_nlink == 3 && is_there("b/empty/made"));
    struct stat up, b = stat_of("b");
    CHECK(stat("b/empty/..", &up) == 0 && up.st_ino == b.st_ino);
    CHECK(rename("b/empty", "a/x") == 0 && stat("a/x/..", &up) == 0 && up.st_ino == stat_of("a").st_ino);
}

static void test_flags(void)
{
    char cwd[PATH_MAX];
    put_file("f", "f", 0644);
    put_file("g", "g", 0644);
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    CHECK_ERRNO(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_NOREPLACE), EEXIST);
    CHECK(renameat2(AT_FDCWD, "f", AT_FDCWD, "h", RENAME_NOREPLACE) == 0);
    CHECK_ERRNO(renameat2(AT_FDCWD, "h", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
    CHECK(renameat2(AT_FDCWD, "h", AT_FDCWD, "g", RENAME_EXCHANGE) == 0);
    check_content("g", "f");
    check_content("h", "g");
    CHECK(chdir("d/e") == 0);
    CHECK(renameat2(AT_FDCWD, "../../g", AT_FDCWD, "../../d/e", RENAME_EXCHANGE) == 0);
    CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(strrchr(cwd, '/'), "/g") == 0);
    CHECK(chdir("..") == 0 && is_there("h") && S_ISDIR(stat_of("g").st_mode) && S_ISREG(stat_of("d/e").st_mode));
    CHECK(stat_of("d").st_nlink == 2);
    CHECK_ERRNO(renameat2(AT_FDCWD, "d", AT_FDCWD, "d/e", RENAME_EXCHANGE), EINVAL);
    CHECK_ERRNO(renameat2(AT_FDCWD, "d/e", AT_FDCWD, "d", RENAME_EXCHANGE), EINVAL);
    CHECK_ERRNO(renameat2(AT_FDCWD, "h", AT_FDCWD, "x", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
    CHECK_ERRNO(renameat2(AT_FDCWD, "h", AT_FDCWD, "x", 64), EINVAL);
    CHECK_ERRNO(renameat2(AT_FDCWD, "h", AT_FDCWD, "x", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL);
    if (renameat2(AT_FDCWD, "h", AT_FDCWD, "x", RENAME_WHITEOUT) == 0) {
        struct stat st = stat_of("h");
        CHECK(S_ISCHR(st.st_mode) && st.st_rdev == 0 && S_ISREG(stat_of("x").st_mode));
    } else {
        CHECK(errno == EINVAL); /* not with every file system */
    }
}

static void user_part(void)
{
    CHECK_ERRNO(rename("fixed/f", "open/x"), EACCES);
    CHECK_ERRNO(rename("open/f", "fixed/x"), EACCES);
    CHECK_ERRNO(rename("sticky/f", "open/x"), EPERM);
    CHECK_ERRNO(rename("open/f", "sticky/f"), EPERM);
    CHECK_ERRNO(rename("open/notmine", "open2/x"), EACCES); /* its ".." would change */
    CHECK(rename("open/notmine", "open/stays") == 0);
    CHECK(rename("open/f", "open2/x") == 0);
    mkdir("open/mine", 0755);
    CHECK(rename("open/mine", "open2/mine") == 0);
}

static void test_permissions(void)
{
    mkdir("fixed", 0755);
    put_file("fixed/f", "", 0666);
    mkdir("open", 0777);
    mkdir("open2", 0777);
    put_file("open/f", "", 0666);
    mkdir("open/notmine", 0755);
    mkdir("sticky", 0777);
    put_file("sticky/f", "", 0666);
    CHECK(chmod("sticky", 01777) == 0);
    as_user(USER, user_part);
}

FS_MAIN(test_files, test_errors, test_directories, test_flags, test_permissions)
