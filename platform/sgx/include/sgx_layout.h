/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the kernel's ELF file and the loader agree on what goes where (docs/design.md 6.1). The kernel has a
 * struct sgx_layout_note in its section .naos.layout; the layout answers with struct sgx_boot_params, a measured
 * page, whose address it writes to the place that the note names.
 */
#pragma once
#include <stdint.h>

#define SGX_LAYOUT_MAGIC   0x54554f59414c534eULL /* "NSLAYOUT" */
#define SGX_LAYOUT_VERSION 1

#define SGX_CALL_PAGE  0x10000ULL /* the emulator's; never enclave memory */
#define SGX_USER_START 0x20000ULL
#define SGX_NSSA       3u

struct sgx_layout_note {
    uint64_t magic;
    uint32_t version;
    uint32_t vcpu_pages;      /* pages of per-vCPU data, the first of which GS points to */
    /* Each counts from its own place in the image. */
    int32_t entry_rel;       /* the enclave entry */
    int32_t boot_params_rel; /* the 8-byte variable that gets the address of the boot params */
    int32_t enclu_rel, enclu_end_rel; /* an array of int32_t: the kernel's ENCLU sites, each from its own element */
};

/*
 * An ENCLU of the kernel that is in the list is `0f 01 d7 0f 1f 40 00`; there the emulator puts a call through
 * SGX_CALL_PAGE, so such an ENCLU needs 8 bytes of stack and loses R10 and R11 (when it comes back; EEXIT keeps them not
 * either). GS must be what the TCS says. Others, in no list, trap and keep all registers.
 *
 * Memory given back (HOSTCALL_MEM_RELEASE): the host makes the pages PT_TRIM (EMODT); the enclave must EACCEPT each with
 * SECINFO.FLAGS = SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED before it may ask for it again, else the next
 * HOSTCALL_MEM_COMMIT of it gives -EBUSY: that is what the processor and the Linux driver want.
 */

/* A measured page, read-only for the kernel. */
struct sgx_boot_params {
    uint64_t elrange_size;
    uint64_t user_start, user_end;
    uint64_t image_start, image_end;   /* the kernel's ELF image */
    uint64_t kernel_start, kernel_end; /* pages that are committed by need */
    uint64_t config_addr, config_size;
    uint64_t vcpu_start, vcpu_stride;  /* per-vCPU areas, see below */
    uint64_t memory_size;
    uint64_t xfrm;
    uint32_t vcpu_max, is_debug;
};

/* A per-vCPU area, in pages from its start. Guard pages are not part of the enclave. */
enum {
    SGX_AREA_TCS = 1,                          /* page 0 is a guard */
    SGX_AREA_SSA = 2,                          /* SGX_NSSA frames of one page */
    SGX_AREA_EXC_STACK = SGX_AREA_SSA + SGX_NSSA + 1, /* after a guard */
    SGX_AREA_EXC_STACK_PAGES = 2,
    SGX_AREA_BOOT_STACK = SGX_AREA_EXC_STACK + SGX_AREA_EXC_STACK_PAGES + 1,
    SGX_AREA_BOOT_STACK_PAGES = 4,
    SGX_AREA_DATA = SGX_AREA_BOOT_STACK + SGX_AREA_BOOT_STACK_PAGES, /* note.vcpu_pages of them */
};
