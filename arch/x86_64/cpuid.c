/* SPDX-License-Identifier: Apache-2.0 */
/* The table that programs on this machine see, and the sizes of vector state, which no claim is needed for. */
#include "arch/arch.h"
#include "arch_cpu.h"
#include "base/string.h"
#include "cpuid_table.h"
#include "sched/sched.h"

_Static_assert(CPUID_1_EDX == ARCH_HWCAP, "what a program is told twice");

#define XSAVE_AREA_MAX 12288u /* AMX ends at 11008 */
#define XCR0_AMX       0x60000u
#define HEADER_OFF     512u
#define PARTS_OFF      576u

static struct cpuid_table table;

static uint64_t xcr0_read(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Widens *part to the bytes that XSAVE of one component changes in an area that is filled with `fill`. */
static void part_look(uint8_t *area, size_t size, unsigned part_no, uint8_t fill, struct xstate_part *part)
{
    uint32_t low = 1u << part_no, first = (uint32_t)size, end = 0;
    memset(area, fill, size);
    memset(area + HEADER_OFF, 0, PARTS_OFF - HEADER_OFF);
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(low), "d"(0) : "memory");
    for (uint32_t at = PARTS_OFF; at < size; at++) {
        if (area[at] != fill) {
            first = MIN(first, at);
            end = at + 1;
        }
    }
    if (first < end) {
        uint32_t old_end = part->off + part->size;
        part->off = part->size ? MIN(part->off, first) : first;
        part->size = MAX(old_end, end) - part->off;
    }
}

/* Where the processor puts each component. Some byte of it may be the same as the area's: so twice, with opposite bytes. */
static void parts_measure(uint64_t xcr0, struct xstate_part parts[CPUID_XSTATE_PARTS])
{
    static uint8_t area[XSAVE_AREA_MAX] aligned_to(64);
    size_t size = xcr0 & XCR0_AMX ? XSAVE_AREA_MAX : PAGE_SIZE;
    for (unsigned i = 2; i < CPUID_XSTATE_PARTS; i++) {
        if (!(xcr0 >> i & 1))
            continue;
        part_look(area, size, i, 0xa5, &parts[i]);
        part_look(area, size, i, 0x5a, &parts[i]);
        parts[i].size = (parts[i].size + 7) & ~7u;
    }
}

const char *arch_cpuid_init(const struct cpuid_claim *claims, size_t count, unsigned vcpus_used, uint64_t tsc_hz)
{
    struct xstate_part parts[CPUID_XSTATE_PARTS] = {0};
    const struct cpuid_source source = {claims, count, vcpus_used, tsc_hz, xcr0_read(), parts};
    uint32_t features[4];
    parts_measure(source.xcr0, parts);
    const char *missing = cpuid_table_make(&table, &source);
    cpuid_table_get(&table, 0, 7, 0, features);
    arch_cpu_has_sha_ni = features[CPUID_EBX] >> 29 & 1;
    arch_cpu_has_vaes = (features[CPUID_ECX] >> 9 & 3) == 3; /* VAES and VPCLMULQDQ */
    return missing;
}

void arch_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[static 4])
{
    cpuid_table_get(&table, arch_vcpu()->id, leaf, sub, out);
}
