/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes for keys, addresses and getrandom(2): ChaCha20 (RFC 8439) with fast key erasure, a generator a vCPU, seeded
 * from the processor and again every megabyte. Never from the host. Does not sleep; any context.
 */
#pragma once
#include "base/base.h"

void random_init(void); /* stops the machine if the processor has no entropy */
void random_bytes(void *buf, size_t size);
uint32_t random_u32(void);
uint64_t random_u64(void);
/* One block of ChaCha20: 64 bytes for key, counter and nonce as RFC 8439 2.3 has them. For its test. */
void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint8_t out[64]);
