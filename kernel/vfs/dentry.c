/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/dentry.h"
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "vfs/notify.h"

#define BUCKETS          16384
#define DENTRY_SPARE_MAX 32768 /* and, at about 1 KiB with its inode each, a sixteenth of the memory */

struct spinlock dentry_lock = SPINLOCK(LOCK_DENTRY);
static struct list buckets[BUCKETS];
static struct list spare = LIST_INIT(spare); /* the oldest first */
static unsigned spare_count;

static uint32_t hash_name(const struct dentry *parent, const char *name, size_t len)
{
    uint64_t h = (uintptr_t)parent >> 4;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL; /* FNV-1a */
    return (uint32_t)(h ^ h >> 32);
}

static struct list *bucket_of(uint32_t hash)
{
    struct list *b = &buckets[hash % BUCKETS];
    if (!b->next)
        list_init(b);
    return b;
}

static struct dentry *dentry_alloc(const char *name, size_t len, struct inode *inode)
{
    struct dentry *d = heap_alloc(sizeof(*d) + len + 1);
    if (!d)
        return NULL;
    *d = (struct dentry){.count = 1, .inode = inode, .len = (uint16_t)len, .room = (uint16_t)len, .name = d->inline_name};
    list_init(&d->hash_node);
    list_init(&d->spare_node);
    list_init(&d->notes);
    memcpy(d->name, name, len);
    d->name[len] = 0;
    if (inode)
        inode_get(inode);
    return d;
}

/* Is it worth keeping when nobody holds it? */
static bool is_kept(const struct dentry *d)
{
    return !list_is_empty(&d->hash_node) && !(d->inode && d->inode->ops->names_change);
}

struct dentry *dentry_create_root(struct inode *inode)
{
    struct dentry *d = dentry_alloc("/", 1, inode);
    if (d)
        d->parent = d;
    return d;
}

static void get_locked(struct dentry *d)
{
    if (d->count++ == 0 && !list_is_empty(&d->spare_node)) {
        list_remove(&d->spare_node);
        spare_count--;
    }
}

void dentry_get(struct dentry *d)
{
    spin_lock(&dentry_lock);
    get_locked(d);
    spin_unlock(&dentry_lock);
}

static void name_free(struct dentry *d)
{
    if (d->name != d->inline_name)
        heap_free(d->name);
}

/* ---- notes of absence: unreferenced dentries without an inode, in the hash, among the spare ones and in their parent's list.
 * They hold no reference of the parent; it drops them when it goes. ---- */

static void note_drop_locked(struct dentry *note)
{
    list_remove(&note->hash_node);
    list_remove(&note->spare_node);
    list_remove(&note->notes);
    spare_count--;
}

static void notes_drop(struct dentry *parent)
{
    struct dentry *note;
    do {
        spin_lock(&dentry_lock);
        note = list_first(&parent->notes, struct dentry, notes);
        if (note)
            note_drop_locked(note);
        spin_unlock(&dentry_lock);
        if (note) {
            name_free(note);
            heap_free(note);
        }
    } while (note);
}

/* Frees d, whose count is 0 and which is on no list, and parents that only it held. */
static void dentry_free(struct dentry *d)
{
    if (d && !d->inode) { /* a note */
        name_free(d);
        heap_free(d);
        return;
    }
    while (d) {
        if (!list_is_empty(&d->notes))
            notes_drop(d);
        struct dentry *parent = d->parent == d ? NULL : d->parent;
        if (d->is_unlinked && (S_ISDIR(d->inode->mode) || d->inode->nlink == 0))
            notify_inode_gone(d->inode);
        inode_put(d->inode);
        name_free(d);
        heap_free(d);
        d = NULL;
        if (!parent)
            break;
        spin_lock(&dentry_lock);
        bool is_last = --parent->count == 0;
        if (is_last && !is_kept(parent)) {
            list_remove(&parent->hash_node);
            d = parent;
        } else if (is_last) {
            list_push_back(&spare, &parent->spare_node);
            spare_count++;
        }
        spin_unlock(&dentry_lock);
    }
}

static struct dentry *spare_remove(struct dentry *d)
{
    list_remove(&d->spare_node);
    list_remove(&d->hash_node);
    if (!d->inode)
        list_remove(&d->notes);
    spare_count--;
    return d;
}

static struct dentry *spare_evict(void)
{
    struct dentry *d = list_first(&spare, struct dentry, spare_node);
    return d && spare_count > MIN(DENTRY_SPARE_MAX, plat_info.memory_size >> 14) ? spare_remove(d) : NULL;
}

/* d, which nobody holds, stays for a while; what has to go for it. */
static struct dentry *spare_add(struct dentry *d)
{
    list_push_back(&spare, &d->spare_node);
    spare_count++;
    return spare_evict();
}

void dentry_put(struct dentry *d)
{
    struct dentry *gone = NULL;
    spin_lock(&dentry_lock);
    CHECK(d->count > 0);
    if (--d->count == 0) {
        if (is_kept(d)) {
            gone = spare_add(d);
        } else {
            list_remove(&d->hash_node);
            gone = d;
        }
    }
    spin_unlock(&dentry_lock);
    if (gone)
        dentry_free(gone);
}

static struct dentry *find_locked(struct dentry *parent, const char *name, size_t len, uint32_t hash)
{
    struct dentry *d;
    list_for_each (d, bucket_of(hash), hash_node) {
        if (d->hash == hash && d->parent == parent && d->len == len && memcmp(d->name, name, len) == 0)
            return d;
    }
    return NULL;
}

/* *is_absent: it is known that there is none. */
static struct dentry *find(struct dentry *parent, const char *name, size_t len, bool *is_absent)
{
    uint32_t hash = hash_name(parent, name, len);
    spin_lock(&dentry_lock);
    struct dentry *d = find_locked(parent, name, len, hash);
    *is_absent = d && !d->inode;
    if (*is_absent)
        d = NULL;
    if (d)
        get_locked(d);
    spin_unlock(&dentry_lock);
    return d;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len)
{
    bool is_absent;
    return find(parent, name, len, &is_absent);
}

/* The note that there is no such name, off all lists, to be freed after the lock; NULL: there was none. */
static struct dentry *note_take(struct dentry *parent, const char *name, size_t len, uint32_t hash)
{
    struct dentry *note = find_locked(parent, name, len, hash);
    if (!note || note->inode)
        return NULL;
    note_drop_locked(note);
    return note;
}

/* Returns the note that it makes wrong, as note_take. */
static struct dentry *hash_insert(struct dentry *d, struct dentry *parent)
{
    uint32_t hash = hash_name(parent, d->name, d->len);
    struct dentry *note = note_take(parent, d->name, d->len, hash);
    d->parent = parent;
    get_locked(parent);
    d->hash = hash;
    list_push_front(bucket_of(hash), &d->hash_node);
    return note;
}

void dentry_came(struct dentry *parent, const char *name, size_t len)
{
    uint32_t hash = hash_name(parent, name, len);
    spin_lock(&dentry_lock);
    struct dentry *note = note_take(parent, name, len, hash);
    spin_unlock(&dentry_lock);
    dentry_free(note);
}

int dentry_add(struct dentry *parent, const char *name, size_t len, struct inode *inode, struct dentry **result)
{
    struct dentry *d = dentry_alloc(name, len, inode);
    if (!d)
        return -ENOMEM;
    spin_lock(&dentry_lock);
    struct dentry *note = hash_insert(d, parent);
    spin_unlock(&dentry_lock);
    dentry_free(note);
    *result = d;
    return 0;
}

/* With the directory's lock held, and no such name. */
static void absence_note(struct dentry *parent, const char *name, size_t len)
{
    struct dentry *note = dentry_alloc(name, len, NULL);
    if (!note)
        return;
    note->count = 0;
    note->parent = parent;
    note->hash = hash_name(parent, name, len);
    spin_lock(&dentry_lock);
    list_push_front(bucket_of(note->hash), &note->hash_node);
    list_push_front(&parent->notes, &note->notes);
    struct dentry *gone = spare_add(note);
    spin_unlock(&dentry_lock);
    dentry_free(gone);
}

int dentry_lookup(struct dentry *parent, const char *name, size_t len, struct dentry **result)
{
    struct inode *dir = parent->inode, *inode;
    bool is_absent;
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    *result = find(parent, name, len, &is_absent);
    if (*result || is_absent)
        return *result ? 0 : -ENOENT;
    if (!dir->ops->lookup)
        return -ENOTDIR;
    mutex_lock(&dir->lock);
    *result = find(parent, name, len, &is_absent);
    int err = is_absent ? -ENOENT : 0;
    if (!*result && !is_absent) {
        err = dir->ops->lookup(dir, name, len, &inode);
        if (err == 0) {
            err = dentry_add(parent, name, len, inode, result);
            inode_put(inode);
        } else if (err == -ENOENT && dir->ops->absence_lasts && !parent->is_unlinked) {
            absence_note(parent, name, len);
        }
    }
    mutex_unlock(&dir->lock);
    return err;
}

void dentry_unlink(struct dentry *d)
{
    spin_lock(&dentry_lock);
    list_remove(&d->hash_node);
    d->is_unlinked = true;
    spin_unlock(&dentry_lock);
    if (!list_is_empty(&d->notes))
        notes_drop(d);
}

static struct dentry *spare_take(const struct superblock *sb)
{
    struct dentry *d;
    list_for_each (d, &spare, spare_node) {
        if ((d->inode ? d->inode : d->parent->inode)->sb == sb)
            return spare_remove(d);
    }
    return NULL;
}

void dentries_drop(const struct superblock *sb)
{
    struct dentry *d;
    do {
        spin_lock(&dentry_lock);
        d = spare_take(sb);
        spin_unlock(&dentry_lock);
        if (d)
            dentry_free(d);
    } while (d);
}

int dentry_reserve(struct dentry *d, size_t len)
{
    if (len <= d->room)
        return 0;
    char *longer = heap_alloc(len + 1);
    if (!longer)
        return -ENOMEM;
    spin_lock(&dentry_lock);
    memcpy(longer, d->name, d->len + 1U);
    char *old = d->name;
    d->name = longer;
    d->room = (uint16_t)len;
    spin_unlock(&dentry_lock);
    if (old != d->inline_name)
        heap_free(old);
    return 0;
}

static struct dentry *rename_locked(struct dentry *d, struct dentry *to, const char *name, size_t len)
{
    list_remove(&d->hash_node);
    memmove(d->name, name, len);
    d->name[len] = 0;
    d->len = (uint16_t)len;
    return hash_insert(d, to);
}

void dentry_move(struct dentry *d, struct dentry *to, const char *name, size_t len)
{
    CHECK(len <= d->room);
    spin_lock(&dentry_lock);
    struct dentry *old_parent = d->parent, *note = rename_locked(d, to, name, len);
    spin_unlock(&dentry_lock);
    dentry_free(note);
    dentry_put(old_parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
    char name[NAME_MAX + 1];
    CHECK(a->len <= b->room && b->len <= a->room);
    spin_lock(&dentry_lock);
    struct dentry *a_parent = a->parent, *b_parent = b->parent;
    size_t len = a->len;
    memcpy(name, a->name, len);
    list_remove(&b->hash_node); /* both names are taken, so no note of absence is there */
    (void)rename_locked(a, b_parent, b->name, b->len);
    (void)rename_locked(b, a_parent, name, len);
    spin_unlock(&dentry_lock);
    dentry_put(a_parent);
    dentry_put(b_parent);
}
