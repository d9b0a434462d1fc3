/* SPDX-License-Identifier: Apache-2.0 */
#include "image_crypt.h"
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "crypto/aead.h"

#define THREAD_MAX 16u
#define SPAN_MIN   4096u /* blocks that are worth a thread */

/* Blocks that one thread works on. */
struct span {
    const uint8_t *from;
    uint8_t *to, *tags; /* sealing: from is to */
    const uint8_t *key;
    uint64_t first, count;
    bool is_sealing, is_ok;
};

uint64_t image_tags_size(uint64_t data_size)
{
    return align_up(data_size / IMAGE_BLOCK * AEAD_TAG, IMAGE_BLOCK);
}

void image_key_salt(const uint8_t key[static 32], const uint8_t plain_root[static 32], uint8_t salt[static 16])
{
    uint8_t middle[32], last[32];
    key_derive(key, IMAGE_SALT_FIRST, plain_root, middle);
    key_derive(middle, IMAGE_SALT_LAST, plain_root + 16, last);
    memcpy(salt, last, 16);
}

static void *span_run(void *arg)
{
    struct span *s = arg;
    struct aead_key *key;
    s->is_ok = aead_create(s->key, &key) == 0;
    if (!s->is_ok)
        return NULL;
    for (uint64_t i = s->first; i < s->first + s->count && s->is_ok; i++) {
        uint8_t nonce[AEAD_NONCE] = {0}, *to = s->to + i * IMAGE_BLOCK, *tag = s->tags + i * AEAD_TAG;
        memcpy(nonce, &i, sizeof(i));
        if (s->is_sealing)
            aead_seal(key, nonce, NULL, 0, to, to, IMAGE_BLOCK, tag);
        else
            s->is_ok = aead_open(key, nonce, NULL, 0, s->from + i * IMAGE_BLOCK, to, IMAGE_BLOCK, tag) == 0;
    }
    aead_destroy(key);
    return NULL;
}

/* The whole as spans, by as many threads as there are processors. */
static bool all_run(const struct span *all)
{
    pthread_t threads[THREAD_MAX];
    struct span spans[THREAD_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = processors < 1 || all->count < SPAN_MIN ? 1 : (unsigned)MIN(processors, (long)THREAD_MAX), started = 0;
    uint64_t each = (all->count + n - 1) / n;
    bool is_ok = true;
    for (unsigned i = 0; i < n; i++) {
        spans[i] = *all;
        spans[i].first = MIN(i * each, all->count);
        spans[i].count = MIN(each, all->count - spans[i].first);
    }
    while (started < n - 1 && pthread_create(&threads[started], NULL, span_run, &spans[started]) == 0)
        started++;
    for (unsigned i = started; i < n; i++)
        span_run(&spans[i]);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < n; i++)
        is_ok = is_ok && spans[i].is_ok;
    return is_ok;
}

bool image_encrypt(uint8_t *file, uint64_t data_size, const uint8_t key[static 32], const uint8_t salt[static 16])
{
    uint8_t own[32];
    key_derive(key, IMAGE_KEY_LABEL, salt, own);
    memset(file + data_size, 0, image_tags_size(data_size));
    const struct span all = {.to = file, .tags = file + data_size, .key = own, .count = data_size / IMAGE_BLOCK, .is_sealing = true};
    return all_run(&all);
}

bool image_decrypt(const uint8_t *file, uint64_t data_size, const uint8_t key[static 32], const uint8_t salt[static 16], uint8_t *to)
{
    uint8_t own[32];
    key_derive(key, IMAGE_KEY_LABEL, salt, own);
    const struct span all = {.from = file, .to = to, .tags = (uint8_t *)(uintptr_t)file + data_size, .key = own, .count = data_size / IMAGE_BLOCK};
    return all_run(&all);
}
