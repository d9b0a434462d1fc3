/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_symbols.h"
#include <elf.h>
#include <string.h>

/* Structures lie at multiples of 8, in files that are sound. */
static const void *part(const uint8_t *elf, size_t size, uint64_t off, uint64_t count, size_t each)
{
    return off <= size && count <= (size - off) / each && (each == 1 || off % 8 == 0) ? elf + off : NULL;
}

static const Elf64_Ehdr *header(const uint8_t *elf, size_t size)
{
    const Elf64_Ehdr *h = part(elf, size, 0, 1, sizeof(*h));
    return h && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 ? h : NULL;
}

static const Elf64_Shdr *section_find(const uint8_t *elf, size_t size, const Elf64_Ehdr *h, uint32_t type)
{
    const Elf64_Shdr *s = h->e_shentsize == sizeof(*s) ? part(elf, size, h->e_shoff, h->e_shnum, sizeof(*s)) : NULL;
    for (unsigned i = 0; s && i < h->e_shnum; i++) {
        if (s[i].sh_type == type && s[i].sh_link < h->e_shnum)
            return &s[i];
    }
    return NULL;
}

void elf_symbols_each(const uint8_t *elf, size_t size, void (*visit)(void *context, const char *name, uint64_t value, uint64_t size),
                      void *context)
{
    const Elf64_Ehdr *h = header(elf, size);
    const Elf64_Shdr *table = h ? section_find(elf, size, h, SHT_SYMTAB) : NULL;
    if (h && !table)
        table = section_find(elf, size, h, SHT_DYNSYM);
    if (!table)
        return;
    const Elf64_Shdr *strings = (const Elf64_Shdr *)(elf + h->e_shoff) + table->sh_link;
    size_t count = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = part(elf, size, table->sh_offset, count, sizeof(*symbols));
    const char *names = part(elf, size, strings->sh_offset, strings->sh_size, 1);
    if (!symbols || !names || strings->sh_size == 0 || names[strings->sh_size - 1])
        return;
    for (size_t i = 0; i < count; i++) {
        if (ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC && symbols[i].st_value && symbols[i].st_name < strings->sh_size)
            visit(context, names + symbols[i].st_name, symbols[i].st_value, symbols[i].st_size);
    }
}

bool elf_bias(const uint8_t *elf, size_t size, uint64_t start, uint64_t offset, uint64_t *bias)
{
    const Elf64_Ehdr *h = header(elf, size);
    const Elf64_Phdr *p = h && h->e_phentsize == sizeof(*p) ? part(elf, size, h->e_phoff, h->e_phnum, sizeof(*p)) : NULL;
    for (unsigned i = 0; p && i < h->e_phnum; i++) {
        uint64_t from = p[i].p_offset & ~4095ULL;
        if (p[i].p_type != PT_LOAD || offset < from || offset >= p[i].p_offset + p[i].p_filesz)
            continue;
        *bias = start - ((p[i].p_vaddr & ~4095ULL) + (offset - from));
        return true;
    }
    return false;
}
