/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program text: its system-call sites are patched as it is filled in, and addresses in the trampolines are
 * shown to the program as those in its own text that they stand for.
 */
#include "base/string.h"
#include "mm/internal.h"
#include "mm/usercopy.h"

/* ---- for debuggers (cmd/naos/gdb.py) ---------------------------------------------------------------------------- */

/* A debugger sets it before the kernel runs: in .data, since bss is cleared then, and volatile, since nothing here writes it. */
static volatile bool text_is_watched __attribute__((section(".data")));

/* Where a debugger stops to learn that code of a file lies at an address. */
__attribute__((noinline)) static void text_breakpoint(const char *path, uaddr_t start, uint64_t offset)
{
    __asm__ volatile("" ::"r"(path), "r"(start), "r"(offset) : "memory");
}

void text_mapped(struct vm_owner *owner, uaddr_t start, uint64_t offset)
{
    char path[256];
    uint64_t dev, ino;
    if (!text_is_watched)
        return;
    owner->ops->describe(owner, path, sizeof(path), &dev, &ino);
    text_breakpoint(path, start, offset);
}

/* ---- call sites ---------------------------------------------------------------------------------------------------- */

static const char trampoline_name[] = "[callsites]";

static const struct callsite_table *callsites_of(const struct area *a)
{
    bool may_patch = a->owner && !a->is_shared && (a->prot & VM_EXEC) && a->owner->ops->callsites;
    return may_patch ? a->owner->ops->callsites(a->owner) : NULL;
}

int area_trampolines_insert(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    const struct area shape = {
        .start = start, .end = end, .prot = VM_READ | VM_WRITE | VM_EXEC, .was_writable = true, .name = trampoline_name};
    return area_insert(vm, &shape, NULL);
}

/* Room for a trampoline for each site of the file, within reach of a 32-bit jump. */
int area_trampolines(struct vmspace *vm, struct area *a)
{
    const struct callsite_table *t = callsites_of(a);
    uaddr_t start;
    if (!t || t->count == 0)
        return 0;
    uint64_t size = align_up((uint64_t)t->count * ARCH_CALLSITE_TRAMPOLINE_SIZE, PAGE_SIZE);
    int err = area_find_gap(vm, size, PAGE_SIZE, a->start, &start);
    if (err == 0)
        err = content_claim(vm, start, start + size);
    if (err == 0)
        err = content_commit(vm, start, start + size, VM_READ | VM_WRITE | VM_EXEC);
    if (err == 0)
        err = area_trampolines_insert(vm, start, start + size);
    if (err == 0)
        a->trampolines = start;
    return err;
}

static uint32_t first_site(const struct callsite_table *t, uint64_t off)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (t->sites[mid].window_off < off)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void site_patch(const struct callsite *site, uint8_t *text, uaddr_t tramp)
{
    uint8_t patched[CALLSITE_WINDOW_MAX];
    if (arch_callsite_patch(site, text, (uaddr_t)text, (uint8_t *)tramp, tramp, patched) == 0)
        memcpy(text, patched, site->window_size);
}

/* Trampolines of sites [first, last) are about to be written. */
static int trampolines_open(struct vmspace *vm, const struct area *a, uint32_t first, uint32_t last)
{
    uaddr_t start = align_down(a->trampolines + (uint64_t)first * ARCH_CALLSITE_TRAMPOLINE_SIZE, PAGE_SIZE);
    uaddr_t end = align_up(a->trampolines + (uint64_t)last * ARCH_CALLSITE_TRAMPOLINE_SIZE, PAGE_SIZE);
    int err = content_unshare(vm, start, end);
    return err ? err : protect_range(start, end, VM_READ | VM_WRITE | VM_EXEC);
}

/* Windows that lie wholly in [start, end), which is filled and writable. One that crosses the border stays a trap. */
int area_patch_sites(struct vmspace *vm, const struct area *a, uaddr_t start, uaddr_t end)
{
    const struct callsite_table *t = a->trampolines ? callsites_of(a) : NULL;
    uint64_t off = a->offset + (start - a->start), off_end = off + (end - start);
    if (!t)
        return 0;
    uint32_t first = first_site(t, off), last = first_site(t, off_end);
    int err = first < last ? trampolines_open(vm, a, first, last) : 0;
    for (uint32_t i = first; i < last && err == 0; i++) {
        const struct callsite *site = &t->sites[i];
        if (site->window_off + site->window_size <= off_end)
            site_patch(site, (uint8_t *)(start + (site->window_off - off)),
                       a->trampolines + (uint64_t)i * ARCH_CALLSITE_TRAMPOLINE_SIZE);
    }
    return err;
}

/* ---- addresses ---------------------------------------------------------------------------------------------- */

/* The text whose trampolines hold pc, and its sites: asked for once, since a file that is copied up meanwhile loses them. */
static struct area *text_of_trampoline(struct vmspace *vm, uaddr_t pc, const struct callsite_table **sites)
{
    struct area *a = area_at_or_after(vm, 0);
    for (; a; a = area_next(a)) {
        const struct callsite_table *t = a->trampolines ? callsites_of(a) : NULL;
        *sites = t;
        if (t && pc >= a->trampolines && pc - a->trampolines < (uint64_t)t->count * ARCH_CALLSITE_TRAMPOLINE_SIZE)
            return a;
    }
    return NULL;
}

uaddr_t vm_pc_to_text(struct vmspace *vm, uaddr_t pc)
{
    mutex_lock(&vm->lock);
    struct area *at = area_find(vm, pc);
    const struct callsite_table *sites;
    struct area *text = at && at->name == trampoline_name ? text_of_trampoline(vm, pc, &sites) : NULL;
    if (text) {
        uint64_t off = pc - text->trampolines;
        const struct callsite *site = &sites->sites[off / ARCH_CALLSITE_TRAMPOLINE_SIZE];
        pc = text->start + (site->window_off - text->offset) +
             arch_callsite_text_off(site, (unsigned)(off % ARCH_CALLSITE_TRAMPOLINE_SIZE));
    }
    mutex_unlock(&vm->lock);
    return pc;
}

/* A site whose window holds pc behind its start: where that is, and what stands for pc in the trampoline. False: none. */
static bool window_find(const struct area *a, uaddr_t pc, uaddr_t *window, uaddr_t *moved)
{
    const struct callsite_table *t = a && a->trampolines ? callsites_of(a) : NULL;
    uint64_t off = t ? a->offset + (pc - a->start) : 0;
    uint32_t i = t ? first_site(t, off) : 0;
    if (i == 0 || off >= t->sites[i - 1].window_off + t->sites[i - 1].window_size)
        return false;
    const struct callsite *site = &t->sites[i - 1];
    *window = a->start + (site->window_off - a->offset);
    *moved = a->trampolines + (uint64_t)(i - 1) * ARCH_CALLSITE_TRAMPOLINE_SIZE +
             arch_callsite_trampoline_off(site, (unsigned)(off - site->window_off));
    return true;
}

uaddr_t vm_pc_from_text(struct vmspace *vm, uaddr_t pc)
{
    uaddr_t window, moved;
    uint8_t first;
    mutex_lock(&vm->lock);
    bool is_found = window_find(area_find(vm, pc), pc, &window, &moved);
    mutex_unlock(&vm->lock);
    /* Unlocked, since only filling the page in shows whether the jump is there, and nothing behind it that could run. */
    bool is_patched = is_found && copy_from_user(&first, window, 1) == 0 && first == ARCH_CALLSITE_PATCHED;
    return is_patched ? moved : pc;
}
