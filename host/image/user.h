/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include "base/error.h"

/* "USER[:GROUP]": numbers, or names of the image's /etc/passwd and /etc/group. */
int image_user(const char *image, const char *text, uint32_t *uid, uint32_t *gid, struct error *err);
