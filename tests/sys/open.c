/* SPDX-License-Identifier: Apache-2.0 */
/* open(2): flags, errors, modes, permissions. */
#include "fs.h"

static void test_create(void)
{
    struct stat st;
    umask(027);
    int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0777);
    CHECK(fd >= 0);
    CHECK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0750 && st.st_size == 0 && st.st_nlink == 1);
    CHECK_ERRNO(open("f", O_RDWR | O_CREAT | O_EXCL, 0777), EEXIST);
    close(fd);
    umask(0);
    fd = open("ro", O_RDWR | O_CREAT, 0); /* the mode does not bind the opener who makes it */
    CHECK(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
    CHECK(mode_of("ro") == 0);
    CHECK(open("m", O_WRONLY | O_CREAT, 07777) >= 0 && mode_of("m") == 07777);
    CHECK(creat("c", 0644) >= 0 && stat_of("c").st_mode == (S_IFREG | 0644));
}

static void test_times_of_directory(void)
{
    mkdir("d", 0777);
    struct stat before = stat_of("d");
    tick();
    put_file("d/f", "x", 0666);
    struct stat after = stat_of("d");
    CHECK(time_compare(before.st_mtim, after.st_mtim) < 0 && time_compare(before.st_ctim, after.st_ctim) < 0);
    tick();
    put_file("d/f", "y", 0666);
    CHECK(time_compare(stat_of("d").st_mtim, after.st_mtim) == 0);
}

static void test_truncate(void)
{
    put_file("f", "hello", 0644);
    struct stat before = stat_of("f");
    tick();
    int fd = open("f", O_RDONLY | O_TRUNC);
    CHECK(fd >= 0 && stat_of("f").st_size == 0);
    CHECK(time_compare(before.st_mtim, stat_of("f").st_mtim) < 0);
    close(fd);
    CHECK(open("f", O_WRONLY | O_CREAT | O_TRUNC, 0) >= 0);
    CHECK(mode_of("f") == 0644);
}

static void test_append(void)
{
    char buf[16];
    put_file("f", "abc", 0644);
    int fd = open("f", O_RDWR | O_APPEND);
    CHECK(write(fd, "def", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 6);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, buf, 2) == 2 && memcmp(buf, "ab", 2) == 0);
    CHECK(write(fd, "g", 1) == 1);
    CHECK(pwrite(fd, "h", 1, 0) == 1); /* Linux appends all the same */
    check_content("f", "abcdefgh");
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && pwrite(fd, "X", 1, 0) == 1);
    check_content("f", "Xbcdefgh");
    CHECK((fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE)) == O_RDWR);
}

static void test_directories(void)
{
    char c;
    CHECK(mkdir("d", 0755) == 0);
    put_file("f", "", 0644);
    CHECK_ERRNO(open("d", O_WRONLY), EISDIR);
    CHECK_ERRNO(open("d", O_RDWR), EISDIR);
    CHECK_ERRNO(open("d", O_RDONLY | O_CREAT, 0644), EISDIR);
    CHECK_ERRNO(open("d", O_RDONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERRNO(open("d", O_RDONLY | O_TRUNC), EISDIR);
    CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0644), EISDIR);
    CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("f/.", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("f/x", O_RDWR | O_CREAT, 0644), ENOTDIR);
    CHECK_ERRNO(open("no/x", O_RDWR | O_CREAT, 0644), ENOENT);
    CHECK_ERRNO(open(".", O_RDWR | O_CREAT, 0644), EISDIR);
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    int fd = open("d/", O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0);
    CHECK_ERRNO(read(fd, &c, 1), EISDIR);
    CHECK_ERRNO(pread(fd, &c, 1, 0), EISDIR);
    CHECK_ERRNO(write(fd, &c, 1), EBADF);
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
    CHECK(fsync(fd) == 0);
    CHECK(openat(fd, "../f", O_RDONLY) >= 0);
    int ffd = open("f", O_RDONLY);
    CHECK_ERRNO(openat(ffd, "x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(openat(99, "x", O_RDONLY), EBADF);
    char here[PATH_MAX + 8];
    CHECK(getcwd(here, PATH_MAX));
    strcat(here, "/f");
    CHECK(openat(99, here, O_RDONLY) >= 0);
}

static void test_links(void)
{
    CHECK(symlink("target", "dangling") == 0 && symlink("loop", "loop") == 0);
    CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_NOFOLLOW, 0644), ELOOP);
    CHECK_ERRNO(open("loop", O_RDONLY), ELOOP);
    CHECK_ERRNO(open("loop", O_RDWR | O_CREAT, 0644), ELOOP);
    int fd = open("dangling", O_RDWR | O_CREAT, 0640);
    CHECK(fd >= 0 && S_ISREG(stat_of("target").st_mode) && mode_of("target") == 0640);
    CHECK_ERRNO(open("dangling", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERRNO(open("dangling", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("dangling/", O_RDONLY), ENOTDIR);
    mkdir("d", 0755);
    CHECK(symlink("d/made", "far") == 0 && symlink("d", "dl") == 0 && symlink("far", "farther") == 0);
    CHECK(open("farther", O_RDWR | O_CREAT, 0644) >= 0 && is_there("d/made"));
    CHECK(open("dl/", O_RDONLY) >= 0);
    CHECK(open("dl/made", O_RDWR | O_CREAT | O_NOFOLLOW, 0644) >= 0);
    CHECK_ERRNO(open("dl", O_RDONLY | O_CREAT, 0644), EISDIR);
}

static void user_part(void)
{
    CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
    CHECK_ERRNO(open("read", O_WRONLY), EACCES);
    CHECK_ERRNO(open("read", O_RDONLY | O_TRUNC), EACCES);
    CHECK_ERRNO(open("write", O_RDONLY), EACCES);
    CHECK_ERRNO(open("write", O_RDWR), EACCES);
    CHECK(open("read", O_RDONLY) >= 0 && open("write", O_WRONLY) >= 0);
    CHECK_ERRNO(open("read", O_RDONLY | O_NOATIME), EPERM);
    CHECK_ERRNO(open("closed/f", O_RDONLY), EACCES);
    CHECK_ERRNO(open("closed/none", O_RDONLY), EACCES);
    CHECK_ERRNO(open("fixed/new", O_RDWR | O_CREAT, 0644), EACCES);
    CHECK(open("fixed/f", O_RDWR | O_CREAT, 0644) >= 0);
    CHECK_ERRNO(open("read", O_RDWR | O_CREAT, 0644), EACCES);
    int fd = open("mine", O_RDWR | O_CREAT, 0644);
    CHECK(fd >= 0 && stat_of("mine").st_uid == USER && stat_of("mine").st_gid == USER);
    CHECK(open("mine", O_RDONLY | O_NOATIME) >= 0);
    CHECK(chmod("mine", 0077) == 0);
    CHECK_ERRNO(open("mine", O_RDONLY), EACCES); /* the owner's bits are what counts for the owner */
    CHECK(chmod("mine", 0) == 0);
    CHECK(write(fd, "x", 1) == 1);
}

static void test_permissions(void)
{
    put_file("secret", "x", 0600);
    put_file("read", "x", 0644);
    put_file("write", "x", 0622);
    mkdir("closed", 0700);
    put_file("closed/f", "x", 0666);
    mkdir("fixed", 0755);
    put_file("fixed/f", "x", 0666);
    as_user(USER, user_part);
    CHECK(chmod("secret", 0) == 0);
    CHECK(open("secret", O_RDWR) >= 0); /* root */
}

static void setgid_user_part(void)
{
    CHECK(open("d/f", O_WRONLY | O_CREAT, 02775) >= 0);
    CHECK(stat_of("d/f").st_gid == OTHER && mode_of("d/f") == 0775);
    CHECK(open("d/plain", O_WRONLY | O_CREAT, 02765) >= 0 && stat_of("d/plain").st_gid == OTHER);
    CHECK(mkdir("d/d", 0755) == 0 && stat_of("d/d").st_gid == OTHER && mode_of("d/d") == 02755);
}

static void test_setgid_directory(void)
{
    mkdir("d", 0777);
    CHECK(chown("d", 0, OTHER) == 0 && chmod("d", 02777) == 0);
    put_file("d/root", "", 02755);
    CHECK(stat_of("d/root").st_gid == OTHER && mode_of("d/root") == 02755);
    as_user(USER, setgid_user_part);
}

static void test_tmpfile(void)
{
    char name[64];
    struct stat st;
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    CHECK(fd >= 0);
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0640);
    CHECK(write(fd, "hello", 5) == 5);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
    check_content("named", "hello");
    CHECK(stat_of("named").st_nlink == 1 && stat_of("named").st_ino == st.st_ino);
    fd = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600);
    CHECK(fd >= 0);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    CHECK_ERRNO(linkat(AT_FDCWD, name, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
    fd = open(".", O_TMPFILE | O_WRONLY, 0600);
    CHECK(linkat(fd, "", AT_FDCWD, "empty", AT_EMPTY_PATH) == 0 && is_there("empty"));
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    CHECK_ERRNO(open(".", O_TMPFILE | O_CREAT | O_RDWR, 0600), EINVAL);
    CHECK_ERRNO(open("named", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    CHECK_ERRNO(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
}

static void test_o_path(void)
{
    char c, target[8];
    struct stat st;
    put_file("f", "hi", 0000);
    mkdir("d", 0755);
    put_file("d/in", "in", 0644);
    CHECK(symlink("f", "l") == 0);
    int fd = open("f", O_PATH | O_RDWR);
    CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE)) == O_PATH);
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_ERRNO(write(fd, &c, 1), EBADF);
    CHECK_ERRNO(fchmod(fd, 0600), EBADF);
    CHECK_ERRNO(fchown(fd, 0, 0), EBADF);
    CHECK_ERRNO(ftruncate(fd, 0), EBADF);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
    CHECK_ERRNO(fsync(fd), EBADF);
    CHECK_ERRNO(fcntl(fd, F_SETFL, O_APPEND), EBADF);
    CHECK(fstat(fd, &st) == 0 && st.st_ino == stat_of("f").st_ino);
    int again = dup(fd);
    CHECK(again >= 0 && close(again) == 0);
    int lfd = open("l", O_PATH | O_NOFOLLOW);
    CHECK(lfd >= 0 && fstat(lfd, &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(readlinkat(lfd, "", target, sizeof(target)) == 1 && target[0] == 'f');
    int dfd = open("d", O_PATH);
    CHECK(openat(dfd, "in", O_RDONLY) >= 0);
    CHECK(fchdir(dfd) == 0 && is_there("in"));
    CHECK_ERRNO(getdents64(dfd, target, sizeof(target)), EBADF);
}

static void test_names(void)
{
    char name[NAME_MAX + 2], *path = malloc(PATH_MAX + 16);
    memset(name, 'n', sizeof(name));
    name[NAME_MAX] = 0;
    put_file(name, "long", 0644);
    check_content(name, "long");
    name[NAME_MAX] = 'n';
    name[NAME_MAX + 1] = 0;
    CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(open(name, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
    for (int i = 0; i < PATH_MAX + 8; i += 2)
        memcpy(path + i, "./", 2);
    path[PATH_MAX - 1] = 0;
    path[PATH_MAX - 2] = '.';
    CHECK(open(path, O_RDONLY) >= 0);
    path[PATH_MAX - 1] = '/';
    path[PATH_MAX] = 0;
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(open((char *)8, O_RDONLY), EFAULT);
}

static void test_many_links(void)
{
    char name[16], target[16];
    put_file("l0", "end", 0644);
    for (int i = 1; i <= 41; i++) {
        snprintf(name, sizeof(name), "l%d", i);
        snprintf(target, sizeof(target), "l%d", i - 1);
        CHECK(symlink(target, name) == 0);
    }
    check_content("l40", "end");
    CHECK_ERRNO(open("l41", O_RDONLY), ELOOP);
}

static void test_unlinked_file(void)
{
    char buf[8];
    put_file("f", "data", 0644);
    int fd = open("f", O_RDWR);
    CHECK(unlink("f") == 0);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0);
    CHECK(read(fd, buf, 8) == 4 && pwrite(fd, "DATA", 4, 0) == 4);
    char link[32], target[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof(target));
    CHECK(n > 10 && memcmp(target + n - 10, " (deleted)", 10) == 0);
    int again = open(link, O_RDONLY);
    CHECK(again >= 0 && read(again, buf, 8) == 4 && memcmp(buf, "DATA", 4) == 0);
}

static void test_removed_directory(void)
{
    char buf[64];
    mkdir("d", 0755);
    CHECK(chdir("d") == 0 && rmdir("../d") == 0);
    CHECK_ERRNO(open("new", O_RDWR | O_CREAT, 0644), ENOENT);
    CHECK_ERRNO(mkdir("new", 0755), ENOENT);
    CHECK_ERRNO(symlink("x", "new"), ENOENT);
    CHECK(getcwd(buf, sizeof(buf)) == NULL && errno == ENOENT);
    CHECK(open(".", O_RDONLY) >= 0);
    CHECK(open("..", O_RDONLY) >= 0);
    put_file("../f", "x", 0644);
    CHECK_ERRNO(rename("../f", "f"), ENOENT);
    CHECK_ERRNO(link("../f", "f"), ENOENT);
}

FS_MAIN(test_create, test_times_of_directory, test_truncate, test_append, test_directories, test_links, test_permissions,
        test_setgid_directory, test_tmpfile, test_o_path, test_names, test_many_links, test_unlinked_file,
        test_removed_directory)
