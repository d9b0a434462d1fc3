/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of the untrusted half under libFuzzer. A target file defines LLVMFuzzerTestOneInput. What works on files gets a folder of
 * its own in memory; as root it becomes nobody first, so that a path that leads outside does no harm.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path in the target's folder, valid until the eighth call from now. The folder goes away at exit. */
const char *fuzz_path(const char *name);
void fuzz_file(const char *name, const void *data, size_t size);
/* The folder is empty again, but for a file `outside/kept`. */
void fuzz_clear(void);
/* Aborts if `outside` has anything else, or not that. */
void fuzz_outside_check(void);
/* Aborts with a line that says why. */
_Noreturn void fuzz_wrong(const char *why);
/* How many of the first descriptors are open: the same before and after, unless some were lost. */
int fuzz_open_fds(void);

/* Inputs of several parts, with a byte 0xff between them: the next part, zero-ended; NULL: no more. To be freed. */
struct fuzz_parts {
    const uint8_t *at;
    size_t left;
};
char *fuzz_part(struct fuzz_parts *p, size_t *size);
