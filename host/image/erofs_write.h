/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include "tree.h"

/* Called by the caller's thread; each may be NULL. */
struct erofs_layout {
    void (*placed)(struct tree_node *root, void *context); /* all have their nid, nothing is written */
    void *context;
    void (*progress)(uint64_t done, uint64_t total);
};

/* Writes the tree, whose files lie in dir, to path. All belongs to root. */
int erofs_write(struct tree_node *root, const char *dir, const char *path, const struct erofs_layout *layout, struct error *err);
