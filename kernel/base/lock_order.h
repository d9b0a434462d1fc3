/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of spinlocks: one is taken only while all that are held on this vCPU have lower ranks, never two of one rank.
 * LOCK_UNRANKED ones (the locks of single objects, which know their own order) are not compared. Test builds check it at
 * each lock (platform/fake/lock.c). Mutexes come before all spinlocks: whoever sleeps holds none.
 */
#pragma once

#define LOCK_RANKS(rank) \
    rank(LOCK_UNRANKED) \
    rank(LOCK_WATCH)    /* hostcall/events.c; a watch's ready() wakes tasks */ \
    rank(LOCK_MOUNT)    /* vfs/mount.c */ \
    rank(LOCK_DENTRY)   /* vfs/dentry.c */ \
    rank(LOCK_TIMER)    /* time/timer.c: the tree; nothing fires under it */ \
    rank(LOCK_TASK)     /* a task's state */ \
    rank(LOCK_QUEUE)    /* a vCPU's queue */ \
    rank(LOCK_CONFLICT) /* mm/conflict.c: asked with a queue locked */ \
    rank(LOCK_PARK)     /* mm/park.c: the list */ \
    rank(LOCK_UNIT)     /* mm/unit.c */ \
    rank(LOCK_COMMIT)   /* mm/commit.c: the table of tables */ \
    rank(LOCK_SPARE)    /* sched/task.c: spare stacks */ \
    rank(LOCK_SLAB)     /* heap/slab.c: a class */ \
    rank(LOCK_PAGE)     /* heap/page.c */

#define LOCK_RANK_ENUM(name) name,
enum lock_rank { LOCK_RANKS(LOCK_RANK_ENUM) };
