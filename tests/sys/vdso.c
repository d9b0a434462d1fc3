/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO: an ELF file at AT_SYSINFO_EHDR whose functions agree with the system calls, also after fork. */
#define _GNU_SOURCE
#include <elf.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static const char *base;
static const Elf64_Sym *symbols;
static const char *strings;
static uint32_t symbol_count;

static void parse(void)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)base;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(base + eh->e_phoff);
    const Elf64_Dyn *dyn = NULL;
    CHECK(memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_type == ET_DYN);
    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_DYNAMIC)
            dyn = (const Elf64_Dyn *)(base + ph[i].p_offset);
    }
    for (; dyn->d_tag != DT_NULL; dyn++) {
        const char *at = base + dyn->d_un.d_ptr;
        if (dyn->d_tag == DT_SYMTAB)
            symbols = (const Elf64_Sym *)at;
        if (dyn->d_tag == DT_STRTAB)
            strings = at;
        if (dyn->d_tag == DT_HASH)
            symbol_count = ((const uint32_t *)at)[1];
    }
}

static void *function(const char *name)
{
    for (uint32_t i = 0; i < symbol_count; i++) {
        if (strcmp(strings + symbols[i].st_name, name) == 0)
            return (void *)(base + symbols[i].st_value);
    }
    return NULL;
}

static int64_t ns_of(const struct timespec *ts)
{
    return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

static void clocks_agree(void)
{
    int (*gettime)(clockid_t, struct timespec *) = function("__vdso_clock_gettime");
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_PROCESS_CPUTIME_ID};
    CHECK(gettime);
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        struct timespec before, at, after;
        CHECK(syscall(SYS_clock_gettime, clocks[i], &before) == 0);
        CHECK(gettime(clocks[i], &at) == 0);
        CHECK(syscall(SYS_clock_gettime, clocks[i], &after) == 0);
        CHECK(ns_of(&before) <= ns_of(&at) + 1000 && ns_of(&at) <= ns_of(&after) + 1000);
    }
    struct timespec ts;
    CHECK(gettime(12345, &ts) == -EINVAL);
}

static void others_agree(void)
{
    int (*timeofday)(struct timeval *, struct timezone *) = function("__vdso_gettimeofday");
    long (*get_time)(long *) = function("__vdso_time");
    long (*get_cpu)(unsigned *, unsigned *, void *) = function("__vdso_getcpu");
    struct timeval tv;
    long now = 0;
    unsigned cpu = 1000;
    CHECK(timeofday && get_time && get_cpu);
    CHECK(timeofday(&tv, NULL) == 0 && labs(tv.tv_sec - time(NULL)) <= 1 && tv.tv_usec < 1000000);
    CHECK(get_time(&now) == now && labs(now - tv.tv_sec) <= 1);
    CHECK(get_cpu(&cpu, NULL, NULL) == 0 && cpu < 1000);
}

static void is_in_maps(void)
{
    char line[512];
    int found = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f)) {
        if (strstr(line, "[vdso]")) {
            CHECK(strtoul(line, NULL, 16) == (unsigned long)base && strstr(line, " r-xp "));
            found++;
        }
    }
    fclose(f);
    CHECK(found == 1);
}

static void all(void)
{
    clocks_agree();
    others_agree();
    is_in_maps();
}

int main(void)
{
    int status;
    base = (const char *)getauxval(AT_SYSINFO_EHDR);
    CHECK(base);
    parse();
    all();
    pid_t pid = fork();
    if (pid == 0) {
        all();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    return 0;
}
