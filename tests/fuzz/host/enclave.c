/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `naos run` and `naos verify` read of a built enclave: the kernel's ELF file with a configuration, or a SIGSTRUCT. An
 * input's first byte says which.
 */
#include "target.h"
#include <stdlib.h>
#include <string.h>
#include "image/sgx_sign.h"
#include "naos/config.h"

static void layout_use(struct sgx_layout *l)
{
    uint8_t mrenclave[32];
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (l->pages[i].addr >= l->elrange_size || l->pages[i].addr % SGX_PAGE_SIZE)
            fuzz_wrong("a page outside of the enclave");
        sum ^= l->pages[i].data[0] ^ l->pages[i].data[SGX_PAGE_SIZE - 1];
    }
    for (size_t i = 0; i < l->enclu_count; i++) {
        if (l->enclu_sites[i] >= l->elrange_size)
            fuzz_wrong("an ENCLU outside of the enclave");
    }
    if (l->count < 200)
        sgx_measure(l, mrenclave);
}

static void kernel_read(const uint8_t *data, size_t size)
{
    struct sgx_layout layout;
    union {
        struct config config;
        uint8_t bytes[4096];
    } c = {.config = {.magic = CONFIG_MAGIC, .version = CONFIG_VERSION, .size = sizeof(c), .vcpu_max = 1, .memory_size = 64 << 20,
                      .address_space = 64ULL << 30}};
    char why[256] = "";
    for (; size >= 3 && data[0]; size -= 3, data += 3) /* changes of the configuration: where, what; a zero ends them */
        c.bytes[(data[0] + data[1] * 256u) % sizeof(struct config)] = data[2];
    if (size == 0)
        return;
    uint8_t *kernel = malloc(size); /* aligned, as a mapped file is */
    memcpy(kernel, data + 1, size - 1);
    int result = sgx_layout_build(&layout, kernel, size - 1, c.bytes, sizeof(c), why, sizeof(why));
    if (result < 0 && !why[0])
        fuzz_wrong("refused, but not said why");
    if (result == 0) {
        layout_use(&layout);
        sgx_layout_free(&layout);
    }
    free(kernel);
}

static void sigstruct_read(const uint8_t *data, size_t size)
{
    struct sgx_sigstruct sig = {0};
    struct error err;
    uint8_t bytes[SGX_SIG_BYTES], mrsigner[32];
    memcpy(&sig, data, size < sizeof(sig) ? size : sizeof(sig));
    sgx_sig_bytes(&sig, bytes);
    sgx_sig_signer(&sig, mrsigner);
    if (sgx_sig_verify(&sig, &err) == 0 && size < sizeof(sig))
        fuzz_wrong("half a signature holds");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] == 's')
        sigstruct_read(data + 1, size - 1);
    else
        kernel_read(data + 1, size - 1);
    return 0;
}
