/* SPDX-License-Identifier: Apache-2.0 */
/* Positioned and vectored reads and writes, RWF_*, copy_file_range(2), sendfile(2). */
#include "fs.h"
#include <linux/fs.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define IOV(text) {.iov_base = (text), .iov_len = sizeof(text) - 1}

static void test_positions(void)
{
    char buf[16];
    int fd = open("f", O_RDWR | O_CREAT, 0644), p[2];
    CHECK(pwrite(fd, "hello", 5, 3) == 5 && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(pread(fd, buf, 16, 0) == 8 && memcmp(buf, "\0\0\0hello", 8) == 0 && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(pread(fd, buf, 16, 100) == 0);
    CHECK_ERRNO(pread(fd, buf, 1, -1), EINVAL);
    CHECK_ERRNO(pwrite(fd, buf, 1, -1), EINVAL);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(pread(p[0], buf, 1, 0), ESPIPE);
    CHECK_ERRNO(pwrite(p[1], buf, 1, 0), ESPIPE);
    CHECK_ERRNO(pread(99, buf, 1, 0), EBADF);
    int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
    CHECK_ERRNO(write(ro, "x", 1), EBADF);
    CHECK_ERRNO(read(wo, buf, 1), EBADF);
    CHECK(write(wo, "", 0) == 0 && read(ro, buf, 0) == 0);
    CHECK_ERRNO(read(ro, nowhere, 5), EFAULT);
    CHECK_ERRNO(write(wo, nowhere, 5), EFAULT);
}

static void test_vectors(void)
{
    char a[4] = {0}, b[4] = {0};
    struct iovec out[] = {IOV("abc"), {.iov_base = NULL, .iov_len = 0}, IOV("defgh")};
    struct iovec in[] = {{a, 3}, {b, 3}};
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    CHECK(writev(fd, out, 3) == 8 && lseek(fd, 0, SEEK_SET) == 0);
    CHECK(readv(fd, in, 2) == 6 && memcmp(a, "abc", 3) == 0 && memcmp(b, "def", 3) == 0);
    CHECK(readv(fd, in, 2) == 2 && readv(fd, in, 2) == 0);
    CHECK(pwritev(fd, out, 1, 5) == 3 && preadv(fd, in, 1, 5) == 3 && memcmp(a, "abc", 3) == 0);
    volatile int negative = -1, many = IOV_MAX + 1;
    CHECK_ERRNO(writev(fd, out, negative), EINVAL);
    CHECK_ERRNO(writev(fd, out, many), EINVAL);
    CHECK(writev(fd, out, 0) == 0);
    struct iovec bad = {a, (size_t)-1};
    CHECK_ERRNO(readv(fd, &bad, 1), EINVAL);
    CHECK_ERRNO(preadv(fd, in, 1, -1), EINVAL);
}

static void test_flags(void)
{
    char a[16];
    struct iovec out = IOV("xyz"), in = {a, sizeof(a)};
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    CHECK(pwritev2(fd, &out, 1, 0, 0) == 3 && pwritev2(fd, &out, 1, -1, RWF_DSYNC) == 3 && lseek(fd, 0, SEEK_CUR) == 3);
    CHECK(pwritev2(fd, &out, 1, 0, RWF_APPEND) == 3 && lseek(fd, 0, SEEK_CUR) == 3);
    check_content("f", "xyzxyz");
    CHECK(pwritev2(fd, &out, 1, 0, RWF_SYNC | RWF_APPEND) == 3);
    CHECK(preadv2(fd, &in, 1, 0, RWF_HIPRI) == 9 || errno == EOPNOTSUPP);
    CHECK(preadv2(fd, &in, 1, 0, RWF_NOWAIT) == 9 || errno == EAGAIN || errno == EOPNOTSUPP);
    CHECK_ERRNO(preadv2(fd, &in, 1, 0, 0x4000000), EOPNOTSUPP);
}

static void test_copy_range(void)
{
    char buf[32];
    put_file("f", "0123456789", 0644);
    int in = open("f", O_RDWR), out = open("g", O_RDWR | O_CREAT, 0644), dir = open(".", O_RDONLY), p[2];
    off_t from = 2, to = 5;
    CHECK(copy_file_range(in, &from, out, &to, 4, 0) == 4 && from == 6 && to == 9);
    CHECK(stat_of("g").st_size == 9 && pread(out, buf, 9, 0) == 9 && memcmp(buf, "\0\0\0\0\0" "2345", 9) == 0);
    CHECK(copy_file_range(in, NULL, out, NULL, 100, 0) == 10 && lseek(in, 0, SEEK_CUR) == 10 && lseek(out, 0, SEEK_CUR) == 10);
    CHECK(copy_file_range(in, NULL, out, NULL, 100, 0) == 0);
    from = 0, to = 3;
    CHECK_ERRNO(copy_file_range(in, &from, in, &to, 5, 0), EINVAL); /* they overlap */
    to = 10;
    CHECK(copy_file_range(in, &from, in, &to, 5, 0) == 5);
    check_content("f", "012345678901234");
    CHECK_ERRNO(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
    CHECK_ERRNO(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
    CHECK_ERRNO(copy_file_range(open("f", O_WRONLY), NULL, out, NULL, 1, 0), EBADF);
    CHECK_ERRNO(copy_file_range(in, NULL, open("g", O_RDONLY), NULL, 1, 0), EBADF);
    CHECK_ERRNO(copy_file_range(in, NULL, open("g", O_WRONLY | O_APPEND), NULL, 1, 0), EBADF);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(copy_file_range(p[0], NULL, out, NULL, 1, 0), EINVAL);
}

static void test_sendfile(void)
{
    char buf[32];
    int p[2], s[2];
    put_file("f", "0123456789", 0644);
    int in = open("f", O_RDONLY), out = open("g", O_RDWR | O_CREAT, 0644);
    off_t off = 3;
    CHECK(sendfile(out, in, &off, 4) == 4 && off == 7 && lseek(in, 0, SEEK_CUR) == 0);
    check_content("g", "3456");
    CHECK(sendfile(out, in, NULL, 100) == 10 && lseek(in, 0, SEEK_CUR) == 10 && sendfile(out, in, NULL, 100) == 0);
    CHECK(pipe(p) == 0 && lseek(in, 0, SEEK_SET) == 0);
    CHECK(sendfile(p[1], in, NULL, 5) == 5 && read(p[0], buf, 32) == 5 && memcmp(buf, "01234", 5) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(sendfile(s[1], in, NULL, 100) == 5 && read(s[0], buf, 32) == 5 && memcmp(buf, "56789", 5) == 0);
    off = -1;
    CHECK_ERRNO(sendfile(out, in, &off, 1), EINVAL);
    CHECK_ERRNO(sendfile(out, open("f", O_WRONLY), NULL, 1), EBADF);
    CHECK_ERRNO(sendfile(open("f", O_RDONLY), in, NULL, 1), EBADF);
    CHECK_ERRNO(sendfile(open("g", O_WRONLY | O_APPEND), in, NULL, 1), EINVAL);
    CHECK_ERRNO(sendfile(99, in, NULL, 1), EBADF);
}

FS_MAIN(test_positions, test_vectors, test_flags, test_copy_range, test_sendfile)
