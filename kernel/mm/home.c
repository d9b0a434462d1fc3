/* SPDX-License-Identifier: Apache-2.0 */
/* Shared objects have their addresses in a space of their own, that no process runs in. */
#include "mm/internal.h"

static struct vmspace home_space; /* zeroed: empty; its mutex guards it */

int home_alloc(uint64_t pages, uaddr_t *home)
{
    struct area shape = {.is_shared = true};
    mutex_lock(&home_space.lock);
    int err = area_find_gap(&home_space, pages << PAGE_SHIFT, PAGE_SIZE, 0, &shape.start);
    shape.end = shape.start + (pages << PAGE_SHIFT);
    if (err == 0)
        err = area_insert(&home_space, &shape, NULL);
    mutex_unlock(&home_space.lock);
    *home = shape.start;
    return err;
}

void home_release(uaddr_t home, uint64_t pages)
{
    release_range(home, home + (pages << PAGE_SHIFT));
    mutex_lock(&home_space.lock);
    struct area *a = area_find(&home_space, home);
    CHECK(a && a->start == home);
    area_remove(&home_space, a);
    mutex_unlock(&home_space.lock);
}
