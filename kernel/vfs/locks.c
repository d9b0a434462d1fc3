/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advisory locks. One list an inode, or an open file that has none (a pipe's end, a socket); an owner is an open file (flock,
 * OFD) or a descriptor table (POSIX). One lock for all lists: file locks are taken rarely.
 */
#include "vfs/locks.h"
#include <linux/fcntl.h>
#include <linux/fs.h>
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/inode.h"

#define CHAIN_MAX 10 /* of who waits for whom, as far as deadlocks are looked for; Linux has the same */

enum lock_kind { LOCK_KIND_FLOCK, LOCK_KIND_RANGE };

struct file_lock {
    struct list node;
    enum lock_kind kind;
    const void *owner;
    bool is_exclusive;
    uint64_t start, end; /* inclusive */
    int32_t pid;         /* -1: an open file description */
};

struct file_locks {
    struct list held;
    struct waitq waiters;
};

/* A POSIX lock that somebody waits for. */
struct lock_wait {
    struct list node;
    const void *owner, *blocker;
};

static struct spinlock lock_all;
static struct list waits = LIST_INIT(waits);

void locks_free(struct file_locks *locks)
{
    heap_free(locks);
}

static struct file_locks **locks_place(struct file *f)
{
    return f->inode ? &f->inode->locks : &f->locks;
}

/* Under lock_all. NULL: no memory. */
static struct file_locks *locks_of(struct file *f)
{
    struct file_locks **place = locks_place(f);
    if (!*place) {
        *place = heap_zalloc(sizeof(**place));
        if (*place) {
            list_init(&(*place)->held);
            waitq_init(&(*place)->waiters);
        }
    }
    return *place;
}

static struct file_lock *conflict_find(struct file_locks *locks, const struct file_lock *want)
{
    struct file_lock *l;
    list_for_each (l, &locks->held, node) {
        bool overlaps = l->start <= want->end && want->start <= l->end;
        if (l->kind == want->kind && l->owner != want->owner && overlaps && (l->is_exclusive || want->is_exclusive))
            return l;
    }
    return NULL;
}

static int lock_add(struct file_locks *locks, const struct file_lock *shape, uint64_t start, uint64_t end)
{
    struct file_lock *l = heap_alloc(sizeof(*l));
    if (!l)
        return -ENOLCK;
    *l = *shape;
    l->start = start;
    l->end = end;
    list_push_back(&locks->held, &l->node);
    return 0;
}

static void lock_remove(struct file_lock *l)
{
    list_remove(&l->node);
    heap_free(l);
}

/* The owner's locks no longer cover [start, end]. */
static int range_clear(struct file_locks *locks, enum lock_kind kind, const void *owner, uint64_t start, uint64_t end)
{
    struct file_lock *l, *after;
    int err = 0;
    list_for_each_safe (l, after, &locks->held, node) {
        if (l->kind != kind || l->owner != owner || l->start > end || l->end < start)
            continue;
        if (l->start < start && l->end > end)
            err = lock_add(locks, l, end + 1, l->end);
        if (l->start < start)
            l->end = start - 1;
        else if (l->end > end)
            l->start = end + 1;
        else
            lock_remove(l);
    }
    waitq_wake_all(&locks->waiters, 0);
    return err;
}

/* Takes in the owner's neighbours of the same type: what F_GETLK shows is the whole. */
static int range_add(struct file_locks *locks, const struct file_lock *want)
{
    struct file_lock merged = *want, *l, *after;
    list_for_each_safe (l, after, &locks->held, node) {
        bool touches = (merged.start == 0 || l->end >= merged.start - 1) && (merged.end == UINT64_MAX || l->start <= merged.end + 1);
        if (l->kind != want->kind || l->owner != want->owner || l->is_exclusive != want->is_exclusive || !touches)
            continue;
        merged.start = MIN(merged.start, l->start);
        merged.end = MAX(merged.end, l->end);
        lock_remove(l);
    }
    return lock_add(locks, &merged, merged.start, merged.end);
}

/* Would `owner` wait for somebody who waits, over others, for it? */
static bool is_deadlock(const void *owner, const void *blocker)
{
    for (unsigned i = 0; i < CHAIN_MAX; i++) {
        const struct lock_wait *w, *next = NULL;
        list_for_each (w, &waits, node) {
            if (w->owner == blocker)
                next = w;
        }
        if (!next)
            return false;
        if (next->blocker == owner)
            return true;
        blocker = next->blocker;
    }
    return false;
}

static int lock_wait(struct file_locks *locks, const struct file_lock *want, const struct file_lock *conflict)
{
    struct lock_wait wait = {.owner = want->owner, .blocker = conflict->owner};
    bool is_posix = want->kind == LOCK_KIND_RANGE && want->pid != -1;
    if (is_posix && is_deadlock(want->owner, conflict->owner))
        return -EDEADLK;
    list_init(&wait.node);
    if (is_posix)
        list_push_back(&waits, &wait.node);
    int err = waitq_sleep(&locks->waiters, &lock_all, NS_NEVER);
    list_remove(&wait.node);
    return err;
}

static int lock_take(struct file *f, const struct file_lock *want, bool waits_for_it)
{
    const struct file_lock *conflict;
    int err = 0;
    spin_lock(&lock_all);
    struct file_locks *locks = locks_of(f);
    if (!locks)
        err = -ENOLCK;
    else if (want->kind == LOCK_KIND_FLOCK) /* given back first: flock(2) does not convert in one step */
        err = range_clear(locks, want->kind, want->owner, want->start, want->end);
    while (err == 0 && (conflict = conflict_find(locks, want)))
        err = waits_for_it ? lock_wait(locks, want, conflict) : -EAGAIN;
    if (err == 0)
        err = range_clear(locks, want->kind, want->owner, want->start, want->end);
    if (err == 0)
        err = range_add(locks, want);
    spin_unlock(&lock_all);
    return err == -EINTR ? -ERESTARTSYS : err;
}

static int lock_drop(struct file *f, enum lock_kind kind, const void *owner, uint64_t start, uint64_t end)
{
    int err = 0;
    spin_lock(&lock_all);
    if (*locks_place(f))
        err = range_clear(*locks_place(f), kind, owner, start, end);
    spin_unlock(&lock_all);
    return err;
}

/* Does the file hold this very lock already? */
static bool flock_is_held(struct file *f, const struct file_lock *want)
{
    struct file_lock *l;
    bool is_held = false;
    spin_lock(&lock_all);
    if (*locks_place(f)) {
        list_for_each (l, &(*locks_place(f))->held, node) {
            if (l->kind == LOCK_KIND_FLOCK && l->owner == want->owner && l->is_exclusive == want->is_exclusive)
                is_held = true;
        }
    }
    spin_unlock(&lock_all);
    return is_held;
}

int locks_flock(struct file *f, int operation)
{
    struct file_lock want = {.kind = LOCK_KIND_FLOCK, .owner = f, .end = UINT64_MAX, .pid = process_current()->pid};
    if (operation & LOCK_MAND)
        return 0; /* was once something else; Linux takes it and does nothing */
    switch (operation & ~LOCK_NB) {
    case LOCK_UN:
        return lock_drop(f, LOCK_KIND_FLOCK, f, 0, UINT64_MAX);
    case LOCK_EX:
        want.is_exclusive = true;
        break;
    case LOCK_SH:
        break;
    default:
        return -EINVAL;
    }
    return flock_is_held(f, &want) ? 0 : lock_take(f, &want, !(operation & LOCK_NB));
}

static int64_t range_base(const struct file *f, int whence)
{
    if (whence == SEEK_CUR)
        return (int64_t)f->pos;
    if (whence == SEEK_SET || !f->inode)
        return 0;
    if (f->inode->ops->refresh)
        f->inode->ops->refresh(f->inode);
    return (int64_t)f->inode->size;
}

/* A negative length is what lies before the start. */
static int range_of(const struct file *f, const struct flock *lk, uint64_t *start, uint64_t *end)
{
    int64_t first, last = INT64_MAX;
    if (lk->l_whence < SEEK_SET || lk->l_whence > SEEK_END)
        return -EINVAL;
    if (__builtin_add_overflow(range_base(f, lk->l_whence), lk->l_start, &first))
        return -EOVERFLOW;
    if (lk->l_len > 0 && __builtin_add_overflow(first, lk->l_len - 1, &last))
        return -EOVERFLOW;
    if (lk->l_len < 0) {
        last = first - 1;
        if (__builtin_add_overflow(first, lk->l_len, &first))
            return -EINVAL;
    }
    if (first < 0)
        return -EINVAL;
    *start = (uint64_t)first;
    *end = last == INT64_MAX ? UINT64_MAX : (uint64_t)last;
    return 0;
}

static void lock_report(struct file *f, const struct file_lock *want, struct flock *lk)
{
    spin_lock(&lock_all);
    struct file_locks *locks = locks_of(f);
    struct file_lock *l = locks ? conflict_find(locks, want) : NULL;
    lk->l_type = F_UNLCK;
    if (l) {
        lk->l_type = l->is_exclusive ? F_WRLCK : F_RDLCK;
        lk->l_whence = SEEK_SET;
        lk->l_start = (int64_t)l->start;
        lk->l_len = l->end == UINT64_MAX ? 0 : (int64_t)(l->end - l->start + 1);
        lk->l_pid = l->pid;
    }
    spin_unlock(&lock_all);
}

static int type_check(const struct file *f, unsigned cmd, int type)
{
    bool is_query = cmd == F_GETLK || cmd == F_OFD_GETLK;
    if (type == F_UNLCK)
        return is_query ? -EINVAL : 0;
    if (type != F_RDLCK && type != F_WRLCK)
        return -EINVAL;
    return !is_query && !(f->mode & (type == F_WRLCK ? FMODE_WRITE : FMODE_READ)) ? -EBADF : 0;
}

int locks_fcntl(struct file *f, unsigned cmd, struct flock *lk)
{
    bool is_ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
    struct file_lock want = {
        .kind = LOCK_KIND_RANGE, .owner = is_ofd ? (const void *)f : thread_current()->files,
        .is_exclusive = lk->l_type == F_WRLCK, .pid = is_ofd ? -1 : process_current()->pid,
    };
    if (is_ofd && lk->l_pid != 0)
        return -EINVAL;
    int err = range_of(f, lk, &want.start, &want.end);
    if (err == 0)
        err = type_check(f, cmd, lk->l_type);
    if (err)
        return err;
    if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
        lock_report(f, &want, lk);
        return 0;
    }
    if (lk->l_type == F_UNLCK)
        return lock_drop(f, LOCK_KIND_RANGE, want.owner, want.start, want.end);
    return lock_take(f, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

static void release_owner(struct file *f, enum lock_kind kind, const void *owner)
{
    if (!*locks_place(f))
        return;
    int err = lock_drop(f, kind, owner, 0, UINT64_MAX);
    (void)err; /* dropping all makes none */
}

void locks_release_file(struct file *f)
{
    release_owner(f, LOCK_KIND_FLOCK, f);
    release_owner(f, LOCK_KIND_RANGE, f);
}

void locks_release_posix(struct file *f, struct fdtable *owner)
{
    release_owner(f, LOCK_KIND_RANGE, owner);
}
