/* SPDX-License-Identifier: Apache-2.0 */
/* A count of owners. Reaching the top or going below zero stops the machine. */
#pragma once
#include "base/base.h"

struct refcount {
    uint32_t count;
};

#define REFCOUNT_MAX 0x7fffffffU

static inline void ref_init(struct refcount *ref, uint32_t count)
{
    __atomic_store_n(&ref->count, count, __ATOMIC_RELAXED);
}

static inline void ref_get(struct refcount *ref)
{
    uint32_t old = __atomic_fetch_add(&ref->count, 1, __ATOMIC_RELAXED);
    CHECK(old > 0 && old < REFCOUNT_MAX);
}

/* For a finder that holds only the lock of an index: false if the last owner has gone. */
static inline nodiscard bool ref_get_unless_zero(struct refcount *ref)
{
    uint32_t old = __atomic_load_n(&ref->count, __ATOMIC_RELAXED);
    while (old != 0) {
        CHECK(old < REFCOUNT_MAX);
        if (__atomic_compare_exchange_n(&ref->count, &old, old + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

/* True for the last owner, who then destroys the object. */
static inline nodiscard bool ref_put(struct refcount *ref)
{
    uint32_t old = __atomic_fetch_sub(&ref->count, 1, __ATOMIC_ACQ_REL);
    CHECK(old > 0);
    return old == 1;
}
