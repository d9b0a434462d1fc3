/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patching a `syscall` or `cpuid` instruction (docs/design.md 6.4). The trampoline:
 *
 *     <the window's instructions before it>
 *     lea 8(%rip), %rcx            what syscall would leave in RCX, but here; RDX for cpuid, which only writes it
 *     jmp *%gs:24                  an entry of vcpu, by the kind (offsets.h); comes back there
 *     <the instructions after it>
 *     jmp <end of the window>
 */
#include "callsite.h"
#include "arch/arch.h"
#include "base/string.h"
#include "naos/callsite.h"

static const struct {
    uint8_t opcode; /* behind 0f */
    uint8_t call[CALLSITE_ENTRY_SIZE];
} kinds[CALLSITE_KINDS] = {
    [CALLSITE_SYSCALL] = {0x05, {0x48, 0x8d, 0x0d, 0x08, 0, 0, 0, 0x65, 0xff, 0x24, 0x25, 24, 0, 0, 0}},
    [CALLSITE_CPUID] = {0xa2, {0x48, 0x8d, 0x15, 0x08, 0, 0, 0, 0x65, 0xff, 0x24, 0x25, 120, 0, 0, 0}},
};

/* jmp rel32 at `at` to `target`. */
static int jump_write(uint8_t *code, uaddr_t at, uaddr_t target)
{
    int64_t rel = (int64_t)(target - (at + 5));
    if (rel < INT32_MIN || rel > INT32_MAX)
        return -ERANGE;
    int32_t rel32 = (int32_t)rel;
    code[0] = 0xe9;
    memcpy(code + 1, &rel32, sizeof(rel32));
    return 0;
}

/* The [rip + x] of a moved instruction means what it did. */
static int disp_mend(const struct callsite *site, uaddr_t text_at, uint8_t *tramp, uaddr_t tramp_at)
{
    int32_t disp;
    unsigned off = site->disp_off ? arch_callsite_trampoline_off(site, site->disp_off) : 0;
    if (off == 0)
        return 0;
    memcpy(&disp, tramp + off, sizeof(disp));
    int64_t mended = disp + (int64_t)(text_at + site->disp_off - (tramp_at + off));
    if (mended < INT32_MIN || mended > INT32_MAX)
        return -ERANGE;
    disp = (int32_t)mended;
    memcpy(tramp + off, &disp, sizeof(disp));
    return 0;
}

int arch_callsite_patch(const struct callsite *site, const uint8_t *text, uaddr_t text_at, uint8_t *tramp,
                        uaddr_t tramp_at, uint8_t *patched)
{
    size_t before = site->insn_off, after = (size_t)site->window_size - before - 2, size = 0;
    if (text[before] != 0x0f || text[before + 1] != kinds[site->kind].opcode)
        return -EINVAL;
    memcpy(tramp, text, before);
    size += before;
    memcpy(tramp + size, kinds[site->kind].call, CALLSITE_ENTRY_SIZE);
    size += CALLSITE_ENTRY_SIZE;
    memcpy(tramp + size, text + before + 2, after);
    size += after;
    if (disp_mend(site, text_at, tramp, tramp_at) || jump_write(tramp + size, tramp_at + size, text_at + site->window_size) ||
        jump_write(patched, text_at, tramp_at))
        return -ERANGE;
    memset(patched + 5, 0xcc, (size_t)site->window_size - 5);
    return 0;
}

unsigned arch_callsite_text_off(const struct callsite *site, unsigned off)
{
    unsigned before = site->insn_off, after = site->window_size - before - 2u;
    if (off < before)
        return off;
    if (off < before + CALLSITE_ENTRY_SIZE)
        return before; /* not called yet */
    off -= before + CALLSITE_ENTRY_SIZE;
    return before + 2 + MIN(off, after); /* the last jump is the window's end */
}

unsigned arch_callsite_trampoline_off(const struct callsite *site, unsigned off)
{
    return off <= site->insn_off ? off : off - 2 + CALLSITE_ENTRY_SIZE;
}
