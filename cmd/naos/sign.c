/* SPDX-License-Identifier: Apache-2.0 */
/* naos sign and verify. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "cmd.h"
#include "image/enclave.h"
#include "image/lock.h"
#include "options.h"
#include "style.h"

/* ---- sign ---------------------------------------------------------------------------------------------------------------- */

static const char sign_usage[] = "Usage: naos sign [-C DIR] --key KEY\n"
                                 "       naos sign [-C DIR] --bytes FILE\n"
                                 "       naos sign [-C DIR] --signature FILE --public-key PEM\n"
                                 "Sign the enclave of a built instance, which is not built again.\n\n"
                                 "      --key KEY           a PEM file, or a pkcs11: URI that OpenSSL finds a token by\n"
                                 "      --bytes FILE        write the bytes that are to be signed where the key is:\n"
                                 "                          openssl dgst -sha256 -sign KEY -out SIGNATURE FILE\n"
                                 "      --signature FILE    take the signature (384 bytes) that came back\n"
                                 "      --public-key PEM    the public key that it is by\n"
                                 "  -C, --instance DIR      the instance is in DIR (default: here)\n"
                                 "  -h, --help              this text\n\n"
                                 "Keys are RSA of 3072 bits with exponent 3: openssl genrsa -3 -out key.pem 3072\n";

struct sign_options {
    const char *dir, *key, *bytes, *signature, *public_key;
};

static int bytes_write(const struct sgx_sigstruct *sig, const char *path, struct error *err)
{
    uint8_t bytes[SGX_SIG_BYTES];
    sgx_sig_bytes(sig, bytes);
    if (file_write(path, bytes, sizeof(bytes), 0644, err) < 0)
        return -1;
    printf("wrote the %zu bytes to sign to %s; next, where the key is:\n"
           "    openssl dgst -sha256 -sign KEY -out SIGNATURE %s\nand then: naos sign --signature SIGNATURE --public-key PEM\n",
           sizeof(bytes), path, path);
    return 0;
}

static int signature_take(struct sgx_sigstruct *sig, const struct sign_options *o, struct error *err)
{
    struct bytes raw;
    if (file_read(o->signature, &raw, err) < 0)
        return -1;
    if (raw.size != SGX_KEY_SIZE)
        return error_set(err, "%s: %zu bytes; a signature by an RSA key of 3072 bits has %d", o->signature, raw.size, SGX_KEY_SIZE);
    int result = sgx_sig_take(sig, o->public_key, raw.data, err);
    free(raw.data);
    return result;
}

static int sign(const struct sign_options *o, struct error *err)
{
    struct enclave_files e;
    struct sgx_sigstruct sig;
    uint8_t mrsigner[32];
    char text[65];
    if (instance_lock(o->dir, err) < 0 || enclave_open(o->dir, &e, err) < 0 || enclave_sig_begin(o->dir, &e, &sig, err) < 0)
        return -1;
    enclave_close(&e);
    if (o->bytes)
        return bytes_write(&sig, o->bytes, err);
    int result = o->key ? sgx_sig_sign(&sig, o->key, err) : signature_take(&sig, o, err);
    if (result < 0 || enclave_sig_write(o->dir, &sig, err) < 0)
        return -1;
    hex_print(sig.enclave_hash, 32, text);
    printf("MRENCLAVE  %s\n", text);
    sgx_sig_signer(&sig, mrsigner);
    hex_print(mrsigner, 32, text);
    printf("MRSIGNER   %s\nproduct    %u, security version %u\n", text, sig.isv_prod_id, sig.isv_svn);
    if (sig.attributes.flags & SGX_FLAGS_DEBUG)
        warn_loud("a debug enclave: whoever runs it can read all of its memory");
    return 0;
}

int cmd_sign(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"bytes", required_argument, NULL, 'b'},
        {"signature", required_argument, NULL, 's'},
        {"public-key", required_argument, NULL, 'p'},
        {"instance", required_argument, NULL, 'C'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct sign_options o = {.dir = "."};
    struct error err;
    int c;
    while ((c = getopt_long(argc, argv, "C:h", options, NULL)) != -1) {
        switch (c) {
        case 'k': o.key = optarg; break;
        case 'b': o.bytes = optarg; break;
        case 's': o.signature = optarg; break;
        case 'p': o.public_key = optarg; break;
        case 'C': o.dir = optarg; break;
        case 'h': fputs(sign_usage, stdout); return STATUS_OK;
        default: try_help("sign"); return STATUS_USER_ERROR;
        }
    }
    if (!!o.key + !!o.bytes + (o.signature && o.public_key) != 1 || optind < argc)
        return cmd_fail("sign", "give --key, or --bytes, or --signature with --public-key; see 'naos sign --help'");
    return sign(&o, &err) < 0 ? cmd_fail("sign", err.text) : STATUS_OK;
}

/* ---- verify ---------------------------------------------------------------------------------------------------------------- */

static const char verify_usage[] = "Usage: naos verify [OPTION]... [DIR]\n"
                                   "Check a built instance: measurement, signature, attributes, and every block of the image.\n\n"
                                   "      --mrenclave HEX   and that it is this one\n"
                                   "      --mrsigner HEX    and that it is signed by this key\n"
                                   "      --production      and that it is no debug enclave\n"
                                   "  -h, --help            this text\n";

struct expectation {
    const char *mrenclave, *mrsigner;
    bool is_production;
};

static int expect(const char *what, const char *want, const char *got, struct error *err)
{
    printf("%-10s %s\n", what, got);
    return !want || strcasecmp(want, got) == 0 ? 0 : error_set(err, "%s is not %s", what, want);
}

static int verify(const char *dir, const struct expectation *x, struct error *err)
{
    struct enclave_files e;
    uint8_t mrsigner[32];
    char text[65];
    if (enclave_open(dir, &e, err) < 0 || enclave_verify(dir, &e, err) < 0)
        return -1;
    const struct sgx_sigstruct *sig = enclave_sig(&e);
    bool is_debug = sig->attributes.flags & SGX_FLAGS_DEBUG;
    hex_print(sig->enclave_hash, 32, text);
    if (expect("MRENCLAVE", x->mrenclave, text, err) < 0)
        return -1;
    sgx_sig_signer(sig, mrsigner);
    hex_print(mrsigner, 32, text);
    if (expect("MRSIGNER", x->mrsigner, text, err) < 0)
        return -1;
    hex_print(((const struct config *)e.config.data)->image.root_hash, 32, text);
    printf("%-10s %s\n%-10s %u, security version %u\n", "root hash", text, "product", sig->isv_prod_id, sig->isv_svn);
    enclave_close(&e);
    if (is_debug && x->is_production)
        return error_set(err, "it is a debug enclave; set enclave.debug to false in naos.json, build and sign");
    if (is_debug)
        warn_loud("a debug enclave: whoever runs it can read all of its memory");
    puts("verified");
    return 0;
}

int cmd_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"mrenclave", required_argument, NULL, 'e'}, {"mrsigner", required_argument, NULL, 's'}, {"production", no_argument, NULL, 'p'},
        {"instance", required_argument, NULL, 'C'},  {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    struct expectation x = {0};
    const char *dir = ".";
    struct error err;
    int c;
    while ((c = getopt_long(argc, argv, "C:h", options, NULL)) != -1) {
        switch (c) {
        case 'e': x.mrenclave = optarg; break;
        case 's': x.mrsigner = optarg; break;
        case 'p': x.is_production = true; break;
        case 'C': dir = optarg; break;
        case 'h': fputs(verify_usage, stdout); return STATUS_OK;
        default: try_help("verify"); return STATUS_USER_ERROR;
        }
    }
    if (optind < argc)
        dir = argv[optind];
    return verify(dir, &x, &err) < 0 ? cmd_fail("verify", err.text) : STATUS_OK;
}
