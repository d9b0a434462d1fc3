/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables in software, for the spaces of a conflict set: which frame a space has at a page. A frame is content that
 * belongs to one page number; spaces that forked share it until one of them writes. At most one frame of a page lies in
 * place, in the user range; the others have a copy of theirs aside.
 */
#include "base/string.h"
#include "heap/heap.h"
#include "mm/internal.h"

static unsigned leaf_index(const struct shadow *s, uint64_t no)
{
    unsigned low = 0, high = s->count;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        if (s->leaves[mid].no < no)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct frame **shadow_leaf(const struct shadow *s, uint64_t no)
{
    unsigned i = leaf_index(s, no);
    return i < s->count && s->leaves[i].no == no ? s->leaves[i].frames : NULL;
}

uint64_t shadow_next_leaf(const struct shadow *s, uint64_t no)
{
    unsigned i = leaf_index(s, no);
    return i < s->count ? s->leaves[i].no : UINT64_MAX;
}

static int leaf_make(struct shadow *s, uint64_t no, struct frame ***frames)
{
    if (s->count == s->room) {
        unsigned room = MAX(16U, s->room * 2);
        struct shadow_leaf *grown = heap_realloc(s->leaves, s->room * sizeof(*grown), room * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        s->leaves = grown;
        s->room = room;
    }
    struct frame **fresh = page_alloc_zero(0);
    if (!fresh)
        return -ENOMEM;
    unsigned i = leaf_index(s, no);
    for (unsigned k = s->count; k > i; k--)
        s->leaves[k] = s->leaves[k - 1];
    s->leaves[i] = (struct shadow_leaf){no, fresh};
    s->count++;
    *frames = fresh;
    return 0;
}

struct frame *shadow_get(const struct shadow *s, uint64_t page)
{
    struct frame **frames = shadow_leaf(s, page / SHADOW_PAGES);
    return frames ? frames[page % SHADOW_PAGES] : NULL;
}

int shadow_set(struct shadow *s, uint64_t page, struct frame *f)
{
    struct frame **frames = shadow_leaf(s, page / SHADOW_PAGES);
    int err = 0;
    if (!frames && f)
        err = leaf_make(s, page / SHADOW_PAGES, &frames);
    if (err == 0 && frames)
        frames[page % SHADOW_PAGES] = f;
    return err;
}

void shadow_clear(struct shadow *s, uint64_t page)
{
    int err = shadow_set(s, page, NULL);
    CHECK(err == 0); /* clearing allocates nothing */
}

int shadow_copy(struct shadow *to, const struct shadow *from)
{
    int err = 0;
    for (unsigned i = 0; i < from->count && err == 0; i++) {
        struct frame **frames;
        err = leaf_make(to, from->leaves[i].no, &frames);
        if (err == 0)
            memcpy(frames, from->leaves[i].frames, PAGE_SIZE);
    }
    return err;
}

int shadow_merge(struct shadow *to, const struct shadow *from)
{
    int err = 0;
    for (unsigned i = 0; i < from->count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES && err == 0; k++) {
            if (from->leaves[i].frames[k])
                err = shadow_set(to, from->leaves[i].no * SHADOW_PAGES + k, from->leaves[i].frames[k]);
        }
    }
    return err;
}

/* The tables; frames are their owners' affair. */
void shadow_fini(struct shadow *s)
{
    for (unsigned i = 0; i < s->count; i++)
        page_free(s->leaves[i].frames, 0);
    heap_free(s->leaves);
    *s = (struct shadow){0};
}

struct frame *frame_create(void)
{
    struct frame *f = heap_alloc(sizeof(*f));
    if (f)
        *f = (struct frame){.refs = 1};
    return f;
}

/* One space less has it. True: nobody does, and it is freed. */
bool frame_put(struct frame *f)
{
    if (--f->refs > 0)
        return false;
    if (f->copy)
        page_free(f->copy, 0);
    heap_free(f);
    return true;
}
