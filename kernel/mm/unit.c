/* SPDX-License-Identifier: Apache-2.0 */
/* Address space by the unit: how many vmspaces hold each. */
#include "base/spinlock.h"
#include "base/string.h"
#include "heap/heap.h"
#include "crypto/random.h"
#include "mm/internal.h"

#define NEAR_LIMIT (1ULL << 30)

static struct spinlock unit_lock = SPINLOCK(LOCK_UNIT);
static uint16_t *holders; /* a count for each unit of the user range */
static uint32_t unit_count;

void unit_init(void)
{
    unit_count = (uint32_t)(plat_info.user_end >> UNIT_SHIFT);
    holders = heap_zalloc(unit_count * sizeof(*holders));
    if (!holders)
        plat_panic("no memory for the table of the address space");
    holders[0] = 1; /* low addresses are for those who demand them */
}

static int range_add(struct vmspace *vm, uint32_t start, uint32_t count)
{
    if (vm->unit_count == vm->unit_room) {
        unsigned room = MAX(8U, vm->unit_room * 2);
        struct unit_range *grown = heap_realloc(vm->units, vm->unit_room * sizeof(*grown), room * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        vm->units = grown;
        vm->unit_room = room;
    }
    vm->units[vm->unit_count++] = (struct unit_range){start, count};
    for (uint32_t i = start; i < start + count; i++)
        holders[i]++;
    return 0;
}

static bool is_free(uint32_t start, uint32_t count)
{
    for (uint32_t i = start; i < start + count; i++) {
        if (holders[i])
            return false;
    }
    return true;
}

/* Top down from a random place, then from the top; or around `near`. */
static uint32_t find_free(uint32_t count, uint32_t low, uint32_t high, uint32_t from)
{
    if (high < low + count)
        return 0;
    for (uint32_t start = MIN(from, high - count); start >= low && start > 0; start--) {
        if (is_free(start, count))
            return start;
    }
    for (uint32_t start = high - count; start > from; start--) {
        if (is_free(start, count))
            return start;
    }
    return 0;
}

int unit_alloc(struct vmspace *vm, uint64_t size, uaddr_t near, uaddr_t *at)
{
    uint64_t count = align_up(size, UNIT_SIZE) >> UNIT_SHIFT;
    uint32_t low = 1, high = unit_count;
    int err = -ENOMEM;
    if (near) {
        low = near > NEAR_LIMIT ? (uint32_t)((near - NEAR_LIMIT) >> UNIT_SHIFT) + 1 : 1;
        high = MIN(unit_count, (uint32_t)((near + NEAR_LIMIT) >> UNIT_SHIFT));
    }
    if (count >= high)
        return -ENOMEM;
    uint32_t from = near ? (uint32_t)(near >> UNIT_SHIFT) : high - random_u32() % (high / 8 + 1) - 1;
    spin_lock(&unit_lock);
    uint32_t start = find_free((uint32_t)count, low, high, from);
    if (start)
        err = range_add(vm, start, (uint32_t)count);
    spin_unlock(&unit_lock);
    *at = (uaddr_t)start << UNIT_SHIFT;
    return err;
}

bool unit_is_held_by(const struct vmspace *vm, uint32_t unit)
{
    for (unsigned i = 0; i < vm->unit_count; i++) {
        if (unit - vm->units[i].start < vm->units[i].count)
            return true;
    }
    return false;
}

int unit_hold(struct vmspace *vm, uaddr_t addr, uint64_t size)
{
    int err = 0;
    spin_lock(&unit_lock);
    for (uint32_t unit = (uint32_t)(addr >> UNIT_SHIFT); unit <= (addr + size - 1) >> UNIT_SHIFT && err == 0; unit++) {
        if (!unit_is_held_by(vm, unit))
            err = range_add(vm, unit, 1);
    }
    spin_unlock(&unit_lock);
    return err;
}

int unit_copy(struct vmspace *from, struct vmspace *to)
{
    int err = 0;
    spin_lock(&unit_lock);
    for (unsigned i = 0; i < from->unit_count && err == 0; i++)
        err = range_add(to, from->units[i].start, from->units[i].count);
    spin_unlock(&unit_lock);
    return err;
}

void unit_release_all(struct vmspace *vm)
{
    spin_lock(&unit_lock);
    for (unsigned i = 0; i < vm->unit_count; i++) {
        for (uint32_t u = vm->units[i].start; u < vm->units[i].start + vm->units[i].count; u++) {
            if (--holders[u] == 0)
                release_stale((uaddr_t)u << UNIT_SHIFT, (uaddr_t)(u + 1) << UNIT_SHIFT);
        }
    }
    vm->unit_count = 0;
    spin_unlock(&unit_lock);
    heap_free(vm->units);
    vm->units = NULL;
    vm->unit_room = 0;
}

bool unit_is_held_by_others(uint32_t unit)
{
    return holders[unit] > (unit == 0 ? 2 : 1);
}

bool unit_are_mine_alone(const struct vmspace *vm)
{
    bool is_alone = true;
    spin_lock(&unit_lock);
    for (unsigned i = 0; i < vm->unit_count; i++) {
        for (uint32_t u = vm->units[i].start; u < vm->units[i].start + vm->units[i].count; u++)
            is_alone &= !unit_is_held_by_others(u);
    }
    spin_unlock(&unit_lock);
    return is_alone;
}

bool unit_is_mine_or_free(struct vmspace *vm, uint32_t unit)
{
    bool is_mine = unit_is_held_by(vm, unit);
    return is_mine ? !unit_is_held_by_others(unit) || vm->set : holders[unit] == 0;
}

bool unit_is_shared_by(const struct vmspace *a, const struct vmspace *b)
{
    bool is_shared = false;
    spin_lock(&unit_lock);
    for (unsigned i = 0; i < a->unit_count && !is_shared; i++) {
        for (uint32_t u = a->units[i].start; u < a->units[i].start + a->units[i].count; u++)
            is_shared |= unit_is_held_by(b, u);
    }
    spin_unlock(&unit_lock);
    return is_shared;
}
