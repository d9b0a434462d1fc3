/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of an ELF file, and where they are once it is loaded. The file is any bytes: what is not sound has none. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls visit for each function of .symtab, or if there is none of .dynsym. */
void elf_symbols_each(const uint8_t *elf, size_t size, void (*visit)(void *context, const char *name, uint64_t value, uint64_t size),
                      void *context);
/* What is added to the file's addresses if its byte `offset` lies at `start`. False: no segment holds it. */
bool elf_bias(const uint8_t *elf, size_t size, uint64_t start, uint64_t offset, uint64_t *bias);
