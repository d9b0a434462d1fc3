/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a verified image, docs/image-format.md: EROFS; if it is encrypted, the tags of its blocks; the hash tree over both; and a last
 * block that says what the file is, for tools. The enclave never looks at that: what it knows is measured. Little-endian.
 */
#pragma once
#include "naos/config.h"

#define IMAGE_BLOCK   4096u
#define IMAGE_MAGIC   0x314547414d49414eULL /* "NAIMAGE1" */
#define IMAGE_VERSION 1u

/* Encrypted: a tag of 16 bytes for each block of 4096. */
#define IMAGE_TAGS_PER_BLOCK 256u
#define IMAGE_KEY_LABEL  "image" /* key_derive(given key, this, config_image.key_salt) */
#define IMAGE_SALT_FIRST "image salt 1" /* key_salt from the content: key_derive(key, this, half of the plain data's root hash), */
#define IMAGE_SALT_LAST  "image salt 2" /* then with that as the key and the other half; the first 16 bytes */

struct image_trailer {
    uint64_t magic;
    uint32_t version;
    uint32_t reserved;
    struct config_image image;
};
