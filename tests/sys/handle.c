/* SPDX-License-Identifier: Apache-2.0 */
/* name_to_handle_at(2), open_by_handle_at(2). */
#include "fs.h"

union handle {
    struct file_handle head;
    char room[sizeof(struct file_handle) + 128];
};

static union handle handle_of(const char *name, int flags)
{
    union handle h = {.head.handle_bytes = 128};
    int mount_id;
    CHECK(name_to_handle_at(AT_FDCWD, name, &h.head, &mount_id, flags) == 0);
    return h;
}

static void user_part(void)
{
    union handle h = handle_of("f", 0);
    CHECK_ERRNO(open_by_handle_at(AT_FDCWD, &h.head, O_RDONLY), EPERM);
}

static void test_open(void)
{
    char text[8] = "";
    put_file("f", "text", 0644);
    CHECK(symlink("f", "l") == 0 && mkdir("d", 0755) == 0);
    union handle h = handle_of("f", 0), followed = handle_of("l", AT_SYMLINK_FOLLOW), link = handle_of("l", 0);
    CHECK(h.head.handle_bytes == followed.head.handle_bytes && memcmp(h.head.f_handle, followed.head.f_handle, h.head.handle_bytes) == 0);
    int dir = open(".", O_RDONLY | O_DIRECTORY), fd = open_by_handle_at(dir, &h.head, O_RDWR);
    CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 4 && strcmp(text, "text") == 0);
    CHECK(open_by_handle_at(fd, &h.head, O_RDONLY) >= 0 && open_by_handle_at(AT_FDCWD, &h.head, O_RDONLY) >= 0);
    CHECK_ERRNO(open_by_handle_at(dir, &link.head, O_RDONLY), ELOOP);
    union handle folder = handle_of("d", 0);
    int found = open_by_handle_at(dir, &folder.head, O_RDONLY | O_DIRECTORY);
    CHECK(found >= 0 && close(found) == 0);
    CHECK_ERRNO(open_by_handle_at(-1, &h.head, O_RDONLY), EBADF);
    CHECK_ERRNO(open_by_handle_at(dir, nowhere, O_RDONLY), EFAULT);
    as_user(USER, user_part);
    CHECK(rmdir("d") == 0);
    CHECK_ERRNO(open_by_handle_at(dir, &folder.head, O_RDONLY), ESTALE);
    h.head.handle_bytes = 0;
    CHECK_ERRNO(open_by_handle_at(dir, &h.head, O_RDONLY), EINVAL);
    h.head.handle_bytes = 129;
    CHECK_ERRNO(open_by_handle_at(dir, &h.head, O_RDONLY), EINVAL);
}

static void test_errors(void)
{
    union handle h = {.head.handle_bytes = 0};
    int id;
    put_file("f", "", 0644);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "f", &h.head, &id, 0), EOVERFLOW);
    CHECK(h.head.handle_bytes > 0 && h.head.handle_bytes <= 128);
    CHECK(name_to_handle_at(AT_FDCWD, "f", &h.head, &id, 0) == 0);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "none", &h.head, &id, 0), ENOENT);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "f/x", &h.head, &id, 0), ENOTDIR);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "", &h.head, &id, 0), ENOENT);
    CHECK_ERRNO(name_to_handle_at(99, "f", &h.head, &id, 0), EBADF);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "f", &h.head, &id, -1), EINVAL);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "f", nowhere, &id, 0), EFAULT);
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "f", &h.head, nowhere, 0), EFAULT);
    h.head.handle_bytes = 129;
    CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "f", &h.head, &id, 0), EINVAL);
}

FS_MAIN(test_open, test_errors)
