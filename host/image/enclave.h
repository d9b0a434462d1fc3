/* SPDX-License-Identifier: Apache-2.0 */
/* A built enclave as it lies in an instance's build folder: signed anew, and checked. */
#pragma once
#include "image.h"
#include "sgx_sign.h"

struct enclave_files {
    struct bytes kernel, config, sig; /* sig: a struct sgx_sigstruct, or empty */
    struct sgx_layout layout;
};

/* Reads DIR/build; the signature may be missing. */
int enclave_open(const char *dir, struct enclave_files *e, struct error *err);
void enclave_close(struct enclave_files *e);
static inline const struct sgx_sigstruct *enclave_sig(const struct enclave_files *e)
{
    return e->sig.size == sizeof(struct sgx_sigstruct) ? (const struct sgx_sigstruct *)e->sig.data : NULL;
}
/* What is to be signed, with what naos.json says of product id and version. */
int enclave_sig_begin(const char *dir, const struct enclave_files *e, struct sgx_sigstruct *sig, struct error *err);
int enclave_sig_write(const char *dir, const struct sgx_sigstruct *sig, struct error *err);
/* Measurement, signature, attributes, image. */
int enclave_verify(const char *dir, const struct enclave_files *e, struct error *err);
