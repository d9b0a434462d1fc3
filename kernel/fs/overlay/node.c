/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay's inodes: one for each real file, however many names lead to it. */
#include <linux/stat.h>
#include "fs/overlay/internal.h"
#include "heap/heap.h"

static struct list *bucket_of(struct list *table, const struct inode *key)
{
    return &table[((uintptr_t)key >> 6) % OVERLAY_BUCKETS];
}

/* Under the table's lock: referenced, or NULL. */
static struct inode *upper_find(struct overlay *o, const struct inode *upper)
{
    struct node *n;
    list_for_each (n, bucket_of(o->by_upper, upper), upper_node) {
        if (n->upper == upper && ref_get_unless_zero(&n->self->ref))
            return n->self;
    }
    return NULL;
}

static struct inode *lower_find(struct overlay *o, const struct inode *lower)
{
    struct node *n;
    list_for_each (n, bucket_of(o->by_lower, lower), lower_node) {
        if (n->lower == lower && ref_get_unless_zero(&n->self->ref))
            return n->self;
    }
    return NULL;
}

static struct inode *find_locked(struct overlay *o, const struct inode *upper, const struct inode *lower)
{
    return upper ? upper_find(o, upper) : lower_find(o, lower);
}

uint64_t node_ino(const struct overlay *o, struct inode *upper, const struct inode *lower)
{
    struct origin origin;
    if (lower)
        return lower->ino;
    bool is_known = real_getxattr(upper, XATTR_ORIGIN, &origin, sizeof(origin)) == sizeof(origin) && origin.id == o->lower->id;
    return is_known ? origin.ino : upper->ino + UPPER_INO;
}

void node_sync(struct inode *inode)
{
    struct inode *real = real_of(inode);
    const struct node *n = node_of(inode);
    if (real->ops->refresh)
        real->ops->refresh(real);
    inode->mode = real->mode;
    inode->uid = real->uid;
    inode->gid = real->gid;
    inode->rdev = real->rdev;
    inode->size = real->size;
    inode->blocks = real->blocks;
    inode->mtime = real->mtime;
    inode->ctime = real->ctime;
    if (S_ISDIR(inode->mode) && inode->nlink)
        inode->nlink = n->lower ? 1 : real->nlink; /* of a merged one nobody counts, as in Linux */
}

static void pages_take(struct inode *inode, const struct inode *real)
{
    struct pagecache *old = inode->pages;
    if (!real->pages)
        return;
    pagecache_get(real->pages);
    __atomic_store_n(&inode->pages, real->pages, __ATOMIC_RELEASE);
    if (old)
        pagecache_put(old); /* the inode below holds it too: readers are safe */
}

static struct inode *node_make(struct superblock *sb, struct inode *upper, struct inode *lower, const struct place *at)
{
    struct overlay *o = overlay_of(sb);
    struct inode *real = upper ? upper : lower;
    struct node *n = heap_zalloc(sizeof(*n));
    char *name = upper ? NULL : heap_alloc(at->len + 1);
    struct inode *inode = n && (upper || name) ? inode_create(sb, node_ino(o, upper, lower), real->mode) : NULL;
    if (!inode) {
        heap_free(name);
        heap_free(n);
        return NULL;
    }
    *n = (struct node){.self = inode, .upper = upper, .lower = lower, .name = name};
    list_init(&n->upper_node);
    list_init(&n->lower_node);
    if (name) {
        memcpy(name, at->name, at->len);
        name[at->len] = 0;
        n->parent = at->dir;
        inode_get(at->dir);
    }
    inode->data = n;
    inode->ops = &overlay_inode_ops;
    inode->file_ops = &overlay_file_ops;
    inode->nlink = real->nlink;
    inode->atime = real->atime;
    inode->btime = real->btime;
    inode->callsites = !upper && lower->sb->id ? lower->callsites : NULL; /* content below that never changes */
    pages_take(inode, real);
    node_sync(inode);
    return inode;
}

static void insert_locked(struct overlay *o, struct node *n)
{
    if (n->upper)
        list_push_front(bucket_of(o->by_upper, n->upper), &n->upper_node);
    if (n->lower)
        list_push_front(bucket_of(o->by_lower, n->lower), &n->lower_node);
}

int node_get(struct superblock *sb, struct inode *upper, struct inode *lower, const struct place *at, char *lower_path,
             struct inode **result)
{
    struct overlay *o = overlay_of(sb);
    spin_lock(&o->lock);
    struct inode *found = find_locked(o, upper, lower);
    spin_unlock(&o->lock);
    struct inode *made = found ? NULL : node_make(sb, upper, lower, at);
    if (made) {
        node_of(made)->lower_path = lower_path;
        spin_lock(&o->lock);
        found = find_locked(o, upper, lower); /* another may have been faster */
        if (!found)
            insert_locked(o, node_of(made));
        spin_unlock(&o->lock);
    }
    if (made && found) {
        inode_put(made); /* with what it was given */
    } else if (!made) {
        inode_put(upper);
        inode_put(lower);
        heap_free(lower_path);
    }
    *result = found ? found : made;
    return *result ? 0 : -ENOMEM;
}

void node_forget_place(struct node *n)
{
    struct inode *parent = n->parent;
    n->parent = NULL;
    heap_free(n->name);
    n->name = NULL;
    inode_put(parent);
}

/*
 * A file below that has several names stays in memory once it was copied: the other names, which are still below, must
 * lead to the copy.
 */
void node_add_upper(struct inode *inode, struct inode *upper)
{
    struct node *n = node_of(inode);
    struct overlay *o = overlay_of(inode->sb);
    if (n->lower->nlink > 1 && !S_ISDIR(inode->mode))
        inode_get(inode);
    __atomic_store_n(&inode->callsites, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&n->upper, upper, __ATOMIC_RELEASE);
    pages_take(inode, upper);
    spin_lock(&o->lock);
    list_push_front(bucket_of(o->by_upper, upper), &n->upper_node);
    spin_unlock(&o->lock);
    node_forget_place(n);
}

void node_evict(struct inode *inode)
{
    struct node *n = node_of(inode);
    struct overlay *o = overlay_of(inode->sb);
    spin_lock(&o->lock);
    list_remove(&n->upper_node);
    list_remove(&n->lower_node);
    spin_unlock(&o->lock);
    node_forget_place(n);
    inode_put(n->upper);
    inode_put(n->lower);
    heap_free(n->lower_path);
    heap_free(n);
}
