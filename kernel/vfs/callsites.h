/* SPDX-License-Identifier: Apache-2.0 */
/* The call sites of the image's programs (naos/callsite.h), for files as the image has them. */
#pragma once
#include "vfs/inode.h"

/* Reads CALLSITE_FILE of the image; without it every system call traps. */
void callsites_load(struct superblock *image);
/* By the path inside the image; NULL: none. Valid for good. */
const struct callsite_table *callsites_find(const char *path);
