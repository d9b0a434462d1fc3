/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is signed: SIGSTRUCT by plain arithmetic as a processor does it, and the measurement as the
 * emulator makes it. The kernel is the first argument.
 */
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "host_test.h"
#include "image/app.h"
#include "image/sgx_sign.h"
#include "loader.h"

static struct sgx_layout layout;
static struct sgx_sigstruct sig;
static uint8_t mrsigner[32];

static bool layout_make(const char *kernel_path)
{
    struct app app;
    struct bytes kernel, config;
    struct error err;
    const char *json =
        "{\"entry_points\": [\"/bin/\"], \"memory\": {\"size\": \"64M\"}, \"vcpus\": {\"max\": 2}}";
    test_file("naos.json", json, strlen(json));
    bool is_ok = app_read(test_dir, &app, &err) == 0 &&
                 file_read(kernel_path, &kernel, &err) == 0 &&
                 app_compile(&app, &(struct config_image){.size = 8192, .data_size = 8192, .hash_off = 8192},
                             &config, &err) == 0 &&
                 sgx_layout_build(&layout, kernel.data, kernel.size, config.data, config.size,
                                  err.text, sizeof(err.text)) == 0;
    return test_result(is_ok, "sgx-layout", "%s", err.text);
}

static bool sign(void)
{
    struct error err;
    char key[PATH_MAX];
    struct stat st;
    snprintf(key, sizeof(key), "%s", test_path("key.pem"));
    struct sgx_signing signing = {.key_path = key, .product_id = 7, .svn = 9, .date = 0x20260102};
    if (!test_result(sgx_key_create(key, &err) == 0 && stat(key, &st) == 0 &&
                         (st.st_mode & 0777) == 0600,
                     "sgx-key", "%s", err.text))
        return false;
    if (!test_result(sgx_sign(&layout, &signing, &sig, mrsigner, &err) == 0, "sgx-sign", "%s",
                     err.text))
        return false;
    struct sgx_sigstruct again;
    uint8_t same[32];
    sgx_sign(&layout, &signing, &again, same, &err);
    return test_result(memcmp(&sig, &again, sizeof(sig)) == 0 && memcmp(same, mrsigner, 32) == 0,
                       "sgx-sign-again", "a second signature differs");
}

static void fields_check(void)
{
    static const uint8_t zero[84];
    const uint8_t *raw = (const uint8_t *)&sig;
    uint8_t hash[32];
    EVP_Digest(sig.modulus, sizeof(sig.modulus), hash, NULL, EVP_sha256(), NULL);
    test_result(memcmp(raw, "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0", 16) == 0 &&
                    memcmp(raw + 16, "\0\0\0\0\x02\x01\x26\x20", 8) == 0 &&
                    memcmp(raw + 24, "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0", 16) == 0 &&
                    memcmp(raw + 44, zero, 84) == 0 && memcmp(raw + 512, "\x03\0\0\0", 4) == 0 &&
                    memcmp(raw + 1024, "\x07\0\x09\0", 4) == 0,
                "sgx-fields", "a field is not where Intel's manual (35.14) has it");
    test_result(sig.attributes.flags == (SGX_FLAGS_MODE64BIT | SGX_FLAGS_DEBUG) &&
                    sig.attributes.xfrm == 7 && sig.attributes_mask.flags == ~0ULL && sig.attributes_mask.xfrm == ~0xe0ULL &&
                    sig.misc_select == SGX_MISC_EXINFO,
                "sgx-attributes", "flags %llx, xfrm %llx", (unsigned long long)sig.attributes.flags,
                (unsigned long long)sig.attributes.xfrm);
    test_result(memcmp(hash, mrsigner, 32) == 0, "sgx-mrsigner",
                "it is not the hash of the modulus");
}

/* 00 01 ff .. ff 00, the name of SHA-256, and the hash of the signed parts. */
static BIGNUM *padded_hash(void)
{
    static const uint8_t name[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    uint8_t signed_parts[256], em[384];
    memcpy(signed_parts, &sig, 128);
    memcpy(signed_parts + 128, (const uint8_t *)&sig + 900, 128);
    memset(em, 0xff, sizeof(em));
    em[0] = 0, em[1] = 1, em[384 - 32 - sizeof(name) - 1] = 0;
    memcpy(em + 384 - 32 - sizeof(name), name, sizeof(name));
    EVP_Digest(signed_parts, sizeof(signed_parts), em + 384 - 32, NULL, EVP_sha256(), NULL);
    return BN_bin2bn(em, sizeof(em), NULL);
}

/* EINIT's own way: S^2 = Q1*N + r1, S*r1 = Q2*N + r2, and r2 is the padded hash; no remainder
 * reaches N. */
static void arithmetic_check(void)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = BN_lebin2bn(sig.modulus, 384, NULL), *s = BN_lebin2bn(sig.signature, 384, NULL),
           *q1 = BN_lebin2bn(sig.q1, 384, NULL), *q2 = BN_lebin2bn(sig.q2, 384, NULL),
           *r1 = BN_new(), *r2 = BN_new(), *t = BN_new(), *hash = padded_hash();
    BN_sqr(r1, s, ctx);
    BN_mul(t, q1, n, ctx);
    BN_sub(r1, r1, t);
    BN_mul(r2, r1, s, ctx);
    BN_mul(t, q2, n, ctx);
    BN_sub(r2, r2, t);
    test_result(BN_num_bits(n) == 3072 && BN_cmp(s, n) < 0, "sgx-modulus", "%d bits",
                BN_num_bits(n));
    test_result(!BN_is_negative(r1) && BN_cmp(r1, n) < 0, "sgx-q1", "it is not floor(S^2 / N)");
    test_result(!BN_is_negative(r2) && BN_cmp(r2, n) < 0, "sgx-q2",
                "it is not floor((S^3 - Q1 S N) / N)");
    test_result(BN_cmp(r2, hash) == 0, "sgx-signature", "S^3 mod N is not the padded hash");
    BN_free(n), BN_free(s), BN_free(q1), BN_free(q2), BN_free(r1), BN_free(r2), BN_free(t),
        BN_free(hash);
    BN_CTX_free(ctx);
}

/* In a child, as a process holds one enclave. `why` is shared with it. */
static bool enclave_try(char *why, size_t size)
{
    struct sgx_load load = {.backend = SGX_BACKEND_EMULATOR, .layout = &layout, .sigstruct = &sig};
    struct sgx_enclave *enclave;
    int status = 1;
    why[0] = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(sgx_enclave_create(&load, &enclave, why, size) < 0);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void refused(const char *name, const char *want)
{
    static const size_t size = 512;
    char *why = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool is_ok = enclave_try(why, size);
    test_result(want ? !is_ok && strstr(why, want) : is_ok, name, "%s: %s",
                is_ok ? "accepted" : "refused", why);
    munmap(why, size);
}

static void measurement_check(void)
{
    uint8_t *byte = layout.image + (layout.pages[0].addr - layout.image_start) + 5;
    refused("sgx-measurement", NULL);
    *byte ^= 1;
    refused("sgx-page-changed", "INVALID_MEASUREMENT");
    *byte ^= 1;
    sig.isv_svn++;
    refused("sgx-svn-changed", "INVALID_SIGNATURE");
    sig.isv_svn--;
    sig.q2[3] ^= 1;
    refused("sgx-q2-changed", "INVALID_SIGNATURE");
    sig.q2[3] ^= 1;
    layout.attributes.flags &= ~SGX_FLAGS_DEBUG;
    refused("sgx-debug-changed", "ttributes");
    layout.attributes.flags |= SGX_FLAGS_DEBUG;
    refused("sgx-restored", NULL);
}

static void keys_check(void)
{
    struct error err;
    char key[PATH_MAX];
    snprintf(key, sizeof(key), "%s", test_path("other.pem"));
    struct sgx_signing signing = {.key_path = key};
    struct sgx_sigstruct ignored;
    test_command("openssl genrsa -out %s 3072 2>/dev/null", key);
    test_result(sgx_sign(&layout, &signing, &ignored, mrsigner, &err) < 0 &&
                    strstr(err.text, "exponent 3"),
                "sgx-key-exponent", "accepted");
    test_command("openssl genrsa -3 -out %s 2048 2>/dev/null", key);
    test_result(sgx_sign(&layout, &signing, &ignored, mrsigner, &err) < 0 &&
                    strstr(err.text, "3072 bits"),
                "sgx-key-size", "accepted");
    test_file("other.pem", "no key", 6);
    test_result(sgx_sign(&layout, &signing, &ignored, mrsigner, &err) < 0 &&
                    strstr(err.text, "other.pem"),
                "sgx-key-damaged", "accepted");
}

int main(int argc, char **argv)
{
    test_begin();
    if (argc != 2 || !layout_make(argv[1]) || !sign())
        return 1;
    fields_check();
    arithmetic_check();
    measurement_check();
    keys_check();
    return test_failures > 0;
}
