/* SPDX-License-Identifier: Apache-2.0 */
/* An overlay of two directories in memory: copy-up, whiteouts, opaque and renamed directories, hard links, mappings. */
#include "fs.h"
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/xattr.h>

/* The current directory becomes: l (below), u (above), m (both). */
static void layers_make(void)
{
    CHECK(mount("tmpfs", ".", "tmpfs", 0, "size=16m") == 0);
    char here[PATH_MAX];
    CHECK(getcwd(here, sizeof(here)) && chdir(here) == 0); /* into what is mounted now */
    CHECK(mkdir("l", 0755) == 0 && mkdir("u", 0755) == 0 && mkdir("w", 0755) == 0 && mkdir("m", 0755) == 0);
    CHECK(mkdir("l/dir", 0751) == 0 && mkdir("l/dir/sub", 0755) == 0 && mkdir("l/empty", 0755) == 0);
    put_file("l/file", "below", 0640);
    put_file("l/dir/a", "a", 0644);
    put_file("l/dir/b", "b", 0644);
    put_file("l/dir/sub/deep", "deep", 0600);
    CHECK(symlink("dir/a", "l/link") == 0 && link("l/file", "l/second") == 0);
    CHECK(chown("l/dir/a", 5, 6) == 0 && setxattr("l/dir/a", "trusted.mark", "m", 1, 0) == 0);
    struct timespec old[2] = {{1000, 0}, {2000, 0}};
    CHECK(utimensat(AT_FDCWD, "l/dir/a", old, 0) == 0 && utimensat(AT_FDCWD, "l/dir", old, 0) == 0);
}

static bool overlay_mount_here(void)
{
    layers_make();
    if (mount("overlay", "m", "overlay", 0, "lowerdir=l,upperdir=u,workdir=w,redirect_dir=on") == 0)
        return true;
    CHECK(errno == ENODEV || errno == EPERM || errno == EINVAL);
    fprintf(stderr, "no overlay here\n");
    return false;
}

static void layers_drop(void)
{
    char here[PATH_MAX];
    umount2("m", MNT_DETACH);
    CHECK(getcwd(here, sizeof(here)) && chdir("..") == 0 && umount2(here, MNT_DETACH) == 0);
}

static unsigned count(const char *name)
{
    unsigned n = 0;
    DIR *dir = opendir(name);
    struct dirent *e;
    CHECK(dir);
    while ((e = readdir(dir))) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", name, e->d_name);
        CHECK(is_there(path) && (e->d_name[0] == '.' || stat_of(path).st_ino == e->d_ino));
        n++;
    }
    closedir(dir);
    return n - 2;
}

static void see_and_copy(void)
{
    struct stat before = stat_of("m/dir/a"), dir = stat_of("m/dir");
    char buf[8];
    check_content("m/file", "below");
    check_content("m/link", "a");
    CHECK(count("m") == 5 && count("m/dir") == 3 && mode_of("m/dir") == 0751);
    int reader = open("m/dir/a", O_RDONLY);
    CHECK(access("u/dir", F_OK) == -1); /* reading copies nothing */
    int fd = open("m/dir/a", O_WRONLY);
    CHECK(fd >= 0 && is_there("u/dir/a"));
    struct stat after = stat_of("m/dir/a");
    CHECK(after.st_ino == before.st_ino && after.st_uid == 5 && after.st_gid == 6 && after.st_mode == before.st_mode);
    CHECK(after.st_mtim.tv_sec == 2000 && stat_of("m/dir").st_mtim.tv_sec == dir.st_mtim.tv_sec);
    CHECK(getxattr("m/dir/a", "trusted.mark", buf, sizeof(buf)) == 1);
    CHECK(write(fd, "A", 1) == 1);
    check_content("m/dir/a", "A");
    check_content("l/dir/a", "a");
    (void)reader;
    CHECK(count("m/dir") == 3);
    CHECK(chmod("m/dir/b", 0600) == 0 && mode_of("l/dir/b") == 0644 && mode_of("m/dir/b") == 0600);
    check_content("m/dir/b", "b");
    CHECK(truncate("m/dir/sub/deep", 2) == 0);
    check_content("m/dir/sub/deep", "de");
    CHECK(truncate("m/dir/sub/deep", 4) == 0);
    CHECK(stat_of("m/dir/sub/deep").st_size == 4);
    fd = open("m/dir/sub/deep", O_RDONLY);
    CHECK(read(fd, buf, 8) == 4 && memcmp(buf, "de\0\0", 4) == 0); /* what was cut off does not come back */
}

static void whiteouts(void)
{
    CHECK(unlink("m/file") == 0 && !is_there("m/file") && is_there("l/file") && is_there("m/second"));
    put_file("m/file", "new", 0644);
    check_content("m/file", "new");
    CHECK(unlink("m/file") == 0 && !is_there("m/file") && count("m") == 4);
    CHECK_ERRNO(rmdir("m/dir"), ENOTEMPTY);
    CHECK(rmdir("m/empty") == 0 && !is_there("m/empty") && mkdir("m/empty", 0700) == 0 && count("m/empty") == 0);
    CHECK(unlink("m/dir/a") == 0 && unlink("m/dir/b") == 0 && unlink("m/dir/sub/deep") == 0 && rmdir("m/dir/sub") == 0);
    CHECK(count("m/dir") == 0 && rmdir("m/dir") == 0);
    CHECK(mkdir("m/dir", 0755) == 0 && count("m/dir") == 0); /* nothing from below shows through */
    CHECK_ERRNO(open("m/dir/a", O_RDONLY), ENOENT);
    put_file("m/dir/a", "other", 0644);
    CHECK(count("m/dir") == 1);
    CHECK_ERRNO(open("m/link/x", O_RDONLY), ENOTDIR);
    check_content("m/link", "other");
    CHECK(unlink("m/link") == 0 && symlink("dir", "m/link") == 0 && count("m/link") == 1);
}

static void renames(void)
{
    struct stat dir = stat_of("m/dir");
    CHECK(rename("m/file", "m/moved") == 0 && !is_there("m/file"));
    check_content("m/moved", "below");
    if (rename("m/dir", "m/empty/dir") == 0) {
        CHECK(!is_there("m/dir") && count("m/empty/dir") == 3 && stat_of("m/empty/dir").st_ino == dir.st_ino);
        check_content("m/empty/dir/sub/deep", "deep");
        put_file("m/empty/dir/new", "n", 0644);
        CHECK(unlink("m/empty/dir/a") == 0 && count("m/empty/dir") == 3);
        CHECK(mkdir("m/dir", 0755) == 0 && count("m/dir") == 0);
        CHECK(rename("m/empty/dir/b", "m/dir/b") == 0 && count("m/empty/dir") == 2);
        check_content("m/dir/b", "b");
        CHECK(renameat2(AT_FDCWD, "m/dir", AT_FDCWD, "m/empty/dir", RENAME_EXCHANGE) == 0);
        CHECK(count("m/dir") == 2 && count("m/empty/dir") == 1);
        check_content("m/dir/sub/deep", "deep");
    } else {
        CHECK(errno == EXDEV);
    }
    CHECK(rename("m/moved", "m/second") == 0 || true);
    put_file("m/over", "over", 0644);
    CHECK(rename("m/over", "m/link") == 0);
    check_content("m/link", "over");
}

static void mappings(void)
{
    int ro = open("m/dir/a", O_RDONLY), rw = open("m/dir/a", O_RDWR);
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, rw, 0);
    CHECK(shared != MAP_FAILED && shared[0] == 'a');
    shared[0] = 'Z';
    check_content("m/dir/a", "Z");
    CHECK(pwrite(rw, "Y", 1, 0) == 1 && shared[0] == 'Y');
    check_content("l/dir/a", "a");
    (void)ro;
    CHECK(msync(shared, 4096, MS_SYNC) == 0 && munmap(shared, 4096) == 0 && fsync(rw) == 0);
    check_content("u/dir/a", "Y");
    char *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, open("m/dir/b", O_RDONLY), 0);
    CHECK(private[0] == 'b');
    private[0] = 'x';
    check_content("m/dir/b", "b");
}

static void readers(void)
{
    DIR *dir = opendir("m/dir");
    struct dirent *e;
    unsigned names = 0;
    while ((e = readdir(dir))) { /* copying up while it is read */
        char path[300];
        snprintf(path, sizeof(path), "m/dir/%s", e->d_name);
        if (e->d_name[0] != '.')
            CHECK(chmod(path, 0711) == 0 && ++names);
    }
    CHECK(names == 3 && count("m/dir") == 3);
    int fd = open("m/dir/b", O_RDONLY);
    CHECK(unlink("m/dir/b") == 0);
    char c;
    struct stat st;
    CHECK(read(fd, &c, 1) == 1 && c == 'b' && fstat(fd, &st) == 0);
    CHECK(link("m/dir/a", "m/dir/c") == 0 && stat_of("m/dir/c").st_nlink == 2 && stat_of("m/dir/c").st_ino == stat_of("m/dir/a").st_ino);
    put_file("m/dir/c", "both", 0644);
    check_content("m/dir/a", "both");
}

#define LAYERED(name) \
    static void test_##name(void) \
    { \
        if (overlay_mount_here()) \
            name(); \
        layers_drop(); \
    }
LAYERED(see_and_copy)
LAYERED(whiteouts)
LAYERED(renames)
LAYERED(mappings)
LAYERED(readers)

FS_MAIN(test_see_and_copy, test_whiteouts, test_renames, test_mappings, test_readers)
