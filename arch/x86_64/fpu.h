/* SPDX-License-Identifier: Apache-2.0 */
/* XSAVE state of the user, see fpu.c. */
#pragma once
#include "base/base.h"

#define ARCH_XSAVE_SIZE 2752u  /* standard format: 2688 on Intel, 2432 on AMD; rounded up to 64 */

/* The live state, in the standard format that signal frames have. 64-byte aligned. */
void arch_fpu_save_standard(void *state);
