/* SPDX-License-Identifier: Apache-2.0 */
/* getdents64(2): order, positions that stay valid, types and inode numbers. */
#include "fs.h"

#define COUNT 300

static void fill(void)
{
    char name[16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "d/f%d", i);
        put_file(name, "", 0644);
    }
}

static void test_all_once(void)
{
    char seen[COUNT] = {0};
    int dots = 0, others = 0;
    mkdir("d", 0755);
    fill();
    DIR *dir = opendir("d");
    struct dirent *e;
    while ((e = readdir(dir))) {
        int i;
        struct stat st;
        CHECK(fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK(e->d_ino == st.st_ino);
        if (sscanf(e->d_name, "f%d", &i) == 1) {
            CHECK(!seen[i] && e->d_type == DT_REG);
            seen[i] = 1;
            others++;
        } else {
            CHECK(e->d_type == DT_DIR && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
            dots++;
        }
    }
    CHECK(dots == 2 && others == COUNT);
    rewinddir(dir);
    CHECK(readdir(dir));
}

static void test_changes_meanwhile(void)
{
    char name[16], seen[COUNT] = {0};
    int count = 0, i;
    mkdir("d", 0755);
    fill();
    DIR *dir = opendir("d");
    struct dirent *e;
    while ((e = readdir(dir))) { /* all that were there from the beginning, and not removed, come exactly once */
        if (sscanf(e->d_name, "f%d", &i) != 1 || i >= COUNT)
            continue;
        CHECK(!seen[i]++);
        snprintf(name, sizeof(name), "d/f%d", i);
        CHECK(unlink(name) == 0);
        if (count++ % 10 == 0) {
            snprintf(name, sizeof(name), "d/new%d", i);
            put_file(name, "", 0644);
        }
    }
    CHECK(count == COUNT);
    closedir(dir);
}

static void test_seekdir(void)
{
    char names[40][NAME_MAX + 1];
    long at[40];
    mkdir("d", 0755);
    fill();
    DIR *dir = opendir("d");
    for (int i = 0; i < 40; i++) {
        at[i] = telldir(dir);
        struct dirent *e = readdir(dir);
        CHECK(e);
        snprintf(names[i], sizeof(names[i]), "%s", e->d_name);
    }
    for (int i = 39; i >= 0; i -= 3) {
        seekdir(dir, at[i]);
        struct dirent *e = readdir(dir);
        CHECK(e && strcmp(e->d_name, names[i]) == 0);
    }
}

static void test_types(void)
{
    CHECK(mkdir("sub", 0755) == 0 && symlink("x", "link") == 0 && mkfifo("fifo", 0644) == 0 && mknod("sock", S_IFSOCK | 0644, 0) == 0);
    DIR *dir = opendir(".");
    struct dirent *e;
    while ((e = readdir(dir))) {
        struct stat st = stat_of(e->d_name);
        CHECK(e->d_type == IFTODT(st.st_mode) && e->d_ino == st.st_ino);
    }
}

static void test_errors(void)
{
    char buf[1024];
    put_file("f", "", 0644);
    int fd = open("f", O_RDONLY), dir = open(".", O_RDONLY);
    CHECK_ERRNO(getdents64(fd, buf, sizeof(buf)), ENOTDIR);
    CHECK_ERRNO(getdents64(99, buf, sizeof(buf)), EBADF);
    CHECK_ERRNO(getdents64(dir, buf, 8), EINVAL);
    CHECK(getdents64(dir, buf, sizeof(buf)) > 0 && getdents64(dir, buf, sizeof(buf)) == 0);
    CHECK(lseek(dir, 0, SEEK_SET) == 0 && getdents64(dir, buf, sizeof(buf)) > 0);
}

/* The root's own entries: on naos many of them are the image's. */
static void test_root(void)
{
    DIR *dir = opendir("/");
    struct dirent *e;
    while ((e = readdir(dir))) {
        char name[300];
        struct stat st;
        snprintf(name, sizeof(name), "/%s", e->d_name);
        CHECK(lstat(name, &st) == 0 && IFTODT(st.st_mode) == e->d_type);
        struct stat up;
        CHECK(stat("/", &up) == 0);
        if (st.st_dev == up.st_dev)
            CHECK(st.st_ino == e->d_ino);
    }
}

FS_MAIN(test_all_once, test_changes_meanwhile, test_seekdir, test_types, test_errors, test_root)
