/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three kinds of System V objects share: keys, identifiers, permissions. Each kind has a table; its lock guards
 * the slots and every object's permissions, the object's own lock the rest. An object that was removed is found no more,
 * and lives until the last reference goes. Table locks are taken before objects' locks.
 */
#pragma once
#include <linux/ipc.h>
#include <asm/ipcbuf.h>
#include "base/refcount.h"
#include "base/spinlock.h"

#define SYSV_SLOTS_MAX 32768 /* IPCMNI */

struct sysv_object { /* the first member of each kind */
    struct refcount ref;
    struct spinlock lock;
    bool is_removed;        /* atomic reads; set under both locks */
    int id;
    struct ipc64_perm perm; /* under the table's lock */
};

struct sysv_table {
    struct spinlock lock;   /* guards the rest */
    struct sysv_object **slots;
    int room, highest, count; /* highest: the last slot in use, -1 */
    int limit;                /* objects there may be: -ENOSPC */
    uint16_t seq;
    int last_slot;
    void (*const destroy)(struct sysv_object *o); /* the last reference went; no lock held */
};

/* What makes an object, and what an existing one must be like; arg is the caller's. */
struct sysv_maker {
    struct sysv_object *(*create)(void *arg);              /* err_ptr; does not sleep */
    int (*check)(struct sysv_object *o, void *arg);        /* -EINVAL ... */
    void *arg;
};

/* shmget(2) and its like: the identifier. -EEXIST, -ENOENT, -EACCES, -ENOSPC, and those of the maker. */
nodiscard int sysv_get(struct sysv_table *table, int32_t key, int flags, const struct sysv_maker *maker);
/* The object, referenced, if the caller may use it so (want: bits of S_IRWXO; 0: whatever its mode says). -EINVAL, -EACCES. */
nodiscard int sysv_find(struct sysv_table *table, int id, unsigned want, struct sysv_object **o);
/* The same for the slots of *_STAT: by index, and *id is its identifier. */
nodiscard int sysv_find_index(struct sysv_table *table, int index, unsigned want, struct sysv_object **o);
/* For IPC_SET and IPC_RMID: its owner's, its creator's or CAP_SYS_ADMIN's. -EINVAL, -EPERM. */
nodiscard int sysv_find_owned(struct sysv_table *table, int id, struct sysv_object **o);
void sysv_put(struct sysv_table *table, struct sysv_object *o);
/* Found no more; the caller wakes who waits. False: somebody else did it before. */
bool sysv_remove(struct sysv_table *table, struct sysv_object *o);
/* IPC_SET: uid, gid and the permissions of *from. */
void sysv_set_perm(struct sysv_table *table, struct sysv_object *o, const struct ipc64_perm *from);
void sysv_read_perm(struct sysv_table *table, struct sysv_object *o, struct ipc64_perm *perm);
/* The next object from slot *index on, referenced, and *index is its slot; NULL at the end. For /proc/sysvipc. */
struct sysv_object *sysv_next(struct sysv_table *table, int *index);
int sysv_highest(struct sysv_table *table); /* the highest slot in use; 0 if there is none */

static inline bool sysv_is_removed(const struct sysv_object *o)
{
    return __atomic_load_n(&o->is_removed, __ATOMIC_ACQUIRE);
}

int64_t sysv_now(void); /* seconds since 1970 */
