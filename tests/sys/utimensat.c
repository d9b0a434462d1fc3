/* SPDX-License-Identifier: Apache-2.0 */
/* utimensat(2), utimes(2), and when times change by themselves. */
#include "fs.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <utime.h>

#define A {1000, 1}
#define M {2000, 2}

static void check_times(const char *name, time_t atime, long atime_ns, time_t mtime, long mtime_ns)
{
    struct stat st = stat_of(name);
    CHECK(st.st_atim.tv_sec == atime && st.st_atim.tv_nsec == atime_ns);
    CHECK(st.st_mtim.tv_sec == mtime && st.st_mtim.tv_nsec == mtime_ns);
}

static bool is_recent(struct timespec t)
{
    return labs((long)(time(NULL) - t.tv_sec)) < 10;
}

static void test_set(void)
{
    struct timespec both[2] = {A, M}, omit_a[2] = {{0, UTIME_OMIT}, {3000, 3}}, now_m[2] = {{4000, 4}, {0, UTIME_NOW}};
    struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, bad[2] = {{0, 1000000000}, {0, 0}};
    put_file("f", "", 0644);
    CHECK(symlink("f", "l") == 0 && mkdir("d", 0755) == 0);
    struct stat before = stat_of("f");
    tick();
    CHECK(utimensat(AT_FDCWD, "f", both, 0) == 0);
    check_times("f", 1000, 1, 2000, 2);
    CHECK(time_compare(before.st_ctim, stat_of("f").st_ctim) < 0);
    CHECK(utimensat(AT_FDCWD, "f", omit_a, 0) == 0);
    check_times("f", 1000, 1, 3000, 3);
    CHECK(utimensat(AT_FDCWD, "f", now_m, 0) == 0);
    CHECK(stat_of("f").st_atim.tv_sec == 4000 && is_recent(stat_of("f").st_mtim));
    CHECK(utimensat(AT_FDCWD, "l", both, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(stat_of("f").st_atim.tv_sec == 4000 && stat_of("l").st_mtim.tv_sec == 2000);
    CHECK(utimensat(AT_FDCWD, "l", both, 0) == 0);
    check_times("f", 1000, 1, 2000, 2);
    int fd = open("f", O_RDONLY);
    CHECK(futimens(fd, now_m) == 0 && stat_of("f").st_atim.tv_sec == 4000);
    CHECK(utimensat(AT_FDCWD, "f", NULL, 0) == 0 && is_recent(stat_of("f").st_atim));
    CHECK(utimensat(AT_FDCWD, "none", omit, 0) == 0); /* nothing is even looked at */
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", both, 1), EINVAL);
    CHECK_ERRNO(utimensat(AT_FDCWD, "none", both, 0), ENOENT);
    CHECK_ERRNO(syscall(SYS_utimensat, 99, NULL, both, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_utimensat, fd, NULL, both, AT_SYMLINK_NOFOLLOW), EINVAL);
    struct timeval tv[2] = {{10, 20}, {30, 40}}, bad_tv[2] = {{0, 1000000}, {0, 0}};
    CHECK(utimes("f", tv) == 0);
    check_times("f", 10, 20000, 30, 40000);
    CHECK_ERRNO(utimes("f", bad_tv), EINVAL);
    CHECK(utime("d", &(struct utimbuf){5, 6}) == 0);
    check_times("d", 5, 0, 6, 0);
    struct timespec old[2] = {{-5, 7}, {-6, 8}}; /* before 1970 */
    CHECK(utimensat(AT_FDCWD, "f", old, 0) == 0);
    check_times("f", -5, 7, -6, 8);
}

static void user_part(void)
{
    struct timespec both[2] = {A, M}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    CHECK_ERRNO(utimensat(AT_FDCWD, "root", both, 0), EPERM);
    CHECK_ERRNO(utimensat(AT_FDCWD, "root", NULL, 0), EACCES);
    CHECK_ERRNO(utimensat(AT_FDCWD, "root", now, 0), EACCES);
    CHECK_ERRNO(utimensat(AT_FDCWD, "writable", both, 0), EPERM);
    CHECK_ERRNO(utimensat(AT_FDCWD, "writable", half, 0), EPERM);
    CHECK(utimensat(AT_FDCWD, "writable", now, 0) == 0 && utimensat(AT_FDCWD, "writable", NULL, 0) == 0);
    put_file("mine", "", 0);
    CHECK(utimensat(AT_FDCWD, "mine", both, 0) == 0 && utimensat(AT_FDCWD, "mine", NULL, 0) == 0);
}

static void test_permissions(void)
{
    put_file("root", "", 0644);
    put_file("writable", "", 0666);
    as_user(USER, user_part);
}

static void test_by_themselves(void)
{
    char buf[8];
    struct timespec old[2] = {A, M};
    put_file("f", "data", 0644);
    CHECK(utimensat(AT_FDCWD, "f", old, 0) == 0);
    tick();
    int fd = open("f", O_RDWR);
    CHECK(read(fd, buf, 1) == 1);
    CHECK(is_recent(stat_of("f").st_atim)); /* relatime: atime was older than mtime */
    CHECK(stat_of("f").st_mtim.tv_sec == 2000);
    tick();
    struct stat before = stat_of("f");
    CHECK(read(fd, buf, 1) == 1 && time_compare(before.st_atim, stat_of("f").st_atim) == 0);
    CHECK(write(fd, "", 0) == 0 && stat_of("f").st_mtim.tv_sec == 2000);
    CHECK(write(fd, "x", 1) == 1 && is_recent(stat_of("f").st_mtim));
    CHECK(time_compare(before.st_ctim, stat_of("f").st_ctim) < 0);
    CHECK(utimensat(AT_FDCWD, "f", old, 0) == 0);
    int quiet = open("f", O_RDONLY | O_NOATIME);
    CHECK(read(quiet, buf, 1) == 1 && stat_of("f").st_atim.tv_sec == 1000);
    CHECK(ftruncate(fd, 100) == 0 && is_recent(stat_of("f").st_mtim));
    CHECK(utimensat(AT_FDCWD, "f", old, 0) == 0 && truncate("f", 50) == 0 && is_recent(stat_of("f").st_mtim));
    mkdir("d", 0755);
    CHECK(utimensat(AT_FDCWD, "d", old, 0) == 0);
    DIR *dir = opendir("d");
    CHECK(dir && readdir(dir));
    CHECK(is_recent(stat_of("d").st_atim));
}

FS_MAIN(test_set, test_permissions, test_by_themselves)
