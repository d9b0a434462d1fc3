/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping, touching and giving back memory. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench.h"

#define PAGE 4096UL
#define BIG  (64UL << 20)

static char *area_map(size_t size)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bench_need(p != MAP_FAILED, "mmap");
    return p;
}

static void map_unmap(void)
{
    munmap(area_map(PAGE), PAGE);
}

static void map_touch_unmap(void)
{
    char *p = area_map(PAGE);
    *(volatile char *)p = 1;
    munmap(p, PAGE);
}

static void map_touch_all(void)
{
    char *p = area_map(BIG);
    for (size_t off = 0; off < BIG; off += PAGE)
        *(volatile char *)(p + off) = 1;
    munmap(p, BIG);
}

static void protect(void)
{
    static char *p;
    if (!p) {
        p = area_map(2 * PAGE);
        memset(p, 1, 2 * PAGE);
    }
    mprotect(p, PAGE, PROT_READ);
    mprotect(p, PAGE, PROT_READ | PROT_WRITE);
}

static void malloc_free(void)
{
    char *p = malloc(1 << 20);
    bench_need(p != NULL, "malloc");
    memset(p, 1, 1 << 20);
    __asm__ volatile("" : : "r"(p) : "memory");
    free(p);
}

int main(void)
{
    bench_run("mmap_munmap", map_unmap, 5000);
    bench_run("mmap_touch_munmap", map_touch_unmap, 5000);
    bench_report("page_touch_64mb", bench_median_ns(map_touch_all, 1) / (double)(BIG / PAGE), "ns");
    bench_run("mprotect_pair", protect, 2000);
    bench_run("malloc_1mb_touch_free", malloc_free, 200);
    return 0;
}
