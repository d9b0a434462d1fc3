/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: user., trusted., security.; sizes and permissions. */
#include "fs.h"
#include <linux/limits.h>
#include <sys/xattr.h>

static bool list_has(const char *list, ssize_t size, const char *name)
{
    for (ssize_t i = 0; i < size; i += (ssize_t)strlen(list + i) + 1) {
        if (strcmp(list + i, name) == 0)
            return true;
    }
    return false;
}

static bool is_supported(void)
{
    put_file("probe", "", 0644);
    return setxattr("probe", "user.x", "", 0, 0) == 0;
}

static void test_set_and_get(void)
{
    char buf[64];
    if (!is_supported())
        return;
    put_file("f", "", 0644);
    struct stat before = stat_of("f");
    tick();
    CHECK(setxattr("f", "user.a", "hello", 5, 0) == 0);
    CHECK(time_compare(before.st_ctim, stat_of("f").st_ctim) < 0);
    CHECK(getxattr("f", "user.a", buf, sizeof(buf)) == 5 && memcmp(buf, "hello", 5) == 0);
    CHECK(getxattr("f", "user.a", NULL, 0) == 5);
    CHECK_ERRNO(getxattr("f", "user.a", buf, 4), ERANGE);
    CHECK_ERRNO(getxattr("f", "user.b", buf, 4), ENODATA);
    CHECK_ERRNO(setxattr("f", "user.a", "x", 1, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr("f", "user.b", "x", 1, XATTR_REPLACE), ENODATA);
    CHECK_ERRNO(setxattr("f", "user.a", "x", 1, 4), EINVAL);
    CHECK(setxattr("f", "user.a", "again", 5, XATTR_REPLACE) == 0);
    CHECK(setxattr("f", "user.empty", "", 0, XATTR_CREATE) == 0);
    CHECK(getxattr("f", "user.empty", buf, sizeof(buf)) == 0);
    int fd = open("f", O_RDONLY);
    CHECK(fsetxattr(fd, "user.fd", "1", 1, 0) == 0 && fgetxattr(fd, "user.fd", buf, sizeof(buf)) == 1);
    char list[256];
    ssize_t n = listxattr("f", list, sizeof(list));
    CHECK(n > 0 && listxattr("f", NULL, 0) == n && flistxattr(fd, list, sizeof(list)) == n);
    CHECK(list_has(list, n, "user.a") && list_has(list, n, "user.empty") && list_has(list, n, "user.fd"));
    CHECK_ERRNO(listxattr("f", list, 3), ERANGE);
    CHECK(removexattr("f", "user.empty") == 0);
    CHECK_ERRNO(removexattr("f", "user.empty"), ENODATA);
    CHECK(fremovexattr(fd, "user.fd") == 0);
    n = listxattr("f", list, sizeof(list));
    CHECK(!list_has(list, n, "user.empty") && !list_has(list, n, "user.fd"));
    CHECK(rename("f", "g") == 0 && getxattr("g", "user.a", buf, sizeof(buf)) == 5);
    CHECK(link("g", "h") == 0 && getxattr("h", "user.a", buf, sizeof(buf)) == 5);
}

static void test_names_and_sizes(void)
{
    char name[XATTR_NAME_MAX + 2], buf[8];
    static char value[XATTR_SIZE_MAX + 1];
    if (!is_supported())
        return;
    put_file("f", "", 0644);
    memset(name, 'n', sizeof(name));
    memcpy(name, "user.", 5);
    name[XATTR_NAME_MAX + 1] = 0;
    CHECK_ERRNO(setxattr("f", name, "x", 1, 0), ERANGE);
    name[XATTR_NAME_MAX] = 0;
    CHECK(setxattr("f", name, "x", 1, 0) == 0 && getxattr("f", name, buf, sizeof(buf)) == 1);
    CHECK_ERRNO(setxattr("f", "", "x", 1, 0), ERANGE);
    CHECK_ERRNO(setxattr("f", "user.", "x", 1, 0), EINVAL);
    CHECK_ERRNO(setxattr("f", "nothing", "x", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("f", "other.name", "x", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(getxattr("f", "other.name", buf, 1), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("f", "user.big", value, sizeof(value), 0), E2BIG);
    CHECK_ERRNO(setxattr("none", "user.a", "x", 1, 0), ENOENT);
    CHECK_ERRNO(getxattr("f", (char *)8, buf, 1), EFAULT);
    CHECK(setxattr("f", "user.page", value, 1000, 0) == 0 && getxattr("f", "user.page", value, sizeof(value)) == 1000);
}

static void test_kinds(void)
{
    char buf[8];
    if (!is_supported())
        return;
    CHECK(symlink("none", "l") == 0 && mkdir("d", 0755) == 0 && mkfifo("p", 0644) == 0);
    CHECK_ERRNO(lsetxattr("l", "user.a", "x", 1, 0), EPERM);
    CHECK_ERRNO(setxattr("p", "user.a", "x", 1, 0), EPERM);
    CHECK_ERRNO(lgetxattr("l", "user.a", buf, 1), ENODATA);
    CHECK(setxattr("d", "user.a", "x", 1, 0) == 0);
    CHECK(lsetxattr("l", "trusted.a", "t", 1, 0) == 0 && lgetxattr("l", "trusted.a", buf, 8) == 1);
    CHECK(setxattr("p", "trusted.a", "t", 1, 0) == 0);
    CHECK_ERRNO(setxattr("l", "user.a", "x", 1, 0), ENOENT);
}

static void user_part(void)
{
    char buf[8], list[256];
    CHECK(getxattr("f", "user.a", buf, sizeof(buf)) == 1);
    CHECK_ERRNO(setxattr("f", "user.a", "y", 1, 0), EACCES);
    CHECK_ERRNO(removexattr("f", "user.a"), EACCES);
    CHECK_ERRNO(getxattr("secret", "user.a", buf, sizeof(buf)), EACCES);
    CHECK_ERRNO(getxattr("f", "trusted.a", buf, sizeof(buf)), ENODATA);
    CHECK_ERRNO(setxattr("f", "trusted.a", "x", 1, 0), EPERM);
    CHECK_ERRNO(setxattr("f", "security.mine", "x", 1, 0), EPERM);
    ssize_t n = listxattr("f", list, sizeof(list));
    CHECK(n > 0 && list_has(list, n, "user.a") && !list_has(list, n, "trusted.a"));
    CHECK_ERRNO(setxattr("sticky", "user.a", "x", 1, 0), EPERM);
}

static void test_permissions(void)
{
    if (!is_supported())
        return;
    put_file("f", "", 0644);
    put_file("secret", "", 0600);
    mkdir("sticky", 01777);
    chmod("sticky", 01777);
    CHECK(setxattr("f", "user.a", "x", 1, 0) == 0 && setxattr("f", "trusted.a", "x", 1, 0) == 0);
    CHECK(setxattr("secret", "user.a", "x", 1, 0) == 0);
    CHECK(setxattr("f", "security.naos", "s", 1, 0) == 0);
    as_user(USER, user_part);
}

FS_MAIN(test_set_and_get, test_names_and_sizes, test_kinds, test_permissions)
