/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2) and umount2(2): what they refuse, moving, binding, expiring, flags. On a Linux where root may not: nothing. */
#include "fs.h"
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static bool mount_tmpfs(const char *at, unsigned long flags)
{
    if (mount("none", at, "tmpfs", flags, NULL) == 0)
        return true;
    CHECK(errno == EPERM || errno == EACCES);
    return false;
}

static void user_part(void)
{
    CHECK_ERRNO(mount("none", "m", "tmpfs", 0, NULL), EPERM);
    CHECK_ERRNO(umount("m"), EPERM);
}

static void test_errors(void)
{
    CHECK(mkdir("m", 0755) == 0);
    put_file("f", "", 0644);
    as_user(USER, user_part);
    if (!mount_tmpfs("m", 0))
        return;
    CHECK_ERRNO(mount("none", "m", NULL, 0, NULL), EINVAL);
    CHECK_ERRNO(mount("none", "m", "no such thing", 0, NULL), ENODEV);
    CHECK_ERRNO(mount("none", "f", "tmpfs", 0, NULL), ENOTDIR);
    CHECK_ERRNO(mount("none", "m", "tmpfs", 0, "bad option"), EINVAL);
    CHECK_ERRNO(mount(nowhere, "m", "tmpfs", 0, NULL), EFAULT);
    CHECK_ERRNO(mount(NULL, "f", NULL, MS_PRIVATE, NULL), EINVAL); /* nothing is mounted there */
    CHECK_ERRNO(mount(NULL, "m", NULL, MS_PRIVATE | MS_SLAVE, NULL), EINVAL);
    CHECK(mount(NULL, "m", NULL, MS_PRIVATE, NULL) == 0);
    int inside = open("m/open", O_CREAT | O_RDWR, 0600);
    CHECK_ERRNO(umount("m"), EBUSY);
    CHECK(umount2("m", MNT_DETACH) == 0 && write(inside, "a", 1) == 1 && !is_there("m/open"));
    CHECK_ERRNO(umount("m"), EINVAL);
    CHECK_ERRNO(umount2("m", 0x100), EINVAL);
}

/* The line of /proc/self/mountinfo whose mount point ends so: the root, and the device. */
static void mountinfo_find(const char *end, char root[64], unsigned *major, unsigned *minor)
{
    char line[1024], where[512];
    FILE *f = fopen("/proc/self/mountinfo", "r");
    CHECK(f);
    *root = 0;
    while (!*root && fgets(line, sizeof(line), f)) {
        CHECK(sscanf(line, "%*d %*d %u:%u %63s %511s", major, minor, root, where) == 4);
        size_t len = strlen(where), end_len = strlen(end);
        if (len < end_len || strcmp(where + len - end_len, end) != 0)
            *root = 0;
    }
    fclose(f);
    CHECK(*root);
}

static void test_mountinfo(void)
{
    char root[64];
    unsigned major, minor;
    CHECK(mkdir("m", 0755) == 0 && mkdir("info-bind", 0755) == 0);
    if (!mount_tmpfs("m", 0))
        return;
    CHECK(mkdir("m/part", 0755) == 0 && mount("m/part", "info-bind", NULL, MS_BIND, NULL) == 0);
    mountinfo_find("/info-bind", root, &major, &minor);
    CHECK(strcmp(root, "/part") == 0 && makedev(major, minor) == stat_of("info-bind").st_dev);
    CHECK(umount("info-bind") == 0 && umount("m") == 0);
}

static void test_expire(void)
{
    CHECK(mkdir("m", 0755) == 0);
    if (!mount_tmpfs("m", 0))
        return;
    CHECK_ERRNO(umount2("m", MNT_EXPIRE | MNT_FORCE), EINVAL);
    CHECK_ERRNO(umount2("m", MNT_EXPIRE), EAGAIN);
    CHECK(access("m/none", F_OK) == -1); /* used: it begins again */
    CHECK_ERRNO(umount2("m", MNT_EXPIRE), EAGAIN);
    CHECK(umount2("m", MNT_EXPIRE) == 0);
}

static void test_move(void)
{
    CHECK(mkdir("m", 0755) == 0 && mkdir("to", 0755) == 0);
    if (!mount_tmpfs("m", 0))
        return;
    CHECK(mount(NULL, "m", NULL, MS_PRIVATE, NULL) == 0);
    put_file("m/f", "moved", 0644);
    CHECK(mkdir("m/below", 0755) == 0);
    put_file("f", "", 0644);
    CHECK_ERRNO(mount("m", "m/below", NULL, MS_MOVE, NULL), ELOOP);
    CHECK_ERRNO(mount("m", "f", NULL, MS_MOVE, NULL), EINVAL);
    CHECK_ERRNO(mount("m/below", "to", NULL, MS_MOVE, NULL), EINVAL); /* no mount */
    CHECK(mount("m", "to", NULL, MS_MOVE, NULL) == 0 && !is_there("m/f"));
    check_content("to/f", "moved");
    CHECK_ERRNO(umount("m"), EINVAL);
    CHECK(umount("to") == 0);
}

static void test_flags(void)
{
    char text[8];
    CHECK(mkdir("m", 0755) == 0);
    if (!mount_tmpfs("m", MS_NOEXEC | MS_NODEV | MS_NOSYMFOLLOW | MS_NOATIME))
        return;
    put_file("m/program", "#!/bin/sh\n", 0755);
    CHECK_ERRNO(access("m/program", X_OK), EACCES);
    CHECK(symlink("program", "m/link") == 0 && readlink("m/link", text, sizeof(text)) == 7);
    CHECK_ERRNO(open("m/link", O_RDONLY), ELOOP);
    CHECK(mknod("m/null", S_IFCHR | 0666, 0x103) == 0);
    CHECK_ERRNO(open("m/null", O_RDWR), EACCES);
    struct stat before = stat_of("m/program");
    tick();
    check_content("m/program", "#!/bin/sh\n");
    CHECK(time_compare(before.st_atim, stat_of("m/program").st_atim) == 0);
    CHECK(mount("none", "m", NULL, MS_REMOUNT | MS_STRICTATIME, NULL) == 0);
    tick();
    check_content("m/program", "#!/bin/sh\n");
    CHECK(time_compare(before.st_atim, stat_of("m/program").st_atim) < 0);
    CHECK(umount("m") == 0);
}

static void test_sysfs(void)
{
    char name[64];
    long index = syscall(SYS_sysfs, 1, "proc"), count = syscall(SYS_sysfs, 3);
    CHECK(index >= 0 && index < count);
    CHECK(syscall(SYS_sysfs, 2, index, name) == 0 && strcmp(name, "proc") == 0);
    CHECK_ERRNO(syscall(SYS_sysfs, 1, "no such thing"), EINVAL);
    CHECK_ERRNO(syscall(SYS_sysfs, 1, nowhere), EFAULT);
    CHECK_ERRNO(syscall(SYS_sysfs, 2, 1000, name), EINVAL);
    CHECK_ERRNO(syscall(SYS_sysfs, 4), EINVAL);
}

static void hangs_up(void)
{
    CHECK_ERRNO(syscall(SYS_vhangup), EPERM);
}

static void test_vhangup(void)
{
    as_user(USER, hangs_up);
    CHECK(setsid() > 0 && syscall(SYS_vhangup) == 0); /* there is nothing to hang up */
}

FS_MAIN(test_sysfs, test_vhangup, test_mountinfo, test_errors, test_expire, test_move, test_flags)
