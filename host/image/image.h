/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trusted image: EROFS and behind it a dm-verity tree without
 * superblock, as `veritysetup verify --no-superblock` takes it. Building it again from the same
 * files gives the same bytes.
 */
#pragma once
#include "app.h"
#include "callsites.h"

struct image_options {
    bool with_cache; /* what was found in a file before need not be looked for again */
    void (*progress)(uint64_t done, uint64_t total); /* may be NULL */
};
/* Writes the image of dir to path, with the system-call sites of its programs. */
int image_write(const char *dir, const char *path, const struct image_options *options, struct image_facts *facts,
                struct callsite_totals *sites, struct error *err);
/* Appends the tree to the image in fd, whose size is data_size; fills facts. */
int verity_append(int fd, uint64_t data_size, struct image_facts *facts, struct error *err);
/* Does every block of the image in fd, and its tree, lead to the root hash in facts? */
int verity_check(int fd, uint64_t file_size, const struct image_facts *facts, struct error *err);
