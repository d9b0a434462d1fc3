/* SPDX-License-Identifier: Apache-2.0 */
/* openat2(2): struct open_how, RESOLVE_*. */
#include "fs.h"
#include <linux/openat2.h>
#include <sys/syscall.h>

static int open2(int dir, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static void test_how(void)
{
    struct {
        struct open_how how;
        uint64_t more;
    } big = {.how = {.flags = O_RDONLY}};
    put_file("f", "x", 0644);
    CHECK(open2(AT_FDCWD, "f", O_RDONLY, 0, 0) >= 0);
    CHECK(open2(AT_FDCWD, "g", O_RDWR | O_CREAT, 0640, 0) >= 0 && mode_of("g") == 0640);
    CHECK_ERRNO(open2(AT_FDCWD, "f", O_RDONLY, 0644, 0), EINVAL);
    CHECK_ERRNO(open2(AT_FDCWD, "f", O_RDWR | O_CREAT, 010000, 0), EINVAL);
    CHECK_ERRNO(open2(AT_FDCWD, "f", 1ULL << 40, 0, 0), EINVAL);
    CHECK_ERRNO(open2(AT_FDCWD, "f", O_RDONLY, 0, 1ULL << 40), EINVAL);
    CHECK_ERRNO(open2(AT_FDCWD, "f", O_PATH | O_RDWR, 0, 0), EINVAL);
    CHECK(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(big)) >= 0);
    big.more = 1;
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(big)), E2BIG);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", (void *)8, sizeof(big.how)), EFAULT);
}

static void test_resolve(void)
{
    mkdir("d", 0755);
    mkdir("d/sub", 0755);
    put_file("f", "x", 0644);
    put_file("d/in", "x", 0644);
    CHECK(symlink("in", "d/link") == 0 && symlink("../f", "d/out") == 0 && symlink("/in", "d/absolute") == 0);
    int dir = open("d", O_RDONLY | O_DIRECTORY);
    CHECK(dir >= 0);
    CHECK(open2(dir, "in", O_RDONLY, 0, RESOLVE_BENEATH) >= 0);
    CHECK(open2(dir, "link", O_RDONLY, 0, RESOLVE_BENEATH) >= 0);
    CHECK(open2(dir, "sub/../in", O_RDONLY, 0, RESOLVE_BENEATH) >= 0);
    CHECK_ERRNO(open2(dir, "../f", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(open2(dir, "sub/../../f", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(open2(dir, "out", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(open2(dir, "/etc", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(open2(dir, "absolute", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
    CHECK(open2(dir, "absolute", O_RDONLY, 0, RESOLVE_IN_ROOT) >= 0);
    CHECK(open2(dir, "/in", O_RDONLY, 0, RESOLVE_IN_ROOT) >= 0);
    CHECK(open2(dir, "../../in", O_RDONLY, 0, RESOLVE_IN_ROOT) >= 0);
    CHECK_ERRNO(open2(dir, "out", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOENT);
    CHECK(open2(dir, "new", O_RDWR | O_CREAT, 0644, RESOLVE_BENEATH) >= 0);
    CHECK_ERRNO(open2(dir, "../new", O_RDWR | O_CREAT, 0644, RESOLVE_BENEATH), EXDEV);
    CHECK_ERRNO(open2(dir, "in", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
    CHECK_ERRNO(open2(dir, "link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
    CHECK(open2(dir, "link", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS) >= 0);
    CHECK_ERRNO(open2(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), ELOOP);
    CHECK_ERRNO(open2(AT_FDCWD, "/proc/self", O_RDONLY, 0, RESOLVE_NO_XDEV), EXDEV);
    CHECK(open2(dir, "../f", O_RDONLY, 0, RESOLVE_NO_XDEV) >= 0);
}

FS_MAIN(test_how, test_resolve)
