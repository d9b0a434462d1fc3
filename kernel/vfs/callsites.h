/* SPDX-License-Identifier: Apache-2.0 */
/* The call sites of an image's programs (naos/callsite.h). */
#pragma once
#include "naos/callsite.h"
#include "vfs/inode.h"

/* Reads CALLSITE_FILE of the image. NULL: there is none, or it cannot be used (which is logged), and every system call traps. */
const struct callsite_file *callsites_load(struct superblock *image);
/* NULL: no sites are known of the file; f may be NULL. */
const struct callsite_table *callsites_find(const struct callsite_file *f, uint64_t nid);
