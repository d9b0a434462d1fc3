/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted images (naos/image.h), whole ones in memory: sealed by `naos build`, opened by tools. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "naos/image.h"

/* What the tags of `data_size` bytes take, in whole blocks. */
uint64_t image_tags_size(uint64_t data_size);
/* The salt of content with this root hash: the same content under the same key gives the same file, other content another key. */
void image_key_salt(const uint8_t key[static 32], const uint8_t plain_root[static 32], uint8_t salt[static 16]);
/* data_size bytes at file in place, and their tags behind them. False: no memory. */
bool image_encrypt(uint8_t *file, uint64_t data_size, const uint8_t key[static 32], const uint8_t salt[static 16]);
/* From file, with its tags, to `to`. False: the key does not fit, or the file was changed. */
bool image_decrypt(const uint8_t *file, uint64_t data_size, const uint8_t key[static 32], const uint8_t salt[static 16], uint8_t *to);
