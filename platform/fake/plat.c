/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, entropy and the end. The user range lies low, below what AddressSanitizer keeps for itself. */
#include "platform/plat.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "fake.h"

#define USER_START  0x01000000UL
#define USER_END    0x70000000UL
#define KERNEL_SIZE (64UL << 20)
#define HOST_SIZE   (256UL << 20)
#define TSC_HZ      1000000000ULL

struct plat_info plat_info;
struct plat_host_info plat_host_info;
int fake_exit_status = -1;
size_t fake_heap_count;

static uint8_t user_prot[USER_END / PAGE_SIZE]; /* PLAT_PROT_* | COMMITTED */
enum { COMMITTED = 0x80 };
static char *host_start, *host_at;
static uint64_t random_state;

/* ---- setting up ---------------------------------------------------------------------------------------------------- */

static void *reserve(uintptr_t at, size_t size, int prot)
{
    int fixed = at ? MAP_FIXED_NOREPLACE : 0;
    void *p = mmap((void *)at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (p == MAP_FAILED || (at && (uintptr_t)p != at))
        fake_die("cannot map %zu bytes at %#lx", size, (unsigned long)at);
    return p;
}

void fake_init(const struct fake_params *params)
{
    char *kernel = reserve(0, KERNEL_SIZE, PROT_NONE);
    reserve(USER_START, USER_END - USER_START, PROT_NONE);
    host_at = host_start = reserve(0, HOST_SIZE, PROT_READ | PROT_WRITE);
    /* not a multiple of what fake_random adds: the streams of two seeds would be the same, shifted */
    random_state = params->seed * 0xd1342543de82ef95ULL + 0x1234567;
    plat_info = (struct plat_info){
        .user_start = USER_START, .user_end = USER_END,
        .kernel_start = (uintptr_t)kernel, .kernel_end = (uintptr_t)kernel + KERNEL_SIZE,
        .memory_size = params->memory_size ? params->memory_size : 1UL << 30,
        .vcpu_max = MAX(params->vcpu_count, 1u), .config = params->config, .config_size = params->config_size,
    };
    plat_host_info = (struct plat_host_info){
        .tsc_hz = TSC_HZ, .realtime_ns = 1700000000 * NS_PER_S, .vcpu_count = MAX(params->vcpu_count, 1u), .log_level = 2,
    };
}

/* splitmix64 */
uint64_t fake_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* ---- faults ---------------------------------------------------------------------------------------------------------- */

static struct {
    uint64_t left;
    bool is_lasting, has_failed;
} faults[FAKE_FAULT_COUNT];

void fake_fail(enum fake_fault kind, uint64_t n, bool is_lasting)
{
    faults[kind].left = n;
    faults[kind].is_lasting = is_lasting;
    faults[kind].has_failed = false;
}

bool fake_has_failed(enum fake_fault kind)
{
    return faults[kind].has_failed;
}

bool fake_fault_due(enum fake_fault kind)
{
    if (faults[kind].has_failed && faults[kind].is_lasting)
        return true;
    if (faults[kind].left == 0 || --faults[kind].left > 0)
        return false;
    return faults[kind].has_failed = true;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

static bool is_user(const struct plat_range *r)
{
    return r->addr >= USER_START && r->addr + r->size <= USER_END;
}

static void range_check(const struct plat_range *r, bool is_present)
{
    bool is_kernel = r->addr >= plat_info.kernel_start && r->addr + r->size <= plat_info.kernel_end;
    if (r->size == 0 || !is_aligned(r->addr | r->size, PAGE_SIZE) || !(is_user(r) || is_kernel))
        fake_die("a range that is not the kernel's to change: %#lx, %#lx bytes", (unsigned long)r->addr, (unsigned long)r->size);
    for (uint64_t at = r->addr; is_user(r) && at < r->addr + r->size; at += PAGE_SIZE) {
        if (!!(user_prot[at / PAGE_SIZE] & COMMITTED) != is_present)
            fake_die("page %#lx is %scommitted", (unsigned long)at, is_present ? "not " : "already ");
    }
}

static void range_set(const struct plat_range *r, uint8_t state)
{
    for (uint64_t at = r->addr; is_user(r) && at < r->addr + r->size; at += PAGE_SIZE)
        user_prot[at / PAGE_SIZE] = state;
}

static int host_prot(uint32_t prot)
{
    return (prot & PLAT_PROT_READ ? PROT_READ : 0) | (prot & PLAT_PROT_WRITE ? PROT_READ | PROT_WRITE : 0) |
           (prot & PLAT_PROT_EXEC ? PROT_READ : 0);
}

int plat_mem_commit(const struct plat_range *ranges, size_t count)
{
    CHECK(count > 0 && count <= PLAT_RANGE_MAX);
    if (fake_fault_due(FAKE_FAULT_COMMIT))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        range_check(&ranges[i], false);
        range_set(&ranges[i], (uint8_t)(COMMITTED | ranges[i].prot));
        if (mprotect((void *)ranges[i].addr, ranges[i].size, host_prot(ranges[i].prot)))
            fake_die("mprotect");
    }
    return 0;
}

int plat_mem_protect(const struct plat_range *ranges, size_t count)
{
    CHECK(count > 0 && count <= PLAT_RANGE_MAX);
    if (fake_fault_due(FAKE_FAULT_COMMIT))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        range_check(&ranges[i], true);
        if ((ranges[i].prot & PLAT_PROT_SEALED) && (ranges[i].prot & PLAT_PROT_WRITE))
            fake_die("a sealed page cannot be written to");
        range_set(&ranges[i], (uint8_t)(COMMITTED | (ranges[i].prot & (PLAT_PROT_READ | PLAT_PROT_WRITE | PLAT_PROT_EXEC))));
        if (mprotect((void *)ranges[i].addr, ranges[i].size, host_prot(ranges[i].prot)))
            fake_die("mprotect");
    }
    return 0;
}

void plat_mem_release(const struct plat_range *ranges, size_t count)
{
    CHECK(count > 0 && count <= PLAT_RANGE_MAX);
    for (size_t i = 0; i < count; i++) {
        range_check(&ranges[i], true);
        range_set(&ranges[i], 0);
        if (mmap((void *)ranges[i].addr, ranges[i].size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
            MAP_FAILED)
            fake_die("mmap");
    }
}

unsigned fake_mem_prot(uintptr_t addr)
{
    return addr < USER_END ? user_prot[addr / PAGE_SIZE] & 7u : 0;
}

/* ---- host memory ---------------------------------------------------------------------------------------------------------- */

bool plat_is_host_range(uint64_t addr, uint64_t size)
{
    uint64_t end;
    return addr >= (uintptr_t)host_start && size_add(addr, size, &end) && end <= (uintptr_t)host_start + HOST_SIZE;
}

void *fake_host_alloc(size_t size)
{
    char *p = host_at;
    host_at += align_up(size, PAGE_SIZE);
    if (host_at > host_start + HOST_SIZE)
        fake_die("the fake host has no more memory");
    return p;
}

/* ---- secrets and the end ------------------------------------------------------------------------------------------------------ */

int plat_entropy(void *buf, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)buf)[i] = (uint8_t)fake_random();
    return 0;
}

int plat_seal_key(enum plat_seal_policy policy, uint16_t svn, const uint8_t key_id[static 32], uint8_t key[static 16])
{
    for (int i = 0; i < 16; i++)
        key[i] = (uint8_t)(key_id[i] ^ key_id[16 + i] ^ svn ^ policy);
    return 0;
}

_Noreturn void fake_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fputs("fake: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

_Noreturn void plat_panic(const char *reason)
{
    fake_die("panic: %s", reason);
}

_Noreturn void plat_exit(int status)
{
    fake_exit_status = status;
    fake_vcpu_stop();
    abort();
}
