/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pages the enclave is made of, in the order in which they are added: from the kernel's ELF file and the
 * measured configuration, nothing else, so that the builder, the loader and anybody who checks get the same.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sgx_arch.h"
#include "sgx_layout.h"

struct sgx_page {
    uint64_t addr;        /* = offset, as the enclave's base is 0 */
    uint64_t secinfo;     /* SECINFO.FLAGS */
    const uint8_t *data;  /* SGX_PAGE_SIZE bytes */
    bool is_measured;     /* EEXTEND all of it */
};

struct sgx_layout {
    struct sgx_page *pages;
    size_t count;
    uint8_t *image;       /* backs the pages' data */
    size_t image_size;
    uint64_t elrange_size;
    struct sgx_attributes attributes;
    uint32_t misc_select, ssa_frame_size;
    uint64_t user_end, image_start;
    uint64_t *enclu_sites; /* addresses */
    size_t enclu_count;
    uint32_t vcpu_max;
};

/* kernel: the ELF file; config: struct config and what follows it. Both are read only during the call.
 * 0, or -1 with one line in why. */
int sgx_layout_build(struct sgx_layout *layout, const uint8_t *kernel, size_t kernel_size, const uint8_t *config,
                     size_t config_size, char *why, size_t why_size);
void sgx_layout_free(struct sgx_layout *layout);
