/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spaces of programs that ended, kept for the next run of the same program: without page tables the same file at the same
 * address is all that can be shared, and programs run again and again. A parked space holds its units; its pages are
 * stale, with the protection that they had, and those of unchanged read-only file areas (text, patched, with its trampolines) keep their content. `ghosts`
 * tells what they hold. A new area that agrees with a ghost gets the pages back instead of faulting them in; addresses
 * come out as last time, for they are chosen in the same way from the same units. Only files that never change take part.
 */
#include "base/log.h"
#include "heap/heap.h"
#include "mm/internal.h"
#include "naos/callsite.h"

#define PARKED_MAX 16

static struct spinlock park_lock = SPINLOCK(LOCK_PARK); /* guards the list */
static struct list parked = LIST_INIT(parked);          /* by set_node, the last one first */
static unsigned parked_count;

/* ---- ghosts ----------------------------------------------------------------------------------------------------- */

static bool is_clean(const struct area *a)
{
    bool is_constant = a->pages && a->pages->ops && a->pages->ops->fill && !a->pages->ops->write;
    return is_constant && !a->is_shared && !a->was_writable && !(a->prot & VM_WRITE);
}

static bool has_lone_trampolines(struct vmspace *vm, const struct area *a)
{
    for (struct area *other = area_at_or_after(vm, 0); other && a->trampolines; other = area_next(other)) {
        if (other != a && other->trampolines == a->trampolines)
            return false;
    }
    return true;
}

static bool describes(const struct ghost *g, const struct area *a)
{
    return g->pages == a->pages && g->prot == a->prot && g->start >= a->start && g->end <= a->end &&
           g->offset == a->offset + (g->start - a->start);
}

static struct ghost *ghost_of(struct vmspace *vm, const struct area *a)
{
    for (unsigned i = 0; is_clean(a) && i < vm->ghost_count; i++) {
        if (vm->ghosts[i].start < a->end && a->start < vm->ghosts[i].end && describes(&vm->ghosts[i], a))
            return &vm->ghosts[i];
    }
    return NULL;
}

bool ghost_keeps(struct vmspace *vm, const struct area *a)
{
    const struct ghost *g = ghost_of(vm, a);
    return g && g->start == a->start && g->end == a->end && g->trampolines == a->trampolines;
}

static int trampolines_revive(struct vmspace *vm, const struct ghost *g, struct area *a)
{
    uaddr_t end = g->trampolines + g->trampolines_size;
    const struct area *next = area_at_or_after(vm, g->trampolines);
    if ((next && next->start < end) || !revive_range(g->trampolines, end, VM_READ | VM_WRITE | VM_EXEC, true))
        return -EAGAIN;
    int err = area_trampolines_insert(vm, g->trampolines, end);
    if (err == 0)
        a->trampolines = g->trampolines;
    else
        retire_range(g->trampolines, end);
    return err;
}

void ghost_revive(struct vmspace *vm, struct area *a)
{
    const struct ghost *g = vm->set ? NULL : ghost_of(vm, a);
    if (!g || (g->trampolines && trampolines_revive(vm, g, a)))
        return;
    bool is_all = revive_range(g->start, g->end, a->prot, false);
    (void)is_all; /* what is missing faults in */
}

static void ghosts_drop(struct vmspace *vm)
{
    for (unsigned i = 0; i < vm->ghost_count; i++)
        pagecache_put(vm->ghosts[i].pages);
    heap_free(vm->ghosts);
    vm->ghosts = NULL;
    vm->ghost_count = 0;
}

static uint64_t trampolines_size(struct vmspace *vm, const struct area *a)
{
    const struct area *t = a->trampolines ? area_find(vm, a->trampolines) : NULL;
    return t ? t->end - t->start : 0;
}

/* What the areas hold becomes the ghosts. The old ones go after it: they keep page caches alive. */
static void ghosts_take(struct vmspace *vm)
{
    struct ghost *list = heap_alloc(GHOSTS_MAX * sizeof(*list));
    unsigned count = 0;
    for (struct area *a = area_at_or_after(vm, 0); list && a && count < GHOSTS_MAX; a = area_next(a)) {
        if (!is_clean(a) || !has_lone_trampolines(vm, a))
            continue;
        pagecache_get(a->pages);
        list[count++] = (struct ghost){.start = a->start, .end = a->end, .prot = a->prot, .pages = a->pages, .offset = a->offset,
                                       .trampolines = a->trampolines, .trampolines_size = trampolines_size(vm, a)};
    }
    ghosts_drop(vm);
    vm->ghosts = list;
    vm->ghost_count = count;
}

/* ---- parking ------------------------------------------------------------------------------------------------------ */

static bool is_kept(const struct vmspace *vm, const struct area *a)
{
    for (unsigned i = 0; i < vm->ghost_count; i++) {
        const struct ghost *g = &vm->ghosts[i];
        if (g->start == a->start || (g->trampolines && g->trampolines == a->start))
            return true;
    }
    return false;
}

/* Without a host call: they stay as they are for the next run. False: there is no room for stale pages. */
static bool pages_retire(struct vmspace *vm)
{
    uint64_t bytes = 0;
    for (struct area *a = area_at_or_after(vm, 0); a; a = area_next(a))
        bytes += a->is_shared ? 0 : committed_bytes(a->start, a->end);
    if (!stale_has_room(bytes))
        return false;
    for (struct area *a = area_at_or_after(vm, 0); a; a = area_next(a)) {
        if (!a->is_shared)
            stale_mark(a->start, a->end, is_kept(vm, a));
    }
    return true;
}

/* Nobody's now: what was the program's is out of reach before others may get the units. */
static void parked_free(struct vmspace *vm)
{
    for (unsigned i = 0; i < vm->unit_count; i++) {
        uaddr_t start = (uaddr_t)vm->units[i].start << UNIT_SHIFT;
        int err = stale_forbid(start, start + ((uint64_t)vm->units[i].count << UNIT_SHIFT));
        if (err)
            log_warn("the host did not change the protection of memory");
    }
    unit_release_all(vm);
    ghosts_drop(vm);
    pagecache_put(vm->program);
    heap_free(vm);
}

static void park(struct vmspace *vm)
{
    struct vmspace *oldest = NULL;
    spin_lock(&park_lock);
    list_push_front(&parked, &vm->set_node);
    if (++parked_count > PARKED_MAX) {
        oldest = list_entry(parked.prev, struct vmspace, set_node);
        list_remove(&oldest->set_node);
        parked_count--;
    }
    spin_unlock(&park_lock);
    if (oldest)
        parked_free(oldest);
}

bool space_park(struct vmspace *vm)
{
    struct area *a;
    if (!vm->program || !unit_are_mine_alone(vm))
        return false;
    ghosts_take(vm);
    if (!pages_retire(vm))
        return false;
    while ((a = area_at_or_after(vm, 0)))
        area_remove(vm, a);
    space_unregister(vm);
    park(vm);
    return true;
}

void space_ghosts_drop(struct vmspace *vm)
{
    ghosts_drop(vm);
    if (vm->program)
        pagecache_put(vm->program);
}

static struct vmspace *parked_take(const struct pagecache *program)
{
    struct vmspace *vm, *found = NULL;
    spin_lock(&park_lock);
    list_for_each (vm, &parked, set_node) {
        if (vm->program != program)
            continue;
        found = vm;
        list_remove(&vm->set_node);
        parked_count--;
        break;
    }
    spin_unlock(&park_lock);
    return found;
}

/* As new, but for its units, its ghosts and the program. */
static void space_renew(struct vmspace *vm)
{
    struct vmspace old = *vm;
    *vm = (struct vmspace){.units = old.units, .unit_count = old.unit_count, .unit_room = old.unit_room, .ghosts = old.ghosts,
                           .ghost_count = old.ghost_count, .program = old.program};
    space_begin(vm);
}

int vmspace_create_for(struct pagecache *program, struct vmspace **result)
{
    struct vmspace *vm;
    while ((vm = parked_take(program))) {
        space_renew(vm); /* others see it from now on: who demands its units meanwhile joins it, or is seen here */
        if (unit_are_mine_alone(vm)) {
            *result = vm;
            return 0;
        }
        space_unregister(vm);
        parked_free(vm);
    }
    int err = vmspace_create(result);
    if (err == 0) {
        pagecache_get(program);
        (*result)->program = program;
    }
    return err;
}
