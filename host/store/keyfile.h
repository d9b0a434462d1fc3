/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include "base/error.h"

/* A store's key: a file of 32 bytes, or of 64 hexadecimal digits. */
int store_key_read(const char *path, uint8_t key[32], struct error *err);
