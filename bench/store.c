/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that stay: in an enclave on the store that is mounted at /store, natively in a directory on the disk (BENCH_DIR,
 * default: here). BENCH_MIB: size of the large file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "bench.h"

#define MIB    (1L << 20)
#define BLOCK  4096
#define FILES  20000
#define SYNCS  200
#define READS  20000

static char buffer[MIB] __attribute__((aligned(4096)));
static char large[] = "bench-large";

static long size_mib(void)
{
    const char *text = getenv("BENCH_MIB");
    return text ? atol(text) : 1024;
}

static void directory_enter(void)
{
    const char *dir = getenv("BENCH_DIR");
    if (chdir("/store") == 0)
        return;
    bench_need(chdir(dir ? dir : ".") == 0, "BENCH_DIR");
}

static void rate_report(const char *name, double start, long mib)
{
    bench_report(name, (double)mib * MIB / (bench_now_ns() - start), "GB/s");
}

static void write_sequential(long mib)
{
    for (size_t i = 0; i < sizeof(buffer); i++)
        buffer[i] = (char)(i * 7 + i / 4096);
    double start = bench_now_ns();
    int fd = open(large, O_RDWR | O_CREAT | O_TRUNC, 0600);
    bench_need(fd >= 0, large);
    for (long i = 0; i < mib; i++)
        bench_need(write(fd, buffer, MIB) == MIB, "write");
    bench_need(fsync(fd) == 0, "fsync");
    rate_report("write_fsync", start, mib);
    close(fd);
}

/* Bytes of data to bytes that the file system took for them. */
static void space(long mib, uint64_t free_before)
{
    struct statfs fs;
    struct stat st;
    bench_need(stat(large, &st) == 0, large);
    double taken = (double)st.st_blocks * 512; /* natively others write too: the file's own */
    if (stat("/store", &st) == 0 && statfs(".", &fs) == 0)
        taken = (double)(free_before - fs.f_bfree) * (double)fs.f_bsize;
    bench_report("store_space", (double)mib * MIB / taken, "x");
}

/* In an enclave: decrypted again, as what the program's memory holds of it is dropped. Natively: the page cache. */
static void read_sequential(long mib)
{
    struct stat st;
    int fd = open(large, O_RDONLY);
    bench_need(fd >= 0, large);
    if (stat("/store", &st) == 0)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    double start = bench_now_ns();
    for (long i = 0; i < mib; i++)
        bench_need(read(fd, buffer, MIB) == MIB, "read");
    rate_report("read_cold", start, mib);
    close(fd);
}

static void read_cached(long mib)
{
    mib = mib < 64 ? mib : 64;
    int fd = open(large, O_RDONLY);
    for (int round = 0; round < 2; round++) {
        double start = bench_now_ns();
        lseek(fd, 0, SEEK_SET);
        for (long i = 0; i < mib * (MIB / BLOCK); i++)
            bench_need(read(fd, buffer, BLOCK) == BLOCK, "read");
        if (round == 1)
            rate_report("read_cached_4k", start, mib);
    }
    close(fd);
}

static void random_read(long mib)
{
    unsigned seed = 1;
    struct stat st;
    int fd = open(large, O_RDONLY);
    if (stat("/store", &st) == 0)
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    double start = bench_now_ns();
    for (int i = 0; i < READS; i++) {
        off_t at = (off_t)((unsigned long)rand_r(&seed) % (unsigned long)(mib * (MIB / BLOCK)));
        bench_need(pread(fd, buffer, BLOCK, at * BLOCK) == BLOCK, "pread");
    }
    bench_report("random_read_4k", (bench_now_ns() - start) / READS, "ns");
    close(fd);
}

static void random_write(long mib)
{
    unsigned seed = 2;
    int fd = open(large, O_RDWR);
    double start = bench_now_ns();
    for (int i = 0; i < SYNCS; i++) {
        off_t at = (off_t)((unsigned long)rand_r(&seed) % (unsigned long)(mib * (MIB / BLOCK)));
        bench_need(pwrite(fd, buffer, BLOCK, at * BLOCK) == BLOCK && fsync(fd) == 0, "pwrite, fsync");
    }
    bench_report("random_write_fsync_4k", (bench_now_ns() - start) / SYNCS, "ns");
    close(fd);
}

static void small_files(void)
{
    struct stat st;
    char name[64], other[64];
    double start = bench_now_ns();
    bench_need(mkdir("bench-dir", 0700) == 0 && chdir("bench-dir") == 0, "bench-dir");
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "file-%d", i);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        bench_need(fd >= 0 && write(fd, name, 10) == 10 && close(fd) == 0, name);
    }
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "file-%d", i);
        snprintf(other, sizeof(other), "other-%d", i);
        bench_need(stat(name, &st) == 0 && rename(name, other) == 0, name);
    }
    for (int i = 0; i < FILES; i++) {
        snprintf(other, sizeof(other), "other-%d", i);
        bench_need(unlink(other) == 0, other);
    }
    bench_need(chdir("..") == 0 && rmdir("bench-dir") == 0, "rmdir");
    bench_report("create_stat_rename_unlink", (bench_now_ns() - start) / FILES, "ns");
}

int main(void)
{
    long mib = size_mib();
    struct statfs fs;
    directory_enter();
    unlink(large);
    bench_need(statfs(".", &fs) == 0, "statfs");
    write_sequential(mib);
    space(mib, fs.f_bfree);
    read_sequential(mib);
    read_cached(mib);
    random_read(mib);
    random_write(mib);
    unlink(large);
    small_files();
    return 0;
}
