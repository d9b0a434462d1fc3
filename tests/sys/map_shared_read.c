/* SPDX-License-Identifier: Apache-2.0 */
/* map_shared_read [FILE]: a file that is only read (an image's, or this program) mapped shared: the same bytes, and no way to write. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static const char *path = "/proc/self/exe";

static void compare(const char *at, int fd, size_t size)
{
    static char buf[65536];
    for (size_t off = 0; off < size; off += sizeof(buf)) {
        ssize_t n = pread(fd, buf, sizeof(buf), (off_t)off);
        CHECK(n > 0 && memcmp(at + off, buf, (size_t)n) == 0);
    }
}

static void test_read(void)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    size_t size = (size_t)st.st_size;
    char *shared = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0), *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(shared != MAP_FAILED && own != MAP_FAILED);
    compare(shared, fd, size);
    own[0] ^= 1; /* a private copy changes nobody else's */
    CHECK(shared[0] != own[0]);
    compare(shared, fd, size);
    pid_t child = fork();
    if (child == 0) {
        compare(shared, fd, size);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(munmap(shared, size) == 0 && munmap(own, size) == 0);
    close(fd);
}

static void test_no_write(void)
{
    int fd = open(path, O_RDONLY);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    CHECK(mprotect(at, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        path = argv[1];
    test_read();
    test_no_write();
    return 0;
}
