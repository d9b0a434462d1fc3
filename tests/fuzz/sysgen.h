/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random system calls: each argument by its kind, most often something that could be right, often not. Used on the fake platform
 * (tests/unit/syscall) and, as a static program, in the enclave and on Linux (tests/fuzz/syscalls.c).
 */
#pragma once
#include <stdint.h>

enum gen_kind { /* = enum syscall_arg_kind */
    GEN_INT, GEN_UINT, GEN_FD, GEN_PID, GEN_SIG, GEN_MODE, GEN_I64, GEN_OFF, GEN_U64, GEN_SIZE, GEN_PTR, GEN_ADDR,
    GEN_STR, GEN_BUF, GEN_FLAGS, GEN_FLAGS64,
};

/* Memory that the calls point to: GEN_SCRATCH bytes that can be written, then GEN_HOLE bytes where nothing is. */
#define GEN_SCRATCH 65536u
#define GEN_HOLE    65536u

struct gen {
    uint64_t state; /* of the random numbers */
    uint64_t scratch;
    uint64_t kernel; /* an address of the kernel's */
    void (*put)(uint64_t at, const void *data, unsigned size); /* into scratch */
};

uint64_t gen_random(struct gen *g);
/* Arguments for a call of these kinds; fills scratch where they point. */
void gen_args(struct gen *g, const int *kinds, unsigned count, uint64_t args[6]);
