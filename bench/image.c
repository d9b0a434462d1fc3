/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a large file of the trusted image (natively: of the disk, cached) 4 KiB at a time, twice. BENCH_IMAGE_FILE names it. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

static double read_all_gb_per_s(int fd, double size)
{
    char block[4096];
    ssize_t n;
    bench_need(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    double start = bench_now_ns();
    while ((n = read(fd, block, sizeof(block))) > 0)
        ;
    bench_need(n == 0, "read");
    return size / (bench_now_ns() - start);
}

int main(void)
{
    const char *name = getenv("BENCH_IMAGE_FILE");
    struct stat st;
    bench_need(name != NULL, "BENCH_IMAGE_FILE");
    int fd = open(name, O_RDONLY);
    bench_need(fd >= 0 && fstat(fd, &st) == 0, name);
    bench_report("image_read_first", read_all_gb_per_s(fd, (double)st.st_size), "GB/s");
    bench_report("image_read_second", read_all_gb_per_s(fd, (double)st.st_size), "GB/s");
    return 0;
}
