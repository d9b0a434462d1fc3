/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator behind the driver's requests: what the Linux driver does with page tables is done here with mmap and mprotect,
 * and what it asks of the processor is asked of the model.
 */
#include <asm/sgx.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include "../backend.h"
#include "emulator.h"
#include "naos/hostcall.h"

uint64_t emu_vcpu_start, emu_elrange_size;
uint8_t *emu_epcm;
struct emu_thread *emu_threads_by_area[EMU_VCPU_MAX];

_Static_assert(offsetof(struct emu_thread, gprs) == 56 && offsetof(struct emu_thread, is_pending) == 72 &&
               offsetof(struct emu_thread, scratch) == 80, "switch.S knows these offsets");
_Static_assert(EPCM_R == 1 && EPCM_W == 2 && EPCM_PENDING == 8 && EPCM_REG == 16 && EPCM_TRIM == 64 && EPCM_MODIFIED == 128, "switch.S knows them");
_Static_assert(offsetof(struct sgx_gprs, rflags) == 128 && offsetof(struct sgx_gprs, exitinfo) == 160 &&
               offsetof(struct sgx_gprs, fsbase) == 168 && offsetof(struct sgx_gprs, ursp) == 144 && offsetof(struct sgx_gprs, urbp) == 152, "switch.S knows these offsets");

#define HWCAP2_FSGSBASE 2
#define POPULATE_MAX (1UL << 20)
#define BSS_MIN      (64UL << 10) /* what is larger and not measured is the kernel's bss, which it clears first of all */

static bool emulator_is_there(void)
{
    return true;
}

static uint64_t emulator_xfrm(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static int emulator_open(struct sgx_enclave **enclave, char *why, size_t why_size)
{
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE))
        return sgx_fail(why, why_size, "this processor or kernel has no FSGSBASE; Linux 5.9 or newer is needed");
    if (emu_enclave)
        return sgx_fail(why, why_size, "the emulator holds one enclave in a process");
    *enclave = calloc(1, sizeof(**enclave));
    return *enclave ? 0 : sgx_fail(why, why_size, "out of memory");
}

static void emulator_close(struct sgx_enclave *e)
{
    emu_eremove_all(e);
    munmap((void *)SGX_CALL_PAGE, SGX_PAGE_SIZE);
}

/* ---- the driver's requests ------------------------------------------------------------------------------------- */

/* EADD copies the page in; here a run of pages is copied at once. Pages of a TCS are the processor's alone. */
static int content_copy(const struct sgx_enclave_add_pages *arg, uint64_t secinfo, char *why, size_t why_size)
{
    if (secinfo == SGX_SECINFO_TCS)
        return 0;
    if (mprotect((void *)arg->offset, arg->length, PROT_READ | PROT_WRITE) < 0)
        return sgx_fail(why, why_size, strerror(errno));
    if (arg->flags & SGX_PAGE_MEASURE || arg->length > BSS_MIN)
        madvise((void *)arg->offset, arg->length, MADV_POPULATE_WRITE); /* all at once: a fault each costs more than the copy */
    if (arg->flags & SGX_PAGE_MEASURE) /* what is not measured is zero in our layouts, as is fresh memory */
        memcpy((void *)arg->offset, (const void *)arg->src, arg->length);
    return 0;
}

static int pages_add(struct sgx_enclave *e, struct sgx_enclave_add_pages *arg, char *why, size_t why_size)
{
    const struct sgx_secinfo *secinfo = (const struct sgx_secinfo *)arg->secinfo;
    for (arg->count = 0; arg->count < arg->length; arg->count += SGX_PAGE_SIZE) {
        const struct sgx_page page = {.addr = arg->offset + arg->count, .secinfo = secinfo->flags,
                                      .data = (const uint8_t *)arg->src + arg->count};
        if (emu_eadd(e, &page, why, why_size) < 0)
            return -1;
        if (arg->flags & SGX_PAGE_MEASURE)
            emu_eextend(e, &page);
    }
    return content_copy(arg, secinfo->flags, why, why_size);
}

static int emulator_request(struct sgx_enclave *e, unsigned long request, void *arg, char *why, size_t why_size)
{
    switch (request) {
    case SGX_IOC_ENCLAVE_CREATE:
        return emu_ecreate(e, (const struct sgx_secs *)((struct sgx_enclave_create *)arg)->src, why, why_size);
    case SGX_IOC_ENCLAVE_ADD_PAGES:
        return pages_add(e, arg, why, why_size);
    case SGX_IOC_ENCLAVE_INIT:
        return emu_einit(e, (const struct sgx_sigstruct *)((struct sgx_enclave_init *)arg)->sigstruct, why, why_size);
    default:
        return sgx_fail(why, why_size, "the emulator does not know this request");
    }
}

/* ---- after EINIT -------------------------------------------------------------------------------------------------- */

/* The kernel's own ENCLU (0f 01 d7 and a 4-byte nop) become calls through the call page. */
static int enclu_translate(const struct sgx_layout *l, char *why, size_t why_size)
{
    static const uint8_t enclu[7] = {0x0f, 0x01, 0xd7, 0x0f, 0x1f, 0x40, 0x00};
    static const uint8_t call[7] = {0xff, 0x14, 0x25, 0x00, 0x00, 0x01, 0x00};
    void (**page)(void) = mmap((void *)SGX_CALL_PAGE, SGX_PAGE_SIZE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if ((uint64_t)page != SGX_CALL_PAGE)
        return sgx_fail(why, why_size, "address 0x10000 is not free; set vm.mmap_min_addr to 65536 or less");
    *page = emu_enclu;
    mprotect(page, SGX_PAGE_SIZE, PROT_READ);
    for (size_t i = 0; i < l->enclu_count; i++) {
        uint8_t *site = (uint8_t *)l->enclu_sites[i];
        if (memcmp(site, enclu, sizeof(enclu)) != 0)
            return sgx_fail(why, why_size, "the kernel's list of ENCLU sites is wrong");
        memcpy(site, call, sizeof(call));
    }
    return 0;
}

static int pages_protect(const struct sgx_layout *l, char *why, size_t why_size)
{
    for (size_t i = 0, n; i < l->count; i += n) {
        const struct sgx_page *p = &l->pages[i];
        n = sgx_run_length(l, i);
        if (mprotect((void *)p->addr, n * SGX_PAGE_SIZE, sgx_page_prot(p->secinfo)) < 0)
            return sgx_fail(why, why_size, strerror(errno));
    }
    return 0;
}

static int emulator_map(struct sgx_enclave *e, const struct sgx_layout *l, char *why, size_t why_size)
{
    if (enclu_translate(l, why, why_size) < 0 || pages_protect(l, why, why_size) < 0)
        return -1;
    emu_elrange_size = l->elrange_size;
    emu_epcm = e->epcm;
    emu_vcpu_start = e->threads[0]->enclave_gs & ~0xffffULL;
    for (unsigned i = 0; i < e->vcpu_count; i++)
        emu_threads_by_area[(e->threads[i]->enclave_gs - emu_vcpu_start) >> 16] = e->threads[i];
    return emu_signals_init() < 0 ? sgx_fail(why, why_size, strerror(errno)) : 0;
}

/* ---- threads ------------------------------------------------------------------------------------------------------ */

static int emulator_thread_init(struct sgx_enclave *e, unsigned vcpu)
{
    struct emu_thread *t = e->threads[vcpu];
    __asm__ volatile("rdfsbase %0" : "=r"(t->host_fs));
    t->pthread = pthread_self();
    if (emu_thread_signals_init(t, e->secs.size) < 0)
        return -1;
    __atomic_store_n(&t->is_initialised, true, __ATOMIC_RELEASE);
    return 0;
}

static void emulator_thread_fini(struct sgx_enclave *e, unsigned vcpu)
{
    __atomic_store_n(&e->threads[vcpu]->is_initialised, false, __ATOMIC_RELEASE);
    emu_thread_signals_fini();
}

/* EENTER and ERESUME check the TCS first; what they refuse is #GP. */
static bool can_enter(struct sgx_enclave *e, struct emu_thread *t, enum sgx_enclu leaf)
{
    bool has_frame = leaf == SGX_EENTER ? t->cssa < t->tcs.nssa : t->cssa > 0;
    return e->is_initialised && has_frame && !atomic_exchange(&t->is_busy, true);
}

static void frame_choose(struct emu_thread *t, uint64_t cssa)
{
    uint8_t *frame = (uint8_t *)(t->tcs.ossa + cssa * SGX_PAGE_SIZE);
    t->xsave = frame;
    t->gprs = (struct sgx_gprs *)(frame + SGX_PAGE_SIZE) - 1;
}

static void resume(struct emu_thread *t)
{
    frame_choose(t, t->cssa - 1);
    t->gprs->rflags = (t->gprs->rflags & 0x240dd5) | 0x202; /* what user mode may change, and IF */
    t->cssa--;
    emu_eresume(t);
}

static void emulator_enter(struct sgx_enclave *e, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
                           struct sgx_run *run)
{
    struct emu_thread *t = e->threads[vcpu];
    if (!can_enter(e, t, leaf)) {
        *run = (struct sgx_run){.reason = SGX_RUN_FAILED, .error = SGX_VECTOR_GP};
        return;
    }
    if (leaf == SGX_EENTER) {
        frame_choose(t, t->cssa);
        emu_eenter(t, rdi, rsi, rdx);
    } else {
        resume(t);
    }
    t->is_pending = 0;
    atomic_store(&t->is_busy, false);
    *run = t->run;
    run->reason = t->exit_kind;
}

static void emulator_interrupt(struct sgx_enclave *e, unsigned vcpu)
{
    struct emu_thread *t = e->threads[vcpu];
    if (__atomic_load_n(&t->is_initialised, __ATOMIC_ACQUIRE))
        pthread_kill(t->pthread, EMU_SIGNAL);
}

/* ---- dynamic memory: EAUG and EMODT by the driver, page tables by mprotect ------------------------------------------ */

/* A page that the enclave has accepted as trimmed is removed before it is added anew; one that it has not accepted yet is there already. */
static int epcm_aug(uint8_t *page)
{
    if (*page == (EPCM_REG | EPCM_R | EPCM_W | EPCM_PENDING))
        return 0;
    if (*page & EPCM_MODIFIED)
        return -EBUSY;
    if (*page & ~EPCM_TRIM)
        return -EINVAL;
    *page = EPCM_REG | EPCM_R | EPCM_W | EPCM_PENDING;
    return 0;
}

static int epcm_trim(uint8_t *page)
{
    if (!(*page & EPCM_REG))
        return -EINVAL;
    *page = EPCM_TRIM | EPCM_MODIFIED;
    return 0;
}

/* EMODPR: what is restricted already stays so; EPCM.PR until the enclave has accepted. */
static int epcm_restrict(uint8_t *page, uint32_t prot)
{
    if (!(*page & EPCM_REG) || (*page & EPCM_PENDING))
        return -EINVAL;
    *page = (uint8_t)((*page & (~SGX_PROT_MASK | prot)) | EPCM_MODIFIED);
    return 0;
}

static int pages_restrict(struct sgx_enclave *e, const struct sgx_mem_range *r)
{
    int err = 0;
    for (uint64_t at = r->addr; at < r->addr + r->size && err == 0; at += SGX_PAGE_SIZE)
        err = epcm_restrict(&e->epcm[at / SGX_PAGE_SIZE], r->prot);
    return err;
}

/* Where the process has as many mappings as it may, the pages go and the mapping stays: to give memory back never fails. */
static int pages_drop(void *at, uint64_t size)
{
    if (mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == at)
        return 0;
    return madvise(at, size, MADV_DONTNEED) < 0 ? -errno : 0;
}

static int emulator_mem_map(struct sgx_enclave *e, unsigned action, const struct sgx_mem_range *r)
{
    int (*change)(uint8_t *page) = action == HOSTCALL_MEM_COMMIT ? epcm_aug : action == HOSTCALL_MEM_RELEASE ? epcm_trim : NULL;
    uint8_t *page = &e->epcm[r->addr / SGX_PAGE_SIZE], *end = page + r->size / SGX_PAGE_SIZE;
    void *at = (void *)r->addr;
    for (; change && page < end; page++) {
        int err = change(page);
        if (err)
            return err;
    }
    if (action == HOSTCALL_MEM_RELEASE)
        return pages_drop(at, r->size);
    if (action == HOSTCALL_MEM_PROTECT && (r->prot & SGX_PROT_SEALED)) {
        int err = pages_restrict(e, r);
        if (err)
            return err;
    }
    if (mprotect(at, r->size, (int)(r->prot & SGX_PROT_MASK)) < 0)
        return -errno;
    if (action == HOSTCALL_MEM_COMMIT && r->size <= POPULATE_MAX && (r->prot & PROT_WRITE))
        madvise(at, r->size, MADV_POPULATE_WRITE); /* most of it will be written at once; more than that gets huge pages */
    return 0;
}

/* As the processor does with pages that were not accepted yet: else a program would have memory that its kernel knows nothing of. */
static void emulator_mem_hide(struct sgx_enclave *e, const struct sgx_mem_range *r)
{
    (void)e;
    mprotect((void *)r->addr, r->size, PROT_NONE);
}

const struct sgx_backend sgx_emulator = {
    .name = "emulator", .is_there = emulator_is_there, .xfrm = emulator_xfrm, .open = emulator_open, .request = emulator_request,
    .map = emulator_map, .close = emulator_close, .thread_init = emulator_thread_init, .thread_fini = emulator_thread_fini,
    .enter = emulator_enter, .interrupt = emulator_interrupt, .mem_map = emulator_mem_map, .mem_hide = emulator_mem_hide,
};
