/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on one file, compared with a copy in memory: reads, writes, mappings, truncation, holes, copies, through
 * several descriptors. filestress [SEED [COUNT]]; the seed is printed when something differs.
 */
#include "fs.h"
#include <sys/mman.h>

#define SIZE_MAX_ (256 << 10)

static unsigned char model[SIZE_MAX_], buffer[SIZE_MAX_], data[SIZE_MAX_];
static size_t model_size;
static uint64_t seed = 1, state;
static unsigned count = 3000;
static int fds[3];

static uint32_t any(uint32_t below)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((state >> 33) % below);
}

static int fd(void)
{
    return fds[any(3)];
}

static void need(bool ok, const char *what, size_t off, size_t size)
{
    if (ok)
        return;
    fprintf(stderr, "filestress: %s at %zu, %zu bytes: %s; size %zu; seed %llu\n", what, off, size, strerror(errno), model_size,
            (unsigned long long)seed);
    _exit(1);
}

/* Offsets near page boundaries are the interesting ones. */
static size_t offset(size_t limit)
{
    size_t off = any((uint32_t)limit + 1);
    if (any(3) == 0)
        off = off / 4096 * 4096 + any(3) - (off >= 4096 ? 1 : 0);
    return off > limit ? limit : off;
}

static void model_grow(size_t size)
{
    if (size > model_size) {
        memset(model + model_size, 0, size - model_size);
        model_size = size;
    }
}

static void op_read(void)
{
    size_t off = offset(SIZE_MAX_), size = any(40000);
    size_t there = off >= model_size ? 0 : model_size - off < size ? model_size - off : size;
    ssize_t n = pread(fd(), buffer, size, (off_t)off);
    need(n == (ssize_t)there && memcmp(buffer, model + off, there) == 0, "read", off, size);
}

static void op_write(void)
{
    size_t off = offset(SIZE_MAX_ - 40000), size = any(40000);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)any(256);
    need(pwrite(fd(), data, size, (off_t)off) == (ssize_t)size, "write", off, size);
    if (size)
        model_grow(off + size);
    memcpy(model + off, data, size);
}

static void op_truncate(void)
{
    size_t size = offset(SIZE_MAX_);
    int err = any(2) ? ftruncate(fd(), (off_t)size) : truncate("f", (off_t)size);
    need(err == 0, "truncate", size, 0);
    model_grow(size);
    model_size = size;
}

static void op_map_read(void)
{
    if (model_size == 0)
        return;
    size_t page = offset(model_size - 1) / 4096 * 4096, size = model_size - page;
    bool is_shared = any(2);
    char *p = mmap(NULL, size, PROT_READ, is_shared ? MAP_SHARED : MAP_PRIVATE, fd(), (off_t)page);
    if (p == MAP_FAILED && errno == ENODEV)
        return;
    need(p != MAP_FAILED, "map", page, size);
    size_t same = 0;
    while (same < size && p[same] == (char)model[page + same])
        same++;
    need(same == size, is_shared ? "shared mapping differs" : "private mapping differs", page + same, size - same);
    munmap(p, size);
}

static void op_map_write(void)
{
    if (model_size == 0)
        return;
    size_t page = offset(model_size - 1) / 4096 * 4096, size = model_size - page, at = any((uint32_t)size);
    size_t n = any((uint32_t)(size - at) + 1);
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd(), (off_t)page);
    if (p == MAP_FAILED && errno == ENODEV)
        return;
    need(p != MAP_FAILED, "map and write", page, size);
    memset(p + at, (int)n, n);
    memset(model + page + at, (int)n, n);
    if (any(4) == 0)
        need(msync(p, size, MS_SYNC) == 0, "msync", page, size);
    munmap(p, size);
}

static void op_punch(void)
{
    size_t off = offset(SIZE_MAX_ - 50000), size = any(50000) + 1;
    if (fallocate(fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)size) < 0) {
        need(errno == EOPNOTSUPP, "punch", off, size);
        return;
    }
    if (off < model_size)
        memset(model + off, 0, off + size > model_size ? model_size - off : size);
}

static void op_allocate(void)
{
    size_t off = offset(SIZE_MAX_ - 50000), size = any(50000) + 1;
    bool keeps = any(2);
    if (fallocate(fd(), keeps ? FALLOC_FL_KEEP_SIZE : 0, (off_t)off, (off_t)size) < 0)
        need(errno == EOPNOTSUPP, "allocate", off, size);
    else if (!keeps)
        model_grow(off + size);
}

static void op_copy(void)
{
    off_t from = (off_t)offset(SIZE_MAX_ / 2), to = (off_t)offset(SIZE_MAX_ / 2);
    size_t size = any(20000) + 1, there, f = (size_t)from, t = (size_t)to;
    if (f < t + size && t < f + size)
        return;
    there = f >= model_size ? 0 : model_size - f < size ? model_size - f : size;
    need(copy_file_range(fd(), &from, fd(), &to, size, 0) == (ssize_t)there, "copy", f, size);
    memcpy(data, model + f, there);
    if (there)
        model_grow(t + there);
    memcpy(model + t, data, there);
}

static void op_append(void)
{
    size_t size = any(5000);
    if (model_size + size > SIZE_MAX_)
        return;
    int append = open("f", O_WRONLY | O_APPEND);
    memset(data, 'a', size);
    need(append >= 0 && write(append, data, size) == (ssize_t)size, "append", model_size, size);
    close(append);
    memset(model + model_size, 'a', size);
    model_size += size;
}

static void op_reopen(void)
{
    int i = (int)any(3);
    if (any(4) == 0)
        need(fsync(fds[i]) == 0, "fsync", 0, 0);
    close(fds[i]);
    fds[i] = open("f", O_RDWR);
    need(fds[i] >= 0 && stat_of("f").st_size == (off_t)model_size, "reopen", 0, 0);
}

static void run(void)
{
    static void (*const ops[])(void) = {op_read, op_read, op_write, op_write, op_truncate, op_map_read, op_map_write,
                                        op_punch, op_allocate, op_copy, op_append, op_reopen};
    state = seed;
    for (int i = 0; i < 3; i++) {
        fds[i] = open("f", O_RDWR | O_CREAT, 0644);
        CHECK(fds[i] >= 0);
    }
    for (unsigned i = 0; i < count; i++)
        ops[any(sizeof(ops) / sizeof(ops[0]))]();
    need(pread(fds[0], buffer, SIZE_MAX_, 0) == (ssize_t)model_size && memcmp(buffer, model, model_size) == 0, "the end", 0, 0);
}

int main(int argc, char **argv)
{
    const char *base = getenv("FS_BASE");
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        count = (unsigned)strtoul(argv[2], NULL, 0);
    fs_case(base ? base : ".", run);
    if (!base)
        fs_case("/tmp", run);
    return 0;
}
