/* SPDX-License-Identifier: Apache-2.0 */
/* MRENCLAVE: SHA-256 over a 64-byte record for each leaf, and the data behind each EEXTEND's record. */
#include <openssl/evp.h>
#include <string.h>
#include "sgx_sign.h"

#define RECORD_SIZE 64
#define CHUNK_SIZE  256

/* The record's fields lie at byte 8 in the manual's order; the rest is zero. */
static void record_add(EVP_MD_CTX *ctx, const char *leaf, const void *fields, size_t size)
{
    uint8_t record[RECORD_SIZE] = {0};
    memcpy(record, leaf, strlen(leaf));
    memcpy(record + 8, fields, size);
    EVP_DigestUpdate(ctx, record, sizeof(record));
}

static void page_add(EVP_MD_CTX *ctx, const struct sgx_page *page)
{
    const uint64_t eadd[2] = {
        page->addr, page->secinfo}; /* offset, SECINFO.FLAGS; its 40 reserved bytes are zero */
    record_add(ctx, "EADD", eadd, sizeof(eadd));
    for (uint64_t off = 0; page->is_measured && off < SGX_PAGE_SIZE; off += CHUNK_SIZE) {
        const uint64_t at = page->addr + off;
        record_add(ctx, "EEXTEND", &at, sizeof(at));
        EVP_DigestUpdate(ctx, page->data + off, CHUNK_SIZE);
    }
}

void sgx_measure(const struct sgx_layout *layout, uint8_t mrenclave[static 32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t ecreate[12];
    memcpy(ecreate, &layout->ssa_frame_size, 4);
    memcpy(ecreate + 4, &layout->elrange_size, 8);
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    record_add(ctx, "ECREATE", ecreate, sizeof(ecreate));
    for (size_t i = 0; i < layout->count; i++)
        page_add(ctx, &layout->pages[i]);
    EVP_DigestFinal_ex(ctx, mrenclave, NULL);
    EVP_MD_CTX_free(ctx);
}
