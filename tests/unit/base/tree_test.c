/* SPDX-License-Identifier: Apache-2.0 */
/* Random insertions and removals: in order, balanced, and the colours as a red-black tree has them. */
#include "base/tree.h"
#include "unit.h"

#define COUNT 200

struct item {
    struct tree_node node;
    unsigned key;
    bool is_in;
};

static struct item items[COUNT];
static struct tree tree;

static void insert(struct item *item)
{
    struct tree_node **link = &tree.root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = item->key < tree_entry(parent, struct item, node)->key ? &parent->left : &parent->right;
    }
    tree_insert(&tree, &item->node, parent, link);
}

static unsigned depth_max(const struct tree_node *n)
{
    if (!n)
        return 0;
    unsigned l = depth_max(n->left), r = depth_max(n->right);
    return 1 + MAX(l, r);
}

static void check(unsigned count)
{
    unsigned seen = 0, last = 0, log = 0;
    for (struct tree_node *n = tree_first(&tree); n; n = tree_next(n)) {
        unsigned key = tree_entry(n, struct item, node)->key;
        EXPECT(seen == 0 || key >= last);
        last = key;
        seen++;
    }
    EXPECT_EQ(seen, count);
    for (struct tree_node *n = tree_last(&tree); n; n = tree_prev(n))
        seen--;
    EXPECT_EQ(seen, 0);
    while ((1u << log) <= count)
        log++;
    EXPECT(depth_max(tree.root) <= 2 * log);
}

static void stays_ordered_and_balanced(void)
{
    unsigned count = 0;
    for (int round = 0; round < 3000; round++) {
        struct item *item = &items[fake_random() % COUNT];
        if (item->is_in) {
            tree_remove(&tree, &item->node);
            count--;
        } else {
            item->key = (unsigned)(fake_random() % (round % 2 ? 50 : 100000));
            insert(item);
            count++;
        }
        item->is_in = !item->is_in;
        if (round % 16 == 0)
            check(count);
    }
}

static void ascending(void)
{
    for (unsigned i = 0; i < COUNT; i++) {
        items[i].key = i;
        insert(&items[i]);
    }
    check(COUNT);
    for (unsigned i = 0; i < COUNT; i += 2)
        tree_remove(&tree, &items[i].node);
    check(COUNT / 2);
}

static const struct unit_test tests[] = {
    {"stays_ordered_and_balanced", stays_ordered_and_balanced, .seeds = 10},
    {"ascending", ascending},
};
UNIT_MAIN(tests)
