/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is signed, and the signature: MRENCLAVE as ECREATE, EADD and EEXTEND would make it (Intel
 * SDM vol. 3D, 38.1), and SIGSTRUCT (35.14). The emulator measures by itself, with code of its own.
 */
#pragma once
#include "base/error.h"
#include "layout.h"

void sgx_measure(const struct sgx_layout *layout, uint8_t mrenclave[static 32]);

struct sgx_signing {
    const char *key_path; /* PEM, or a pkcs11: URI; RSA-3072 with exponent 3 */
    uint16_t product_id, svn;
    uint32_t date; /* 0xYYYYMMDD in BCD */
};
/* Signs and checks what was signed. mrsigner: SHA-256 of the modulus. */
int sgx_sign(const struct sgx_layout *layout, const struct sgx_signing *signing,
             struct sgx_sigstruct *sig, uint8_t mrsigner[static 32], struct error *err);
/* The same in steps, for keys that are elsewhere: all but the signature; the bytes to sign; the signature, checked. */
#define SGX_SIG_BYTES (SGX_SIGSTRUCT_PART1_SIZE + SGX_SIGSTRUCT_PART2_SIZE)
void sgx_sig_begin(const struct sgx_layout *layout, const struct sgx_signing *signing, struct sgx_sigstruct *sig);
void sgx_sig_bytes(const struct sgx_sigstruct *sig, uint8_t bytes[static SGX_SIG_BYTES]);
/* signature: big-endian, RSASSA-PKCS1-v1_5 with SHA-256, as `openssl dgst -sha256 -sign` writes it. The public key is PEM. */
int sgx_sig_take(struct sgx_sigstruct *sig, const char *public_key_path, const uint8_t signature[static SGX_KEY_SIZE], struct error *err);
/* Signs with a key that is here. */
int sgx_sig_sign(struct sgx_sigstruct *sig, const char *key_path, struct error *err);
/* Is it signed by the key in it, as a processor checks it? */
int sgx_sig_verify(const struct sgx_sigstruct *sig, struct error *err);
void sgx_sig_signer(const struct sgx_sigstruct *sig, uint8_t mrsigner[static 32]);
/* The modulus, big-endian, of a public key in a PEM file. */
int rsa3_public_read(const char *path, uint8_t modulus[static SGX_KEY_SIZE], struct error *err);
/* number^d mod N: what the owner of a key (as in key_path above) makes of what was encrypted to it, without padding. */
int rsa3_private(const char *key_path, const uint8_t number[static SGX_KEY_SIZE], uint8_t result[static SGX_KEY_SIZE], struct error *err);
/* A fresh key, written with mode 0600. */
int sgx_key_create(const char *path, struct error *err);
