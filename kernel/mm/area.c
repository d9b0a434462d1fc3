/* SPDX-License-Identifier: Apache-2.0 */
/* The areas of one vmspace, under its lock. */
#include "base/string.h"
#include "heap/heap.h"
#include "mm/internal.h"

static struct area *entry(struct tree_node *n)
{
    return n ? tree_entry(n, struct area, node) : NULL;
}

struct area *area_next(struct area *a)
{
    return entry(tree_next(&a->node));
}

struct area *area_prev(struct area *a)
{
    return entry(tree_prev(&a->node));
}

struct area *area_at_or_after(struct vmspace *vm, uaddr_t addr)
{
    struct tree_node *n = vm->areas.root;
    struct area *best = NULL;
    while (n) {
        struct area *a = entry(n);
        if (addr < a->end) {
            best = a;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

struct area *area_find(struct vmspace *vm, uaddr_t addr)
{
    struct area *a = area_at_or_after(vm, addr);
    return a && a->start <= addr ? a : NULL;
}

int area_insert(struct vmspace *vm, const struct area *shape, struct area **result)
{
    struct area *a = heap_alloc(sizeof(*a));
    if (!a)
        return -ENOMEM;
    *a = *shape;
    struct tree_node **link = &vm->areas.root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = a->start < entry(parent)->start ? &parent->left : &parent->right;
    }
    tree_insert(&vm->areas, &a->node, parent, link);
    if (a->pages)
        pagecache_get(a->pages);
    if (a->pages && a->is_shared) {
        __atomic_fetch_add(&a->pages->shared_areas, 1, __ATOMIC_RELAXED);
        shared_enter(a);
    }
    if (a->owner)
        a->owner->ops->get(a->owner);
    vm->size += a->end - a->start;
    if (result)
        *result = a;
    return 0;
}

void area_remove(struct vmspace *vm, struct area *a)
{
    tree_remove(&vm->areas, &a->node);
    vm->size -= a->end - a->start;
    if (a->pages && a->is_shared) {
        __atomic_fetch_sub(&a->pages->shared_areas, 1, __ATOMIC_RELAXED);
        shared_leave(a);
    }
    if (a->pages)
        pagecache_put(a->pages);
    if (a->owner)
        a->owner->ops->put(a->owner);
    heap_free(a);
}

int area_split(struct vmspace *vm, struct area *a, uaddr_t at)
{
    struct area upper = *a;
    upper.start = at;
    upper.offset += at - a->start;
    uaddr_t end = a->end;
    vm->size -= end - at;
    a->end = at;
    int err = area_insert(vm, &upper, NULL);
    if (err) {
        a->end = end;
        vm->size += end - at;
    }
    return err;
}

int area_isolate(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    struct area *a = area_find(vm, start);
    int err = 0;
    if (a && a->start < start)
        err = area_split(vm, a, start);
    a = area_find(vm, end - 1);
    if (err == 0 && a && a->end > end)
        err = area_split(vm, a, end);
    return err;
}

/* Top down: the highest gap in a held run of units. */
static int gap_in_units(struct vmspace *vm, const struct unit_range *u, uint64_t size, uint64_t align, uaddr_t *at)
{
    uaddr_t low = MAX((uaddr_t)u->start << UNIT_SHIFT, plat_info.user_start);
    uaddr_t top = (uaddr_t)(u->start + u->count) << UNIT_SHIFT;
    struct area *a = area_at_or_after(vm, top - 1);
    if (!a)
        a = entry(tree_last(&vm->areas));
    for (;; a = area_prev(a)) {
        if (a && a->start >= top)
            continue;
        uaddr_t floor = a && a->end > low ? a->end : low;
        if (top > floor && top - floor >= size) {
            uaddr_t start = align_down(top - size, align);
            if (start >= floor) {
                *at = start;
                return 0;
            }
        }
        if (!a || a->start <= low)
            return -ENOMEM;
        top = a->start;
    }
}

static bool is_near(const struct unit_range *u, uaddr_t near)
{
    uaddr_t mid = (uaddr_t)u->start << UNIT_SHIFT;
    return near == 0 || (mid > near ? mid - near : near - mid) < 1ULL << 30;
}

int area_find_gap(struct vmspace *vm, uint64_t size, uint64_t align, uaddr_t near, uaddr_t *at)
{
    uaddr_t base;
    for (unsigned i = 0; i < vm->unit_count; i++) {
        bool is_low = vm->units[i].start == 0;
        if ((is_low && !near) || !is_near(&vm->units[i], near))
            continue;
        if (gap_in_units(vm, &vm->units[i], size, align, at) == 0)
            return 0;
    }
    uint64_t padded;
    if (!size_add(size, align > PAGE_SIZE ? align : 0, &padded))
        return -ENOMEM;
    int err = unit_alloc(vm, padded, near, &base);
    if (err)
        return err;
    return gap_in_units(vm, &vm->units[vm->unit_count - 1], size, align, at);
}
