/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/overlay/overlay.h"
#include <linux/magic.h>
#include <linux/stat.h>
#include "fs/overlay/internal.h"
#include "heap/heap.h"

static int overlay_statfs(struct superblock *sb, struct statfs_info *info)
{
    struct superblock *upper = overlay_of(sb)->upper;
    int err = upper->ops && upper->ops->statfs ? upper->ops->statfs(upper, info) : 0;
    info->type = OVERLAYFS_SUPER_MAGIC;
    return err;
}

static int overlay_sync_all(struct superblock *sb)
{
    struct superblock *upper = overlay_of(sb)->upper;
    return upper->ops && upper->ops->sync ? upper->ops->sync(upper) : 0;
}

static void overlay_unmount(struct superblock *sb)
{
    struct overlay *o = overlay_of(sb);
    inode_put(o->upper_root);
    inode_put(o->lower_root);
    superblock_put(o->upper);
    superblock_put(o->lower);
    heap_free(o);
}

static const struct super_ops overlay_super_ops = {
    .statfs = overlay_statfs, .sync = overlay_sync_all, .unmount = overlay_unmount,
};

/* The root above, when it is new, looks like the one below. */
static int root_prepare(struct overlay *o)
{
    const struct inode *lower = o->lower_root;
    const struct origin origin = {o->lower->id, lower->ino};
    const struct iattr attr = {.valid = IATTR_MODE | IATTR_UID | IATTR_GID | IATTR_ATIME | IATTR_MTIME,
                               .mode = lower->mode & 07777, .uid = lower->uid, .gid = lower->gid,
                               .atime = lower->atime, .mtime = lower->mtime};
    if (real_getxattr(o->upper_root, XATTR_ORIGIN, NULL, 0) > 0)
        return 0;
    int err = real_setxattr(o->upper_root, XATTR_ORIGIN, &origin, sizeof(origin));
    return err ? err : real_setattr(o->upper_root, &attr);
}

static int root_make(struct superblock *sb, struct overlay *o)
{
    char *path = heap_zalloc(1);
    int err = path ? root_prepare(o) : -ENOMEM;
    if (err) {
        heap_free(path);
        return err;
    }
    inode_get(o->upper_root);
    inode_get(o->lower_root);
    return node_get(sb, o->upper_root, o->lower_root, &(struct place){NULL, "", 0}, path, &sb->root);
}

static struct overlay *overlay_alloc(struct inode *upper, struct inode *lower)
{
    struct overlay *o = heap_zalloc(sizeof(*o));
    if (!o)
        return NULL;
    o->upper_root = upper;
    o->lower_root = lower;
    o->upper = upper->sb;
    o->lower = lower->sb;
    inode_get(upper);
    inode_get(lower);
    ref_get(&upper->sb->ref);
    ref_get(&lower->sb->ref);
    mutex_init(&o->change);
    for (size_t i = 0; i < OVERLAY_BUCKETS; i++) {
        list_init(&o->by_upper[i]);
        list_init(&o->by_lower[i]);
    }
    return o;
}

int overlay_mount(struct inode *upper, struct inode *lower, struct superblock **result)
{
    if (!S_ISDIR(upper->mode) || !S_ISDIR(lower->mode))
        return -ENOTDIR;
    if (!upper->ops->tmpfile || !upper->ops->link || !upper->ops->setxattr)
        return -EINVAL;
    struct superblock *sb = superblock_create(&overlay_super_ops, "overlay", NULL);
    struct overlay *o = sb ? overlay_alloc(upper, lower) : NULL;
    if (!o) {
        heap_free(sb);
        return -ENOMEM;
    }
    sb->data = o;
    int err = root_make(sb, o);
    if (err)
        superblock_put(sb);
    else
        *result = sb;
    return err;
}
