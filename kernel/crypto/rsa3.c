/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/rsa3.h"
#include "base/string.h"
#include "crypto/random.h"
#include "crypto/sha256.h"

#define LIMBS (RSA3_SIZE / 8)

struct number { /* the least first */
    uint64_t limb[LIMBS];
};

static void number_read(struct number *n, const uint8_t bytes[static RSA3_SIZE])
{
    for (unsigned i = 0; i < LIMBS; i++) {
        n->limb[i] = 0;
        for (unsigned b = 0; b < 8; b++)
            n->limb[i] |= (uint64_t)bytes[RSA3_SIZE - 1 - 8 * i - b] << 8 * b;
    }
}

static void number_write(const struct number *n, uint8_t bytes[static RSA3_SIZE])
{
    for (unsigned i = 0; i < RSA3_SIZE; i++)
        bytes[RSA3_SIZE - 1 - i] = (uint8_t)(n->limb[i / 8] >> 8 * (i % 8));
}

/* 2n + bit - m, or 2n + bit if that is less than m. Both are below m before. */
static void double_add_reduce(struct number *n, uint64_t bit, const struct number *m)
{
    struct number less;
    uint64_t borrow = 0, carry = bit;
    for (unsigned i = 0; i < LIMBS; i++) {
        uint64_t doubled = n->limb[i] << 1 | carry;
        carry = n->limb[i] >> 63;
        unsigned __int128 difference = (unsigned __int128)doubled - m->limb[i] - borrow;
        n->limb[i] = doubled;
        less.limb[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    uint64_t keep = -(uint64_t)(borrow & (carry ^ 1)); /* all ones: it was less than m */
    for (unsigned i = 0; i < LIMBS; i++)
        n->limb[i] = (n->limb[i] & keep) | (less.limb[i] & ~keep);
}

static void multiply(const struct number *a, const struct number *b, uint64_t product[static 2 * LIMBS])
{
    memset(product, 0, 2 * LIMBS * sizeof(*product));
    for (unsigned i = 0; i < LIMBS; i++) {
        uint64_t carry = 0;
        for (unsigned k = 0; k < LIMBS; k++) {
            unsigned __int128 sum = (unsigned __int128)a->limb[i] * b->limb[k] + product[i + k] + carry;
            product[i + k] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        product[i + LIMBS] = carry;
    }
}

/* a = a * b mod m. b is a's twin in the first call: they may be the same. */
static void multiply_mod(struct number *a, const struct number *b, const struct number *m)
{
    uint64_t product[2 * LIMBS];
    multiply(a, b, product);
    memset(a, 0, sizeof(*a));
    for (unsigned i = 2 * LIMBS; i-- > 0;) {
        for (unsigned bit = 64; bit-- > 0;)
            double_add_reduce(a, product[i] >> bit & 1, m);
    }
    memset(product, 0, sizeof(product));
}

void rsa3_cube(const uint8_t modulus[static RSA3_SIZE], const uint8_t number[static RSA3_SIZE], uint8_t cube[static RSA3_SIZE])
{
    struct number m, n, c;
    number_read(&m, modulus);
    number_read(&n, number);
    c = n;
    multiply_mod(&c, &n, &m);
    multiply_mod(&c, &n, &m);
    number_write(&c, cube);
}

void rsa3_wrap(const uint8_t modulus[static RSA3_SIZE], uint8_t wrapped[static RSA3_SIZE], uint8_t key[static 32])
{
    uint8_t r[RSA3_SIZE];
    random_bytes(r, sizeof(r));
    r[0] = 0; /* below any modulus */
    rsa3_cube(modulus, r, wrapped);
    sha256_salted(NULL, 0, r, sizeof(r), key);
    memset(r, 0, sizeof(r));
}
