/* SPDX-License-Identifier: Apache-2.0 */
/* The user's vector state: it stays live in the processor while the kernel works for the task. SVE and SME are not shown to programs. */
#include "fpu.h"
#include "arch/arch.h"
#include "base/string.h"

size_t arch_fpu_size(void)
{
    return sizeof(struct fpu_state);
}

void arch_fpu_init(void *state)
{
    memset(state, 0, sizeof(struct fpu_state)); /* FPCR 0: round to nearest, no traps */
}
