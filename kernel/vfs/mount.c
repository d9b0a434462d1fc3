/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of mounts. mount_lock guards its list; a mount is found through the dentry that it covers. */
#include "vfs/mount.h"
#include <linux/stat.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/dentry.h"
#include "vfs/device.h"

struct spinlock mount_lock = SPINLOCK(LOCK_MOUNT);
static struct list mounts = LIST_INIT(mounts);
static int next_id = 20;

static struct mount *mount_create(struct superblock *sb, struct dentry *root, const char *source, unsigned flags)
{
    struct mount *m = heap_zalloc(sizeof(*m));
    if (!m)
        return NULL;
    ref_init(&m->ref, 1);
    m->sb = sb;
    m->root = root;
    m->flags = flags;
    m->expire_mark = UINT32_MAX - 1; /* never asked */
    m->id = __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED);
    str_copy(m->source, source, sizeof(m->source));
    return m;
}

static void mount_drop(struct mount *m)
{
    struct path self = {m, NULL};
    path_put(&self);
}

int mount_root(struct superblock *sb, const char *source, unsigned flags, struct path *root)
{
    struct dentry *d = dentry_create_root(sb->root);
    struct mount *m = d ? mount_create(sb, d, source, flags) : NULL;
    if (!m)
        return -ENOMEM;
    spin_lock(&mount_lock);
    list_push_back(&mounts, &m->node);
    spin_unlock(&mount_lock);
    *root = (struct path){m, d};
    path_get(root);
    return 0;
}

/* ---- the places of mounts --------------------------------------------------------------------------------------------------- */

bool mount_enter(const struct path *p, struct path *top)
{
    spin_lock(&mount_lock);
    struct mount *m = p->dentry->mounted;
    while (m && m->parent != p->mount) /* the same place, seen through another mount */
        m = m->below;
    if (m) {
        *top = (struct path){m, m->root};
        m->walks++;
        path_get(top);
    }
    spin_unlock(&mount_lock);
    return m;
}

bool mount_leave(const struct path *p, struct path *up)
{
    spin_lock(&mount_lock);
    *up = (struct path){p->mount->parent, p->mount->at};
    if (up->mount)
        path_get(up);
    spin_unlock(&mount_lock);
    return up->mount;
}

/* The mount holds references of its place, which the caller took. */
static void place_locked(struct mount *m, const struct path *at)
{
    m->parent = at->mount;
    m->at = at->dentry;
    m->below = at->dentry->mounted;
    __atomic_store_n(&at->dentry->mounted, m, __ATOMIC_RELEASE);
}

/* Returns the place, whose references are the caller's now. */
static struct path unplace_locked(struct mount *m)
{
    struct path place = {m->parent, m->at};
    struct mount **link = &m->at->mounted;
    while (*link != m)
        link = &(*link)->below;
    __atomic_store_n(link, m->below, __ATOMIC_RELEASE);
    m->parent = m->below = NULL;
    m->at = NULL;
    return place;
}

static bool is_same_kind(const struct path *at, const struct mount *m)
{
    return S_ISDIR(at->dentry->inode->mode) == S_ISDIR(m->root->inode->mode);
}

/* The list holds the mount. Takes the caller's reference, also on failure. */
static int attach(const struct path *at, struct mount *m)
{
    if (!is_same_kind(at, m)) {
        mount_drop(m);
        return -ENOTDIR;
    }
    path_get(at);
    spin_lock(&mount_lock);
    place_locked(m, at);
    list_push_back(&mounts, &m->node);
    spin_unlock(&mount_lock);
    return 0;
}

int mount_add(const struct path *at, struct superblock *sb, const char *source, unsigned flags)
{
    struct dentry *d = dentry_create_root(sb->root);
    struct mount *m = d ? mount_create(sb, d, source, flags) : NULL;
    if (m)
        return attach(at, m);
    if (d)
        dentry_put(d);
    superblock_put(sb);
    return -ENOMEM;
}

int mount_bind(const struct path *at, const struct path *from, unsigned flags)
{
    struct mount *m = mount_create(from->mount->sb, from->dentry, from->mount->source, flags | from->mount->flags);
    if (!m)
        return -ENOMEM;
    dentry_get(from->dentry);
    ref_get(&from->mount->sb->ref);
    return attach(at, m);
}

/* ---- taking them away, and elsewhere ------------------------------------------------------------------------------------------- */

static struct mount *child_locked(const struct mount *m)
{
    struct mount *other;
    list_for_each (other, &mounts, node) {
        if (other->parent == m)
            return other;
    }
    return NULL;
}

/* m, or something in it: what has nothing mounted in itself. */
static struct mount *leaf_locked(struct mount *m)
{
    for (struct mount *child = m; child; child = child_locked(m))
        m = child;
    return m;
}

/* MNT_EXPIRE: nobody but this call itself came here since the last one? */
static bool is_unused_locked(struct mount *m)
{
    bool is = m->walks == m->expire_mark + 1;
    m->expire_mark = m->walks;
    return is;
}

static int may_remove_locked(const struct path *at, unsigned flags)
{
    struct mount *m = at->mount;
    if (at->dentry != m->root || !m->parent)
        return -EINVAL;
    /* Open files hold it, besides the list and the caller; lazily, it lives on for them. */
    bool is_busy = child_locked(m) || __atomic_load_n(&m->ref.count, __ATOMIC_RELAXED) > 2;
    if (is_busy && !(flags & MOUNT_DETACH))
        return -EBUSY;
    return (flags & MOUNT_EXPIRE) && !is_unused_locked(m) ? -EAGAIN : 0;
}

/* With MOUNT_DETACH all that is mounted in it goes too. */
int mount_remove(const struct path *at, unsigned umount_flags)
{
    struct mount *gone = NULL;
    int err = 0;
    while (gone != at->mount && err == 0) {
        struct path place;
        spin_lock(&mount_lock);
        err = may_remove_locked(at, umount_flags);
        if (err == 0) {
            gone = leaf_locked(at->mount);
            place = unplace_locked(gone);
            list_remove(&gone->node);
        }
        spin_unlock(&mount_lock);
        if (err == 0) {
            path_put(&place);
            mount_drop(gone);
        }
    }
    return err;
}

static bool is_inside_locked(const struct path *at, const struct mount *m)
{
    const struct mount *up = at->mount;
    while (up && up != m)
        up = up->parent;
    return up;
}

int mount_move(const struct path *at, const struct path *from)
{
    struct mount *m = from->mount;
    struct path before = {0};
    path_get(at);
    spin_lock(&mount_lock);
    int err = from->dentry != m->root || !m->parent ? -EINVAL : is_inside_locked(at, m) ? -ELOOP : is_same_kind(at, m) ? 0 : -EINVAL;
    if (err == 0) {
        before = unplace_locked(m);
        place_locked(m, at);
    }
    spin_unlock(&mount_lock);
    if (err)
        before = *at;
    path_put(&before);
    return err;
}

static bool find(const struct superblock *sb, uint64_t dev, struct path *root)
{
    struct mount *m;
    bool is_found = false;
    spin_lock(&mount_lock);
    list_for_each (m, &mounts, node) {
        if (sb ? m->sb == sb && m->root->inode == sb->root : m->sb->dev == dev) {
            *root = (struct path){m, m->root};
            path_get(root);
            is_found = true;
            break;
        }
    }
    spin_unlock(&mount_lock);
    return is_found;
}

bool mount_is_root(const struct path *at)
{
    return at->dentry == at->mount->root;
}

bool mount_find(const struct superblock *sb, struct path *root)
{
    return find(sb, 0, root);
}

bool mount_find_dev(uint64_t dev, struct path *root)
{
    return find(NULL, dev, root);
}

int mount_set_flags(const struct path *at, unsigned flags)
{
    if (at->dentry != at->mount->root)
        return -EINVAL;
    if ((flags & MOUNT_READ_ONLY) && __atomic_load_n(&at->mount->writers, __ATOMIC_RELAXED) > 0)
        return -EBUSY;
    __atomic_store_n(&at->mount->flags, flags, __ATOMIC_RELAXED);
    return 0;
}

unsigned mount_flags(const struct mount *m)
{
    return m->flags | (m->sb->is_read_only ? MOUNT_READ_ONLY : 0);
}

struct superblock *mount_superblock(const struct mount *m)
{
    return m->sb;
}

/* Of what is mounted, in its own file system: "/" but for bind mounts. From the end of the buffer backwards. */
static const char *root_name(struct dentry *d, char *buf, size_t size)
{
    char *s = buf + size - 1;
    *s = 0;
    spin_lock(&dentry_lock);
    for (; d->parent != d && (size_t)(s - buf) > d->len; d = d->parent) {
        s -= d->len;
        memcpy(s, d->name, d->len);
        *--s = '/';
    }
    spin_unlock(&dentry_lock);
    return *s ? s : "/";
}

static size_t mount_line(const struct mount *m, int parent_id, bool as_mountinfo, char *line, size_t size)
{
    char where[PATH_MAX / 4], root[PATH_MAX / 16], options[96];
    struct path p = {(struct mount *)(uintptr_t)m, m->root};
    if (path_name(&p, where, sizeof(where)) < 0)
        str_copy(where, "/", sizeof(where));
    unsigned flags = mount_flags(m);
    format(options, sizeof(options), "%s%s%s%s%s%s%s", flags & MOUNT_READ_ONLY ? "ro" : "rw", flags & MOUNT_NOSUID ? ",nosuid" : "",
           flags & MOUNT_NODEV ? ",nodev" : "", flags & MOUNT_NOEXEC ? ",noexec" : "",
           flags & MOUNT_NOATIME ? ",noatime" : flags & MOUNT_STRICTATIME ? "" : ",relatime",
           flags & MOUNT_NODIRATIME ? ",nodiratime" : "", flags & MOUNT_NOSYMFOLLOW ? ",nosymfollow" : "");
    if (!as_mountinfo)
        return (size_t)format(line, size, "%s %s %s %s 0 0\n", m->source, where, m->sb->type, options);
    return (size_t)format(line, size, "%d %d %u:%u %s %s %s - %s %s %s\n", m->id, parent_id, MAJOR(m->sb->dev), MINOR(m->sb->dev),
                          root_name(m->root, root, sizeof(root)), where, options, m->sb->type, m->source, options);
}

struct listed {
    struct mount *m;
    int parent_id;
};

/* At most `max`; each referenced. */
static size_t list_fill(struct listed *list, size_t max)
{
    struct mount *m;
    size_t count = 0;
    spin_lock(&mount_lock);
    list_for_each (m, &mounts, node) {
        if (count < max) {
            ref_get(&m->ref);
            list[count] = (struct listed){m, m->parent ? m->parent->id : 1};
        }
        count++;
    }
    spin_unlock(&mount_lock);
    return count;
}

size_t mount_list(char *buf, size_t size, bool as_mountinfo)
{
    size_t max = list_fill(NULL, 0) + 8, len = 0; /* a few more may come; what comes later is not listed */
    struct listed *list = heap_alloc(max * sizeof(*list));
    size_t count = list ? list_fill(list, max) : 0;
    for (size_t i = 0; i < MIN(count, max); i++) {
        len += mount_line(list[i].m, list[i].parent_id, as_mountinfo, buf + MIN(len, size), size - MIN(len, size));
        mount_drop(list[i].m);
    }
    heap_free(list);
    return len;
}

/* The next superblock after the id'th mount that has something to sync: of a mount, referenced. */
static struct mount *syncable_after(int id)
{
    struct mount *m, *found = NULL;
    spin_lock(&mount_lock);
    list_for_each (m, &mounts, node) {
        if (m->id > id && m->sb->ops && m->sb->ops->sync && (!found || m->id < found->id))
            found = m;
    }
    if (found)
        ref_get(&found->ref);
    spin_unlock(&mount_lock);
    return found;
}

void vfs_sync_all(void)
{
    struct mount *m;
    for (int id = -1; (m = syncable_after(id));) {
        int err = m->sb->ops->sync(m->sb);
        if (err)
            log_error("%s: not everything could be written (error %d)", m->source, -err);
        id = m->id;
        mount_drop(m);
    }
}
