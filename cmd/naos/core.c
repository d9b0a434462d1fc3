/* SPDX-License-Identifier: Apache-2.0 */
/* naos core: core files that an enclave encrypted. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "image/sgx_sign.h"
#include "naos/core.h"
#include "options.h"

static const char usage[] =
    "Usage: naos core --key KEY ENCRYPTED CORE\n"
    "Decrypt a core file that an enclave wrote (naos run --core) for the owner of KEY, and check that it is whole; gdb reads CORE.\n\n"
    "      --key KEY   the private key (PEM, or a pkcs11: URI) whose public one is enclave.core_key in naos.json\n"
    "  -h, --help      this text\n";

struct reader {
    struct bytes in;
    size_t at;
    EVP_CIPHER_CTX *cipher;
    uint8_t key[32];
    uint64_t piece_count;
    int fd;
    struct error *err;
};

static int key_find(struct reader *r, const char *key_path)
{
    const struct core_head *head = (const struct core_head *)r->in.data;
    uint8_t number[CORE_KEY_SIZE];
    if (r->in.size < sizeof(*head) || memcmp(head->magic, CORE_MAGIC, sizeof(head->magic)) != 0 || head->version != 1)
        return error_set(r->err, "this is no core file that an enclave encrypted; if it is ELF, gdb reads it as it is");
    if (rsa3_private(key_path, head->wrapped, number, r->err) < 0)
        return -1;
    EVP_Digest(number, sizeof(number), r->key, NULL, EVP_sha256(), NULL);
    OPENSSL_cleanse(number, sizeof(number));
    r->at = sizeof(*head);
    return 0;
}

/* The piece at r->at, its bytes decrypted in place; false: it is not what the enclave wrote for this key, or not whole. */
static bool piece_open(struct reader *r, struct core_piece *piece, uint8_t **bytes)
{
    uint8_t nonce[12] = {0};
    int len;
    if (r->in.size - r->at < sizeof(*piece) + CORE_TAG_SIZE)
        return false;
    memcpy(piece, r->in.data + r->at, sizeof(*piece));
    if (piece->size > CORE_PIECE_MAX || r->in.size - r->at - sizeof(*piece) - CORE_TAG_SIZE < piece->size)
        return false;
    *bytes = r->in.data + r->at + sizeof(*piece);
    memcpy(nonce, &r->piece_count, sizeof(r->piece_count));
    r->piece_count++;
    r->at += sizeof(*piece) + piece->size + CORE_TAG_SIZE;
    return EVP_DecryptInit_ex(r->cipher, EVP_aes_256_gcm(), NULL, r->key, nonce) > 0 &&
           EVP_DecryptUpdate(r->cipher, NULL, &len, (const uint8_t *)piece, sizeof(*piece)) > 0 &&
           EVP_DecryptUpdate(r->cipher, *bytes, &len, *bytes, (int)piece->size) > 0 &&
           EVP_CIPHER_CTX_ctrl(r->cipher, EVP_CTRL_GCM_SET_TAG, CORE_TAG_SIZE, *bytes + piece->size) > 0 &&
           EVP_DecryptFinal_ex(r->cipher, *bytes + piece->size, &len) > 0;
}

static int pieces_open(struct reader *r, const char *out)
{
    struct core_piece piece;
    uint8_t *bytes;
    for (;;) {
        if (!piece_open(r, &piece, &bytes))
            return error_set(r->err, "piece %llu is not what the enclave wrote for this key: another key, or the file was changed or cut off",
                             (unsigned long long)r->piece_count);
        if (piece.size == 0)
            return ftruncate(r->fd, (off_t)piece.off) < 0 ? error_errno(r->err, "%s", out) : 0;
        if (pwrite(r->fd, bytes, piece.size, (off_t)piece.off) != (ssize_t)piece.size)
            return error_errno(r->err, "%s", out);
    }
}

static int core_open(const char *key, const char *in, const char *out, struct error *err)
{
    struct reader r = {.cipher = EVP_CIPHER_CTX_new(), .err = err};
    if (file_read(in, &r.in, err) < 0 || key_find(&r, key) < 0)
        return -1;
    r.fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (r.fd < 0)
        return error_errno(err, "%s", out);
    int result = pieces_open(&r, out);
    if (close(r.fd) < 0 && result == 0)
        result = error_errno(err, "%s", out);
    if (result < 0)
        unlink(out);
    OPENSSL_cleanse(r.key, sizeof(r.key));
    EVP_CIPHER_CTX_free(r.cipher);
    free(r.in.data);
    return result;
}

int cmd_core(int argc, char **argv)
{
    static const struct option options[] = {{"key", required_argument, NULL, 'k'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *key = NULL;
    struct error err;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'k': key = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help("core"); return STATUS_USER_ERROR;
        }
    }
    if (!key || optind != argc - 2)
        return cmd_fail("core", "give --key KEY, the encrypted file and the file to write; see 'naos core --help'");
    if (core_open(key, argv[optind], argv[optind + 1], &err) < 0)
        return cmd_fail("core", err.text);
    printf("wrote %s; next: naos gdb --core %s\n", argv[optind + 1], argv[optind + 1]);
    return STATUS_OK;
}
