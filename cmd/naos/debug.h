/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a running debug enclave, for gdb and perf. */
#pragma once
#include "instance/symbols.h"

struct debug_target {
    struct rundir rundir;
    struct symbol_file *files; /* the kernel first */
    size_t count;
    pid_t pid;
};
int debug_target_open(struct debug_target *t, const char *name, const char *dir, struct error *err);

struct instance_run;
/* Loads an enclave in a child, and becomes gdb with it, before the enclave's first instruction. Returns only if it cannot: 125. */
int gdb_run(const struct instance_run *run);
