/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "fs/store/store.h"

/* All of an open store into an empty medium under another key: everything is encrypted anew. Snapshots stay behind. -errno. */
int store_rekey(struct store *from, struct store_dev *to, const uint8_t key[STORE_KEY_SIZE]);
