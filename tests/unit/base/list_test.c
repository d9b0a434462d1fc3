/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"
#include "base/refcount.h"
#include "unit.h"

struct item {
    struct list node;
    int value;
};

static void order(void)
{
    struct list l = LIST_INIT(l), other = LIST_INIT(other);
    struct item items[4], *at, *after;
    int expected = 0;
    for (int i = 0; i < 4; i++)
        items[i].value = i;
    list_push_back(&l, &items[1].node);
    list_push_front(&l, &items[0].node);
    list_push_back(&other, &items[2].node);
    list_push_back(&other, &items[3].node);
    list_splice(&l, &other);
    EXPECT(list_is_empty(&other));
    list_splice(&l, &other);
    list_for_each (at, &l, node)
        EXPECT_EQ(at->value, expected++);
    EXPECT_EQ(expected, 4);
    list_for_each_safe (at, after, &l, node)
        list_remove(&at->node);
    EXPECT(list_is_empty(&l));
    list_remove(&items[0].node); /* twice does no harm */
    EXPECT(list_first(&l, struct item, node) == NULL);
}

static void references(void)
{
    struct refcount ref;
    ref_init(&ref, 1);
    ref_get(&ref);
    EXPECT(!ref_put(&ref));
    EXPECT(ref_get_unless_zero(&ref));
    EXPECT(!ref_put(&ref) && ref_put(&ref));
    EXPECT(!ref_get_unless_zero(&ref));
}

static const struct unit_test tests[] = {{"order", order}, {"references", references}};
UNIT_MAIN(tests)
