/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A balanced binary tree (red-black), its nodes embedded in what they order. The caller walks and
 * compares; the tree keeps the balance. No lock inside.
 */
#pragma once
#include "base/base.h"

struct tree_node {
    uintptr_t parent_color;
    struct tree_node *left, *right;
};

struct tree {
    struct tree_node *root;
};

/*
 * Insertion: walk down from &tree->root to an empty link, then tree_insert(tree, node, parent, link).
 *
 *     struct tree_node **link = &t->root, *parent = NULL;
 *     while (*link) {
 *         parent = *link;
 *         link = key < key_of(parent) ? &parent->left : &parent->right;
 *     }
 *     tree_insert(t, &item->node, parent, link);
 */
void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent,
                 struct tree_node **link);
void tree_remove(struct tree *tree, struct tree_node *node);
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_last(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_prev(const struct tree_node *node);
#define tree_entry(ptr, type, member) container_of(ptr, type, member)
