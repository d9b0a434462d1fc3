/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_needs.h"
#include <elf.h>
#include <string.h>

struct file {
    const uint8_t *data;
    size_t size;
    Elf64_Ehdr eh;
};

static bool has(const struct file *f, uint64_t off, uint64_t size)
{
    return off <= f->size && size <= f->size - off;
}

/* A string that ends inside the file. */
static const char *string_at(const struct file *f, uint64_t off)
{
    return off < f->size && memchr(f->data + off, 0, f->size - off) ? (const char *)f->data + off
                                                                    : NULL;
}

static bool segment_at(const struct file *f, unsigned i, Elf64_Phdr *ph)
{
    uint64_t off = f->eh.e_phoff + (uint64_t)i * sizeof(*ph);
    if (off < f->eh.e_phoff || !has(f, off, sizeof(*ph)))
        return false;
    memcpy(ph, f->data + off, sizeof(*ph));
    return true;
}

static bool file_off_of(const struct file *f, uint64_t addr, uint64_t *off)
{
    Elf64_Phdr ph;
    for (unsigned i = 0; i < f->eh.e_phnum && segment_at(f, i, &ph); i++) {
        if (ph.p_type == PT_LOAD && addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz) {
            *off = ph.p_offset + (addr - ph.p_vaddr);
            return true;
        }
    }
    return false;
}

static bool dyn_at(const struct file *f, const Elf64_Phdr *dynamic, uint64_t i, Elf64_Dyn *d)
{
    uint64_t off = i * sizeof(*d);
    if (off >= dynamic->p_filesz || !has(f, dynamic->p_offset, off + sizeof(*d)))
        return false;
    memcpy(d, f->data + dynamic->p_offset + off, sizeof(*d));
    return d->d_tag != DT_NULL;
}

static void dynamic_read(const struct file *f, const Elf64_Phdr *dynamic, struct elf_needs *needs)
{
    uint64_t strings = 0;
    Elf64_Dyn d;
    for (uint64_t i = 0; dyn_at(f, dynamic, i, &d); i++) {
        if (d.d_tag == DT_STRTAB && !file_off_of(f, d.d_un.d_ptr, &strings))
            return;
    }
    for (uint64_t i = 0; strings && dyn_at(f, dynamic, i, &d); i++) {
        const char *s = string_at(f, strings + d.d_un.d_val);
        if (d.d_tag == DT_NEEDED && s && needs->needed_count < NEEDED_MAX)
            needs->needed[needs->needed_count++] = s;
        else if (d.d_tag == DT_RUNPATH || (d.d_tag == DT_RPATH && !needs->run_path))
            needs->run_path = s;
    }
}

static void script_read(const uint8_t *file, size_t size, struct elf_needs *needs)
{
    size_t at = 2, len = 0;
    while (at < size && (file[at] == ' ' || file[at] == '\t'))
        at++;
    while (at < size && len < sizeof(needs->script_interpreter) - 1 && !strchr(" \t\n", file[at]))
        needs->script_interpreter[len++] = (char)file[at++];
    if (len > 0 && needs->script_interpreter[0] == '/') {
        needs->interpreter = needs->script_interpreter;
        needs->is_script = true;
    }
}

void elf_needs_read(const uint8_t *data, size_t size, struct elf_needs *needs)
{
    struct file f = {.data = data, .size = size};
    Elf64_Phdr ph;
    *needs = (struct elf_needs){0};
    if (size > 2 && data[0] == '#' && data[1] == '!')
        script_read(data, size, needs);
    if (size < sizeof(f.eh) || memcmp(data, ELFMAG, SELFMAG) != 0)
        return;
    memcpy(&f.eh, data, sizeof(f.eh));
    if (f.eh.e_ident[EI_CLASS] != ELFCLASS64 || f.eh.e_machine != EM_X86_64 ||
        (f.eh.e_type != ET_EXEC && f.eh.e_type != ET_DYN))
        return;
    needs->is_elf = true;
    for (unsigned i = 0; i < f.eh.e_phnum && segment_at(&f, i, &ph); i++) {
        if (ph.p_type == PT_INTERP)
            needs->interpreter = string_at(&f, ph.p_offset);
        else if (ph.p_type == PT_DYNAMIC)
            dynamic_read(&f, &ph, needs);
    }
}
