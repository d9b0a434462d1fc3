/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "naos/config.h"

#define PAGE SGX_PAGE_SIZE
#define GIB  (1ULL << 30)
#define VCPU_STRIDE (64ULL << 10) /* a power of two: the emulator finds a vCPU by a shift */
#define SGX_REGION_ALIGN (2ULL << 20)

#define SECINFO_R  (SGX_SECINFO_REG | SGX_SECINFO_R)
#define SECINFO_RW (SECINFO_R | SGX_SECINFO_W)
#define SECINFO_RX (SECINFO_R | SGX_SECINFO_X)

/* What is being built; the image holds all pages' data, a page after the other, from image_start on. */
struct build {
    struct sgx_layout *out;
    const uint8_t *kernel;
    size_t kernel_size;
    const Elf64_Ehdr *eh;
    struct sgx_layout_note note;
    uint64_t entry, boot_params_ptr, enclu, enclu_end; /* image offsets, from the note */
    struct sgx_boot_params params;
    uint64_t elf_size; /* bytes of address space that the ELF file's segments take */
    uint64_t file_size; /* of these, up to where the last content of the file ends */
    size_t image_size;
    char *why;
    size_t why_size;
};

static int fail(struct build *b, const char *text)
{
    snprintf(b->why, b->why_size, "%s", text);
    return -1;
}

static uint64_t page_up(uint64_t x)
{
    return (x + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static bool is_inside(const struct build *b, uint64_t off, uint64_t size)
{
    return off <= b->kernel_size && size <= b->kernel_size - off;
}

static const Elf64_Phdr *segment(const struct build *b, unsigned idx)
{
    return (const Elf64_Phdr *)(b->kernel + b->eh->e_phoff) + idx;
}

static int header_check(struct build *b)
{
    b->eh = (const Elf64_Ehdr *)b->kernel;
    if (b->kernel_size < sizeof(*b->eh) || memcmp(b->eh->e_ident, ELFMAG, SELFMAG) != 0 ||
        b->eh->e_type != ET_DYN || b->eh->e_machine != EM_X86_64)
        return fail(b, "not a static PIE for x86-64");
    if (!is_inside(b, b->eh->e_phoff, b->eh->e_phnum * sizeof(Elf64_Phdr)) ||
        !is_inside(b, b->eh->e_shoff, b->eh->e_shnum * sizeof(Elf64_Shdr)))
        return fail(b, "the ELF file is cut short");
    return (b->eh->e_phoff | b->eh->e_shoff) % 8 ? fail(b, "the ELF file's tables are not aligned") : 0;
}

/* Segments come by address, and no two share a page: each page is added once. */
static int segment_check(struct build *b, const Elf64_Phdr *ph)
{
    if (!is_inside(b, ph->p_offset, ph->p_filesz) || ph->p_filesz > ph->p_memsz || ph->p_memsz > GIB ||
        ph->p_vaddr > GIB)
        return fail(b, "a segment of the ELF file lies outside it");
    if ((ph->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
        return fail(b, "a segment is both writable and executable");
    if (ph->p_vaddr / PAGE * PAGE < b->elf_size)
        return fail(b, "segments share a page, or are out of order");
    b->elf_size = page_up(ph->p_vaddr + ph->p_memsz);
    b->file_size = page_up(ph->p_vaddr + ph->p_filesz);
    return b->elf_size <= GIB / 2 ? 0 : fail(b, "the kernel is larger than 512 MiB");
}

/* The last PT_LOAD's end; every segment lies inside the file. */
static int elf_check(struct build *b)
{
    if (header_check(b) < 0)
        return -1;
    for (unsigned i = 0; i < b->eh->e_phnum; i++) {
        const Elf64_Phdr *ph = segment(b, i);
        if (ph->p_type == PT_LOAD && segment_check(b, ph) < 0)
            return -1;
        if (ph->p_type == PT_DYNAMIC && (ph->p_offset % 8 || !is_inside(b, ph->p_offset, ph->p_filesz)))
            return fail(b, "a segment of the ELF file lies outside it");
    }
    return b->elf_size ? 0 : fail(b, "the ELF file has nothing to load");
}

static void note_resolve(struct build *b, uint64_t vaddr)
{
#define AT(field) (vaddr + offsetof(struct sgx_layout_note, field) + (uint64_t)(int64_t)b->note.field)
    b->entry = AT(entry_rel);
    b->boot_params_ptr = AT(boot_params_rel);
    b->enclu = AT(enclu_rel);
    b->enclu_end = AT(enclu_end_rel);
#undef AT
}

static int note_find(struct build *b)
{
    const Elf64_Shdr *sh = (const Elf64_Shdr *)(b->kernel + b->eh->e_shoff);
    if (b->eh->e_shstrndx >= b->eh->e_shnum)
        return fail(b, "the ELF file has no section names");
    uint64_t names = sh[b->eh->e_shstrndx].sh_offset;
    for (unsigned i = 0; i < b->eh->e_shnum; i++) {
        if (!is_inside(b, names, sh[i].sh_name + 13ULL) ||
            strncmp((const char *)b->kernel + names + sh[i].sh_name, ".naos.layout", 13) != 0)
            continue;
        if (sh[i].sh_size < sizeof(b->note) || !is_inside(b, sh[i].sh_offset, sizeof(b->note)))
            break;
        memcpy(&b->note, b->kernel + sh[i].sh_offset, sizeof(b->note));
        note_resolve(b, sh[i].sh_addr);
        if (b->note.magic == SGX_LAYOUT_MAGIC && b->note.version == SGX_LAYOUT_VERSION &&
            SGX_AREA_DATA + b->note.vcpu_pages <= VCPU_STRIDE / PAGE)
            return 0;
        return fail(b, "the kernel was built for another version of this tool");
    }
    return fail(b, "the ELF file is not a naos kernel (no section .naos.layout)");
}

static void params_set(struct build *b, const struct config *config)
{
    struct sgx_boot_params *p = &b->params;
    uint64_t room = GIB;
    while (room < config->memory_size)
        room *= 2;
    p->elrange_size = config->address_space;
    p->user_start = SGX_USER_START;
    p->user_end = p->image_start = config->address_space - room;
    p->image_end = p->image_start + b->elf_size;
    p->config_addr = p->image_end;
    p->config_size = config->size;
    uint64_t params_page = page_up(p->config_addr + p->config_size);
    p->vcpu_start = (params_page + PAGE + VCPU_STRIDE - 1) & ~(VCPU_STRIDE - 1);
    p->vcpu_stride = VCPU_STRIDE;
    p->kernel_start = (p->vcpu_start + config->vcpu_max * VCPU_STRIDE + SGX_REGION_ALIGN - 1) & ~(SGX_REGION_ALIGN - 1);
    p->kernel_end = config->address_space;
    p->memory_size = config->memory_size;
    p->xfrm = SGX_XFRM_LEGACY | SGX_XFRM_AVX;
    p->vcpu_max = config->vcpu_max;
    p->is_debug = config->flags & CONFIG_DEBUG;
}

static uint64_t params_addr(const struct build *b)
{
    return page_up(b->params.config_addr + b->params.config_size);
}

/* The place in the image of an address. */
static uint8_t *image_at(const struct build *b, uint64_t addr)
{
    return b->out->image + (addr - b->params.image_start);
}

static void page_add(struct build *b, uint64_t addr, uint64_t secinfo, bool is_measured)
{
    b->out->pages[b->out->count++] = (struct sgx_page){addr, secinfo, image_at(b, addr), is_measured};
}

static void pages_add(struct build *b, uint64_t addr, uint64_t size, uint64_t secinfo, bool is_measured)
{
    for (uint64_t off = 0; off < size; off += PAGE)
        page_add(b, addr + off, secinfo, is_measured);
}

/* ---- the ELF image ------------------------------------------------------------------------------------ */

static void segments_copy(struct build *b)
{
    for (unsigned i = 0; i < b->eh->e_phnum; i++) {
        const Elf64_Phdr *ph = segment(b, i);
        if (ph->p_type == PT_LOAD)
            memcpy(b->out->image + ph->p_vaddr, b->kernel + ph->p_offset, ph->p_filesz);
    }
}

/* A static PIE has R_X86_64_RELATIVE relocations only: *place = base + addend. */
static int relocate(struct build *b)
{
    uint64_t rela = 0, size = 0;
    for (unsigned i = 0; i < b->eh->e_phnum; i++) {
        const Elf64_Phdr *ph = segment(b, i);
        if (ph->p_type != PT_DYNAMIC)
            continue;
        const Elf64_Dyn *dyn = (const Elf64_Dyn *)(b->kernel + ph->p_offset);
        for (size_t k = 0; k < ph->p_filesz / sizeof(*dyn) && dyn[k].d_tag != DT_NULL; k++) {
            rela = dyn[k].d_tag == DT_RELA ? dyn[k].d_un.d_ptr : rela;
            size = dyn[k].d_tag == DT_RELASZ ? dyn[k].d_un.d_val : size;
        }
    }
    if (rela > b->elf_size || size > b->elf_size - rela)
        return fail(b, "relocations lie outside the image");
    for (size_t i = 0; i < size / sizeof(Elf64_Rela); i++) {
        Elf64_Rela r;
        memcpy(&r, b->out->image + rela + i * sizeof(r), sizeof(r));
        if (ELF64_R_TYPE(r.r_info) != R_X86_64_RELATIVE || r.r_offset > b->elf_size - 8)
            return fail(b, "a relocation is not R_X86_64_RELATIVE");
        uint64_t value = b->params.image_start + (uint64_t)r.r_addend;
        memcpy(b->out->image + r.r_offset, &value, sizeof(value));
    }
    return 0;
}

static void segments_add(struct build *b)
{
    for (unsigned i = 0; i < b->eh->e_phnum; i++) {
        const Elf64_Phdr *ph = segment(b, i);
        if (ph->p_type != PT_LOAD)
            continue;
        uint64_t secinfo = ph->p_flags & PF_X ? SECINFO_RX : ph->p_flags & PF_W ? SECINFO_RW : SECINFO_R;
        uint64_t start = ph->p_vaddr & ~(uint64_t)(PAGE - 1);
        uint64_t file_end = page_up(ph->p_vaddr + ph->p_filesz), end = page_up(ph->p_vaddr + ph->p_memsz);
        pages_add(b, b->params.image_start + start, file_end - start, secinfo, true);
        /* bss: the entry code clears it, so its content need not be measured */
        pages_add(b, b->params.image_start + file_end, end - file_end, secinfo, false);
    }
}

/* ---- what is not in the ELF file ------------------------------------------------------------------------- */

static void vcpu_add(struct build *b, unsigned idx)
{
    uint64_t base = b->params.vcpu_start + idx * b->params.vcpu_stride;
    struct sgx_tcs *tcs = (struct sgx_tcs *)image_at(b, base + SGX_AREA_TCS * PAGE);
    tcs->ossa = base + SGX_AREA_SSA * PAGE;
    tcs->nssa = SGX_NSSA;
    tcs->oentry = b->params.image_start + b->entry;
    tcs->ofsbase = tcs->ogsbase = base + SGX_AREA_DATA * PAGE;
    tcs->fslimit = tcs->gslimit = 0xffffffff;
    page_add(b, base + SGX_AREA_TCS * PAGE, SGX_SECINFO_TCS, true);
    pages_add(b, tcs->ossa, SGX_NSSA * PAGE, SECINFO_RW, false);
    pages_add(b, base + SGX_AREA_EXC_STACK * PAGE, SGX_AREA_EXC_STACK_PAGES * PAGE, SECINFO_RW, false);
    pages_add(b, base + SGX_AREA_BOOT_STACK * PAGE, SGX_AREA_BOOT_STACK_PAGES * PAGE, SECINFO_RW, false);
    /* zero and measured: the entry code believes it before it has run anything */
    pages_add(b, base + SGX_AREA_DATA * PAGE, b->note.vcpu_pages * PAGE, SECINFO_RW, true);
}

static int enclu_sites_add(struct build *b)
{
    struct sgx_layout *out = b->out;
    if (b->enclu > b->enclu_end || b->enclu_end > b->elf_size)
        return fail(b, "the list of ENCLU sites lies outside the image");
    out->enclu_count = (b->enclu_end - b->enclu) / sizeof(int32_t);
    out->enclu_sites = calloc(out->enclu_count + 1, sizeof(uint64_t));
    if (!out->enclu_sites)
        return fail(b, "out of memory");
    for (size_t i = 0; i < out->enclu_count; i++) {
        uint64_t place = b->enclu + i * sizeof(int32_t);
        int32_t rel;
        memcpy(&rel, out->image + place, sizeof(rel)); /* in the list, so in the image */
        if (place + (uint64_t)(int64_t)rel > b->elf_size - 7)
            return fail(b, "an ENCLU site lies outside the image");
        out->enclu_sites[i] = b->params.image_start + place + (uint64_t)(int64_t)rel;
    }
    return 0;
}

static int layout_fill(struct build *b, const uint8_t *config)
{
    segments_copy(b);
    if (relocate(b) < 0)
        return -1;
    if (b->boot_params_ptr > b->elf_size - 8 || b->entry >= b->elf_size)
        return fail(b, "the layout note points outside the image");
    uint64_t params = params_addr(b);
    memcpy(b->out->image + b->boot_params_ptr, &params, sizeof(params));
    memcpy(image_at(b, b->params.config_addr), config, b->params.config_size);
    memcpy(image_at(b, params), &b->params, sizeof(b->params));
    segments_add(b);
    pages_add(b, b->params.config_addr, page_up(b->params.config_size), SECINFO_R, true);
    page_add(b, params, SECINFO_R, true);
    for (unsigned i = 0; i < b->params.vcpu_max; i++)
        vcpu_add(b, i);
    return enclu_sites_add(b);
}

static int config_check(struct build *b, const struct config *config, size_t size)
{
    if (size < sizeof(*config) || config->magic != CONFIG_MAGIC || config->version != CONFIG_VERSION ||
        config->size != size || size > CONFIG_SIZE_MAX)
        return fail(b, "the configuration is not one of this version; run naos build");
    uint64_t space = config->address_space;
    if (space & (space - 1) || space < 4 * GIB || space > 1ULL << 46 || config->memory_size > space / 4)
        return fail(b, "memory.address_space must be a power of two, 4 GiB to 64 TiB, and 4 times memory.size or more");
    if (config->vcpu_max < 1 || config->vcpu_max > 64)
        return fail(b, "vcpus.max must be 1 to 64");
    return 0;
}

int sgx_layout_build(struct sgx_layout *layout, const uint8_t *kernel, size_t kernel_size, const uint8_t *config_bytes,
                     size_t config_size, char *why, size_t why_size)
{
    struct build b = {.out = layout, .kernel = kernel, .kernel_size = kernel_size, .why = why, .why_size = why_size};
    const struct config *config = (const struct config *)config_bytes;
    memset(layout, 0, sizeof(*layout));
    if (config_check(&b, config, config_size) < 0 || elf_check(&b) < 0 || note_find(&b) < 0)
        return -1;
    params_set(&b, config);
    b.image_size = b.params.kernel_start - b.params.image_start;
    layout->elrange_size = config->address_space;
    layout->attributes.flags = SGX_FLAGS_MODE64BIT | (b.params.is_debug ? SGX_FLAGS_DEBUG : 0);
    layout->attributes.xfrm = b.params.xfrm;
    layout->misc_select = SGX_MISC_EXINFO;
    layout->ssa_frame_size = 1;
    layout->user_end = b.params.user_end;
    layout->image_start = b.params.image_start;
    layout->vcpu_max = b.params.vcpu_max;
    layout->image = mmap(NULL, b.image_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* most stays untouched */
    layout->image_size = b.image_size;
    layout->pages = calloc(b.image_size / PAGE, sizeof(*layout->pages));
    if (layout->image == MAP_FAILED || !layout->pages) {
        sgx_layout_free(layout);
        return fail(&b, "out of memory");
    }
    madvise(layout->image, b.file_size, MADV_POPULATE_WRITE); /* where it is not known, pages come one by one */
    if (layout_fill(&b, config_bytes) < 0) {
        sgx_layout_free(layout);
        return -1;
    }
    return 0;
}

void sgx_layout_free(struct sgx_layout *layout)
{
    if (layout->image && layout->image != MAP_FAILED)
        munmap(layout->image, layout->image_size);
    free(layout->pages);
    free(layout->enclu_sites);
    memset(layout, 0, sizeof(*layout));
}
