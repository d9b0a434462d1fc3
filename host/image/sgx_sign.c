/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED /* ENGINE: what tokens still use in Debian 12 */
#include "sgx_sign.h"
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int openssl_error(struct error *err, const char *what)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    return error_set(err, "%s: %s", what, text);
}

/* ---- the key --------------------------------------------------------------------------------- */

/* The PIN is nobody's business: a URI is shown up to where it may begin. */
static int shown_len(const char *uri)
{
    const char *query = strchr(uri, '?');
    return query ? (int)(query - uri) : (int)strlen(uri);
}

static int key_check(EVP_PKEY *key, const char *path, struct error *err)
{
    BIGNUM *e = NULL;
    bool is_rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
                  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1;
    bool is_ok = is_rsa && BN_is_word(e, 3) && EVP_PKEY_get_bits(key) == 8 * SGX_KEY_SIZE;
    BN_free(e);
    if (is_ok)
        return 0;
    return error_set(err, "%.*s: SGX takes RSA keys of 3072 bits with exponent 3 only; make one with `openssl genrsa -3 -out key.pem 3072`",
                     shown_len(path), path);
}

static EVP_PKEY *key_read_pem(const char *path, struct error *err)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        error_errno(err, "%s", path);
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    if (!key)
        openssl_error(err, path);
    return key;
}

static EVP_PKEY *key_by_provider(const char *uri, bool *is_there)
{
    EVP_PKEY *key = NULL;
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "pkcs11");
    OSSL_STORE_CTX *store = provider && OSSL_PROVIDER_load(NULL, "default") ? OSSL_STORE_open(uri, UI_OpenSSL(), NULL, NULL, NULL) : NULL;
    while (store && !key && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    *is_there |= provider != NULL;
    return key;
}

static EVP_PKEY *key_by_engine(const char *uri, bool *is_there)
{
    ENGINE *engine = ENGINE_by_id("pkcs11");
    *is_there |= engine != NULL;
    return engine && ENGINE_init(engine) ? ENGINE_load_private_key(engine, uri, UI_OpenSSL(), NULL) : NULL;
}

/* What OpenSSL finds at the URI: through the provider pkcs11, or the engine of that name. */
static EVP_PKEY *key_read_token(const char *uri, struct error *err)
{
    bool is_there = false;
    EVP_PKEY *key = key_by_provider(uri, &is_there);
    if (!key)
        key = key_by_engine(uri, &is_there);
    if (!key && is_there)
        error_set(err, "%.*s: the token does not give such a key: is it plugged in, is the PIN right, and is PKCS11_MODULE_PATH its module? "
                       "`pkcs11-tool --list-objects` shows what there is", shown_len(uri), uri);
    else if (!key)
        error_set(err, "%.*s: OpenSSL knows no tokens here; install libengine-pkcs11-openssl or pkcs11-provider", shown_len(uri), uri);
    return key;
}

static EVP_PKEY *key_read(const char *where, struct error *err)
{
    EVP_PKEY *key = strncmp(where, "pkcs11:", 7) == 0 ? key_read_token(where, err) : key_read_pem(where, err);
    if (key && key_check(key, where, err) == 0)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *key_generate(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *key = NULL;
    if (ctx && e && BN_set_word(e, 3) && EVP_PKEY_keygen_init(ctx) > 0 &&
        EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 8 * SGX_KEY_SIZE) > 0 &&
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) > 0 && EVP_PKEY_generate(ctx, &key) <= 0)
        key = NULL;
    BN_free(e);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

int sgx_key_create(const char *path, struct error *err)
{
    EVP_PKEY *key = key_generate();
    if (!key)
        return openssl_error(err, "making a signing key");
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        EVP_PKEY_free(key);
        return error_errno(err, "%s", path);
    }
    bool is_ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(key);
    if (fclose(f) == 0 && is_ok)
        return 0;
    unlink(path);
    return error_set(err, "%s: the key could not be written", path);
}

/* ---- the signature --------------------------------------------------------------------------- */

static void body_fill(struct sgx_sigstruct *s, const struct sgx_layout *layout,
                      const struct sgx_signing *signing)
{
    *s = (struct sgx_sigstruct){
        .date = signing->date,
        .exponent = 3,
        .misc_select = layout->misc_select,
        .misc_mask = ~0u,
        .attributes = layout->attributes,
        .attributes_mask = {~0ULL, ~SGX_XFRM_OPTIONAL},
        .isv_prod_id = signing->product_id,
        .isv_svn = signing->svn,
    };
    memcpy(s->header, SGX_SIGSTRUCT_HEADER, sizeof(s->header));
    memcpy(s->header2, SGX_SIGSTRUCT_HEADER2, sizeof(s->header2));
    sgx_measure(layout, s->enclave_hash);
}

static void reverse(uint8_t *to, const uint8_t *from)
{
    for (size_t i = 0; i < SGX_KEY_SIZE; i++)
        to[i] = from[SGX_KEY_SIZE - 1 - i];
}

/* PKCS #1 v1.5 over SHA-256 of the two parts. */
static bool signature_make(EVP_PKEY *key, struct sgx_sigstruct *s)
{
    uint8_t big[SGX_KEY_SIZE];
    size_t size = sizeof(big);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) > 0 &&
                 EVP_DigestSignUpdate(ctx, s, SGX_SIGSTRUCT_PART1_SIZE) > 0 &&
                 EVP_DigestSignUpdate(ctx, (uint8_t *)s + SGX_SIGSTRUCT_PART2_OFF,
                                      SGX_SIGSTRUCT_PART2_SIZE) > 0 &&
                 EVP_DigestSignFinal(ctx, big, &size) > 0 && size == sizeof(big);
    EVP_MD_CTX_free(ctx);
    reverse(s->signature, big);
    return is_ok;
}

/* Q1 = floor(S^2 / N), Q2 = floor((S^3 - Q1*S*N) / N): they save the processor two divisions. */
static bool quotients_make(const BIGNUM *n, struct sgx_sigstruct *s)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *sig = BN_lebin2bn(s->signature, SGX_KEY_SIZE, NULL), *q = BN_new(), *rest = BN_new(),
           *t = BN_new();
    bool is_ok =
        ctx && sig && q && rest && t && BN_sqr(t, sig, ctx) && BN_div(q, rest, t, n, ctx) &&
        BN_bn2lebinpad(q, s->q1, SGX_KEY_SIZE) == SGX_KEY_SIZE && BN_mul(t, rest, sig, ctx) &&
        BN_div(q, NULL, t, n, ctx) && BN_bn2lebinpad(q, s->q2, SGX_KEY_SIZE) == SGX_KEY_SIZE;
    BN_free(sig), BN_free(q), BN_free(rest), BN_free(t);
    BN_CTX_free(ctx);
    return is_ok;
}

static bool signature_verify(EVP_PKEY *key, const struct sgx_sigstruct *s)
{
    uint8_t big[SGX_KEY_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    reverse(big, s->signature);
    bool is_ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) > 0 &&
                 EVP_DigestVerifyUpdate(ctx, s, SGX_SIGSTRUCT_PART1_SIZE) > 0 &&
                 EVP_DigestVerifyUpdate(ctx, (const uint8_t *)s + SGX_SIGSTRUCT_PART2_OFF,
                                        SGX_SIGSTRUCT_PART2_SIZE) > 0 &&
                 EVP_DigestVerifyFinal(ctx, big, sizeof(big)) == 1;
    EVP_MD_CTX_free(ctx);
    return is_ok;
}

/* The modulus as SIGSTRUCT has it; MRSIGNER. */
static bool modulus_put(EVP_PKEY *key, struct sgx_sigstruct *s)
{
    BIGNUM *n = NULL;
    bool is_ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && BN_bn2lebinpad(n, s->modulus, SGX_KEY_SIZE) == SGX_KEY_SIZE;
    BN_free(n);
    return is_ok;
}

static bool quotients_put(struct sgx_sigstruct *s)
{
    BIGNUM *n = BN_lebin2bn(s->modulus, SGX_KEY_SIZE, NULL);
    bool is_ok = n && quotients_make(n, s);
    BN_free(n);
    return is_ok;
}

void sgx_sig_begin(const struct sgx_layout *layout, const struct sgx_signing *signing, struct sgx_sigstruct *sig)
{
    body_fill(sig, layout, signing);
}

int sgx_sig_sign(struct sgx_sigstruct *sig, const char *key_path, struct error *err)
{
    EVP_PKEY *key = key_read(key_path, err);
    if (!key)
        return -1;
    bool is_ok = modulus_put(key, sig) && signature_make(key, sig) && quotients_put(sig) && signature_verify(key, sig);
    EVP_PKEY_free(key);
    return is_ok ? 0 : openssl_error(err, "signing the enclave");
}

void sgx_sig_bytes(const struct sgx_sigstruct *sig, uint8_t bytes[static SGX_SIG_BYTES])
{
    memcpy(bytes, sig, SGX_SIGSTRUCT_PART1_SIZE);
    memcpy(bytes + SGX_SIGSTRUCT_PART1_SIZE, (const uint8_t *)sig + SGX_SIGSTRUCT_PART2_OFF, SGX_SIGSTRUCT_PART2_SIZE);
}

static EVP_PKEY *public_read(const char *path, struct error *err)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;
    if (!f)
        error_errno(err, "%s", path);
    else if (!key)
        error_set(err, "%s holds no public key in PEM; `openssl rsa -in KEY -pubout` writes one", path);
    if (f)
        fclose(f);
    if (key && key_check(key, path, err) == 0)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

int rsa3_public_read(const char *path, uint8_t modulus[static SGX_KEY_SIZE], struct error *err)
{
    BIGNUM *n = NULL;
    EVP_PKEY *key = public_read(path, err);
    if (!key)
        return -1;
    bool is_ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && BN_bn2binpad(n, modulus, SGX_KEY_SIZE) == SGX_KEY_SIZE;
    BN_free(n);
    EVP_PKEY_free(key);
    return is_ok ? 0 : openssl_error(err, path);
}

int rsa3_private(const char *key_path, const uint8_t number[static SGX_KEY_SIZE], uint8_t result[static SGX_KEY_SIZE], struct error *err)
{
    size_t size = SGX_KEY_SIZE;
    EVP_PKEY *key = key_read(key_path, err);
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (!key)
        return -1;
    bool is_ok = ctx && EVP_PKEY_decrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0 &&
                 EVP_PKEY_decrypt(ctx, result, &size, number, SGX_KEY_SIZE) > 0 && size == SGX_KEY_SIZE;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (is_ok)
        return 0;
    if (ERR_GET_REASON(ERR_peek_last_error()) != RSA_R_DATA_TOO_LARGE_FOR_MODULUS)
        return openssl_error(err, "the key does not decrypt it");
    ERR_clear_error();
    return error_set(err, "this is not encrypted to the key of %s, but to another key, or was changed", key_path);
}

int sgx_sig_take(struct sgx_sigstruct *sig, const char *public_key_path, const uint8_t signature[static SGX_KEY_SIZE], struct error *err)
{
    EVP_PKEY *key = public_read(public_key_path, err);
    int result = 0;
    if (!key)
        return -1;
    reverse(sig->signature, signature);
    if (!(modulus_put(key, sig) && quotients_put(sig) && signature_verify(key, sig)))
        result = error_set(err, "the signature is not one of these bytes by the key of %s (RSASSA-PKCS1-v1_5 with SHA-256 is wanted)", public_key_path);
    EVP_PKEY_free(key);
    return result;
}

void sgx_sig_signer(const struct sgx_sigstruct *sig, uint8_t mrsigner[static 32])
{
    EVP_Digest(sig->modulus, SGX_KEY_SIZE, mrsigner, NULL, EVP_sha256(), NULL);
}

/* The key that a SIGSTRUCT carries. */
static EVP_PKEY *key_of(const struct sgx_sigstruct *sig)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_lebin2bn(sig->modulus, SGX_KEY_SIZE, NULL), *e = BN_new();
    OSSL_PARAM *params = NULL;
    if (ctx && b && n && e && BN_set_word(e, 3) && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e) && (params = OSSL_PARAM_BLD_to_param(b)) && EVP_PKEY_fromdata_init(ctx) > 0)
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(n), BN_free(e);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

int sgx_sig_verify(const struct sgx_sigstruct *sig, struct error *err)
{
    struct sgx_sigstruct again = *sig;
    EVP_PKEY *key = key_of(sig);
    bool is_ok = key && sig->exponent == 3 && signature_verify(key, sig);
    EVP_PKEY_free(key);
    if (!is_ok)
        return error_set(err, "the signature is not that of the key beside it: the file was changed, or never signed");
    if (!quotients_put(&again) || memcmp(&again, sig, sizeof(again)) != 0)
        return error_set(err, "Q1 and Q2 are not those of the signature: a processor would refuse it");
    return 0;
}

int sgx_sign(const struct sgx_layout *layout, const struct sgx_signing *signing, struct sgx_sigstruct *sig, uint8_t mrsigner[static 32],
             struct error *err)
{
    sgx_sig_begin(layout, signing, sig);
    if (sgx_sig_sign(sig, signing->key_path, err) < 0)
        return -1;
    sgx_sig_signer(sig, mrsigner);
    return 0;
}
