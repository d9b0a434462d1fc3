/* SPDX-License-Identifier: Apache-2.0 */
/* What slab.c must know of pages. */
#pragma once
#include "base/base.h"

struct slab_class;

/* Whose a page is: heap_free finds the way back from an address. */
struct page_owner {
    struct slab_class *slab; /* NULL: a block of pages */
    uint32_t order;          /* of a block that heap_alloc gave */
    uint32_t reserved;
};
extern struct page_owner *page_owners;
size_t page_index(const void *page);
