/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of mounts. mount_lock guards its list; a mount is found through the dentry that it covers. */
#include "vfs/mount.h"
#include <linux/stat.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/dentry.h"

static struct spinlock mount_lock = SPINLOCK(LOCK_MOUNT);
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
    m->id = __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED);
    str_copy(m->source, source, sizeof(m->source));
    return m;
}

static void mount_list_add(struct mount *m)
{
    spin_lock(&mount_lock);
    list_push_back(&mounts, &m->node);
    spin_unlock(&mount_lock);
}

int mount_root(struct superblock *sb, const char *source, unsigned flags, struct path *root)
{
    struct dentry *d = dentry_create_root(sb->root);
    struct mount *m = d ? mount_create(sb, d, source, flags) : NULL;
    if (!m)
        return -ENOMEM;
    mount_list_add(m);
    *root = (struct path){m, d};
    path_get(root);
    return 0;
}

/* The mount holds references of its place; the list holds the mount. */
static int attach(const struct path *at, struct mount *m)
{
    if (!S_ISDIR(at->dentry->inode->mode) != !S_ISDIR(m->root->inode->mode))
        return -ENOTDIR;
    m->parent = at->mount;
    m->at = at->dentry;
    path_get(at);
    m->below = at->dentry->mounted;
    __atomic_store_n(&at->dentry->mounted, m, __ATOMIC_RELEASE);
    mount_list_add(m);
    return 0;
}

int mount_add(const struct path *at, struct superblock *sb, const char *source, unsigned flags)
{
    struct dentry *d = dentry_create_root(sb->root);
    struct mount *m = d ? mount_create(sb, d, source, flags) : NULL;
    if (!m)
        return -ENOMEM;
    return attach(at, m);
}

int mount_bind(const struct path *at, const struct path *from, unsigned flags)
{
    dentry_get(from->dentry);
    ref_get(&from->mount->sb->ref);
    struct mount *m = mount_create(from->mount->sb, from->dentry, from->mount->source, flags | from->mount->flags);
    if (!m)
        return -ENOMEM;
    return attach(at, m);
}

int mount_remove(const struct path *at, unsigned umount_flags)
{
    struct mount *m = at->mount, *other;
    int err = 0;
    if (at->dentry != m->root || !m->parent)
        return -EINVAL;
    spin_lock(&mount_lock);
    list_for_each (other, &mounts, node) {
        if (other->parent == m)
            err = -EBUSY;
    }
    /* Open files hold it, besides the list and the caller; with MNT_DETACH (2) it lives on for them. */
    if (!(umount_flags & 2) && __atomic_load_n(&m->ref.count, __ATOMIC_RELAXED) > 2)
        err = -EBUSY;
    if (err == 0) {
        __atomic_store_n(&m->at->mounted, m->below, __ATOMIC_RELEASE);
        list_remove(&m->node);
    }
    spin_unlock(&mount_lock);
    if (err == 0) {
        struct path place = {m->parent, m->at}, self = {m, NULL};
        path_put(&place);
        path_put(&self);
    }
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

static size_t mount_line(const struct mount *m, bool as_mountinfo, char *line, size_t size)
{
    char where[PATH_MAX / 4], options[96];
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
    return (size_t)format(line, size, "%d %d 0:%llu / %s %s - %s %s %s\n", m->id, m->parent ? m->parent->id : 1,
                          (unsigned long long)m->sb->dev, where, options, m->sb->type, m->source, options);
}

size_t mount_list(char *buf, size_t size, bool as_mountinfo)
{
    struct mount *list[64], *m;
    size_t count = 0, len = 0;
    spin_lock(&mount_lock);
    list_for_each (m, &mounts, node) {
        if (count < ARRAY_COUNT(list)) {
            ref_get(&m->ref);
            list[count++] = m;
        }
    }
    spin_unlock(&mount_lock);
    for (size_t i = 0; i < count; i++) {
        len += mount_line(list[i], as_mountinfo, buf + MIN(len, size), size - MIN(len, size));
        struct path p = {list[i], NULL};
        path_put(&p);
    }
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
        struct path p = {m, NULL};
        path_put(&p);
    }
}
