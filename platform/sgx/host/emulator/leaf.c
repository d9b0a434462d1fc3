/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaves of ENCLU that return to the enclave. Compiled without vector registers: the enclave's are live.
 * EACCEPT comes by the million (a page each), so it is first and short.
 */
#include "emulator.h"

#define FAULT (~0ULL) /* #GP or #PF on hardware: the enclave's own bug, RAX says what no leaf returns */

static uint64_t eaccept(struct sgx_enclave *e, const struct sgx_secinfo *secinfo, uint64_t addr)
{
    uint64_t flags = secinfo->flags;
    if (addr >= e->secs.size || addr % SGX_PAGE_SIZE)
        return FAULT;
    uint8_t *page = &e->epcm[addr / SGX_PAGE_SIZE];
    unsigned type = flags >> 8 == SGX_PT_TRIM ? EPCM_TRIM : EPCM_REG;
    unsigned want = (flags & 7) | (flags & SGX_SECINFO_PENDING ? EPCM_PENDING : 0) |
                    (flags & (SGX_SECINFO_MODIFIED | SGX_SECINFO_PR) ? EPCM_MODIFIED : 0) | type;
    if (*page != want)
        return SGX_PAGE_ATTRIBUTES_MISMATCH;
    *page &= (uint8_t)~(EPCM_PENDING | EPCM_MODIFIED);
    return SGX_SUCCESS;
}

static uint64_t emodpe(struct sgx_enclave *e, const struct sgx_secinfo *secinfo, uint64_t addr)
{
    if (addr >= e->secs.size || addr % SGX_PAGE_SIZE)
        return FAULT;
    uint8_t *page = &e->epcm[addr / SGX_PAGE_SIZE];
    if ((*page & (EPCM_REG | EPCM_PENDING)) != EPCM_REG)
        return FAULT;
    *page |= secinfo->flags & (EPCM_R | EPCM_W | EPCM_X);
    return SGX_SUCCESS;
}

/* Outside code runs for these: the enclave's vector state is kept aside. */
static uint64_t slow_leaf(struct emu_thread *t, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
    uint64_t rax = FAULT;
    __asm__ volatile("xsave64 %0" : "+m"(t->xsave_host) : "a"(-1), "d"(-1));
    if (leaf == SGX_EGETKEY) {
        rax = emu_egetkey(emu_enclave, (const struct sgx_keyrequest *)rbx, (uint8_t *)rcx);
    } else if (leaf == SGX_EREPORT) {
        emu_ereport(emu_enclave, (const struct sgx_targetinfo *)rbx, (const uint8_t *)rcx, (struct sgx_report *)rdx);
        rax = SGX_SUCCESS;
    }
    __asm__ volatile("xrstor64 %0" : : "m"(t->xsave_host), "a"(-1), "d"(-1));
    return rax;
}

uint64_t emu_leaf(struct emu_thread *t, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
    if (leaf == SGX_EACCEPT)
        return eaccept(emu_enclave, (const struct sgx_secinfo *)rbx, rcx);
    if (leaf == SGX_EMODPE)
        return emodpe(emu_enclave, (const struct sgx_secinfo *)rbx, rcx);
    return slow_leaf(t, leaf, rbx, rcx, rdx);
}
