/* SPDX-License-Identifier: Apache-2.0 */
/* The system-call table: what tools/gen-syscall fills, what dispatch.c and strace.c read. */
#pragma once
#include "arch/arch.h"

#define SYSCALL_TABLE_SIZE 512

enum syscall_arg_kind {
    ARG_INT, ARG_UINT, ARG_FD, ARG_PID, ARG_SIG, ARG_MODE, ARG_I64, ARG_OFF, ARG_U64, ARG_SIZE, ARG_PTR, ARG_ADDR,
    ARG_STR, ARG_BUF, ARG_FLAGS, ARG_FLAGS64,
};

struct syscall_arg {
    const char *name;
    enum syscall_arg_kind kind;
    int size_idx; /* of ARG_BUF: which argument is its size; -1 */
    const struct flag_set *flags; /* names of its values, for strace; NULL: none */
};

struct syscall_entry {
    int64_t (*call)(const uint64_t args[static 6]); /* NULL: not implemented */
    const char *name;
    unsigned count;
    struct syscall_arg args[6];
};

extern const struct syscall_entry syscall_table[SYSCALL_TABLE_SIZE];

/* arch_upcalls.syscall: looks up, calls, puts the result into regs. */
void syscall_dispatch(struct arch_regs *regs);

