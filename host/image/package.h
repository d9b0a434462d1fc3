/* SPDX-License-Identifier: Apache-2.0 */
/* Debian packages, with all that they depend on, into an image folder. Their scripts are not run. */
#pragma once
#include <stddef.h>
#include "base/error.h"

/* names ends with NULL. `scratch`: a folder that does not exist, for the time it takes. *count: packages. */
int packages_add(char *const *names, const char *image, const char *scratch, size_t *count, struct error *err);
