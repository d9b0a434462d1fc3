/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers: one table for threads, processes, groups and sessions, since Linux draws all from one
 * space. A number is free when nothing has it. Lock: process_tree_lock for all.
 */
#include "heap/heap.h"
#include "proc/internal.h"

#define CHUNK_SLOTS 64
#define PID_RESTART 300 /* after the first round, as Linux: low numbers are not used again */

struct spinlock process_tree_lock;
static struct pid_slot *chunks[PID_MAX / CHUNK_SLOTS];
static int32_t last_pid;

struct pid_slot *pid_slot(int32_t pid)
{
    if (pid <= 0 || pid >= PID_MAX)
        return NULL;
    struct pid_slot *chunk = chunks[pid / CHUNK_SLOTS];
    return chunk ? &chunk[pid % CHUNK_SLOTS] : NULL;
}

static struct pid_slot *slot_make(int32_t pid)
{
    struct pid_slot **chunk = &chunks[pid / CHUNK_SLOTS];
    if (!*chunk)
        *chunk = heap_zalloc(CHUNK_SLOTS * sizeof(struct pid_slot));
    return *chunk ? &(*chunk)[pid % CHUNK_SLOTS] : NULL;
}

static bool slot_is_free(const struct pid_slot *slot)
{
    return !slot->thread && !slot->process && !slot->group && !slot->session && !slot->is_reserved;
}

int32_t pid_alloc(void)
{
    for (int32_t tries = 0; tries < PID_MAX; tries++) {
        last_pid = last_pid + 1 < PID_MAX ? last_pid + 1 : PID_RESTART;
        struct pid_slot *slot = slot_make(last_pid);
        if (!slot)
            return -ENOMEM;
        if (slot_is_free(slot)) {
            slot->is_reserved = true;
            return last_pid;
        }
    }
    return -EAGAIN;
}

int pid_take(int32_t pid)
{
    struct pid_slot *slot = pid > 0 && pid < PID_MAX ? slot_make(pid) : NULL;
    if (!slot)
        return pid > 0 && pid < PID_MAX ? -ENOMEM : -EINVAL;
    if (!slot_is_free(slot))
        return -EEXIST;
    slot->is_reserved = true;
    return 0;
}

struct process *process_find(int32_t pid)
{
    spin_lock(&process_tree_lock);
    struct pid_slot *slot = pid_slot(pid);
    struct process *p = slot ? slot->process : NULL;
    if (p)
        ref_get(&p->ref);
    spin_unlock(&process_tree_lock);
    return p;
}

struct thread *thread_find(int32_t tid)
{
    spin_lock(&process_tree_lock);
    struct pid_slot *slot = pid_slot(tid);
    struct thread *t = slot ? slot->thread : NULL;
    if (t)
        ref_get(&t->ref);
    spin_unlock(&process_tree_lock);
    return t;
}

struct process *process_next(int32_t after)
{
    struct process *p = NULL;
    spin_lock(&process_tree_lock);
    for (int32_t pid = MAX(after + 1, 1); pid < PID_MAX && !p; pid++) {
        struct pid_slot *slot = pid_slot(pid);
        if (!slot)
            pid |= CHUNK_SLOTS - 1; /* nothing in this chunk */
        else
            p = slot->process;
    }
    if (p)
        ref_get(&p->ref);
    spin_unlock(&process_tree_lock);
    return p;
}
