/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room that goes back to the host when data have gone, and comes again. A block that is gone counts as used by nobody: it is not given out
 * before the host has promised room for it again, so that a write never finds the host's disk full.
 */
#include "base/bitmap.h"
#include "fs/store/internal.h"

#define RUN_LEAST 64u /* a run of fewer blocks is not worth a call */

/* Free blocks that stay, for what is written next. */
static uint64_t kept_count(const struct space *s)
{
    return MAX(MIN((uint64_t)SPACE_GROW_BLOCKS, s->max / 16), (s->used_count - s->gone_count) / 4);
}

/* The next run of free blocks that is worth a call: true, and its end. */
static bool free_run_next(const struct store *st, uint64_t *addr, uint64_t *end)
{
    const uint64_t *used = st->space.used;
    const uint64_t limit = st->dev->blocks;
    do {
        *addr = bitmap_find_clear(used, limit, *end);
        *end = *addr < limit ? bitmap_find_set(used, limit, *addr) : limit;
    } while (*addr < limit && *end - *addr < RUN_LEAST);
    return *addr < limit;
}

static void run_gone(struct store *st, uint64_t addr, uint64_t end)
{
    struct space *s = &st->space;
    if (st->dev->ops->room(st->dev, addr, end - addr, false))
        return;
    s->used_count += end - addr;
    s->gone_count += end - addr;
    for (; addr < end; addr++) {
        bitmap_set(s->used, addr);
        bitmap_set(s->gone, addr);
        bitmap_clear(s->written, addr);
    }
}

static void run_back(struct space *s, uint64_t addr, uint64_t end)
{
    s->used_count -= end - addr;
    s->gone_count -= end - addr;
    s->hint = MIN(s->hint, addr);
    for (; addr < end; addr++) {
        bitmap_clear(s->used, addr);
        bitmap_clear(s->gone, addr);
    }
}

/* The first free blocks stay, the others go. */
static void discard(struct store *st, uint64_t kept)
{
    for (uint64_t addr, end = 0; free_run_next(st, &addr, &end);) {
        uint64_t stays = MIN(kept, end - addr);
        kept -= stays;
        if (end - addr - stays >= RUN_LEAST)
            run_gone(st, addr + stays, end);
    }
}

void space_discard(struct store *st)
{
    const struct space *s = &st->space;
    uint64_t free = st->dev->blocks - MIN(st->dev->blocks, s->used_count), kept = kept_count(s);
    if (st->dev->ops->room && free >= 2 * kept)
        discard(st, kept);
}

/* It is not written down which blocks the host has no room for: those that stay are asked for again. */
void space_settle(struct store *st)
{
    uint64_t kept = kept_count(&st->space), addr, end = 0;
    if (!st->dev->ops->room)
        return;
    while (kept > 0 && free_run_next(st, &addr, &end)) {
        uint64_t stays = MIN(kept, end - addr);
        if (st->dev->ops->room(st->dev, addr, stays, true))
            break;
        kept -= stays;
    }
    discard(st, kept_count(&st->space) - kept);
}

int space_regain(struct store *st, uint64_t blocks)
{
    struct space *s = &st->space;
    for (uint64_t addr, end, back = 0; back < blocks && s->gone_count > 0; back += end - addr) {
        addr = bitmap_find_set(s->gone, s->max, 0);
        end = bitmap_find_clear(s->gone, s->max, addr);
        if (end - addr > 2 * SPACE_GROW_BLOCKS)
            end = addr + SPACE_GROW_BLOCKS;
        int err = st->dev->ops->room(st->dev, addr, end - addr, true);
        if (err)
            return err;
        run_back(s, addr, end);
    }
    return 0;
}
