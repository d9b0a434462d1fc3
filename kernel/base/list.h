/* SPDX-License-Identifier: Apache-2.0 */
/* A circular doubly linked list, its nodes embedded in what they link. */
#pragma once
#include "base/base.h"

struct list {
    struct list *prev, *next;
};

#define LIST_INIT(name) {&(name), &(name)}

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void list_push_front(struct list *l, struct list *node)
{
    list_insert(node, l, l->next);
}

static inline void list_push_back(struct list *l, struct list *node)
{
    list_insert(node, l->prev, l);
}

/* Leaves the node a list of its own: removing it twice does no harm. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves all of `from` to the end of l; `from` is empty afterwards. */
static inline void list_splice(struct list *l, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = l->prev;
    l->prev->next = from->next;
    from->prev->next = l;
    l->prev = from->prev;
    list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(l, type, member) \
    (list_is_empty(l) ? NULL : list_entry((l)->next, type, member))
#define list_for_each(item, l, member) \
    for (item = list_entry((l)->next, __typeof__(*item), member); &item->member != (l); \
         item = list_entry(item->member.next, __typeof__(*item), member))
/* The present item may be removed. */
#define list_for_each_safe(item, after, l, member) \
    for (item = list_entry((l)->next, __typeof__(*item), member), \
        after = list_entry(item->member.next, __typeof__(*item), member); \
         &item->member != (l); \
         item = after, after = list_entry(item->member.next, __typeof__(*item), member))
