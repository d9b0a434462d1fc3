/* SPDX-License-Identifier: Apache-2.0 */
/* What lies where in a running debug enclave: the kernel, and the code of files. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "rundir.h"

struct symbol_file {
    char path[PATH_MAX]; /* on the host */
    uint64_t bias;       /* of its addresses */
};
/* The kernel of an instance, where its enclave has it. */
int symbol_kernel(const char *dir, struct symbol_file *f, struct error *err);
/* The kernel first, then each file of the image that some process runs. The caller frees *files. */
int symbol_files(const struct rundir *r, struct symbol_file **files, size_t *count, struct error *err);
pid_t rundir_enclave_pid(const struct rundir *r); /* of the process that the enclave is in; 0: unknown */
