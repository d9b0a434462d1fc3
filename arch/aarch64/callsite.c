/* SPDX-License-Identifier: Apache-2.0 */
/* SVC comes to the kernel by itself at EL1: there are no call sites to patch. */
#include "arch/arch.h"

int arch_callsite_patch(const struct callsite *site, const uint8_t *text, uaddr_t text_at, uint8_t *tramp, uaddr_t tramp_at,
                        uint8_t *patched)
{
    (void)site, (void)text, (void)text_at, (void)tramp, (void)tramp_at, (void)patched;
    return -ERANGE;
}

unsigned arch_callsite_text_off(const struct callsite *site, unsigned off)
{
    (void)site;
    return off;
}

unsigned arch_callsite_trampoline_off(const struct callsite *site, unsigned off)
{
    (void)site;
    return off;
}
