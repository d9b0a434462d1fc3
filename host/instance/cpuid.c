/* SPDX-License-Identifier: Apache-2.0 */
/* In a virtual machine each question traps to its hypervisor (10 us): only what the kernel's table is made from is asked. */
#include "cpuid.h"
#include <cpuid.h>
#include <string.h>

#define EXTENDED 0x80000000u

struct collection {
    struct cpuid_claim *claims;
    unsigned count;
    uint32_t max[2]; /* basic, extended */
};

static const uint32_t *ask(struct collection *c, uint32_t leaf, uint32_t sub)
{
    static const uint32_t none[4];
    struct cpuid_claim *claim = &c->claims[c->count];
    if (c->count == CPUID_CLAIM_MAX || leaf > c->max[leaf >> 31])
        return none;
    *claim = (struct cpuid_claim){.leaf = leaf, .sub = sub};
    __cpuid_count(leaf, sub, claim->regs[0], claim->regs[1], claim->regs[2], claim->regs[3]);
    c->count++;
    return claim->regs;
}

/* Up to the end of the list. */
static void ask_caches(struct collection *c, uint32_t leaf)
{
    for (uint32_t sub = 0; sub < 4; sub++) {
        if ((ask(c, leaf, sub)[0] & 31) == 0)
            return;
    }
}

unsigned instance_cpuid(struct cpuid_claim claims[CPUID_CLAIM_MAX])
{
    struct collection c = {.claims = claims, .max = {0, EXTENDED}};
    const uint32_t *first = ask(&c, 0, 0);
    c.max[0] = first[0];
    int is_intel = memcmp(&first[1], "Genu", 4) == 0;
    c.max[1] = ask(&c, EXTENDED, 0)[0];
    ask(&c, 1, 0);
    if (ask(&c, 7, 0)[0] >= 1)
        ask(&c, 7, 1);
    ask_caches(&c, is_intel ? 4 : EXTENDED + 0x1d);
    for (uint32_t leaf = EXTENDED + 1; leaf <= EXTENDED + 4; leaf++)
        ask(&c, leaf, 0);
    ask(&c, EXTENDED + 7, 0);
    ask(&c, EXTENDED + 8, 0);
    return c.count;
}
