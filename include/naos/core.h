/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core files of programs in an enclave. A debug enclave gives them as they are: ELF, as gdb reads them. Another gives them only if its measured
 * configuration has the public key (RSA-3072, exponent 3) that they are for, and only encrypted:
 *
 *   struct core_head, then pieces: struct core_piece, its bytes under AES-256-GCM, the tag.
 *
 * The key is the SHA-256 of a random number r < 2^3064, big-endian in 384 bytes; the head has r^3 mod N (RSA-KEM). The nonce of a piece is its number,
 * from 0, little-endian in 12 bytes, and struct core_piece is authenticated with it. The last piece has no bytes, and its place is the size of the file: a file
 * without it is not whole.
 */
#pragma once
#include <stdint.h>

#define CORE_MAGIC     "NAOSCORE"
#define CORE_KEY_SIZE  384
#define CORE_TAG_SIZE  16
#define CORE_PIECE_MAX 32768

struct core_head {
    char magic[8];
    uint32_t version; /* 1 */
    uint32_t reserved;
    uint8_t wrapped[CORE_KEY_SIZE]; /* r^3 mod N, big-endian */
};

struct core_piece {
    uint64_t off; /* in the ELF file */
    uint32_t size, reserved;
};
