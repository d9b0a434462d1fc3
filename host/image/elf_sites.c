/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites of an ELF file: each `syscall` and `cpuid` that the sweep came upon, with the instructions
 * around it that can move with it. A window is taken only if nothing that we see jumps into its
 * inside (elf_code.c says what we see).
 */
#include <stdlib.h>
#include <string.h>
#include "callsites.h"
#include "elf_code.h"

#define BEFORE_MAX 6 /* instructions looked at on each side */
#define AFTER_MAX  4
#define WINDOW_MIN 5 /* a jump */
/* The kernel patches what it fills: a page at least, at most a cluster. A window across a cluster's
 * border would trap. */
#define PAGE    4096u
#define CLUSTER (64u << 10)

struct window {
    uint32_t start, end; /* in the range */
    uint32_t disp_off;   /* from start: of the displacement of the one [rip + x] that may be in it; 0: none */
};

/* Means the same anywhere, if [rip + x] is mended, and goes on to what follows it. endbr64 is where something jumps to that
 * we may not see. */
static bool is_movable(const ZydisDecodedInstruction *insn)
{
    switch (insn->meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_COND_BR:
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_SYSTEM:
        return false;
    default:
        break;
    }
    switch (insn->mnemonic) {
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_XBEGIN:
    case ZYDIS_MNEMONIC_XABORT:
        return false;
    default:
        return code_is_rip_relative(insn) || !(insn->attributes & ZYDIS_ATTRIB_IS_RELATIVE);
    }
}

/* The start of the movable instruction that ends at `at`; -1: there is none. */
static int64_t before_of(const struct elf_code *code, const struct code_range *r, uint32_t at)
{
    ZydisDecodedInstruction insn;
    for (uint32_t back = 1; back <= ZYDIS_MAX_INSTRUCTION_LENGTH && back <= at; back++) {
        if (code_bit(r->begins, at - back))
            return code_decode(code, r, at - back, &insn) && insn.length == back &&
                           is_movable(&insn)
                       ? (int64_t)(at - back)
                       : -1;
    }
    return -1;
}

/* Behind the movable instruction at `at`; -1: there is none. */
static int64_t after_of(const struct elf_code *code, const struct code_range *r, uint32_t at)
{
    ZydisDecodedInstruction insn;
    bool is_one = at < r->size && code_bit(r->begins, at) && code_decode(code, r, at, &insn) &&
                  is_movable(&insn);
    return is_one ? (int64_t)at + insn.length : -1;
}

/* mov $15, %eax or %rax before it: rt_sigreturn. Unwinders know these bytes. */
static bool is_sigreturn(const struct code_range *r, uint32_t at)
{
    return (at >= 5 && memcmp(r->code + at - 5, "\xb8\x0f\0\0\0", 5) == 0) ||
           (at >= 7 && memcmp(r->code + at - 7, "\x48\xc7\xc0\x0f\0\0\0", 7) == 0);
}

static bool is_sound(const struct code_range *r, const struct window *w, uint32_t floor,
                     uint32_t unit)
{
    uint32_t size = w->end - w->start, first = r->file_off + w->start,
             last = r->file_off + w->end - 1;
    if (size < WINDOW_MIN || size > CALLSITE_WINDOW_MAX || w->start < floor ||
        first / unit != last / unit)
        return false;
    for (uint32_t off = w->start + 1; off < w->end; off++) {
        if (code_bit(r->targets, off))
            return false;
    }
    return true;
}

/* There is at most one [rip + x] in it. */
static bool disp_find(const struct elf_code *code, const struct code_range *r, struct window *w)
{
    ZydisDecodedInstruction insn;
    for (uint32_t off = w->start; off < w->end; off += insn.length) {
        if (!code_decode(code, r, off, &insn))
            return false;
        if (code_is_rip_relative(&insn)) {
            if (w->disp_off)
                return false;
            w->disp_off = off - w->start + insn.raw.disp.offset;
        }
    }
    return true;
}

/* The fewest instructions, those before the call rather than those after it; inside one unit of the file. */
static bool window_find(const struct elf_code *code, const struct code_range *r, uint32_t at,
                        uint32_t floor, uint32_t unit, struct window *w)
{
    int64_t start, end = at + 2;
    for (unsigned a = 0; a <= AFTER_MAX && end >= 0; a++, end = after_of(code, r, (uint32_t)end)) {
        start = at;
        for (unsigned b = 0; b <= BEFORE_MAX && start >= 0;
             b++, start = before_of(code, r, (uint32_t)start)) {
            *w = (struct window){(uint32_t)start, (uint32_t)end, 0};
            if (is_sound(r, w, floor, unit) && disp_find(code, r, w))
                return true;
        }
    }
    return false;
}

static bool site_add(struct site_list *list, const struct code_range *r, const struct window *w,
                     uint32_t at, enum callsite_kind kind)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 64;
        struct callsite *grown = realloc(list->sites, room * sizeof(*grown));
        if (!grown)
            return false;
        list->sites = grown;
        list->room = room;
    }
    list->sites[list->count++] = (struct callsite){
        r->file_off + w->start, (uint8_t)(w->end - w->start), (uint8_t)(at - w->start), (uint8_t)kind, (uint8_t)w->disp_off};
    return true;
}

static bool range_sites(const struct elf_code *code, const struct code_range *r,
                        struct site_list *list)
{
    uint32_t floor = 0; /* windows do not overlap */
    enum callsite_kind kind;
    for (const uint8_t *p = r->code; (p = code_site_next(p, r->code + r->size, &kind)); p += 2) {
        struct window w;
        uint32_t at = (uint32_t)(p - r->code);
        if (!code_bit(r->begins, at))
            continue;
        if ((kind == CALLSITE_SYSCALL && is_sigreturn(r, at)) ||
            !(window_find(code, r, at, floor, PAGE, &w) ||
              window_find(code, r, at, floor, CLUSTER, &w))) {
            list->unpatchable++;
            continue;
        }
        if (!site_add(list, r, &w, at, kind))
            return false;
        floor = w.end;
    }
    return true;
}

static int compare_sites(const void *a, const void *b)
{
    const struct callsite *x = a, *y = b;
    return (x->window_off > y->window_off) - (x->window_off < y->window_off);
}

int elf_sites_find(const uint8_t *elf, size_t size, struct site_list *list)
{
    struct elf_code code;
    bool is_ok = true;
    *list = (struct site_list){0};
    if (elf_code_open(elf, size, &code) < 0)
        return -1;
    for (size_t i = 0; i < code.count && is_ok; i++)
        is_ok = range_sites(&code, &code.ranges[i], list);
    elf_code_close(&code);
    if (list->count > 0)
        qsort(list->sites, list->count, sizeof(*list->sites), compare_sites);
    return is_ok ? 0 : -1;
}
