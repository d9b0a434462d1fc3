/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of spaces that hold the same units, for the files that work on them: content.c (what is in a range), swap.c (who comes
 * in), fork.c, and conflict.c (who is in a set, and who runs). Layout and rules are at the top of conflict.c.
 */
#pragma once
#include "base/list.h"
#include "mm/internal.h"
#include "time/clock.h"

struct conflict_set {
    struct list members;
    struct shadow place;
    struct vmspace *resident; /* NULL: the one that was is gone */
    unsigned count;
    struct hot_pages hot;
    bool has_cold;            /* `place` may have marks of cold pages */
    uint32_t arrivals;
    bool is_barred;           /* its members must not run: it is joined to another just now */
    struct vmspace *claimant; /* was refused; after CLAIM_AFTER it goes before all others */
    ns_t claimed_at;
    uint64_t *changes;        /* pages in which the space that came in last differed from what lay there */
    size_t change_count, change_room;
    uint64_t epoch, changes_epoch; /* of the tables, when anybody but swap_in changes them; of `changes` */
    const struct vmspace *changes_of[2]; /* who came in then, and who was resident */
};

extern struct spinlock set_lock; /* guards all sets */

/* The frame that lies in place at a page of vm's set; NULL: none does. All below under set_lock. */
static inline struct frame *in_place(const struct vmspace *vm, uint64_t page)
{
    return shadow_get(&vm->set->place, page);
}

/* content.c */
nodiscard int frames_add(struct vmspace *vm, uaddr_t start, uaddr_t end); /* for pages of vm's in place that have none */
/* The content in place goes aside; the page may be used for another frame. What nobody has (refs 0) is dropped. */
nodiscard int frame_evict(struct conflict_set *set, uint64_t page, struct frame *f);
void orphans_retire(struct vmspace *vm, uaddr_t start, uaddr_t end); /* pages that are there and nobody's */
bool frame_is_shared(const struct vmspace *vm, uint64_t page);
unsigned shared_prot(const struct area *a); /* of a page that relatives share */

/* swap.c */
/* Makes vm, which no other vCPU keeps from it, the resident one. wants_cold: with the pages that stay away until they are touched. */
nodiscard int swap_in(struct vmspace *vm, bool wants_cold);
/* One page that stays away comes to the resident vm. */
nodiscard int swap_thaw(struct vmspace *vm, uint64_t page, struct frame *mark);

/* conflict.c */
nodiscard int set_create(struct vmspace *vm); /* vm is not running, or the caller's */
void frames_free(struct vmspace *vm);
bool cold_bring(struct vmspace *vm); /* what stays away comes, if vm is resident. False: it could not, and vm is lost */
