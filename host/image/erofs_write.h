/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include "tree.h"

/* Writes the tree, whose files lie in dir, to path. All belongs to root. progress may be NULL; it is called by the caller's thread. */
int erofs_write(struct tree_node *root, const char *dir, const char *path, void (*progress)(uint64_t done, uint64_t total),
                struct error *err);
