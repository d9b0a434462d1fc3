/* SPDX-License-Identifier: Apache-2.0 */
/* What the host reads of programs: code and call sites, needs, symbols. An input is an ELF file. */
#include "target.h"
#include <stdlib.h>
#include <string.h>
#include "image/callsites.h"
#include "image/elf_needs.h"
#include "image/elf_symbols.h"

static void symbol(void *context, const char *name, uint64_t value, uint64_t size)
{
    volatile size_t *sum = context;
    *sum += strlen(name) + value + size;
}

static void needs_read(const uint8_t *elf, size_t size)
{
    struct elf_needs needs;
    volatile size_t sum = 0;
    elf_needs_read(elf, size, &needs);
    for (size_t i = 0; i < needs.needed_count; i++)
        sum += strlen(needs.needed[i]);
    sum += (needs.interpreter ? strlen(needs.interpreter) : 0) + (needs.run_path ? strlen(needs.run_path) : 0);
}

static void sites_read(const uint8_t *elf, size_t size)
{
    struct site_list list = {0};
    if (elf_sites_find(elf, size, &list) < 0)
        return;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct callsite *s = &list.sites[i];
        uint32_t at = s->window_off + s->insn_off;
        if (s->window_size < 5 || s->window_size > CALLSITE_WINDOW_MAX || s->insn_off > s->window_size - 2 || at + 2 > size ||
            elf[at] != 0x0f || elf[at + 1] != (s->kind == CALLSITE_CPUID ? 0xa2 : 0x05))
            fuzz_wrong("a call site that is none");
        if (i > 0 && list.sites[i - 1].window_off + list.sites[i - 1].window_size > s->window_off)
            fuzz_wrong("windows that overlap");
    }
    free(list.sites);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t bias;
    volatile size_t sum = 0;
    needs_read(data, size);
    elf_symbols_each(data, size, symbol, (void *)&sum);
    sum += elf_bias(data, size, 0x10000, 0x1000, &bias);
    sites_read(data, size);
    return 0;
}
