/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a layout's pages into an enclave, and runs it. The backend does the rest. */
#include "loader.h"
#include <asm/sgx.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "backend.h"
#include "naos/hostcall.h"

int sgx_fail(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return -1;
}

int sgx_page_prot(uint64_t secinfo)
{
    if (secinfo == SGX_SECINFO_TCS)
        return PROT_NONE;
    return (secinfo & SGX_SECINFO_R ? PROT_READ : 0) | (secinfo & SGX_SECINFO_W ? PROT_WRITE : 0) |
           (secinfo & SGX_SECINFO_X ? PROT_EXEC : 0);
}

size_t sgx_run_length(const struct sgx_layout *l, size_t first)
{
    const struct sgx_page *p = &l->pages[first];
    size_t n = 1;
    while (first + n < l->count && p[n].addr == p->addr + n * SGX_PAGE_SIZE && p[n].data == p->data + n * SGX_PAGE_SIZE &&
           p[n].secinfo == p->secinfo && p[n].is_measured == p->is_measured)
        n++;
    return n;
}

static const struct sgx_backend *backend_of(const struct sgx_enclave *e)
{
    return ((const struct sgx_enclave_base *)e)->backend;
}

/* ---- making one --------------------------------------------------------------------------------------------- */

static int secs_create(struct sgx_enclave *e, const struct sgx_layout *l, char *why, size_t why_size)
{
    static struct sgx_secs secs __attribute__((aligned(SGX_PAGE_SIZE)));
    struct sgx_enclave_create arg = {.src = (uint64_t)&secs};
    secs = (struct sgx_secs){.size = l->elrange_size, .ssa_frame_size = l->ssa_frame_size, .misc_select = l->misc_select,
                             .attributes = l->attributes};
    secs.attributes.xfrm |= backend_of(e)->xfrm() & SGX_XFRM_OPTIONAL;
    return backend_of(e)->request(e, SGX_IOC_ENCLAVE_CREATE, &arg, why, why_size);
}

static int pages_add(struct sgx_enclave *e, const struct sgx_layout *l, char *why, size_t why_size)
{
    int err = 0;
    for (size_t i = 0, n; i < l->count && err == 0; i += n) {
        const struct sgx_page *p = &l->pages[i];
        struct sgx_secinfo secinfo = {.flags = p->secinfo};
        n = sgx_run_length(l, i);
        struct sgx_enclave_add_pages arg = {
            .src = (uint64_t)p->data, .offset = p->addr, .length = n * SGX_PAGE_SIZE, .secinfo = (uint64_t)&secinfo,
            .flags = p->is_measured ? SGX_PAGE_MEASURE : 0,
        };
        while (err == 0 && arg.length > 0) { /* the driver may stop in between, for a signal */
            arg.count = 0;
            err = backend_of(e)->request(e, SGX_IOC_ENCLAVE_ADD_PAGES, &arg, why, why_size);
            arg.src += arg.count, arg.offset += arg.count, arg.length -= arg.count;
        }
    }
    return err;
}

static const struct sgx_backend *backend_choose(enum sgx_backend_kind kind)
{
    if (kind == SGX_BACKEND_AUTO)
        return sgx_device.is_there() ? &sgx_device : &sgx_emulator;
    return kind == SGX_BACKEND_DEVICE ? &sgx_device : &sgx_emulator;
}

int sgx_enclave_create(const struct sgx_load *load, struct sgx_enclave **enclave, char *why, size_t why_size)
{
    const struct sgx_backend *backend = backend_choose(load->backend);
    struct sgx_enclave_init init = {.sigstruct = (uint64_t)load->sigstruct};
    if (backend->open(enclave, why, why_size) < 0)
        return -1;
    struct sgx_enclave_base *base = (struct sgx_enclave_base *)*enclave;
    base->backend = backend;
    base->size = load->layout->elrange_size;
    if (secs_create(*enclave, load->layout, why, why_size) == 0 && pages_add(*enclave, load->layout, why, why_size) == 0 &&
        backend->request(*enclave, SGX_IOC_ENCLAVE_INIT, &init, why, why_size) == 0 &&
        backend->map(*enclave, load->layout, why, why_size) == 0)
        return 0;
    backend->close(*enclave);
    return -1;
}

void sgx_enclave_destroy(struct sgx_enclave *enclave)
{
    backend_of(enclave)->close(enclave);
}

const char *sgx_enclave_backend(const struct sgx_enclave *enclave)
{
    return backend_of(enclave)->name;
}

/* ---- running it --------------------------------------------------------------------------------------------- */

int sgx_thread_init(struct sgx_enclave *enclave, unsigned vcpu)
{
    return backend_of(enclave)->thread_init(enclave, vcpu);
}

void sgx_thread_fini(struct sgx_enclave *enclave, unsigned vcpu)
{
    backend_of(enclave)->thread_fini(enclave, vcpu);
}

void sgx_enter(struct sgx_enclave *enclave, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
               struct sgx_run *run)
{
    backend_of(enclave)->enter(enclave, vcpu, leaf, rdi, rsi, rdx, run);
}

void sgx_interrupt(struct sgx_enclave *enclave, unsigned vcpu)
{
    backend_of(enclave)->interrupt(enclave, vcpu);
}

static bool is_range_legal(const struct sgx_enclave *enclave, const struct sgx_mem_range *r)
{
    uint64_t size = ((const struct sgx_enclave_base *)enclave)->size;
    return (r->addr | r->size) % SGX_PAGE_SIZE == 0 && r->size > 0 && r->addr >= SGX_USER_START && r->addr < size &&
           r->size <= size - r->addr && r->prot <= 31;
}

void sgx_mem_hide(struct sgx_enclave *enclave, const struct sgx_mem_range *ranges, size_t count)
{
    const struct sgx_backend *backend = backend_of(enclave);
    for (size_t i = 0; i < count && backend->mem_hide; i++)
        backend->mem_hide(enclave, &ranges[i]);
}

int sgx_mem_map(struct sgx_enclave *enclave, unsigned action, const struct sgx_mem_range *ranges, size_t count)
{
    int err = action < HOSTCALL_MEM_COMMIT || action > HOSTCALL_MEM_RELEASE ? -EINVAL : 0;
    size_t done = 0;
    for (; done < count && err == 0; done += err == 0)
        err = is_range_legal(enclave, &ranges[done]) ? backend_of(enclave)->mem_map(enclave, action, &ranges[done]) : -EINVAL;
    if (err && action == HOSTCALL_MEM_COMMIT)
        sgx_mem_hide(enclave, ranges, done);
    return err;
}
