/* SPDX-License-Identifier: Apache-2.0 */
/* Random reads, writes, truncations, holes and mapped stores of one file, beside a model in memory; here and on /tmp. fsx_map [STEPS [SEED]] */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

#define MAX (200 * 1024)

static unsigned char model[MAX], scratch[MAX];
static size_t model_size;
static unsigned seed;
static int fd;
static char path[64];

static unsigned below(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

static void bytes_make(size_t size)
{
    for (size_t i = 0; i < size; i++)
        scratch[i] = (unsigned char)rand_r(&seed);
}

static void range(size_t limit, size_t *off, size_t *size)
{
    *off = below((unsigned)limit);
    *size = 1 + below(below(4) ? 5000 : 60000);
    if (*size > limit - *off)
        *size = limit - *off;
}

static void do_write(void)
{
    size_t off, size;
    range(MAX, &off, &size);
    bytes_make(size);
    CHECK(pwrite(fd, scratch, size, (off_t)off) == (ssize_t)size);
    memcpy(model + off, scratch, size);
    model_size = off + size > model_size ? off + size : model_size;
}

static void do_read(void)
{
    size_t off, size;
    range(MAX, &off, &size);
    size_t want = off >= model_size ? 0 : size < model_size - off ? size : model_size - off;
    CHECK(pread(fd, scratch, size, (off_t)off) == (ssize_t)want && memcmp(scratch, model + off, want) == 0);
}

static void do_truncate(void)
{
    size_t size = below(MAX);
    CHECK(ftruncate(fd, (off_t)size) == 0);
    if (size < model_size)
        memset(model + size, 0, model_size - size);
    model_size = size;
}

static void do_punch(void)
{
    size_t off, size;
    range(MAX, &off, &size);
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)size) == 0);
    memset(model + off, 0, size);
}

static void do_map(void)
{
    size_t off, size;
    if (model_size == 0)
        return;
    range(model_size, &off, &size);
    unsigned char *m = mmap(NULL, model_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(m != MAP_FAILED && memcmp(m + off, model + off, size) == 0);
    bytes_make(size);
    memcpy(m + off, scratch, size);
    memcpy(model + off, scratch, size);
    if (below(2))
        CHECK(msync(m, model_size, MS_SYNC) == 0);
    CHECK(munmap(m, model_size) == 0);
}

static void do_sync(void)
{
    CHECK(fsync(fd) == 0);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void do_reopen(void)
{
    struct stat st;
    close(fd);
    fd = open(path, O_RDWR);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == model_size);
}

static void run(const char *where, unsigned steps)
{
    static void (*const ops[])(void) = {do_write, do_write, do_write, do_read, do_read, do_read, do_truncate, do_punch, do_map, do_sync, do_reopen};
    snprintf(path, sizeof(path), "%s/fsx-%d", where, getpid());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    memset(model, 0, sizeof(model));
    model_size = 0;
    for (unsigned i = 0; i < steps; i++)
        ops[below(sizeof(ops) / sizeof(ops[0]))]();
    CHECK(pread(fd, scratch, MAX, 0) == (ssize_t)model_size && memcmp(scratch, model, model_size) == 0);
    close(fd);
    CHECK(unlink(path) == 0);
}

int main(int argc, char **argv)
{
    unsigned steps = argc > 1 ? (unsigned)atoi(argv[1]) : 400;
    seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    run(".", steps);
    run("/tmp", steps);
    return 0;
}
