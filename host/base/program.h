/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs, run to their end. */
#pragma once
#include "error.h"

/* argv[0] is looked up in PATH. 0 if it ends with status 0; else `why` is the error, as the program has said more on stderr. */
int program_run(char *const *argv, const char *why, struct error *err);
