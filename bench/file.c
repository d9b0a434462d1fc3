/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files. file [BIG]: small operations in the RAM file system (/tmp), and BIG, a file of the image, read twice.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

#define BLOCK 4096

static const char path[] = "/tmp/bench-file";
static int fd;
static char block[BLOCK];

static void open_close(void)
{
    int f = open(path, O_RDONLY);
    bench_need(f >= 0, path);
    close(f);
}

static void pread_block(void)
{
    bench_need(pread(fd, block, BLOCK, BLOCK) == BLOCK, "pread");
}

static void pwrite_block(void)
{
    bench_need(pwrite(fd, block, BLOCK, BLOCK) == BLOCK, "pwrite");
}

static void stat_path(void)
{
    struct stat st;
    bench_need(stat(path, &st) == 0, "stat");
}

static void create_unlink(void)
{
    int f = open("/tmp/bench-new", O_CREAT | O_EXCL | O_WRONLY, 0600);
    bench_need(f >= 0, "create");
    close(f);
    unlink("/tmp/bench-new");
}

static void small_operations(void)
{
    fd = open(path, O_CREAT | O_RDWR, 0600);
    bench_need(fd >= 0, path);
    for (int i = 0; i < 4; i++)
        bench_need(write(fd, block, BLOCK) == BLOCK, "write");
    bench_run("open_close", open_close, 20000);
    bench_run("pread_4k", pread_block, 20000);
    bench_run("pwrite_4k", pwrite_block, 20000);
    bench_run("stat", stat_path, 20000);
    bench_run("create_unlink", create_unlink, 5000);
    unlink(path);
}

static void read_through(const char *name, const char *big)
{
    size_t size = 0;
    ssize_t n;
    int f = open(big, O_RDONLY);
    bench_need(f >= 0, big);
    double start = bench_now_ns();
    while ((n = read(f, block, BLOCK)) > 0)
        size += (size_t)n;
    bench_report(name, (double)size / (bench_now_ns() - start) * 1e3, "MB/s");
    close(f);
}

int main(int argc, char **argv)
{
    small_operations();
    if (argc > 1) {
        read_through("read_first", argv[1]);
        read_through("read_again", argv[1]);
    }
    return 0;
}
