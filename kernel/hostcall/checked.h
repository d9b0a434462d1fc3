/* SPDX-License-Identifier: Apache-2.0 */
/* What the generated wrappers share: one request, described; one reply, checked. */
#pragma once
#include "hostcall/hostcall.h"

struct checked_call {
    uint32_t nr;
    uint64_t args[HOSTCALL_ARGS];
    const void *in;
    size_t in_size, in_max;
    void *out;
    size_t out_size, out_max; /* a larger size is cut to the maximum */
    int64_t ret_min, ret_max;
    const int *errs; /* ended by 0 */
};

/* The result, or -EIO for one that is not in its range. -EINVAL: the request does not fit, nothing was asked. */
nodiscard int64_t checked_call(const struct checked_call *call);
