/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of an x86-64 ELF file, and what is known of each byte of it: does an instruction begin
 * there, may anything jump there? The file is any bytes: a false header costs sites, never more
 * than the file's own size of work.
 */
#pragma once
#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "naos/callsite.h"

struct code_range {
    const uint8_t *code;
    uint64_t addr; /* virtual, of code[0] */
    uint32_t file_off, size;
    uint8_t *begins, *targets; /* a bit for each byte */
    uint8_t *syncs;            /* where functions begin, by the symbols */
};

struct elf_code {
    struct code_range *ranges; /* by address; they share no byte of the file */
    size_t count;
    ZydisDecoder decoder;
};

/* Finds the code and sweeps it. -1: out of memory. No ranges if the file is not one, or has no site in its code. */
int elf_code_open(const uint8_t *elf, size_t size, struct elf_code *code);
void elf_code_close(struct elf_code *code);

bool code_decode(const struct elf_code *code, const struct code_range *r, uint32_t off,
                 ZydisDecodedInstruction *insn);
/* Has it an operand [rip + x]? */
bool code_is_rip_relative(const ZydisDecodedInstruction *insn);

/* The next two bytes in [at, end) that read as an instruction to be patched; NULL: there are none. */
const uint8_t *code_site_next(const uint8_t *at, const uint8_t *end, enum callsite_kind *kind);

static inline bool code_bit(const uint8_t *bits, uint32_t off)
{
    return (bits[off / 8] >> (off % 8)) & 1;
}
