/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between the kernel and a platform: the little that differs between TEEs. Implemented
 * by platform/<x>/trusted. Everything here is callable on any vCPU unless it says otherwise.
 */
#pragma once
#include "base/base.h"
#include "naos/boot.h"
#include "naos/hostcall.h"

enum plat_prot {
    PLAT_PROT_NONE = 0,
    PLAT_PROT_READ = 1,
    PLAT_PROT_WRITE = 2,
    PLAT_PROT_EXEC = 4,
    PLAT_PROT_SEALED = 8, /* plat_mem_protect, without WRITE: no host can let it be written to (where the platform can see to that) */
    PLAT_PROT_UNSEAL = 16, /* plat_mem_protect, with WRITE: it may have been sealed */
};

/* Set up by the platform before kernel_main; constant afterwards. Only trusted (measured) values. */
struct plat_info {
    uaddr_t user_start, user_end;     /* where programs may live, page aligned */
    uintptr_t kernel_start, kernel_end; /* addresses for the kernel's own pages, uncommitted at boot */
    uint64_t memory_size;             /* bytes that may be committed at a time, user and kernel together */
    unsigned vcpu_max;                /* entered or not */
    bool is_paged;                    /* false: one flat address space */
    const void *config;               /* the measured configuration, naos/config.h */
    size_t config_size;
};
extern struct plat_info plat_info;

/* ---- memory ------------------------------------------------------------------------------------ */

/* One change of memory: [addr, addr + size), page aligned. */
struct plat_range {
    uint64_t addr;
    uint64_t size;
    uint32_t prot; /* enum plat_prot */
    uint32_t reserved;
};
#define PLAT_RANGE_MAX 64

/*
 * Makes pages present, zero, with the protection of each range. A range is given at most once until it
 * is released. -ENOMEM: the host has none. Does not sleep; may leave the enclave once for all ranges.
 */
nodiscard int plat_mem_commit(const struct plat_range *ranges, size_t count);
/* Changes the protection of committed pages. */
nodiscard int plat_mem_protect(const struct plat_range *ranges, size_t count);
/* Gives pages back; their content is gone. */
void plat_mem_release(const struct plat_range *ranges, size_t count);

/* ---- the host ---------------------------------------------------------------------------------- */

/* True if [addr, addr + size) is host memory: no byte of it trusted, no wrap, not null. */
nodiscard bool plat_is_host_range(uint64_t addr, uint64_t size);
/*
 * Leaves the vCPU with the request in its host frame and comes back when the host has served it.
 * Only kernel/hostcall calls it. Caller holds no spinlock that another vCPU might wait for long.
 */
void plat_host_exit(void);
/* This vCPU's request frame and bounce buffer, in host memory; checked at first entry. */
struct hostcall_frame *plat_host_frame(void);
uint64_t plat_host_buffer(void); /* HOSTCALL_BUFFER_SIZE bytes, a checked host range */
struct vcpu;
struct hostcall_frame *plat_host_frame_of(const struct vcpu *vcpu); /* of any vCPU, for the hints in it */
/* Facts that the host gave at boot, copied once; ranges checked by the platform. */
extern struct plat_host_info {
    struct boot_image images[BOOT_IMAGE_MAX]; /* files of images, mapped in host memory; checked host ranges */
    unsigned image_count;            /* at least 1: the root's */
    uint64_t tsc_hz;                 /* 10^6..10^11 */
    int64_t realtime_ns, tsc_at_boot;
    unsigned vcpu_count;             /* 1..vcpu_max */
    bool is_tty[3];                  /* stdin, stdout, stderr */
    bool trace_syscalls, print_stats, dump_core;
    unsigned log_level;              /* 0..4 */
    uint64_t start_addr, start_size; /* argv, environment, directory: naos/start.h; checked host range */
} plat_host_info;

/* ---- vCPUs ---------------------------------------------------------------------------------------- */

/* Asks the host to interrupt a vCPU, or to bring it back from `wait`. A hint: it may come late. */
void plat_vcpu_kick(unsigned vcpu);
/* The whole enclave stops. status: what `naos run` returns (0..255, or 128 + signal). */
_Noreturn void plat_exit(int status);
/* Our own bug, or an attack: one line with the reason, and no vCPU runs again. */
_Noreturn void plat_panic(const char *reason);

/* ---- secrets ---------------------------------------------------------------------------------------- */

/* Random bytes from the processor; never from the host. -EIO after the retries that the manual asks for. */
nodiscard int plat_entropy(void *buf, size_t size);
enum plat_seal_policy { PLAT_SEAL_ENCLAVE, PLAT_SEAL_SIGNER };
nodiscard int plat_seal_key(enum plat_seal_policy policy, uint16_t svn, const uint8_t key_id[static 32],
                                uint8_t key[static 16]);
