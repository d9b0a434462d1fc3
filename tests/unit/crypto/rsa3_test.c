/* SPDX-License-Identifier: Apache-2.0 */
/* Cubes modulo numbers whose residues are known by thought; tests/cli/debug has OpenSSL undo one of a real key. */
#include "crypto/rsa3.h"
#include "base/string.h"
#include "unit.h"

static void bit_set(uint8_t n[RSA3_SIZE], unsigned bit)
{
    n[RSA3_SIZE - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
}

/* 2^1024 cubed is 2^3072: modulo 2^3072 - 5 it is 5. */
static void just_over(void)
{
    uint8_t modulus[RSA3_SIZE], number[RSA3_SIZE] = {0}, cube[RSA3_SIZE], want[RSA3_SIZE] = {0};
    memset(modulus, 0xff, sizeof(modulus));
    modulus[RSA3_SIZE - 1] = 0xfb;
    bit_set(number, 1024);
    want[RSA3_SIZE - 1] = 5;
    rsa3_cube(modulus, number, cube);
    EXPECT(memcmp(cube, want, sizeof(cube)) == 0);
}

/* -1 cubed is -1, and 2 cubed is 8, whatever the modulus. */
static void any_modulus(void)
{
    for (int round = 0; round < 20; round++) {
        uint8_t modulus[RSA3_SIZE], number[RSA3_SIZE], cube[RSA3_SIZE];
        for (size_t i = 0; i < sizeof(modulus); i++)
            modulus[i] = (uint8_t)fake_random();
        modulus[0] |= 0x80;
        modulus[RSA3_SIZE - 1] |= 1;
        memcpy(number, modulus, sizeof(number));
        number[RSA3_SIZE - 1] ^= 1; /* modulus - 1 */
        rsa3_cube(modulus, number, cube);
        EXPECT(memcmp(cube, number, sizeof(cube)) == 0);
        memset(number, 0, sizeof(number));
        number[RSA3_SIZE - 1] = 2;
        rsa3_cube(modulus, number, cube);
        number[RSA3_SIZE - 1] = 8;
        EXPECT(memcmp(cube, number, sizeof(cube)) == 0);
    }
}

static const struct unit_test tests[] = {{"just_over", just_over}, {"any_modulus", any_modulus}};
UNIT_MAIN(tests)
