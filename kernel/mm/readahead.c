/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing pages in ahead of who reads a file in order, on vCPUs that have nothing else to do: decrypting takes longer than copying,
 * so one vCPU alone is slower than the host's page cache. A page cache has one window; readers and workers take units of it
 * from its front, so whoever comes first does the work, and nobody waits where there is some left. Without an idle vCPU nothing
 * changes: readers bring their pages themselves.
 *
 * Locks: ahead_lock guards the list and all windows; it is taken with no other lock held.
 */
#include "mm/pagecache_internal.h"
#include "sched/sched.h"

#define WORKERS_MAX  3
#define WINDOW_PAGES 512u /* ahead of the reader */
#define STEP_PAGES   32u  /* some 20 us of work */

static struct spinlock ahead_lock;
static struct list windows = LIST_INIT(windows); /* page caches with units left */
static struct task workers[WORKERS_MAX];
static unsigned worker_count;

/* ---- units ------------------------------------------------------------------------------------------------------------- */

/* The next unit of a window, under the lock. */
static uint64_t unit_take(struct pagecache *pc, uint64_t *end)
{
    uint64_t first = pc->window;
    *end = MIN(pc->window_end, first + STEP_PAGES);
    pc->window = *end;
    if (*end >= pc->window_end)
        list_remove(&pc->window_node);
    pc->helpers++;
    return first;
}

/* What does not come is left to who needs it, and finds out why. */
static void unit_do(struct pagecache *pc, uint64_t first, uint64_t end)
{
    int err = pagecache_fill_run(pc, first, end);
    (void)err;
    __atomic_fetch_sub(&pc->helpers, 1, __ATOMIC_RELEASE);
}

bool readahead_help(struct pagecache *pc)
{
    uint64_t first = 0, end = 0;
    if (list_is_empty(&pc->window_node)) /* a hint: most page caches never have one */
        return false;
    spin_lock(&ahead_lock);
    bool has_unit = !list_is_empty(&pc->window_node);
    if (has_unit)
        first = unit_take(pc, &end);
    spin_unlock(&ahead_lock);
    if (has_unit)
        unit_do(pc, first, end);
    return has_unit;
}

/* ---- workers ------------------------------------------------------------------------------------------------------------- */

static bool worker_step(void)
{
    uint64_t first = 0, end = 0;
    spin_lock(&ahead_lock);
    struct pagecache *pc = list_first(&windows, struct pagecache, window_node);
    if (pc)
        first = unit_take(pc, &end);
    spin_unlock(&ahead_lock);
    if (pc)
        unit_do(pc, first, end);
    return pc != NULL;
}

/* Programs come first: as soon as one waits for a vCPU, this one is free for it. */
static void worker_main(void *arg)
{
    (void)arg;
    for (;;) {
        task_sleep_begin(false);
        task_sleep();
        while (!sched_has_queued() && worker_step())
            continue;
    }
}

/* Without memory for their stacks there are fewer, or none. */
void readahead_init(void)
{
    unsigned count = MIN(vcpu_count - 1, WORKERS_MAX);
    while (worker_count < count && task_init(&workers[worker_count], NULL, worker_main, NULL) == 0)
        task_start(&workers[worker_count++]);
}

static void workers_wake(void)
{
    for (unsigned i = 0; i < worker_count; i++)
        task_wake_on_idle(&workers[i]);
}

/* ---- windows -------------------------------------------------------------------------------------------------------------- */

void readahead_open(struct pagecache *pc, uint64_t idx)
{
    uint64_t last = align_up(pc->size, PAGE_SIZE) >> PAGE_SHIFT, end = MIN(idx + WINDOW_PAGES, last);
    if (worker_count == 0 || pc->home)
        return;
    spin_lock(&ahead_lock);
    bool is_near = pc->window >= idx && pc->window <= end;
    pc->window = is_near ? pc->window : idx;
    pc->window_end = end;
    pc->window_mark = idx + WINDOW_PAGES / 2;
    if (pc->window < end && list_is_empty(&pc->window_node))
        list_push_back(&windows, &pc->window_node);
    else if (pc->window >= end)
        list_remove(&pc->window_node);
    spin_unlock(&ahead_lock);
    if (pc->window < end)
        workers_wake();
}

void readahead_reached(struct pagecache *pc, uint64_t idx)
{
    if (idx >= WINDOW_PAGES)
        pagecache_passed(pc, idx - WINDOW_PAGES, idx - WINDOW_PAGES / 2);
    readahead_open(pc, idx);
}

void readahead_close(struct pagecache *pc)
{
    if (!list_is_empty(&pc->window_node)) {
        spin_lock(&ahead_lock);
        list_remove(&pc->window_node);
        pc->window_end = pc->window;
        spin_unlock(&ahead_lock);
    }
    pc->window_mark = 0;
}

void pagecache_quiesce(struct pagecache *pc)
{
    readahead_close(pc);
    while (__atomic_load_n(&pc->helpers, __ATOMIC_ACQUIRE) > 0) {
        task_yield();
        arch_relax();
    }
}
