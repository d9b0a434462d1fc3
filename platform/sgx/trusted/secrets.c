/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy and keys from the processor. */
#include "base/string.h"
#include "trusted.h"

#define RDRAND_RETRIES 10 /* SDM volume 1, 7.3.17.1 */

static int random_word(uint64_t *word)
{
    for (int i = 0; i < RDRAND_RETRIES; i++) {
        bool is_ok;
        __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(is_ok));
        if (is_ok)
            return 0;
    }
    return -EIO;
}

int plat_entropy(void *buf, size_t size)
{
    for (size_t off = 0; off < size; off += sizeof(uint64_t)) {
        uint64_t word;
        int err = random_word(&word);
        if (err)
            return err;
        memcpy((char *)buf + off, &word, MIN(size - off, sizeof(word)));
    }
    return 0;
}

int plat_seal_key(enum plat_seal_policy policy, uint16_t svn, const uint8_t key_id[static 32], uint8_t key[static 16])
{
    static struct sgx_keyrequest request; /* 512-byte aligned; one at a time under the lock */
    static uint8_t aligned_key[16] aligned_to(16);
    static struct spinlock lock;
    spin_lock(&lock);
    request = (struct sgx_keyrequest){
        .key_name = SGX_KEY_SEAL,
        .key_policy = policy == PLAT_SEAL_ENCLAVE ? SGX_KEYPOLICY_MRENCLAVE : SGX_KEYPOLICY_MRSIGNER,
        .isv_svn = svn,
        .attribute_mask = {.flags = SGX_FLAGS_INIT | SGX_FLAGS_DEBUG, .xfrm = 0},
    };
    memcpy(request.key_id, key_id, sizeof(request.key_id));
    uint64_t result = sgx_enclu(SGX_EGETKEY, &request, aligned_key, NULL);
    memcpy(key, aligned_key, sizeof(aligned_key));
    mem_wipe(aligned_key, sizeof(aligned_key));
    spin_unlock(&lock);
    return result == SGX_SUCCESS ? 0 : -EINVAL;
}
