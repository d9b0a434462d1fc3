/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader needs of a backend: the requests of the Linux SGX driver (asm/sgx.h; Documentation/arch/x86/sgx.rst), and the
 * contract of __vdso_sgx_enter_enclave. device.c hands them to the kernel, emulator/ answers them itself.
 */
#pragma once
#include "loader.h"

struct sgx_backend {
    const char *name; /* as messages have it */
    bool (*is_there)(void);
    uint64_t (*xfrm)(void); /* state components that an enclave may use here */
    /* An empty enclave. 0, or -1 with one line in why; so too for all that take why. */
    int (*open)(struct sgx_enclave **e, char *why, size_t why_size);
    /* SGX_IOC_ENCLAVE_CREATE, _ADD_PAGES, _INIT, with the driver's structures. */
    int (*request)(struct sgx_enclave *e, unsigned long request, void *arg, char *why, size_t why_size);
    /* After INIT: makes the pages reachable, with their permissions, and the rest of ELRANGE reserved. */
    int (*map)(struct sgx_enclave *e, const struct sgx_layout *layout, char *why, size_t why_size);
    void (*close)(struct sgx_enclave *e);
    /* As loader.h has them. */
    int (*thread_init)(struct sgx_enclave *e, unsigned vcpu);
    void (*thread_fini)(struct sgx_enclave *e, unsigned vcpu);
    void (*enter)(struct sgx_enclave *e, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
                  struct sgx_run *run);
    void (*interrupt)(struct sgx_enclave *e, unsigned vcpu);
    int (*mem_map)(struct sgx_enclave *e, unsigned action, const struct sgx_mem_range *range); /* checked already */
    void (*mem_hide)(struct sgx_enclave *e, const struct sgx_mem_range *range); /* NULL: nobody can touch what was not accepted */
};

/* First in each backend's own struct sgx_enclave. */
struct sgx_enclave_base {
    const struct sgx_backend *backend;
    uint64_t size; /* of ELRANGE, which starts at 0 */
};

extern const struct sgx_backend sgx_device, sgx_emulator;

int sgx_fail(char *why, size_t why_size, const char *text); /* -1 */
int sgx_page_prot(uint64_t secinfo);                        /* PROT_* of SECINFO.FLAGS; none for a TCS */
/* The pages from `first` on that follow each other and are alike: one request, one mapping. */
size_t sgx_run_length(const struct sgx_layout *l, size_t first);
