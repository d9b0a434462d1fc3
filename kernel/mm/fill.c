/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a page holds when it comes: zeros, or the file's bytes, with its system calls patched (text.c).
 */
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/internal.h"

/* ---- private areas ------------------------------------------------------------------------------------------------- */

/*
 * Getting a file's pages may sleep, and then another space of the conflict set may come and go. So they are all pinned first,
 * and what lies in the user range is touched in one go.
 */
#define CHUNK (512UL << 10)
struct pinned {
    void *pages[CHUNK >> PAGE_SHIFT];
    size_t count;
};

static void pages_unpin(struct pagecache *pc, const struct pinned *p)
{
    for (size_t i = 0; i < p->count; i++)
        pagecache_unpin(pc);
}

static int pages_pin(struct pagecache *pc, uint64_t idx, size_t count, struct pinned *p)
{
    int err = 0;
    for (p->count = 0; p->count < count && err == 0; p->count += err == 0)
        err = pagecache_pin(pc, idx + p->count, false, &p->pages[p->count]);
    if (err)
        pages_unpin(pc, p);
    return err;
}

/* Does not sleep. */
static int pages_place(struct vmspace *vm, const struct area *a, uaddr_t start, uaddr_t end, const struct pinned *p)
{
    int err = content_commit_dirty(vm, start, end);
    for (size_t i = 0; i < p->count && err == 0; i++)
        memcpy((void *)(start + (i << PAGE_SHIFT)), p->pages[i], PAGE_SIZE);
    if (err == 0)
        err = area_patch_sites(vm, a, start, end);
    if (err == 0)
        err = protect_range(start, end, a->prot);
    if (err == 0)
        return 0;
    int discarded = content_discard(vm, start, end);
    return discarded ? discarded : err;
}

static int chunk_fill(struct vmspace *vm, const struct area *a, uaddr_t start, uaddr_t end)
{
    struct pinned p;
    int err = pages_pin(a->pages, (a->offset + (start - a->start)) >> PAGE_SHIFT, (end - start) >> PAGE_SHIFT, &p);
    if (err)
        return err;
    err = pages_place(vm, a, start, end, &p);
    pages_unpin(a->pages, &p);
    return err;
}

static int private_fill(struct vmspace *vm, const struct area *a, uaddr_t start, uaddr_t end, uaddr_t need)
{
    uint64_t file_pages = align_up(a->pages->size, PAGE_SIZE);
    uint64_t room = file_pages > a->offset ? file_pages - a->offset : 0;
    int err = 0;
    if (need - a->start >= room)
        return -EIO;
    end = MIN(end, a->start + room);
    for (uaddr_t at = start; at < end && err == 0; at += CHUNK)
        err = chunk_fill(vm, a, at, MIN(end, at + CHUNK));
    return err;
}

/* ---- shared areas ---------------------------------------------------------------------------------------------------- */

/* All of it lets what the area wants. */
static bool is_ready(const struct area *a, uaddr_t start, uaddr_t end)
{
    while (start < end && page_is_committed(start >> PAGE_SHIFT) && (page_prot(start >> PAGE_SHIFT) & a->prot) == a->prot)
        start += PAGE_SIZE;
    return start == end;
}

static int shared_fill(struct area *a, uaddr_t start, uaddr_t end, uaddr_t need)
{
    if (a->pages->is_sealed && is_ready(a, start, end))
        return 0; /* the vDSO, in each program but the first */
    for (uaddr_t at = start; at < end; at += PAGE_SIZE) {
        uint64_t idx = (a->offset + (at - a->start)) >> PAGE_SHIFT;
        int err = idx << PAGE_SHIFT >= a->pages->size ? -EIO : pagecache_home_page(a->pages, idx);
        if (err && at == need)
            return err;
    }
    if (a->pages->is_sealed)
        return a->prot & VM_EXEC ? protect_range(start, end, a->prot) : 0;
    return shared_settle(a->pages, start, end);
}

int area_fill(struct vmspace *vm, struct area *a, uaddr_t start, uaddr_t end, uaddr_t need)
{
    if (a->is_shared)
        return shared_fill(a, start, end, need);
    if (a->pages)
        return private_fill(vm, a, start, end, need);
    return content_commit(vm, start, end, a->prot);
}
