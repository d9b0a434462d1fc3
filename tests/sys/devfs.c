/* SPDX-License-Identifier: Apache-2.0 */
/* /dev: null, zero, full, random; links; nodes made elsewhere. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static int open_dev(const char *name, int flags)
{
    int fd = open(name, flags);
    CHECK(fd >= 0);
    return fd;
}

static void test_null(void)
{
    char c;
    int fd = open_dev("/dev/null", O_RDWR);
    CHECK(read(fd, &c, 1) == 0);
    CHECK(write(fd, "abc", 3) == 3);
    CHECK(lseek(fd, 100, SEEK_SET) == 0);
    CHECK(ftruncate(fd, 0) == -1);
    CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0), ENODEV);
    close(fd);
    fd = open_dev("/dev/null", O_WRONLY | O_CREAT | O_TRUNC);
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    close(fd);
}

static void test_zero(void)
{
    static char buf[100000];
    int fd = open_dev("/dev/zero", O_RDWR);
    memset(buf, 1, sizeof(buf));
    CHECK(read(fd, buf, sizeof(buf)) == sizeof(buf));
    for (size_t i = 0; i < sizeof(buf); i++)
        CHECK(buf[i] == 0);
    CHECK(write(fd, buf, 7) == 7);
    CHECK(pread(fd, buf, 10, 1 << 20) == 10);
    close(fd);
}

static void test_zero_mapped(void)
{
    int fd = open_dev("/dev/zero", O_RDWR), status;
    char *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(own != MAP_FAILED && shared != MAP_FAILED);
    CHECK(own[0] == 0 && shared[4096] == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        own[0] = 1;
        shared[4096] = 2;
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(own[0] == 0 && shared[4096] == 2);
    munmap(own, 8192);
    munmap(shared, 8192);
    close(fd);
}

static void test_full(void)
{
    char buf[16] = "xxxx";
    int fd = open_dev("/dev/full", O_RDWR);
    CHECK_ERRNO(write(fd, "a", 1), ENOSPC);
    CHECK(read(fd, buf, 16) == 16 && buf[3] == 0);
    close(fd);
}

static void test_random(const char *name)
{
    unsigned char a[256], b[256];
    int fd = open_dev(name, O_RDONLY), counts[256] = {0}, different = 0;
    CHECK(read(fd, a, sizeof(a)) == sizeof(a));
    CHECK(read(fd, b, sizeof(b)) == sizeof(b));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    for (int i = 0; i < 256; i++)
        different += counts[a[i]]++ == 0;
    CHECK(different > 100);
    close(fd);
}

static void test_numbers(void)
{
    static const struct {
        const char *name;
        unsigned major, minor;
    } nodes[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8},
                 {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
    struct stat st;
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        CHECK(stat(nodes[i].name, &st) == 0);
        CHECK(S_ISCHR(st.st_mode) && (st.st_mode & 0666) == 0666);
        CHECK(major(st.st_rdev) == nodes[i].major && minor(st.st_rdev) == nodes[i].minor);
    }
}

static void test_node_made(void)
{
    char name[] = "/tmp/naos-node-XXXXXX", c = 1;
    CHECK(mktemp(name));
    if (mknod(name, S_IFCHR | 0600, makedev(1, 5)) < 0) {
        CHECK(errno == EPERM);
        return;
    }
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        CHECK(errno == EACCES); /* /tmp is mounted nodev */
    else
        CHECK(read(fd, &c, 1) == 1 && c == 0);
    close(fd);
    CHECK(unlink(name) == 0);
    CHECK(mknod(name, S_IFCHR | 0600, makedev(1, 200)) == 0);
    CHECK_ERRNO(open(name, O_RDONLY), ENXIO);
    CHECK(unlink(name) == 0);
}

static void test_links(void)
{
    char target[64] = {0}, buf[8] = {0};
    CHECK(readlink("/dev/fd", target, sizeof(target) - 1) > 0 && strcmp(target, "/proc/self/fd") == 0);
    CHECK(readlink("/dev/stdin", target, sizeof(target) - 1) > 0);
    int fd = memfd_create("naos", 0);
    CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
    char name[32];
    snprintf(name, sizeof(name), "/dev/fd/%d", fd);
    int again = open_dev(name, O_RDWR);
    CHECK(read(again, buf, sizeof(buf)) == 5 && memcmp(buf, "hello", 5) == 0); /* its own position */
    close(again);
    again = open_dev(name, O_WRONLY | O_CREAT | O_TRUNC);
    close(again);
    CHECK(lseek(fd, 0, SEEK_END) == 0);
    close(fd);
}

static void test_no_terminal(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        _exit(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    struct stat st;
    test_null();
    test_zero();
    test_zero_mapped();
    test_full();
    test_random("/dev/urandom");
    test_random("/dev/random");
    test_numbers();
    test_node_made();
    test_links();
    test_no_terminal();
    CHECK(stat("/dev/shm", &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 01777);
    return 0;
}
