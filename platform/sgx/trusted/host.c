/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving: host calls, the end, and the calls that memory needs. */
#include "base/log.h"
#include "base/string.h"
#include "hostcall/hostcall.h"
#include "offsets.h"
#include "trusted.h"

void plat_host_exit(void)
{
    struct task *task = sgx_vcpu()->current;
    void *fpu = task ? task->fpu : NULL;
    if (fpu)
        arch_fpu_save(fpu);
    sgx_exit_enter();
    if (fpu)
        arch_fpu_restore(fpu);
}

void plat_vcpu_kick(unsigned vcpu)
{
    int64_t err = hostcall_kick(vcpu);
    (void)err; /* a hint: the host may lose it */
}

void plat_exit(int status)
{
    for (;;) {
        int64_t err = hostcall_exit(status);
        (void)err; /* a host that enters again finds us here again */
    }
}

void plat_panic(const char *reason)
{
    static uint32_t is_panicking;
    char line[320];
    if (__atomic_exchange_n(&is_panicking, 1, __ATOMIC_RELAXED) == 0 && plat_host_frame()) {
        int len = format(line, sizeof(line), "enclave stopped: %s", reason);
        int64_t err = hostcall_log(LOG_ERROR, line, MIN((size_t)len, sizeof(line) - 1));
        (void)err;
    }
    for (;;) {
        if (plat_host_frame())
            plat_exit(125);
        sgx_exit_enter();
    }
}

/* ---- memory: the host gives pages, the processor says which ------------------------------------------------- */

static void page_accept(uint64_t addr)
{
    static const struct sgx_secinfo rw = {
        .flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_PENDING};
    if (sgx_enclu(SGX_EACCEPT, &rw, (void *)addr, NULL) != SGX_SUCCESS)
        plat_panic("the host did not give a page that it said it gave, or gave one twice");
}

/* Until this is done the page cannot come anew; a host that did not trim it is found out then. */
static void page_accept_trim(uint64_t addr)
{
    static const struct sgx_secinfo trim = {.flags = SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED};
    if (sgx_enclu(SGX_EACCEPT, &trim, (void *)addr, NULL) != SGX_SUCCESS)
        plat_panic("the host kept a page that it said it took back");
}

/* The host was asked to take write access away (EMODPR): the processor says whether it did. */
static void page_accept_sealed(uint64_t addr)
{
    static const struct sgx_secinfo r = {.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR},
                                    rx = {.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X | SGX_SECINFO_PR};
    if (sgx_enclu(SGX_EACCEPT, &r, (void *)addr, NULL) != SGX_SUCCESS && sgx_enclu(SGX_EACCEPT, &rx, (void *)addr, NULL) != SGX_SUCCESS)
        plat_panic("the host left a page writable that it was to protect");
}

/* Undoes that. */
static void page_make_writable(uint64_t addr)
{
    static const struct sgx_secinfo rw = {.flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W};
    if (sgx_enclu(SGX_EMODPE, &rw, (void *)addr, NULL) != SGX_SUCCESS)
        plat_panic("EMODPE failed: the page is not there");
}

static void page_make_executable(uint64_t addr)
{
    static const struct sgx_secinfo rwx = {
        .flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_X};
    if (sgx_enclu(SGX_EMODPE, &rwx, (void *)addr, NULL) != SGX_SUCCESS)
        plat_panic("EMODPE failed: the page is not there");
}

static void ranges_each_page(const struct plat_range *ranges, size_t count, void (*each)(uint64_t addr))
{
    for (size_t i = 0; i < count; i++) {
        for (uint64_t off = 0; off < ranges[i].size; off += PAGE_SIZE)
            each(ranges[i].addr + off);
    }
}

static void executable_ranges(const struct plat_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].prot & PLAT_PROT_EXEC)
            ranges_each_page(&ranges[i], 1, page_make_executable);
    }
}

static int mem_map(unsigned action, const struct plat_range *ranges, size_t count)
{
    CHECK(count > 0 && count <= PLAT_RANGE_MAX);
    return (int)hostcall_mem_map(action, ranges, count * sizeof(*ranges));
}

int plat_mem_commit(const struct plat_range *ranges, size_t count)
{
    int err = mem_map(HOSTCALL_MEM_COMMIT, ranges, count);
    if (err)
        return -ENOMEM;
    ranges_each_page(ranges, count, page_accept);
    executable_ranges(ranges, count);
    return 0;
}

int plat_mem_protect(const struct plat_range *ranges, size_t count)
{
    executable_ranges(ranges, count);
    if (mem_map(HOSTCALL_MEM_PROTECT, ranges, count))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].prot & PLAT_PROT_UNSEAL)
            ranges_each_page(&ranges[i], 1, page_make_writable);
        else if (ranges[i].prot & PLAT_PROT_SEALED)
            ranges_each_page(&ranges[i], 1, page_accept_sealed);
    }
    return 0;
}

void plat_mem_release(const struct plat_range *ranges, size_t count)
{
    if (mem_map(HOSTCALL_MEM_RELEASE, ranges, count)) /* what is in them would be seen by whoever gets the addresses next */
        plat_panic("the host did not take memory back");
    ranges_each_page(ranges, count, page_accept_trim);
}
