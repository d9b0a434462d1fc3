/* SPDX-License-Identifier: Apache-2.0 */
/* From the page caches to the core, from the core to the host's disk: in the background, or because somebody asks. */
#include "base/string.h"
#include "fs/store/vfs.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "time/clock.h"

#define COMMIT_AFTER (5 * NS_PER_S)
#define SLICE_PAGES  240
#define IDLE_MAX     256
#define SYNC_FIRST   1024 /* pages */

static uint64_t dirty_left(const struct store_fs *fs)
{
    return __atomic_load_n(&fs->dirty_pages, __ATOMIC_RELAXED);
}

/* ---- what is to be written ------------------------------------------------------------------------------------------- */

void store_changed(struct store_fs *fs)
{
    if (__atomic_load_n(&fs->is_changed, __ATOMIC_RELAXED))
        return;
    spin_lock(&fs->flush_lock);
    fs->is_changed = true;
    waitq_wake_all(&fs->flush_wait, 0);
    spin_unlock(&fs->flush_lock);
}

static void flush_hurry(struct store_fs *fs)
{
    if (__atomic_load_n(&fs->is_full, __ATOMIC_RELAXED))
        return;
    spin_lock(&fs->flush_lock);
    fs->is_changed = fs->is_full = true;
    waitq_wake_all(&fs->flush_wait, 0);
    spin_unlock(&fs->flush_lock);
}

void store_inode_dirty(struct inode *inode)
{
    struct store_fs *fs = store_fs_of(inode->sb);
    struct store_vnode *n = store_vnode_of(inode);
    spin_lock(&fs->table_lock);
    if (list_is_empty(&n->dirty_node)) {
        inode_get(inode);
        list_push_back(&fs->dirty, &n->dirty_node);
    }
    spin_unlock(&fs->table_lock);
    store_changed(fs);
}

/* The first on the list, with the list's reference. */
static struct inode *dirty_take(struct store_fs *fs)
{
    spin_lock(&fs->table_lock);
    struct store_vnode *n = list_first(&fs->dirty, struct store_vnode, dirty_node);
    if (n)
        list_remove(&n->dirty_node);
    spin_unlock(&fs->table_lock);
    return n ? n->inode : NULL;
}

/* ---- writing it -------------------------------------------------------------------------------------------------------- */

static int inode_flush(struct inode *inode, bool for_sync)
{
    mutex_lock(&inode->lock);
    store_vnode_of(inode)->is_syncing = for_sync;
    int err = inode->pages ? pagecache_write_back(inode->pages) : 0;
    store_vnode_of(inode)->is_syncing = false;
    if (err == 0)
        err = store_attrs_push(inode);
    mutex_unlock(&inode->lock);
    return err;
}

int store_inode_flush(struct inode *inode)
{
    return inode_flush(inode, false);
}

/* Nobody has it open, and it has no name: what is dirty in it goes with it. */
static bool is_going(struct inode *inode)
{
    return inode->nlink == 0 && __atomic_load_n(&inode->ref.count, __ATOMIC_RELAXED) == 1;
}

static int dirty_flush(struct store_fs *fs)
{
    struct list again = LIST_INIT(again);
    struct inode *inode;
    int err = 0;
    while ((inode = dirty_take(fs))) {
        int flushed = is_going(inode) ? 0 : store_inode_flush(inode);
        struct store_vnode *n = store_vnode_of(inode);
        err = err ? err : flushed;
        if (flushed || __atomic_load_n(&n->mapped, __ATOMIC_RELAXED)) {
            spin_lock(&fs->table_lock);
            bool is_back = !list_is_empty(&n->dirty_node);
            if (!is_back)
                list_push_back(&again, &n->dirty_node);
            spin_unlock(&fs->table_lock);
            if (!is_back)
                continue;
        }
        inode_put(inode);
    }
    spin_lock(&fs->table_lock);
    list_splice(&fs->dirty, &again);
    spin_unlock(&fs->table_lock);
    return err;
}

int store_fs_sync(struct store_fs *fs)
{
    __atomic_store_n(&fs->is_changed, false, __ATOMIC_RELAXED);
    bool is_much = dirty_left(fs) > SYNC_FIRST;
    int err = dirty_flush(fs);
    if (err == 0 && is_much)
        err = hostfile_sync(&fs->file); /* so that the commit, under the lock, has little to wait for */
    mutex_lock(&fs->lock);
    int committed = store_commit(fs->st);
    mutex_unlock(&fs->lock);
    return err ? err : committed;
}

/* Waits for the disk once for all whose entries were written before. */
static int barrier(struct store_fs *fs, uint64_t ticket)
{
    int err = 0;
    mutex_lock(&fs->sync_lock);
    if (fs->synced < ticket) {
        uint64_t target = __atomic_load_n(&fs->logged, __ATOMIC_ACQUIRE), epoch = __atomic_load_n(&fs->logged_epoch, __ATOMIC_RELAXED);
        err = hostfile_sync(&fs->file);
        if (err == 0 && fs->file.has_counter)
            err = hostfile_count(&fs->file, epoch);
        if (err == 0)
            fs->synced = target;
    }
    mutex_unlock(&fs->sync_lock);
    return err;
}

int store_inode_sync(struct inode *inode)
{
    struct store_fs *fs = store_fs_of(inode->sb);
    struct store_info info;
    int err = inode_flush(inode, true);
    if (err)
        return err;
    mutex_lock(&fs->lock);
    err = store_log(fs->st);
    store_info(fs->st, &info);
    __atomic_store_n(&fs->logged_epoch, info.epoch, __ATOMIC_RELAXED);
    uint64_t ticket = __atomic_add_fetch(&fs->logged, 1, __ATOMIC_RELEASE);
    mutex_unlock(&fs->lock);
    if (err == 0)
        err = barrier(fs, ticket);
    if (err == 0)
        __atomic_store_n(&store_vnode_of(inode)->was_synced, true, __ATOMIC_RELAXED);
    return err;
}

/* How much may wait: writers wake the background at one part of it, and work themselves at all of it. */
static uint64_t dirty_limit(void)
{
    return MIN(plat_info.memory_size / 16, 128UL << 20) >> PAGE_SHIFT;
}

/* Some of an inode's pages: in slices, so that its writers get their turns. */
static int data_write(struct inode *inode)
{
    mutex_lock(&inode->lock);
    int err = pagecache_write_some(inode->pages, SLICE_PAGES);
    mutex_unlock(&inode->lock);
    return err;
}

int store_room_make(struct inode *inode)
{
    struct store_fs *fs = store_fs_of(inode->sb);
    uint64_t dirty = dirty_left(fs);
    if (dirty > dirty_limit() / 8)
        flush_hurry(fs);
    return dirty > dirty_limit() ? data_write(inode) : 0;
}

/* ---- the background ------------------------------------------------------------------------------------------------------ */

/* Until something changed, and then a while, so that what changes together goes out together. True: data waits already. */
static bool flush_wait(struct store_fs *fs, ns_t *commit_at)
{
    int err = 0;
    spin_lock(&fs->flush_lock);
    while (!fs->is_changed && err == 0) {
        *commit_at = 0;
        err = waitq_sleep_uninterruptible(&fs->flush_wait, &fs->flush_lock, NS_NEVER);
    }
    if (*commit_at == 0)
        *commit_at = clock_monotonic() + COMMIT_AFTER;
    for (err = 0; !fs->is_full && err == 0;)
        err = waitq_sleep_uninterruptible(&fs->flush_wait, &fs->flush_lock, *commit_at);
    bool is_full = fs->is_full;
    spin_unlock(&fs->flush_lock);
    return is_full && clock_monotonic() < *commit_at;
}

/* The first inode on the list, which stays there, referenced. */
static struct inode *dirty_first(struct store_fs *fs)
{
    spin_lock(&fs->table_lock);
    struct store_vnode *n = list_first(&fs->dirty, struct store_vnode, dirty_node);
    if (n) {
        inode_get(n->inode);
        list_remove(&n->dirty_node);
        list_push_back(&fs->dirty, &n->dirty_node);
    }
    spin_unlock(&fs->table_lock);
    return n ? n->inode : NULL;
}

/* Data goes out until little is left; names and attributes wait for the commit. */
static int data_flush(struct store_fs *fs)
{
    unsigned idle = 0; /* inodes in turn that had nothing */
    struct inode *inode;
    int err = 0;
    for (uint64_t left; err == 0 && idle < IDLE_MAX; idle = left > dirty_left(fs) ? 0 : idle + 1) {
        left = dirty_left(fs);
        if (left <= dirty_limit() / 16 || !(inode = dirty_first(fs)))
            break;
        err = inode->pages ? data_write(inode) : 0;
        inode_put(inode);
    }
    __atomic_store_n(&fs->is_full, false, __ATOMIC_RELAXED);
    return err;
}

void store_flusher_main(void *arg)
{
    struct store_fs *fs = arg;
    ns_t commit_at = 0;
    for (int err = 0; err == 0 || err == -ENOSPC;) { /* no room: the writers are told, deleting mends it; else nothing is changed any more */
        if (flush_wait(fs, &commit_at)) {
            err = data_flush(fs);
        } else {
            err = store_fs_sync(fs);
            commit_at = 0;
        }
    }
}
