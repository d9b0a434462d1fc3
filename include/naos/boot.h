/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says when it enters a vCPU for the first time (EENTER, CSSA 0): RDI = its struct hostcall_frame,
 * RSI = the boot block. Which vCPU it is follows from the TCS, not from the host. The enclave copies the block
 * once and checks it: all is hints, or is checked against measured values. Later entries with CSSA 0 are replies to
 * host calls and carry nothing.
 */
#pragma once
#include <stdint.h>
#include "naos/cpuid.h"

#define BOOT_MAGIC 0x324f4f42534f414eULL
#define BOOT_IMAGE_MAX 16u

/* A file of an image, mapped read-only, and the key that the host was told for it. */
struct boot_image {
    uint64_t addr, size;
    uint32_t has_key;
    uint32_t reserved;
    uint8_t key[32];
};

struct boot_block {
    uint64_t magic;
    struct boot_image images[BOOT_IMAGE_MAX]; /* the root's, then those of the configuration's mounts, in order */
    uint32_t image_count;
    uint32_t reserved0;
    uint64_t start_addr, start_size; /* naos/start.h */
    uint64_t tsc_hz;
    uint64_t tsc;                    /* the counter when realtime_ns was taken */
    int64_t realtime_ns;
    uint32_t vcpu_count;             /* how many the host will enter */
    uint32_t log_level;              /* 0..4 */
    uint8_t is_tty[3];
    uint8_t trace_syscalls;
    uint8_t print_stats;
    uint8_t dump_core;               /* core files are wanted of programs that crash */
    uint8_t reserved[2];
    uint32_t cpuid_count, reserved2;
    struct cpuid_claim cpuid[CPUID_CLAIM_MAX];
};
