/* SPDX-License-Identifier: Apache-2.0 */
/* fallocate(2), truncate(2), SEEK_DATA and SEEK_HOLE, sparse files. */
#include "fs.h"
#include <signal.h>
#include <sys/resource.h>

static bool is_zero(int fd, off_t from, size_t size)
{
    char buf[4096];
    while (size > 0) {
        ssize_t n = pread(fd, buf, size < sizeof(buf) ? size : sizeof(buf), from);
        if (n <= 0)
            return false;
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i])
                return false;
        }
        from += n;
        size -= (size_t)n;
    }
    return true;
}

static int filled(const char *name, size_t size)
{
    char *data = malloc(size);
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    memset(data, 'x', size);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    free(data);
    return fd;
}

static void test_truncate(void)
{
    char buf[16];
    struct stat st;
    int fd = filled("f", 10000);
    CHECK(ftruncate(fd, 5000) == 0 && stat_of("f").st_size == 5000);
    CHECK(ftruncate(fd, 10000) == 0 && stat_of("f").st_size == 10000 && is_zero(fd, 5000, 5000));
    CHECK(pread(fd, buf, 1, 4999) == 1 && buf[0] == 'x');
    CHECK(truncate("f", 3) == 0 && pread(fd, buf, sizeof(buf), 0) == 3);
    CHECK(lseek(fd, 100, SEEK_SET) == 100 && read(fd, buf, 4) == 0 && write(fd, "y", 1) == 1);
    CHECK(stat_of("f").st_size == 101 && is_zero(fd, 3, 97));
    CHECK_ERRNO(truncate("f", -1), EINVAL);
    CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
    CHECK_ERRNO(truncate("none", 0), ENOENT);
    CHECK_ERRNO(truncate(".", 0), EISDIR);
    CHECK_ERRNO(truncate("f/x", 0), ENOTDIR);
    int ro = open("f", O_RDONLY), p[2];
    CHECK_ERRNO(ftruncate(ro, 0), EINVAL);
    CHECK_ERRNO(ftruncate(99, 0), EBADF);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(ftruncate(p[1], 0), EINVAL);
    CHECK(mkfifo("p", 0644) == 0);
    CHECK_ERRNO(truncate("p", 0), EINVAL);
    CHECK(ftruncate(fd, 1L << 33) == 0 && fstat(fd, &st) == 0 && st.st_size == 1L << 33);
    CHECK(pwrite(fd, "end", 3, (1L << 33) - 3) == 3 && pread(fd, buf, 16, (1L << 33) - 3) == 3 && memcmp(buf, "end", 3) == 0);
    CHECK(st.st_blocks < 1000);
}

static void test_limit(void)
{
    struct rlimit limit = {1000, RLIM_INFINITY};
    int fd = filled("f", 10);
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK_ERRNO(ftruncate(fd, 1001), EFBIG);
    CHECK_ERRNO(truncate("f", 1001), EFBIG);
    CHECK(ftruncate(fd, 1000) == 0);
    CHECK_ERRNO(pwrite(fd, "x", 1, 1000), EFBIG);
    CHECK(pwrite(fd, "abcdef", 6, 998) == 2);
    CHECK_ERRNO(fallocate(fd, 0, 0, 2000), EFBIG);
}

static void test_seek_data(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644);
    CHECK(ftruncate(fd, 1 << 20) == 0 && pwrite(fd, "data", 4, 512 << 10) == 4);
    off_t data = lseek(fd, 0, SEEK_DATA), hole = lseek(fd, 512 << 10, SEEK_HOLE);
    CHECK(data <= 512 << 10 && hole > 512 << 10 && hole <= 1 << 20);
    CHECK(lseek(fd, 0, SEEK_HOLE) == 0 || data == 0);
    CHECK_ERRNO(lseek(fd, 1 << 20, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, 1 << 20, SEEK_HOLE), ENXIO);
    CHECK_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
    if (hole < 1 << 20)
        CHECK_ERRNO(lseek(fd, hole, SEEK_DATA), ENXIO);
    int full = filled("g", 8192);
    CHECK(lseek(full, 0, SEEK_DATA) == 0 && lseek(full, 0, SEEK_HOLE) == 8192 && lseek(full, 5000, SEEK_DATA) == 5000);
    int dir = open(".", O_RDONLY);
    lseek(dir, 0, SEEK_DATA); /* whatever it says */
}

/* Looking for data takes as long as there are data, not as the file is large. */
static void test_seek_far(void)
{
    const off_t size = 1LL << 60, at = 1LL << 32;
    int fd = memfd_create("sparse", 0);
    CHECK(fd >= 0 && ftruncate(fd, size) == 0);
    CHECK_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
    CHECK(lseek(fd, 4711, SEEK_HOLE) == 4711);
    CHECK(pwrite(fd, "x", 1, at) == 1);
    CHECK(lseek(fd, 0, SEEK_DATA) == at && lseek(fd, at, SEEK_HOLE) == at + 4096);
    CHECK_ERRNO(lseek(fd, at + 4096, SEEK_DATA), ENXIO);
    close(fd);
}

static void test_seek(void)
{
    int fd = filled("f", 100), p[2];
    CHECK(lseek(fd, 10, SEEK_SET) == 10 && lseek(fd, 5, SEEK_CUR) == 15 && lseek(fd, -1, SEEK_END) == 99);
    CHECK(lseek(fd, 1000, SEEK_END) == 1100);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, -2000, SEEK_CUR), EINVAL);
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
    CHECK_ERRNO(lseek(99, 0, SEEK_SET), EBADF);
    CHECK(lseek(fd, 0, SEEK_CUR) == 1100);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(lseek(p[0], 0, SEEK_SET), ESPIPE);
    int again = dup(fd), other = open("f", O_RDONLY);
    CHECK(lseek(again, 7, SEEK_SET) == 7 && lseek(fd, 0, SEEK_CUR) == 7 && lseek(other, 0, SEEK_CUR) == 0);
}

static void test_allocate(void)
{
    int fd = open("f", O_RDWR | O_CREAT, 0644), ro = open("f", O_RDONLY), p[2];
    if (fallocate(fd, 0, 0, 10000) < 0) {
        CHECK(errno == EOPNOTSUPP);
        return;
    }
    CHECK(stat_of("f").st_size == 10000 && stat_of("f").st_blocks >= 20000 / 1024 && is_zero(fd, 0, 10000));
    CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100000) == 0 && stat_of("f").st_size == 10000);
    CHECK(pwrite(fd, "keep", 4, 100) == 4 && fallocate(fd, 0, 0, 20000) == 0);
    char buf[4];
    CHECK(pread(fd, buf, 4, 100) == 4 && memcmp(buf, "keep", 4) == 0 && stat_of("f").st_size == 20000);
    CHECK(posix_fallocate(fd, 0, 30000) == 0 && stat_of("f").st_size == 30000);
    CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, 0, -1), EINVAL);
    CHECK_ERRNO(fallocate(ro, 0, 0, 10), EBADF);
    CHECK_ERRNO(fallocate(fd, 0, INT64_MAX, 10), EFBIG);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(fd, 0x100, 0, 10), EOPNOTSUPP);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(fallocate(p[1], 0, 0, 10), ESPIPE);
}

static void test_holes(void)
{
    char c;
    int fd = filled("f", 100000);
    blkcnt_t before = stat_of("f").st_blocks;
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 50000) < 0) {
        CHECK(errno == EOPNOTSUPP);
        return;
    }
    CHECK(stat_of("f").st_size == 100000 && stat_of("f").st_blocks < before);
    CHECK(is_zero(fd, 5000, 50000) && pread(fd, &c, 1, 4999) == 1 && c == 'x' && pread(fd, &c, 1, 55000) == 1 && c == 'x');
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 60000, 10) == 0 && is_zero(fd, 60000, 10));
    CHECK(pread(fd, &c, 1, 60010) == 1 && c == 'x');
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 99000, 1 << 20) == 0 && stat_of("f").st_size == 100000);
    CHECK(is_zero(fd, 99000, 1000));
    if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 70000, 100) == 0)
        CHECK(is_zero(fd, 70000, 100));
    if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 99990, 100) == 0)
        CHECK(stat_of("f").st_size == 100090);
}

FS_MAIN(test_truncate, test_limit, test_seek_data, test_seek_far, test_seek, test_allocate, test_holes)
