/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the `syscall` and `cpuid` instructions of all programs of an image, and writes them as naos/callsite.h
 * has it. */
#pragma once
#include <stdbool.h>
#include "base/error.h"
#include "base/file.h"
#include "naos/callsite.h"

struct site_list {
    struct callsite *sites; /* sorted by window_off */
    uint32_t count, room;
    uint32_t unpatchable;
};

/* Of one ELF file, any bytes: what is not a sound x86-64 ELF file has no sites. -1: out of memory. */
int elf_sites_find(const uint8_t *elf, size_t size, struct site_list *list);

struct callsite_totals {
    size_t files, sites, unpatchable;
};
/* All of dir; the caller frees out->data. with_cache: what was found in a file before need not be looked for again. */
int callsites_collect(const char *dir, bool with_cache, struct bytes *out, struct callsite_totals *totals,
                      struct error *err);
