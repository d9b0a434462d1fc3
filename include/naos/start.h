/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host asks the enclave to run; not trusted. The kernel copies it once, checks it against the measured
 * configuration (entry points, environment variables that may come from the host), and refuses the rest.
 * A header, then `argc` + `envc` + 1 strings, each ended by a zero: argv, envp, working directory ("" for the default).
 */
#pragma once
#include <stdint.h>

#define START_MAGIC    0x5453414eu /* "NAST" */
#define START_SIZE_MAX (1u << 20)
#define START_COUNT_MAX 4096u

struct start_block {
    uint32_t magic;
    uint32_t size; /* of all, header included */
    uint32_t argc, envc;
    char strings[];
};
