/* SPDX-License-Identifier: Apache-2.0 */
/* --image-key [TARGET=]FILE, as often as there are images with keys of their own. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "naos/boot.h"

struct image_keys {
    size_t count;
    struct image_key {
        const char *target; /* where the image is mounted; NULL: of all that have none of their own */
        size_t target_len;
        uint8_t key[32];
    } keys[BOOT_IMAGE_MAX];
};

/* arg must stay. */
int image_keys_add(struct image_keys *keys, const char *arg, struct error *err);
/* NULL: none was given for it. */
const uint8_t *image_keys_find(const struct image_keys *keys, const char *target);
