/* SPDX-License-Identifier: Apache-2.0 */

#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open(const char *path, uint64_t *size, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0) {
        *size = (uint64_t)st.st_size;
        return fd;
    }
    error_errno(err, "%s", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

int file_read(const char *path, struct bytes *b, struct error *err)
{
    uint64_t size;
    int fd = file_open(path, &size, err);
    *b = (struct bytes){0};
    if (fd < 0)
        return -1;
    b->data = malloc(size + 1);
    while (b->data && b->size < size) {
        ssize_t n = read(fd, b->data + b->size, size - b->size);
        if (n <= 0)
            break;
        b->size += (size_t)n;
    }
    close(fd);
    if (b->data && b->size == size)
        return 0;
    free(b->data);
    return error_set(err, "%s: cannot be read whole", path);
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int file_write(const char *path, const void *data, size_t size, unsigned mode, struct error *err)
{
    char temp[PATH_MAX];
    snprintf(temp, sizeof(temp), "%s.tmp%d", path, (int)getpid());
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return error_errno(err, "%s", temp);
    bool is_ok = write_all(fd, data, size) == 0 && fsync(fd) == 0;
    close(fd);
    if (is_ok && rename(temp, path) == 0)
        return 0;
    error_errno(err, "%s", path);
    unlink(temp);
    return -1;
}

int dir_make(const char *path, struct error *err)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return error_errno(err, "%s", path);
    return 0;
}

void exe_dir(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    buf[n < 0 ? 0 : n] = 0;
    char *slash = strrchr(buf, '/');
    if (slash)
        *slash = 0;
}

int kernel_find(char *buf, size_t size, struct error *err)
{
    static const char *const places[] = {"%s/sgx/kernel.elf", "%s/../lib/naos/kernel.elf", "%s/../../sgx/kernel.elf", "%s/../../lib/naos/kernel.elf"};
    char dir[PATH_MAX];
    const char *env = getenv("NAOS_KERNEL");
    if (env) {
        snprintf(buf, size, "%s", env);
        return 0;
    }
    exe_dir(dir, sizeof(dir));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(buf, size, places[i], dir);
        if (access(buf, R_OK) == 0)
            return 0;
    }
    return error_set(err, "the naos kernel (kernel.elf) is not beside %s; set NAOS_KERNEL to its path", dir);
}
