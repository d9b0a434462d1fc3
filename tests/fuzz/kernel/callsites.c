/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of call sites: what is taken for sound, is searched, and is patched, by the code that x86-64 uses. */
#define arch_callsite_patch          x86_callsite_patch
#define arch_callsite_text_off       x86_callsite_text_off
#define arch_callsite_trampoline_off x86_callsite_trampoline_off
#include "arch/x86_64/callsite.c"
#undef arch_callsite_patch
#undef arch_callsite_text_off
#undef arch_callsite_trampoline_off
#include "kernel/vfs/callsites.c"
#include "target.h"

#define TRAMPOLINE_MAX (CALLSITE_WINDOW_MAX + CALLSITE_ENTRY_SIZE + 5)

/* Text of exactly the window, a trampoline of exactly the largest size: what goes beyond is seen. */
static void site_use(const struct callsite *s)
{
    uint8_t *text = heap_alloc(s->window_size), *patched = heap_alloc(s->window_size), *tramp = heap_alloc(TRAMPOLINE_MAX);
    memset(text, 0x90, s->window_size);
    text[s->insn_off] = 0x0f;
    text[s->insn_off + 1] = s->kind == CALLSITE_CPUID ? 0xa2 : 0x05;
    int err = x86_callsite_patch(s, text, 0x10000 + s->window_off, tramp, 0x20000, patched);
    CHECK(err == 0 || s->window_off > INT32_MAX - 0x20000);
    CHECK(x86_callsite_patch(s, text, 0x10000, tramp, 0x20000000000, patched) == -ERANGE);
    for (unsigned off = 0; off <= s->window_size; off++)
        CHECK(x86_callsite_text_off(s, x86_callsite_trampoline_off(s, off)) <= s->window_size);
    heap_free(text);
    heap_free(patched);
    heap_free(tramp);
}

static void file_use(const struct callsite_file *f)
{
    for (uint32_t i = 0; i < f->count && i < 64; i++) {
        const struct callsite_table *t = callsites_find(f, f->entries[i].nid);
        volatile size_t len = strlen((const char *)f + f->entries[i].path_off);
        (void)len;
        for (uint32_t k = 0; t && k < t->count && k < 64; k++)
            site_use(&t->sites[k]);
    }
    volatile bool is_found = callsites_find(f, 7) != NULL;
    (void)is_found;
}

static void one(const uint8_t *data, size_t size)
{
    void *copy = heap_alloc(size);
    memcpy(copy, data, size);
    if (is_sound(copy, size))
        file_use(copy);
    heap_free(copy);
}

const struct fuzz_target fuzz_target = {.one = one};
