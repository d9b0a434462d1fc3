/* SPDX-License-Identifier: Apache-2.0 */
#include "image_keys.h"
#include <string.h>
#include "keyfile.h"

int image_keys_add(struct image_keys *keys, const char *arg, struct error *err)
{
    const char *equals = arg[0] == '/' ? strchr(arg, '=') : NULL; /* a file's path may begin with a slash, but has seldom a "=" */
    if (keys->count == BOOT_IMAGE_MAX)
        return error_set(err, "more than %u keys of images", BOOT_IMAGE_MAX);
    struct image_key *k = &keys->keys[keys->count];
    k->target = equals ? arg : NULL;
    k->target_len = equals ? (size_t)(equals - arg) : 0;
    if (store_key_read(equals ? equals + 1 : arg, k->key, err) < 0)
        return -1;
    keys->count++;
    return 0;
}

const uint8_t *image_keys_find(const struct image_keys *keys, const char *target)
{
    const uint8_t *found = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct image_key *k = &keys->keys[i];
        if (!k->target && !found)
            found = k->key;
        else if (k->target && strlen(target) == k->target_len && memcmp(k->target, target, k->target_len) == 0)
            return k->key;
    }
    return found;
}
