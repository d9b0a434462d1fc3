/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key for the owner of an RSA-3072 key with exponent 3 (RSA-KEM, ISO/IEC 18033-2): the one public-key operation that the kernel needs, two
 * multiplications. It takes the same time for all numbers. Design D9 has cryptography from libraries; this is smaller than the door to one.
 */
#pragma once
#include "base/base.h"

#define RSA3_SIZE 384

/* A fresh key, and what the owner of modulus (big-endian, its highest bit set) finds it by. */
void rsa3_wrap(const uint8_t modulus[static RSA3_SIZE], uint8_t wrapped[static RSA3_SIZE], uint8_t key[static 32]);
/* number^3 mod modulus, big-endian. For its test. */
void rsa3_cube(const uint8_t modulus[static RSA3_SIZE], const uint8_t number[static RSA3_SIZE], uint8_t cube[static RSA3_SIZE]);
