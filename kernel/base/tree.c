/* SPDX-License-Identifier: Apache-2.0 */
/* Red-black trees: Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", chapter 13. */
#include "base/tree.h"

enum { RED = 0, BLACK = 1 };

static struct tree_node *parent_of(const struct tree_node *n)
{
    return (struct tree_node *)(n->parent_color & ~1UL);
}

static bool is_black(const struct tree_node *n)
{
    return !n || (n->parent_color & 1);
}

static void set_parent(struct tree_node *n, struct tree_node *parent)
{
    n->parent_color = (uintptr_t)parent | (n->parent_color & 1);
}

static void set_color(struct tree_node *n, unsigned color)
{
    n->parent_color = (n->parent_color & ~1UL) | color;
}

/* Where the tree points to `old`, it points to `new_node` afterwards. */
static void child_replace(struct tree *tree, struct tree_node *parent, struct tree_node *old,
                          struct tree_node *new_node)
{
    if (!parent)
        tree->root = new_node;
    else if (parent->left == old)
        parent->left = new_node;
    else
        parent->right = new_node;
}

/* n goes down to the left (right), its right (left) child takes its place. */
static void rotate(struct tree *tree, struct tree_node *n, bool to_left)
{
    struct tree_node *up = to_left ? n->right : n->left;
    struct tree_node *middle = to_left ? up->left : up->right;
    child_replace(tree, parent_of(n), n, up);
    set_parent(up, parent_of(n));
    set_parent(n, up);
    if (middle)
        set_parent(middle, n);
    if (to_left) {
        n->right = middle;
        up->left = n;
    } else {
        n->left = middle;
        up->right = n;
    }
}

void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent,
                 struct tree_node **link)
{
    *node = (struct tree_node){.parent_color = (uintptr_t)parent};
    *link = node;
    while ((parent = parent_of(node)) && !is_black(parent)) {
        struct tree_node *grand = parent_of(parent);
        bool is_left = parent == grand->left;
        struct tree_node *uncle = is_left ? grand->right : grand->left;
        if (!is_black(uncle)) {
            set_color(parent, BLACK);
            set_color(uncle, BLACK);
            set_color(grand, RED);
            node = grand;
            continue;
        }
        if (node == (is_left ? parent->right : parent->left)) {
            rotate(tree, parent, is_left);
            node = parent;
            parent = parent_of(node);
        }
        set_color(parent, BLACK);
        set_color(grand, RED);
        rotate(tree, grand, !is_left);
    }
    set_color(tree->root, BLACK);
}

/* The side of `parent` where n hangs has one black too few. */
static void remove_fix(struct tree *tree, struct tree_node *n, struct tree_node *parent)
{
    while (n != tree->root && is_black(n)) {
        bool is_left = n == parent->left;
        struct tree_node *sibling = is_left ? parent->right : parent->left;
        if (!is_black(sibling)) {
            set_color(sibling, BLACK);
            set_color(parent, RED);
            rotate(tree, parent, is_left);
            sibling = is_left ? parent->right : parent->left;
        }
        if (is_black(sibling->left) && is_black(sibling->right)) {
            set_color(sibling, RED);
            n = parent;
            parent = parent_of(n);
            continue;
        }
        if (is_black(is_left ? sibling->right : sibling->left)) {
            set_color(is_left ? sibling->left : sibling->right, BLACK);
            set_color(sibling, RED);
            rotate(tree, sibling, !is_left);
            sibling = is_left ? parent->right : parent->left;
        }
        set_color(sibling, (unsigned)(parent->parent_color & 1));
        set_color(parent, BLACK);
        set_color(is_left ? sibling->right : sibling->left, BLACK);
        rotate(tree, parent, is_left);
        n = tree->root;
    }
    if (n)
        set_color(n, BLACK);
}

/* A node with two children changes places with its successor, which has no left child. */
static void swap_with_next(struct tree *tree, struct tree_node *node)
{
    struct tree_node *next = tree_next(node), *next_parent = parent_of(next), *next_right = next->right;
    struct tree_node saved = *node;
    uintptr_t next_color = next->parent_color & 1;
    child_replace(tree, parent_of(node), node, next);
    next->parent_color = saved.parent_color;
    next->left = saved.left;
    set_parent(saved.left, next);
    if (next_parent == node) {
        next->right = node;
        next_parent = next;
    } else {
        next->right = saved.right;
        set_parent(saved.right, next);
        next_parent->left = node;
    }
    node->left = NULL;
    node->right = next_right;
    node->parent_color = (uintptr_t)next_parent | next_color;
    if (next_right)
        set_parent(next_right, node);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    if (node->left && node->right)
        swap_with_next(tree, node);
    struct tree_node *child = node->left ? node->left : node->right;
    struct tree_node *parent = parent_of(node);
    child_replace(tree, parent, node, child);
    if (child)
        set_parent(child, parent);
    if (is_black(node))
        remove_fix(tree, child, parent);
}

struct tree_node *tree_first(const struct tree *tree)
{
    struct tree_node *n = tree->root;
    while (n && n->left)
        n = n->left;
    return n;
}

struct tree_node *tree_last(const struct tree *tree)
{
    struct tree_node *n = tree->root;
    while (n && n->right)
        n = n->right;
    return n;
}

struct tree_node *tree_next(const struct tree_node *node)
{
    if (node->right) {
        struct tree_node *n = node->right;
        while (n->left)
            n = n->left;
        return n;
    }
    struct tree_node *parent = parent_of(node);
    while (parent && node == parent->right) {
        node = parent;
        parent = parent_of(parent);
    }
    return parent;
}

struct tree_node *tree_prev(const struct tree_node *node)
{
    if (node->left) {
        struct tree_node *n = node->left;
        while (n->right)
            n = n->right;
        return n;
    }
    struct tree_node *parent = parent_of(node);
    while (parent && node == parent->left) {
        node = parent;
        parent = parent_of(parent);
    }
    return parent;
}
