/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading ELF files: programs and their interpreters. Headers come from the file system, which is
 * trusted or not as its mount is; every number in them is checked before it is used.
 */
#include <linux/elf.h>
#include <linux/limits.h>
#include "base/string.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "proc/internal.h"
#include "vfs/mount.h"

#define HEADERS_MAX  (64UL << 10) /* as Linux: ELF_MIN_ALIGN or 64 KiB of program headers */
#define POPULATE_MAX (256UL << 10)
#define ALIGN_MAX    (2UL << 20)

struct elf {
    struct file *file;
    Elf64_Ehdr header;
    Elf64_Phdr *phdrs;
    unsigned count;
    uint8_t page[PAGE_SIZE]; /* the file's first */
};

/* ---- reading ------------------------------------------------------------------------------------------------ */

static int header_check(const struct elf *elf, int64_t size)
{
    const Elf64_Ehdr *h = &elf->header;
    if (size < (int64_t)sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return -ENOEXEC;
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != ARCH_ELF_MACHINE)
        return -ENOEXEC;
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return -ENOEXEC;
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 ||
        h->e_phnum * sizeof(Elf64_Phdr) > HEADERS_MAX)
        return -ENOEXEC;
    return 0;
}

/* Most often the program headers follow the header at once, in the page that was read. */
static int phdrs_read(struct elf *elf, int64_t read)
{
    const Elf64_Ehdr *h = &elf->header;
    uint64_t size = h->e_phnum * sizeof(Elf64_Phdr), end;
    if (!size_add(h->e_phoff, size, &end))
        return -ENOEXEC;
    elf->phdrs = heap_alloc(size);
    if (!elf->phdrs)
        return -ENOMEM;
    elf->count = h->e_phnum;
    if (end <= (uint64_t)read) {
        memcpy(elf->phdrs, elf->page + h->e_phoff, size);
        return 0;
    }
    int64_t n = vfs_read_kernel(elf->file, h->e_phoff, elf->phdrs, size);
    return n < 0 ? (int)n : (uint64_t)n == size ? 0 : -ENOEXEC;
}

/* Where segments may lie: nothing wraps, and all stays below the end of user addresses. */
static int segments_check(const struct elf *elf)
{
    bool has_load = false;
    for (unsigned i = 0; i < elf->count; i++) {
        const Elf64_Phdr *ph = &elf->phdrs[i];
        uint64_t end;
        if (ph->p_type != PT_LOAD)
            continue;
        has_load = true;
        if (ph->p_filesz > ph->p_memsz || !size_add(ph->p_vaddr, ph->p_memsz, &end) ||
            end > plat_info.user_end)
            return -ENOEXEC;
        if (((ph->p_vaddr ^ ph->p_offset) & PAGE_MASK) ||
            !size_add(ph->p_offset, ph->p_filesz, &end))
            return -ENOEXEC;
    }
    return has_load ? 0 : -ENOEXEC;
}

int elf_open(struct file *f, struct elf **result)
{
    struct elf *elf = heap_alloc(sizeof(*elf));
    if (!elf) {
        file_put(f);
        return -ENOMEM;
    }
    elf->file = f;
    elf->phdrs = NULL;
    int64_t n = vfs_read_kernel(f, 0, elf->page, sizeof(elf->page));
    int err = n < 0 ? (int)n : 0;
    memcpy(&elf->header, elf->page, sizeof(elf->header));
    if (!err)
        err = header_check(elf, n);
    if (!err)
        err = phdrs_read(elf, n);
    if (!err)
        err = segments_check(elf);
    if (err < 0)
        elf_close(elf);
    else
        *result = elf;
    return err;
}

void elf_close(struct elf *elf)
{
    file_put(elf->file);
    heap_free(elf->phdrs);
    heap_free(elf);
}

struct file *elf_file(struct elf *elf)
{
    return elf->file;
}

int elf_interp(struct elf *elf, char *path)
{
    for (unsigned i = 0; i < elf->count; i++) {
        const Elf64_Phdr *ph = &elf->phdrs[i];
        if (ph->p_type != PT_INTERP)
            continue;
        if (ph->p_filesz < 2 || ph->p_filesz > PATH_MAX)
            return -ENOEXEC;
        int64_t n = vfs_read_kernel(elf->file, ph->p_offset, path, ph->p_filesz);
        if (n < 0)
            return (int)n;
        return (uint64_t)n == ph->p_filesz && path[n - 1] == 0 ? 0 : -ENOEXEC;
    }
    return -ENOENT;
}

bool elf_wants_exec_stack(const struct elf *elf)
{
    for (unsigned i = 0; i < elf->count; i++)
        if (elf->phdrs[i].p_type == PT_GNU_STACK)
            return elf->phdrs[i].p_flags & PF_X;
    return false;
}

/* ---- placing ------------------------------------------------------------------------------------------------ */

struct span {
    uint64_t start, end, align;
};

static struct span segments_span(const struct elf *elf)
{
    struct span span = {UINT64_MAX, 0, PAGE_SIZE};
    for (unsigned i = 0; i < elf->count; i++) {
        const Elf64_Phdr *ph = &elf->phdrs[i];
        if (ph->p_type != PT_LOAD)
            continue;
        span.start = MIN(span.start, align_down(ph->p_vaddr, PAGE_SIZE));
        span.end = MAX(span.end, align_up(ph->p_vaddr + ph->p_memsz, PAGE_SIZE));
        bool is_power = (ph->p_align & (ph->p_align - 1)) == 0;
        if (is_power && ph->p_align > span.align && ph->p_align <= ALIGN_MAX)
            span.align = ph->p_align;
    }
    return span;
}

static int bias_choose(const struct elf *elf, struct vmspace *vm, uint64_t room, uaddr_t *bias)
{
    struct span span = segments_span(elf);
    uaddr_t at;
    *bias = 0;
    if (elf->header.e_type == ET_EXEC)
        return user_range_ok(span.start, span.end - span.start) ? 0 : -ENOMEM;
    int err = vm_find_free(vm, span.end - span.start + room, span.align, &at);
    if (!err)
        *bias = at - span.start;
    return err;
}

/* ---- mapping ------------------------------------------------------------------------------------------------ */

static unsigned prot_of(const Elf64_Phdr *ph)
{
    return ((ph->p_flags & PF_R) ? VM_READ : 0) | ((ph->p_flags & PF_W) ? VM_WRITE : 0) |
           ((ph->p_flags & PF_X) ? VM_EXEC : 0);
}

static int map_file_part(struct elf *elf, struct vmspace *vm, const Elf64_Phdr *ph, uaddr_t start,
                         uaddr_t file_end)
{
    uaddr_t at;
    struct vm_map_request req = {
        .addr = start,
        .size = file_end - start,
        .prot = prot_of(ph),
        .is_fixed = true,
        .offset = align_down(ph->p_offset, PAGE_SIZE),
        .populate = (ph->p_flags & PF_W) && file_end - start <= POPULATE_MAX,
    };
    if (!elf->file->ops->mmap)
        return -ENOEXEC;
    int err = elf->file->ops->mmap(elf->file, &req);
    return err ? err : vm_map(vm, &req, &at);
}

static int map_zero_part(struct vmspace *vm, const Elf64_Phdr *ph, uaddr_t start, uaddr_t end)
{
    uaddr_t at;
    struct vm_map_request req = {
        .addr = start,
        .size = end - start,
        .prot = prot_of(ph),
        .is_fixed = true,
    };
    return start < end ? vm_map(vm, &req, &at) : 0;
}

static int segment_map(struct elf *elf, struct vmspace *vm, const Elf64_Phdr *ph, uaddr_t bias)
{
    uaddr_t start = align_down(bias + ph->p_vaddr, PAGE_SIZE);
    uaddr_t file_end = bias + ph->p_vaddr + ph->p_filesz;
    uaddr_t end = align_up(bias + ph->p_vaddr + ph->p_memsz, PAGE_SIZE);
    uaddr_t file_pages_end = ph->p_filesz ? align_up(file_end, PAGE_SIZE) : start;
    int err = ph->p_filesz ? map_file_part(elf, vm, ph, start, file_end) : 0;
    if (!err)
        err = map_zero_part(vm, ph, file_pages_end, end);
    /* The rest of the last file page is the beginning of bss. */
    if (!err && ph->p_filesz && ph->p_memsz > ph->p_filesz && (ph->p_flags & PF_W) &&
        file_end < file_pages_end)
        err = zero_user(file_end, file_pages_end - file_end);
    return err;
}

static void place_add(struct elf_place *place, const Elf64_Phdr *ph)
{
    uaddr_t start = place->bias + ph->p_vaddr, end = start + ph->p_filesz;
    place->end = MAX(place->end, start + ph->p_memsz);
    if (ph->p_flags & PF_X) {
        place->code_start = place->code_start ? MIN(place->code_start, start) : start;
        place->code_end = MAX(place->code_end, end);
    }
    if (ph->p_flags & PF_W) {
        place->data_start = MAX(place->data_start, start);
        place->data_end = MAX(place->data_end, end);
    }
}

/* The program headers' address: of the segment that holds them, whatever PT_PHDR says. */
static uaddr_t headers_address(const struct elf *elf, uaddr_t bias)
{
    uint64_t off = elf->header.e_phoff;
    for (unsigned i = 0; i < elf->count; i++) {
        const Elf64_Phdr *ph = &elf->phdrs[i];
        if (ph->p_type == PT_LOAD && ph->p_offset <= off && off - ph->p_offset < ph->p_filesz)
            return bias + ph->p_vaddr + (off - ph->p_offset);
    }
    return 0;
}

/* Holds all of the program's place until each segment is there, so that nothing else (trampolines) goes between them. */
static int span_reserve(const struct elf *elf, struct vmspace *vm, uaddr_t bias)
{
    struct span span = segments_span(elf);
    struct vm_map_request req = {.addr = bias + span.start, .size = span.end - span.start, .is_fixed = true, .is_span = true};
    uaddr_t at;
    return vm_map(vm, &req, &at);
}

/* What no segment took, from `from` up, is given back: segments come in the order of their addresses. */
static int holes_release(const struct elf *elf, struct vmspace *vm, uaddr_t bias)
{
    uaddr_t from = bias + segments_span(elf).start;
    int err = 0;
    for (unsigned i = 0; i < elf->count && !err; i++) {
        const Elf64_Phdr *ph = &elf->phdrs[i];
        uaddr_t start = align_down(bias + ph->p_vaddr, PAGE_SIZE);
        if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
            continue;
        if (start > from)
            err = vm_unmap(vm, from, start - from);
        from = MAX(from, align_up(bias + ph->p_vaddr + ph->p_memsz, PAGE_SIZE));
    }
    return err;
}

int elf_map(struct elf *elf, struct vmspace *vm, uint64_t room, struct elf_place *place)
{
    memset(place, 0, sizeof(*place));
    int err = bias_choose(elf, vm, room, &place->bias);
    if (!err)
        err = span_reserve(elf, vm, place->bias);
    for (unsigned i = 0; i < elf->count && !err; i++) {
        const Elf64_Phdr *ph = &elf->phdrs[i];
        if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
            continue;
        err = segment_map(elf, vm, ph, place->bias);
        place_add(place, ph);
    }
    if (!err)
        err = holes_release(elf, vm, place->bias);
    place->entry = place->bias + elf->header.e_entry;
    place->headers = headers_address(elf, place->bias);
    place->header_count = elf->count;
    return err;
}
