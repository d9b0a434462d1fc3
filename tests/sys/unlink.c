/* SPDX-License-Identifier: Apache-2.0 */
/* unlink(2), link(2), symlink(2), readlink(2). */
#include "fs.h"

static void test_unlink(void)
{
    put_file("f", "x", 0644);
    CHECK(mkdir("d", 0755) == 0 && symlink("d", "l") == 0 && link("f", "g") == 0);
    struct stat before = stat_of("f");
    CHECK(before.st_nlink == 2);
    tick();
    CHECK(unlink("g") == 0);
    CHECK(stat_of("f").st_nlink == 1 && time_compare(before.st_ctim, stat_of("f").st_ctim) < 0);
    CHECK(time_compare(before.st_mtim, stat_of("f").st_mtim) == 0);
    CHECK_ERRNO(unlink("g"), ENOENT);
    CHECK_ERRNO(unlink("f/"), ENOTDIR);
    CHECK_ERRNO(unlink("f/x"), ENOTDIR);
    CHECK_ERRNO(unlink("d"), EISDIR);
    CHECK_ERRNO(unlink("d/"), EISDIR);
    CHECK_ERRNO(unlink("."), EISDIR);
    CHECK_ERRNO(unlink("l/"), ENOTDIR);
    CHECK_ERRNO(unlink("none/"), ENOENT);
    CHECK_ERRNO(unlink("/proc"), EISDIR);
    CHECK(unlink("l") == 0 && is_there("d"));
    CHECK(unlink("f") == 0);
    put_file("f", "again", 0600); /* the name is free for another file */
    check_content("f", "again");
}

static void test_link(void)
{
    put_file("f", "x", 0644);
    mkdir("d", 0755);
    CHECK(symlink("f", "l") == 0 && symlink("none", "dangling") == 0);
    struct stat before = stat_of("f"), dir = stat_of("d");
    tick();
    CHECK(link("f", "d/g") == 0);
    struct stat after = stat_of("d/g");
    CHECK(after.st_ino == before.st_ino && after.st_nlink == 2 && time_compare(before.st_ctim, after.st_ctim) < 0);
    CHECK(time_compare(dir.st_mtim, stat_of("d").st_mtim) < 0);
    CHECK_ERRNO(link("f", "d/g"), EEXIST);
    CHECK_ERRNO(link("d", "e"), EPERM);
    CHECK_ERRNO(link("d", "f"), EEXIST);
    CHECK_ERRNO(link("none", "e"), ENOENT);
    CHECK_ERRNO(link("f", "none/e"), ENOENT);
    CHECK_ERRNO(link("f", "f/e"), ENOTDIR);
    CHECK_ERRNO(link("f/x", "e"), ENOTDIR);
    CHECK_ERRNO(link("f/", "e"), ENOTDIR);
    CHECK_ERRNO(link("f", "new/"), ENOENT);
    CHECK_ERRNO(link("f", "dangling"), EEXIST);
    CHECK_ERRNO(link("f", "."), EEXIST);
    CHECK_ERRNO(link("f", "/dev/naos-x"), EXDEV);
    CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "e", 1), EINVAL);
    CHECK(link("l", "l2") == 0 && S_ISLNK(stat_of("l2").st_mode) && stat_of("l").st_nlink == 2);
    CHECK(linkat(AT_FDCWD, "l", AT_FDCWD, "f3", AT_SYMLINK_FOLLOW) == 0 && S_ISREG(stat_of("f3").st_mode));
    CHECK_ERRNO(linkat(AT_FDCWD, "dangling", AT_FDCWD, "e", AT_SYMLINK_FOLLOW), ENOENT);
}

static void test_symlink(void)
{
    char buf[PATH_MAX], *target = malloc(PATH_MAX + 1);
    CHECK(symlink("some where", "l") == 0);
    struct stat st = stat_of("l");
    CHECK(S_ISLNK(st.st_mode) && st.st_size == 10 && (st.st_mode & 0777) == 0777);
    CHECK(readlink("l", buf, sizeof(buf)) == 10 && memcmp(buf, "some where", 10) == 0);
    CHECK(readlink("l", buf, 4) == 4 && memcmp(buf, "some", 4) == 0);
    CHECK_ERRNO(readlink("l", buf, 0), EINVAL);
    CHECK_ERRNO(readlink("none", buf, 9), ENOENT);
    put_file("f", "", 0644);
    CHECK_ERRNO(readlink("f", buf, 9), EINVAL);
    CHECK_ERRNO(readlink(".", buf, 9), EINVAL);
    CHECK_ERRNO(readlink("f/x", buf, 9), ENOTDIR);
    CHECK_ERRNO(symlink("x", "f"), EEXIST);
    CHECK_ERRNO(symlink("x", "l"), EEXIST);
    CHECK_ERRNO(symlink("", "e"), ENOENT);
    CHECK_ERRNO(symlink("x", ""), ENOENT);
    CHECK_ERRNO(symlink("x", "new/"), ENOENT);
    CHECK_ERRNO(symlink("x", "f/e"), ENOTDIR);
    memset(target, 'a', PATH_MAX);
    target[PATH_MAX] = 0;
    CHECK_ERRNO(symlink(target, "long"), ENAMETOOLONG);
    target[PATH_MAX - 1] = 0;
    CHECK(symlink(target, "long") == 0 || errno == ENAMETOOLONG); /* ext4 holds less */
    for (int i = 0; i < PATH_MAX - 100; i += 2)
        memcpy(target + i, "./", 2);
    strcpy(target + PATH_MAX - 100, "f");
    CHECK(symlink(target, "deep") == 0 && open("deep", O_RDONLY) >= 0);
}

static void test_link_chain_in_path(void)
{
    CHECK(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
    put_file("a/b/f", "deep", 0644);
    CHECK(symlink("a", "la") == 0 && symlink("b", "a/lb") == 0 && symlink("la/lb", "both") == 0 && symlink("../..", "a/b/up") == 0);
    check_content("both/f", "deep");
    check_content("both/up/la/lb/./f", "deep");
    check_content("both/up/both/up/both/up/a/lb//f", "deep");
    struct stat st;
    CHECK(stat("both/", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(lstat("both/", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(lstat("both", &st) == 0 && S_ISLNK(st.st_mode));
}

static void user_part(void)
{
    CHECK_ERRNO(unlink("fixed/f"), EACCES);
    CHECK_ERRNO(link("fixed/f", "fixed/g"), EACCES);
    CHECK_ERRNO(symlink("x", "fixed/l"), EACCES);
    CHECK_ERRNO(unlink("fixed/none"), ENOENT);
    CHECK_ERRNO(unlink("sticky/f"), EPERM);
    put_file("sticky/mine", "", 0600);
    CHECK(unlink("sticky/mine") == 0);
    CHECK(unlink("open/f") == 0); /* the directory decides, not the file */
    CHECK(symlink("x", "open/l") == 0 && stat_of("open/l").st_uid == USER && stat_of("open/l").st_gid == USER);
}

static void test_permissions(void)
{
    mkdir("fixed", 0755);
    put_file("fixed/f", "", 0666);
    mkdir("sticky", 0777);
    CHECK(chmod("sticky", 01777) == 0);
    put_file("sticky/f", "", 0666);
    mkdir("open", 0777);
    put_file("open/f", "", 0600);
    as_user(USER, user_part);
}

FS_MAIN(test_unlink, test_link, test_symlink, test_link_chain_in_path, test_permissions)
