/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading and running an enclave, on the device or on the emulator: the caller does not see which, but may ask.
 * The requests are those of the Linux SGX driver (asm/sgx.h), and entering has the contract of
 * __vdso_sgx_enter_enclave. One enclave in a process: its range starts at address 0.
 */
#pragma once
#include <stdbool.h>
#include "layout.h"

struct sgx_enclave;

/* AUTO: the device if there is one; a device that cannot be used is an error, not a reason to take the emulator. */
enum sgx_backend_kind { SGX_BACKEND_AUTO, SGX_BACKEND_DEVICE, SGX_BACKEND_EMULATOR };

struct sgx_load {
    enum sgx_backend_kind backend;
    const struct sgx_layout *layout;
    const struct sgx_sigstruct *sigstruct;
};

/* 0, or -1 with one line in why. The layout may be freed afterwards. */
int sgx_enclave_create(const struct sgx_load *load, struct sgx_enclave **enclave, char *why, size_t why_size);
/* No thread is in the enclave, and each that was initialised for it is gone or had its sgx_thread_fini. */
void sgx_enclave_destroy(struct sgx_enclave *enclave);
const char *sgx_enclave_backend(const struct sgx_enclave *enclave); /* "emulator" or "/dev/sgx_enclave" */

/*
 * Once in each thread that will enter, before it does: vcpu belongs to this thread from then on. Blocks all signals in it
 * but those of the loader (SIGSEGV SIGBUS SIGILL SIGFPE SIGTRAP SIGSYS and one real-time signal): a handler of
 * somebody else would run with the enclave's thread pointer. -1 with errno.
 */
int sgx_thread_init(struct sgx_enclave *enclave, unsigned vcpu);
void sgx_thread_fini(struct sgx_enclave *enclave, unsigned vcpu);

/*
 * EXIT: EEXIT. EXCEPTION: an AEX by a fault, in run's vector, error_code and addr. INTERRUPTED: an AEX by sgx_interrupt.
 * After both there is an SSA frame: EENTER lets the enclave look at it, ERESUME goes on.
 * FAILED: EENTER or ERESUME itself was refused: the TCS is busy, no SSA frame is free, or the frame is not legal.
 */
enum sgx_run_reason { SGX_RUN_EXIT, SGX_RUN_EXCEPTION, SGX_RUN_INTERRUPTED, SGX_RUN_FAILED };

struct sgx_run {
    enum sgx_run_reason reason;
    uint32_t vector, error_code; /* of an exception, as far as the host may know them */
    uint64_t addr;               /* of a page fault: the page */
    uint64_t error;              /* of SGX_RUN_FAILED: the exception that the leaf raised (13: #GP, 14: #PF) */
};

/* leaf: SGX_EENTER or SGX_ERESUME. rdi, rsi, rdx arrive in the enclave's registers. */
void sgx_enter(struct sgx_enclave *enclave, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
               struct sgx_run *run);
/*
 * Makes sgx_enter of that vCPU return SGX_RUN_INTERRUPTED soon. Not lost: if the vCPU is outside, its next sgx_enter is
 * interrupted at the enclave's first instruction. Interrupts that come close together are one. Any thread.
 */
void sgx_interrupt(struct sgx_enclave *enclave, unsigned vcpu);

/* The mem_map host call: pages and page permissions; naos/hostcall.h has the actions. 0 or -errno. */
struct sgx_mem_range {
    uint64_t addr, size;
    uint32_t prot, reserved; /* SGX_PROT_MASK: PROT_*; SGX_PROT_SEALED; above that the enclave's own */
};
#define SGX_PROT_MASK   7u
#define SGX_PROT_SEALED 8u /* permissions are restricted in the EPCM too (EMODPR) */
int sgx_mem_map(struct sgx_enclave *enclave, unsigned action, const struct sgx_mem_range *ranges, size_t count);
/* Committed ranges of which the enclave is told that it did not get them, so that it does not accept them: they cannot be touched. */
void sgx_mem_hide(struct sgx_enclave *enclave, const struct sgx_mem_range *ranges, size_t count);
