/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear sweep with Zydis over the executable sections, brought back into step at each function
 * symbol. What may be jumped to: targets of branches, symbols, and whatever looks like the address
 * of code: operands of lea, immediates of programs at fixed addresses, relocations, words of data,
 * and tables of 32-bit distances (switch) that some lea points to. A target too many costs one
 * site; one that is missed would break a program.
 */
#include "elf_code.h"
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define LOADS_MAX 64
#define TABLE_MAX 1024 /* entries of one switch */

struct scan {
    struct elf_code *code;
    const uint8_t *elf;
    size_t size;
    Elf64_Ehdr eh;
    Elf64_Shdr *sections; /* NULL: none */
    Elf64_Phdr loads[LOADS_MAX];
    unsigned load_count;
    uint64_t
        budget; /* looks at data that are left: a file may say that all tables lie everywhere */
    uint64_t *tables; /* what lea instructions point to */
    size_t table_count, table_room;
};

static bool has(const struct scan *s, uint64_t off, uint64_t size)
{
    return off <= s->size && size <= s->size - off;
}

static void bit_set(uint8_t *bits, uint32_t off)
{
    bits[off / 8] |= (uint8_t)(1u << (off % 8));
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static struct code_range *range_at(const struct elf_code *code, uint64_t addr)
{
    size_t low = 0, high = code->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (code->ranges[mid].addr <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    struct code_range *r = low > 0 ? &code->ranges[low - 1] : NULL;
    return r && addr - r->addr < r->size ? r : NULL;
}

static bool target_mark(const struct elf_code *code, uint64_t addr)
{
    struct code_range *r = range_at(code, addr);
    if (r)
        bit_set(r->targets, (uint32_t)(addr - r->addr));
    return r != NULL;
}

static void range_add(struct scan *s, uint64_t off, uint64_t addr, uint64_t size)
{
    if (size > 0 && has(s, off, size) && off + size <= UINT32_MAX)
        s->code->ranges[s->code->count++] = (struct code_range){
            .code = s->elf + off, .addr = addr, .file_off = (uint32_t)off, .size = (uint32_t)size};
}

static int compare_by_off(const void *a, const void *b)
{
    const struct code_range *x = a, *y = b;
    return (x->file_off > y->file_off) - (x->file_off < y->file_off);
}

static int compare_by_addr(const void *a, const void *b)
{
    const struct code_range *x = a, *y = b;
    return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Keeps of those that overlap in the file the first, so the work is bounded by the file. */
static void overlaps_drop(struct elf_code *code)
{
    size_t kept = 0;
    uint64_t end = 0;
    qsort(code->ranges, code->count, sizeof(*code->ranges), compare_by_off);
    for (size_t i = 0; i < code->count; i++) {
        struct code_range r = code->ranges[i];
        if (r.file_off < end)
            continue;
        end = (uint64_t)r.file_off + r.size;
        code->ranges[kept++] = r;
    }
    code->count = kept;
    qsort(code->ranges, code->count, sizeof(*code->ranges), compare_by_addr);
}

static bool bits_alloc(struct elf_code *code)
{
    for (size_t i = 0; i < code->count; i++) {
        struct code_range *r = &code->ranges[i];
        size_t size = r->size / 8 + 1;
        r->begins = calloc(3, size);
        if (!r->begins)
            return false;
        r->targets = r->begins + size;
        r->syncs = r->targets + size;
    }
    return true;
}

/* The executable sections; without section headers, the executable segments. */
static bool ranges_find(struct scan *s)
{
    size_t room = s->sections ? s->eh.e_shnum : s->load_count;
    s->code->ranges = calloc(room + 1, sizeof(*s->code->ranges));
    if (!s->code->ranges)
        return false;
    for (size_t i = 0; s->sections && i < s->eh.e_shnum; i++) {
        const Elf64_Shdr *sh = &s->sections[i];
        if (sh->sh_type == SHT_PROGBITS && (sh->sh_flags & SHF_EXECINSTR))
            range_add(s, sh->sh_offset, sh->sh_addr, sh->sh_size);
    }
    for (unsigned i = 0; !s->sections && i < s->load_count; i++) {
        const Elf64_Phdr *ph = &s->loads[i];
        if (ph->p_flags & PF_X)
            range_add(s, ph->p_offset, ph->p_vaddr, ph->p_filesz);
    }
    overlaps_drop(s->code);
    return bits_alloc(s->code);
}

const uint8_t *code_site_next(const uint8_t *at, const uint8_t *end, enum callsite_kind *kind)
{
    for (; at < end && (at = memchr(at, 0x0f, (size_t)(end - at))) && end - at >= 2; at++) {
        if (at[1] == 0x05 || at[1] == 0xa2) {
            *kind = at[1] == 0x05 ? CALLSITE_SYSCALL : CALLSITE_CPUID;
            return at;
        }
    }
    return NULL;
}

static bool has_site(const struct elf_code *code)
{
    enum callsite_kind kind;
    for (size_t i = 0; i < code->count; i++) {
        if (code_site_next(code->ranges[i].code, code->ranges[i].code + code->ranges[i].size, &kind))
            return true;
    }
    return false;
}

/* ---- what symbols, relocations and data point to --------------------------------------------- */

static void symbols_mark(struct scan *s, const Elf64_Shdr *table)
{
    Elf64_Sym sym;
    for (uint64_t off = 0;
         has(s, table->sh_offset, table->sh_size) && table->sh_size - off >= sizeof(sym);
         off += sizeof(sym)) {
        memcpy(&sym, s->elf + table->sh_offset + off, sizeof(sym));
        unsigned type = ELF64_ST_TYPE(sym.st_info);
        struct code_range *r = range_at(s->code, sym.st_value);
        if (!r)
            continue;
        bit_set(r->targets, (uint32_t)(sym.st_value - r->addr));
        if (type == STT_FUNC || type == STT_GNU_IFUNC)
            bit_set(r->syncs, (uint32_t)(sym.st_value - r->addr));
    }
}

static void relocations_mark(struct scan *s, const Elf64_Shdr *table)
{
    Elf64_Rela rela;
    for (uint64_t off = 0;
         has(s, table->sh_offset, table->sh_size) && table->sh_size - off >= sizeof(rela);
         off += sizeof(rela)) {
        memcpy(&rela, s->elf + table->sh_offset + off, sizeof(rela));
        target_mark(s->code, (uint64_t)rela.r_addend);
    }
}

/* One table of each type has them all; a file with more is strange, and theirs count only while there is budget. */
static void sections_mark(struct scan *s)
{
    for (size_t i = 0; s->sections && i < s->eh.e_shnum; i++) {
        const Elf64_Shdr *sh = &s->sections[i];
        if (sh->sh_size > s->budget)
            continue;
        s->budget -= sh->sh_type == SHT_NOBITS ? 0 : sh->sh_size;
        if (sh->sh_type == SHT_SYMTAB || sh->sh_type == SHT_DYNSYM)
            symbols_mark(s, sh);
        else if (sh->sh_type == SHT_RELA)
            relocations_mark(s, sh);
    }
}

/* Aligned words of all that is loaded. */
static void words_mark(struct scan *s)
{
    for (unsigned i = 0; i < s->load_count; i++) {
        const Elf64_Phdr *ph = &s->loads[i];
        for (uint64_t off = -ph->p_vaddr % 8;
             ph->p_filesz >= 8 && off <= ph->p_filesz - 8 && s->budget > 0; off += 8, s->budget--) {
            uint64_t word;
            memcpy(&word, s->elf + ph->p_offset + off, sizeof(word));
            target_mark(s->code, word);
        }
    }
}

/* ---- tables of distances --------------------------------------------------------------------- */

static bool table_note(struct scan *s, uint64_t addr)
{
    if (s->table_count == s->table_room) {
        size_t room = s->table_room ? 2 * s->table_room : 1024;
        uint64_t *grown = realloc(s->tables, room * sizeof(*grown));
        if (!grown)
            return false;
        s->tables = grown;
        s->table_room = room;
    }
    s->tables[s->table_count++] = addr;
    return true;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool is_begin(const struct elf_code *code, uint64_t addr)
{
    const struct code_range *r = range_at(code, addr);
    return r && code_bit(r->begins, (uint32_t)(addr - r->addr));
}

/* Distances from the table's own start, up to the first that does not lead to an instruction. */
static void table_mark(struct scan *s, uint64_t addr)
{
    unsigned i = 0;
    while (i < s->load_count &&
           (addr < s->loads[i].p_vaddr || addr - s->loads[i].p_vaddr >= s->loads[i].p_filesz))
        i++;
    if (i == s->load_count)
        return;
    uint64_t off = addr - s->loads[i].p_vaddr, size = s->loads[i].p_filesz;
    for (unsigned k = 0; k < TABLE_MAX && size - off >= 4 && s->budget > 0;
         k++, off += 4, s->budget--) {
        int32_t distance;
        memcpy(&distance, s->elf + s->loads[i].p_offset + off, sizeof(distance));
        if (!is_begin(s->code, addr + (uint64_t)(int64_t)distance))
            return;
        target_mark(s->code, addr + (uint64_t)(int64_t)distance);
    }
}

/* After the sweep, which says what instructions are. */
static void tables_mark(struct scan *s)
{
    if (s->table_count > 0)
        qsort(s->tables, s->table_count, sizeof(*s->tables), compare_u64);
    for (size_t i = 0; i < s->table_count; i++) {
        if (i == 0 || s->tables[i] != s->tables[i - 1])
            table_mark(s, s->tables[i]);
    }
}

/* ---- the sweep ------------------------------------------------------------------------------- */

bool code_decode(const struct elf_code *code, const struct code_range *r, uint32_t off,
                 ZydisDecodedInstruction *insn)
{
    return off < r->size && ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
                                &code->decoder, NULL, r->code + off, r->size - off, insn));
}

bool code_is_rip_relative(const ZydisDecodedInstruction *insn)
{
    return (insn->attributes & ZYDIS_ATTRIB_HAS_MODRM) && insn->raw.modrm.mod == 0 &&
           insn->raw.modrm.rm == 5;
}

static bool operand_mark(struct scan *s, uint64_t next, const ZydisDecodedInstruction *insn)
{
    if (insn->raw.imm[0].is_relative)
        target_mark(s->code, next + (uint64_t)insn->raw.imm[0].value.s);
    else if (s->eh.e_type == ET_EXEC && insn->raw.imm[0].size >= 32)
        target_mark(s->code, insn->raw.imm[0].value.u &
                                 (insn->raw.imm[0].size == 32 ? UINT32_MAX : UINT64_MAX));
    if (insn->mnemonic == ZYDIS_MNEMONIC_LEA && code_is_rip_relative(insn)) {
        uint64_t addr = next + (uint64_t)insn->raw.disp.value;
        target_mark(s->code, addr);
        return table_note(s, addr); /* a table may lie among code, too */
    }
    return true;
}

/* Bytes to the next function symbol, if it comes before `size` bytes are over. */
static uint32_t sync_inside(const struct code_range *r, uint32_t off, uint32_t size)
{
    for (uint32_t k = 1; k < size; k++) {
        if (code_bit(r->syncs, off + k))
            return k;
    }
    return 0;
}

static bool range_sweep(struct scan *s, struct code_range *r)
{
    ZydisDecodedInstruction insn;
    uint32_t step;
    for (uint32_t off = 0; off < r->size; off += step) {
        if (!code_decode(s->code, r, off, &insn)) {
            step = 1;
            continue;
        }
        step = sync_inside(r, off, insn.length);
        if (step > 0)
            continue; /* these bytes were no code */
        step = insn.length;
        bit_set(r->begins, off);
        if (!operand_mark(s, r->addr + off + step, &insn))
            return false;
    }
    return true;
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool header_read(struct scan *s)
{
    if (s->size < sizeof(s->eh) || memcmp(s->elf, ELFMAG, SELFMAG) != 0)
        return false;
    memcpy(&s->eh, s->elf, sizeof(s->eh));
    return s->eh.e_ident[EI_CLASS] == ELFCLASS64 && s->eh.e_machine == EM_X86_64 &&
           (s->eh.e_type == ET_EXEC || s->eh.e_type == ET_DYN);
}

static void loads_read(struct scan *s)
{
    if (s->eh.e_phentsize != sizeof(Elf64_Phdr) ||
        !has(s, s->eh.e_phoff, (uint64_t)s->eh.e_phnum * sizeof(Elf64_Phdr)))
        return;
    for (unsigned i = 0; i < s->eh.e_phnum && s->load_count < LOADS_MAX; i++) {
        Elf64_Phdr *ph = &s->loads[s->load_count];
        memcpy(ph, s->elf + s->eh.e_phoff + i * sizeof(*ph), sizeof(*ph));
        s->load_count += ph->p_type == PT_LOAD && has(s, ph->p_offset, ph->p_filesz);
    }
}

static bool sections_read(struct scan *s)
{
    uint64_t size = (uint64_t)s->eh.e_shnum * sizeof(Elf64_Shdr);
    if (size == 0 || s->eh.e_shentsize != sizeof(Elf64_Shdr) || !has(s, s->eh.e_shoff, size))
        return true;
    s->sections = malloc(size);
    if (s->sections)
        memcpy(s->sections, s->elf + s->eh.e_shoff, size);
    return s->sections != NULL;
}

static bool code_scan(struct scan *s)
{
    bool is_ok = true;
    sections_mark(s);
    words_mark(s);
    for (size_t i = 0; i < s->code->count && is_ok; i++)
        is_ok = range_sweep(s, &s->code->ranges[i]);
    tables_mark(s);
    return is_ok;
}

int elf_code_open(const uint8_t *elf, size_t size, struct elf_code *code)
{
    struct scan s = {.code = code, .elf = elf, .size = size, .budget = 4 * (uint64_t)size};
    *code = (struct elf_code){0};
    if (!header_read(&s))
        return 0;
    ZydisDecoderInit(&code->decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    loads_read(&s);
    bool is_ok = sections_read(&s) && ranges_find(&s), has_sites = is_ok && has_site(code);
    if (has_sites)
        is_ok = code_scan(&s);
    if (!has_sites || !is_ok)
        elf_code_close(code);
    free(s.tables);
    free(s.sections);
    return is_ok ? 0 : -1;
}

void elf_code_close(struct elf_code *code)
{
    for (size_t i = 0; i < code->count; i++)
        free(code->ranges[i].begins);
    free(code->ranges);
    *code = (struct elf_code){0};
}
