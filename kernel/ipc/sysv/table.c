/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/sysv/table.h"
#include <linux/capability.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "time/clock.h"

#define ROOM_FIRST 16

int64_t sysv_now(void)
{
    return clock_realtime() / NS_PER_S;
}

/* ---- permissions, under the table's lock ---------------------------------------------------------------------------------- */

/* want: bits of S_IRWXO, all of which the caller's class must have. */
static bool is_allowed(const struct ipc64_perm *p, unsigned want)
{
    const struct cred *c = thread_current()->cred;
    unsigned mode = p->mode;
    if (c->euid == p->uid || c->euid == p->cuid)
        mode >>= 6;
    else if (cred_has_group(c, p->gid) || cred_has_group(c, p->cgid) || c->egid == p->gid || c->egid == p->cgid)
        mode >>= 3;
    return !(want & ~mode & S_IRWXO) || capable(CAP_IPC_OWNER);
}

/* What IPC_CREAT asks for in the three classes, an existing object must give to the caller. */
static unsigned want_of_flags(int flags)
{
    unsigned mode = (unsigned)flags;
    return (mode >> 6 | mode >> 3 | mode) & S_IRWXO;
}

/* ---- slots, under the table's lock ------------------------------------------------------------------------------------------ */

static int room_grow(struct sysv_table *t)
{
    int room = t->room ? t->room * 2 : ROOM_FIRST;
    struct sysv_object **slots = heap_zalloc((size_t)room * sizeof(struct sysv_object *));
    if (!slots)
        return -ENOMEM;
    if (t->room)
        memcpy(slots, t->slots, (size_t)t->room * sizeof(struct sysv_object *));
    heap_free(t->slots);
    t->slots = slots;
    t->room = room;
    return 0;
}

/* The sequence number goes up whenever slots are used again, so that an old identifier does not find a new object. */
static int slot_take(struct sysv_table *t, struct sysv_object *o)
{
    int slot = 0;
    while (slot < t->room && t->slots[slot])
        slot++;
    if (slot >= t->room && room_grow(t))
        return -ENOMEM;
    if (slot <= t->last_slot)
        t->seq++;
    t->last_slot = slot;
    t->slots[slot] = o;
    t->count++;
    t->highest = MAX(t->highest, slot);
    o->perm.seq = t->seq & 0x7fff;
    o->id = o->perm.seq * SYSV_SLOTS_MAX + slot;
    return 0;
}

static struct sysv_object *find_by_key(const struct sysv_table *t, int32_t key)
{
    for (int i = 0; i <= t->highest && i < t->room; i++) {
        if (t->slots[i] && t->slots[i]->perm.key == key)
            return t->slots[i];
    }
    return NULL;
}

static struct sysv_object *find_by_id(const struct sysv_table *t, int id)
{
    int slot = id % SYSV_SLOTS_MAX;
    if (id < 0 || slot >= t->room || !t->slots[slot] || t->slots[slot]->id != id)
        return NULL;
    return t->slots[slot];
}

/* ---- making ------------------------------------------------------------------------------------------------------------------- */

static int object_create(struct sysv_table *t, int32_t key, int flags, const struct sysv_maker *maker)
{
    const struct cred *c = thread_current()->cred;
    if (t->count >= t->limit)
        return -ENOSPC;
    struct sysv_object *o = maker->create(maker->arg);
    if (is_err(o))
        return ptr_err(o);
    ref_init(&o->ref, 1);
    o->perm.key = key;
    o->perm.mode = (unsigned)flags & 0777;
    o->perm.uid = o->perm.cuid = c->euid;
    o->perm.gid = o->perm.cgid = c->egid;
    int err = slot_take(t, o);
    if (err)
        t->destroy(o);
    return err ? err : o->id;
}

static int object_existing(struct sysv_object *o, int flags, const struct sysv_maker *maker)
{
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    int err = maker->check(o, maker->arg);
    if (err)
        return err;
    return is_allowed(&o->perm, want_of_flags(flags)) ? o->id : -EACCES;
}

int sysv_get(struct sysv_table *t, int32_t key, int flags, const struct sysv_maker *maker)
{
    int result;
    spin_lock(&t->lock);
    struct sysv_object *o = key == IPC_PRIVATE ? NULL : find_by_key(t, key);
    if (o)
        result = object_existing(o, flags, maker);
    else if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
        result = -ENOENT;
    else
        result = object_create(t, key, flags, maker);
    spin_unlock(&t->lock);
    return result;
}

/* ---- finding -------------------------------------------------------------------------------------------------------------------- */

static int take(struct sysv_object *found, unsigned want, struct sysv_object **o)
{
    if (!found)
        return -EINVAL;
    if (!is_allowed(&found->perm, want))
        return -EACCES;
    ref_get(&found->ref);
    *o = found;
    return 0;
}

int sysv_find(struct sysv_table *t, int id, unsigned want, struct sysv_object **o)
{
    spin_lock(&t->lock);
    int err = take(find_by_id(t, id), want, o);
    spin_unlock(&t->lock);
    return err;
}

int sysv_find_index(struct sysv_table *t, int index, unsigned want, struct sysv_object **o)
{
    spin_lock(&t->lock);
    int err = take(index >= 0 && index < t->room ? t->slots[index] : NULL, want, o);
    spin_unlock(&t->lock);
    return err;
}

int sysv_find_owned(struct sysv_table *t, int id, struct sysv_object **o)
{
    uint32_t euid = thread_current()->cred->euid;
    spin_lock(&t->lock);
    struct sysv_object *found = find_by_id(t, id);
    int err = take(found, 0, o);
    if (err == 0 && euid != found->perm.uid && euid != found->perm.cuid && !capable(CAP_SYS_ADMIN))
        err = -EPERM;
    spin_unlock(&t->lock);
    if (err == -EPERM)
        sysv_put(t, found);
    return err;
}

void sysv_put(struct sysv_table *t, struct sysv_object *o)
{
    if (ref_put(&o->ref))
        t->destroy(o);
}

bool sysv_remove(struct sysv_table *t, struct sysv_object *o)
{
    spin_lock(&t->lock);
    spin_lock(&o->lock);
    bool is_first = !o->is_removed;
    __atomic_store_n(&o->is_removed, true, __ATOMIC_RELEASE);
    spin_unlock(&o->lock);
    if (is_first) {
        t->slots[o->id % SYSV_SLOTS_MAX] = NULL;
        t->count--;
        while (t->highest >= 0 && !t->slots[t->highest])
            t->highest--;
    }
    spin_unlock(&t->lock);
    if (is_first)
        sysv_put(t, o); /* the table's own: the caller has another */
    return is_first;
}

void sysv_set_perm(struct sysv_table *t, struct sysv_object *o, const struct ipc64_perm *from)
{
    spin_lock(&t->lock);
    o->perm.uid = from->uid;
    o->perm.gid = from->gid;
    o->perm.mode = (o->perm.mode & ~0777U) | (from->mode & 0777U);
    spin_unlock(&t->lock);
}

void sysv_read_perm(struct sysv_table *t, struct sysv_object *o, struct ipc64_perm *perm)
{
    spin_lock(&t->lock);
    *perm = o->perm;
    spin_unlock(&t->lock);
}

struct sysv_object *sysv_next(struct sysv_table *t, int *index)
{
    struct sysv_object *o = NULL;
    spin_lock(&t->lock);
    while (!o && *index < t->room) {
        o = t->slots[*index];
        if (o)
            ref_get(&o->ref);
        else
            ++*index;
    }
    spin_unlock(&t->lock);
    return o;
}

int sysv_highest(struct sysv_table *t)
{
    spin_lock(&t->lock);
    int highest = MAX(t->highest, 0);
    spin_unlock(&t->lock);
    return highest;
}
