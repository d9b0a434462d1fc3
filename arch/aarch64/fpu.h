/* SPDX-License-Identifier: Apache-2.0 */
/* The vector state as arch_fpu_save leaves it (fpu.S knows the offsets). */
#pragma once
#include <stdint.h>

struct fpu_state {
    uint64_t v[32][2]; /* Q0 to Q31, the lower half first */
    uint32_t fpsr, fpcr;
    uint8_t pad[56];
};
_Static_assert(sizeof(struct fpu_state) == 576, "a multiple of 64");
