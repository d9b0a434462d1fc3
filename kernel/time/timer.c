/* SPDX-License-Identifier: Apache-2.0 */
#include "time/timer.h"
#include "arch_types.h"
#include "base/spinlock.h"
#include "time/clock.h"

static struct spinlock timer_lock = SPINLOCK(LOCK_TIMER); /* guards the tree and each timer's flags */
static struct tree timers;
static ns_t earliest = NS_NEVER;
void (*timer_earliest_changed)(ns_t earliest);

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    *timer = (struct timer){.fire = fire};
}

static void earliest_update(void)
{
    struct tree_node *first = tree_first(&timers);
    ns_t next = first ? tree_entry(first, struct timer, node)->deadline : NS_NEVER;
    if (next == earliest)
        return;
    __atomic_store_n(&earliest, next, __ATOMIC_RELAXED);
    if (timer_earliest_changed)
        timer_earliest_changed(next);
}

static void insert(struct timer *timer)
{
    struct tree_node **link = &timers.root, *parent = NULL;
    while (*link) {
        parent = *link;
        bool is_before = timer->deadline < tree_entry(parent, struct timer, node)->deadline;
        link = is_before ? &parent->left : &parent->right;
    }
    tree_insert(&timers, &timer->node, parent, link);
    timer->is_armed = true;
}

static void take_out(struct timer *timer)
{
    tree_remove(&timers, &timer->node);
    timer->is_armed = false;
}

void timer_arm(struct timer *timer, ns_t deadline)
{
    spin_lock(&timer_lock);
    if (timer->is_armed)
        take_out(timer);
    timer->deadline = deadline;
    insert(timer);
    earliest_update();
    spin_unlock(&timer_lock);
}

bool timer_cancel(struct timer *timer)
{
    spin_lock(&timer_lock);
    bool was_armed = timer->is_armed;
    for (;;) {
        if (timer->is_armed)
            take_out(timer);
        if (!timer->is_running)
            break;
        spin_unlock(&timer_lock);
        arch_relax();
        spin_lock(&timer_lock);
    }
    earliest_update();
    spin_unlock(&timer_lock);
    return was_armed;
}

ns_t timer_next(void)
{
    return __atomic_load_n(&earliest, __ATOMIC_RELAXED);
}

void timer_run(void)
{
    ns_t next = timer_next();
    if (next == NS_NEVER || next > clock_monotonic())
        return;
    spin_lock(&timer_lock);
    for (;;) {
        struct tree_node *first = tree_first(&timers);
        struct timer *timer = first ? tree_entry(first, struct timer, node) : NULL;
        if (!timer || timer->deadline > clock_monotonic())
            break;
        take_out(timer);
        timer->is_running = true;
        spin_unlock(&timer_lock);
        timer->fire(timer);
        spin_lock(&timer_lock);
        timer->is_running = false;
    }
    earliest_update();
    spin_unlock(&timer_lock);
}
