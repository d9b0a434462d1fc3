/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software model of SGX: what its files share. One enclave per process. docs/design.md 6.2 says how it works,
 * CAVEATS.md what it does not model.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include "../backend.h"

#define EMU_VCPU_MAX    64
#define EMU_STACK_SIZE  (256u << 10) /* alternate signal stack, aligned to its size */
#define EMU_SIGNAL      (SIGRTMIN + 3)

/* EPCM: a byte for each page of ELRANGE. TRIM: given back, and once it is no longer MODIFIED, to be added anew. MODIFIED and REG: EPCM.PR. */
enum { EPCM_R = 1, EPCM_W = 2, EPCM_X = 4, EPCM_PENDING = 8, EPCM_REG = 16, EPCM_TCS = 32, EPCM_TRIM = 64, EPCM_MODIFIED = 128 };

/* The state of a host thread that enters; lies at the bottom of its signal stack. Offsets are known to switch.S. */
struct emu_thread {
    uint64_t host_rsp;      /* 0: where sgx_enter's frame is while the enclave runs */
    uint64_t host_fs;       /* 8 */
    uint64_t enclave_fs;    /* 16: at EENTER */
    uint64_t enclave_gs;    /* 24 */
    uint64_t entry;         /* 32 */
    uint64_t tcs_addr;      /* 40 */
    uint64_t cssa;          /* 48 */
    struct sgx_gprs *gprs;  /* 56: of the frame that ERESUME restores */
    void *xsave;            /* 64: its XSAVE area */
    uint32_t is_pending;    /* 72: an interrupt came while outside */
    uint32_t exit_kind;     /* 76: enum sgx_run_reason, how the enclave was left */
    uint64_t scratch[4];    /* 80 */
    /* C only from here on */
    struct sgx_tcs tcs;
    struct sgx_run run;
    pthread_t pthread;
    bool is_initialised;
    _Atomic bool is_busy;   /* the TCS is entered */
    unsigned vcpu;
    uint8_t xsave_host[4096] __attribute__((aligned(64)));
};

struct sgx_enclave {
    struct sgx_enclave_base base;
    struct sgx_secs secs;
    bool is_initialised;
    uint8_t *epcm;
    void *measurement; /* SHA256_CTX until EINIT */
    struct emu_thread *threads[EMU_VCPU_MAX];
    unsigned vcpu_count;
    uint8_t fuse_key[16];
};
extern struct sgx_enclave *emu_enclave;

/* ---- leaves of ENCLS, as the driver would use them: 0, or an enum sgx_error, or -1 for what raises #GP or #PF; why is set */
int emu_ecreate(struct sgx_enclave *e, const struct sgx_secs *secs, char *why, size_t why_size);
int emu_eadd(struct sgx_enclave *e, const struct sgx_page *page, char *why, size_t why_size);
void emu_eextend(struct sgx_enclave *e, const struct sgx_page *page);
int emu_einit(struct sgx_enclave *e, const struct sgx_sigstruct *sig, char *why, size_t why_size);
void emu_eremove_all(struct sgx_enclave *e); /* and frees e */

/* ---- leaves of ENCLU that return: ZF and RAX as the manual says */
uint64_t emu_leaf(struct emu_thread *t, uint32_t leaf, uint64_t rbx, uint64_t rcx, uint64_t rdx); /* RAX; from switch.S */
uint32_t emu_egetkey(struct sgx_enclave *e, const struct sgx_keyrequest *request, uint8_t key[static 16]);
void emu_ereport(struct sgx_enclave *e, const struct sgx_targetinfo *target, const uint8_t data[static 64], struct sgx_report *report);
int emu_fuse_key_load(uint8_t key[static 16], char *why, size_t why_size);

/* ---- switch.S */
void emu_eenter(struct emu_thread *t, uint64_t rdi, uint64_t rsi, uint64_t rdx);
void emu_eresume(struct emu_thread *t);
void emu_enclu(void);      /* what a translated ENCLU calls */
void emu_aex_return(void); /* where the signal handler sends a thread whose enclave was left asynchronously */
void emu_signal_entry(int signo, void *info, void *context);
extern char emu_resume_begin[], emu_resume_end[], emu_resume_abort[];

/* ---- signals.c */
int emu_signals_init(void);
int emu_thread_signals_init(struct emu_thread *t, uint64_t elrange_size);
void emu_thread_signals_fini(void);
