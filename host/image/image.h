/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verified image (docs/image-format.md): EROFS and behind it a dm-verity tree without
 * superblock, as `veritysetup verify --no-superblock` takes it. Building it again from the same
 * files, and with the same key, gives the same bytes.
 */
#pragma once
#include "app.h"
#include "callsites.h"

struct image_options {
    bool with_cache; /* what was found in a file before need not be looked for again */
    void (*progress)(uint64_t done, uint64_t total); /* may be NULL */
    const uint8_t *key; /* 32 bytes: encrypted; NULL: plain */
    const struct app *app; /* of the root image: what it says of names and addresses goes into /etc; NULL: no such files are added */
};
/* Writes the image of dir to path, with the system-call sites of its programs. */
int image_write(const char *dir, const char *path, const struct image_options *options, struct config_image *facts,
                struct callsite_totals *sites, struct error *err);
/* Appends the tree over the first `size` bytes of fd; fills in size, hash_off and root_hash. */
int verity_append(int fd, uint64_t size, struct config_image *facts, struct error *err);
/* The root hash of a tree over `size` bytes. */
int verity_root(const uint8_t *data, uint64_t size, uint8_t root_hash[32], struct error *err);
/* Does every block of the image in fd, and its tree, lead to the root hash in facts? */
int verity_check(int fd, uint64_t file_size, const struct config_image *facts, struct error *err);
