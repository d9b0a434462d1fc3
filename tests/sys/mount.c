/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2) and umount2(2): file systems in memory with limits, proc, bind mounts, remounting, moving, and who may. On Linux in a mount
 * namespace of its own, as root; in naos there is one tree for all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static char base[] = "/tmp/mount.XXXXXX";

static void file_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static bool file_is(const char *path, const char *text)
{
    char buf[64] = "";
    int fd = open(path, O_RDONLY);
    bool is = fd >= 0 && read(fd, buf, sizeof(buf) - 1) >= 0 && strcmp(buf, text) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

static bool is_mounted(const char *path)
{
    char line[1024], where[512];
    bool is = false;
    FILE *f = fopen("/proc/self/mounts", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        is |= sscanf(line, "%*s %511s", where) == 1 && strcmp(where, path) == 0;
    fclose(f);
    return is;
}

static void test_memory(void)
{
    struct statfs s;
    static char block[65536];
    CHECK(mkdir("a", 0755) == 0);
    file_put("a/below", "below");
    CHECK(mount("none", "a", "tmpfs", MS_NOSUID, "size=1m,mode=0750,uid=7") == 0);
    CHECK(access("a/below", F_OK) == -1 && errno == ENOENT);
    struct stat st;
    CHECK(stat("a", &st) == 0 && (st.st_mode & 07777) == 0750 && st.st_uid == 7);
    CHECK(statfs("a", &s) == 0 && s.f_type == TMPFS_MAGIC && (uint64_t)s.f_blocks * (uint64_t)s.f_bsize == 1 << 20);
    int fd = open("a/full", O_WRONLY | O_CREAT, 0600);
    ssize_t n, total = 0;
    while ((n = write(fd, block, sizeof(block))) > 0)
        total += n;
    CHECK(n == -1 && errno == ENOSPC && total <= 1 << 20 && total >= 1 << 19);
    CHECK_ERRNO(umount("a"), EBUSY); /* it is open */
    close(fd);
    CHECK(umount("a") == 0 && file_is("a/below", "below"));
    CHECK_ERRNO(umount("a"), EINVAL);
    CHECK_ERRNO(mount("none", "a", "tmpfs", 0, "nonsense=1"), EINVAL);
    CHECK_ERRNO(mount("none", "a", "nosuchfs", 0, NULL), ENODEV);
    CHECK_ERRNO(mount("none", "nowhere", "tmpfs", 0, NULL), ENOENT);
    CHECK_ERRNO(mount("none", "a/below", "tmpfs", 0, NULL), ENOTDIR);
}

static void test_detach(void)
{
    char buf[8];
    CHECK(mkdir("d", 0755) == 0 && mount("none", "d", "tmpfs", 0, NULL) == 0);
    file_put("d/f", "text");
    int fd = open("d/f", O_RDONLY);
    CHECK(umount2("d", MNT_DETACH) == 0 && access("d/f", F_OK) == -1);
    CHECK(read(fd, buf, sizeof(buf)) == 4 && memcmp(buf, "text", 4) == 0);
    close(fd);
}

static void test_bind(void)
{
    CHECK(mkdir("from", 0755) == 0 && mkdir("from/in", 0755) == 0 && mkdir("to", 0755) == 0);
    file_put("from/f", "one");
    file_put("from/in/g", "two");
    CHECK(mount("from", "to", NULL, MS_BIND, NULL) == 0);
    CHECK(file_is("to/f", "one") && file_is("to/in/g", "two"));
    file_put("to/new", "new");
    CHECK(file_is("from/new", "new"));
    CHECK(mount(NULL, "to", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
    CHECK_ERRNO(open("to/f", O_WRONLY), EROFS);
    CHECK_ERRNO(mkdir("to/x", 0755), EROFS);
    CHECK_ERRNO(rename("to/f", "to/y"), EROFS);
    file_put("from/f", "1"); /* only this way in is closed */
    CHECK(file_is("to/f", "1"));
    CHECK_ERRNO(rename("from/f", "to/f"), EXDEV);
    CHECK(umount("to") == 0 && access("to/f", F_OK) == -1);
    file_put("place", "");
    CHECK(mount("from/in/g", "place", NULL, MS_BIND, NULL) == 0 && file_is("place", "two"));
    CHECK_ERRNO(unlink("place"), EBUSY);
    CHECK_ERRNO(mount("from", "place", NULL, MS_BIND, NULL), ENOTDIR);
    CHECK(umount("place") == 0 && file_is("place", ""));
}

static void test_nested(void)
{
    CHECK(mkdir("n", 0755) == 0 && mount("none", "n", "tmpfs", 0, NULL) == 0);
    CHECK(mkdir("n/m", 0755) == 0 && mount("none", "n/m", "tmpfs", 0, NULL) == 0);
    file_put("n/m/f", "deep");
    CHECK_ERRNO(umount("n"), EBUSY);
    CHECK_ERRNO(rmdir("n/m"), EBUSY);
    CHECK(mount("none", "n/m", "tmpfs", 0, NULL) == 0 && access("n/m/f", F_OK) == -1); /* one over the other */
    CHECK(umount("n/m") == 0 && file_is("n/m/f", "deep"));
    CHECK(umount2("n", MNT_DETACH) == 0 && access("n/m", F_OK) == -1);
}

static void test_proc(void)
{
    struct statfs s;
    char link[64], path[128];
    CHECK(mkdir("proc", 0755) == 0 && mount("proc", "proc", "proc", MS_NOEXEC, NULL) == 0);
    CHECK(statfs("proc", &s) == 0 && s.f_type == PROC_SUPER_MAGIC);
    CHECK(readlink("proc/self", link, sizeof(link)) > 0);
    snprintf(path, sizeof(path), "%s/proc", base);
    CHECK(is_mounted(path) && umount("proc") == 0 && !is_mounted(path));
}

static void test_move(void)
{
    CHECK(mkdir("old", 0755) == 0 && mkdir("young", 0755) == 0 && mkdir("plain", 0755) == 0);
    CHECK(mount("none", "old", "tmpfs", 0, NULL) == 0 && mkdir("old/sub", 0755) == 0 && mount("none", "old/sub", "tmpfs", 0, NULL) == 0);
    file_put("old/f", "moved");
    file_put("old/sub/f", "too");
    CHECK_ERRNO(mount("plain", "young", NULL, MS_MOVE, NULL), EINVAL); /* nothing is mounted there */
    CHECK_ERRNO(mount("old", "old/sub", NULL, MS_MOVE, NULL), ELOOP);  /* into itself */
    CHECK(mount("old", "young", NULL, MS_MOVE, NULL) == 0);
    CHECK(file_is("young/f", "moved") && file_is("young/sub/f", "too") && access("old/f", F_OK) == -1);
    CHECK(umount("young/sub") == 0 && umount("young") == 0);
}

/* As somebody else. */
static void test_permission(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        CHECK_ERRNO(mount("none", "a", "tmpfs", 0, NULL), EPERM);
        CHECK_ERRNO(umount("/proc"), EPERM);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void test_links(void)
{
    CHECK(mkdir("real", 0755) == 0 && symlink("real", "link") == 0 && mount("none", "link", "tmpfs", 0, NULL) == 0);
    CHECK_ERRNO(umount2("link", UMOUNT_NOFOLLOW), EINVAL);
    CHECK(umount("link") == 0);
}

/* Walks that go in and out while the mount comes and goes. */
static volatile bool is_over;

static void *walk_main(void *arg)
{
    struct stat st;
    char path[64], name[256];
    (void)arg;
    while (!is_over) {
        CHECK(stat("race", &st) == 0 && stat("race/..", &st) == 0);
        int fd = open("race", O_RDONLY | O_DIRECTORY);
        CHECK(fd >= 0 && fstatat(fd, "..", &st, 0) == 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        CHECK(readlink(path, name, sizeof(name)) > 0);
        close(fd);
    }
    return NULL;
}

static void test_race(void)
{
    pthread_t threads[2];
    CHECK(mkdir("race", 0755) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, walk_main, NULL) == 0);
    for (int i = 0; i < 500; i++) {
        CHECK(mount("none", "race", "tmpfs", 0, NULL) == 0 && mkdir("race/in", 0755) == 0 && mount("none", "race/in", "tmpfs", 0, NULL) == 0);
        CHECK(umount2("race", MNT_DETACH) == 0);
    }
    is_over = true;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void)
{
    if (unshare(CLONE_NEWNS) == 0) /* Linux */
        CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mkdtemp(base) && chmod(base, 0755) == 0 && chdir(base) == 0);
    test_memory();
    test_detach();
    test_bind();
    test_nested();
    test_proc();
    test_move();
    test_permission();
    test_links();
    test_race();
    return 0;
}
