/* SPDX-License-Identifier: Apache-2.0 */
/* Names: finding, making and removing them. rename.c renames. */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include "fs/overlay/internal.h"
#include "heap/heap.h"
#include "time/clock.h"

#define LOWER_POS_END (1ULL << 62) /* positions from here on are of entries above */

/* ---- finding ------------------------------------------------------------------------------------------------------- */

static char *path_join(const char *dir, const char *name, size_t len)
{
    size_t dir_len = strlen(dir);
    char *path = heap_alloc(dir_len + len + 2);
    if (!path)
        return NULL;
    memcpy(path, dir, dir_len);
    path[dir_len] = '/';
    memcpy(path + dir_len + 1, name, len);
    path[dir_len + 1 + len] = 0;
    return path;
}

/* The path below that a directory shows: of its own name, or where it was renamed from. NULL: none. err_ptr. */
static char *lower_path_of(struct inode *dir, const char *name, size_t len, struct inode *upper)
{
    char value[8];
    int64_t size = upper ? real_getxattr(upper, XATTR_REDIRECT, NULL, 0) : -ENODATA;
    if (size > 0) {
        char *path = heap_alloc((size_t)size + 1);
        size = path ? real_getxattr(upper, XATTR_REDIRECT, path, (size_t)size) : -ENOMEM;
        if (size < 0) {
            heap_free(path);
            return err_ptr((int)size);
        }
        path[size] = 0;
        return path;
    }
    bool is_opaque = upper && real_getxattr(upper, XATTR_OPAQUE, value, sizeof(value)) > 0;
    if (is_opaque || !node_of(dir)->lower_path)
        return NULL;
    char *path = path_join(node_of(dir)->lower_path, name, len);
    return path ? path : err_ptr(-ENOMEM);
}

/* What is below a directory that is above: merged only with another directory. */
static int lower_dir_find(struct inode *dir, const char *name, size_t len, struct inode *upper, struct inode **lower, char **path)
{
    *path = lower_path_of(dir, name, len, upper);
    if (!*path || is_err(*path))
        return *path ? ptr_err(*path) : 0;
    int err = real_walk(overlay_of(dir->sb)->lower_root, *path, lower);
    if (err == 0 && S_ISDIR((*lower)->mode))
        return 0;
    if (err == 0)
        inode_put(*lower);
    *lower = NULL;
    heap_free(*path);
    *path = NULL;
    return err == -ENOENT || err == -ENOTDIR ? 0 : err;
}

static int lower_only_find(struct inode *dir, const char *name, size_t len, struct inode **lower, char **path)
{
    int err = real_find(node_of(dir)->lower, name, len, lower);
    if (err || !S_ISDIR((*lower)->mode))
        return err;
    *path = path_join(node_of(dir)->lower_path, name, len);
    if (*path)
        return 0;
    inode_put(*lower);
    return -ENOMEM;
}

int overlay_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    struct inode *upper = NULL, *lower = NULL;
    const struct place at = {dir, name, len};
    char *path = NULL;
    int err = real_find(upper_of(dir), name, len, &upper);
    if (err == -ENOENT) {
        upper = NULL;
        err = lower_only_find(dir, name, len, &lower, &path);
    } else if (err == 0 && is_whiteout(upper)) {
        err = -ENOENT;
    } else if (err == 0 && S_ISDIR(upper->mode)) {
        err = lower_dir_find(dir, name, len, upper, &lower, &path);
    }
    if (err) {
        inode_put(upper);
        return err;
    }
    return node_get(dir->sb, upper, lower, &at, path, result);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/*
 * First the entries that are below, wherever they are now, then those that are only above: so copying up while somebody
 * reads the directory moves no entry, and each comes once.
 */
struct merge {
    struct dir_sink sink, *to;
    struct inode *dir;
    bool is_full;
};

static bool merge_emit(struct merge *m, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
    m->is_full = !m->to->emit(m->to, name, len, ino, type, next);
    return !m->is_full;
}

static bool lower_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
    struct merge *m = container_of(sink, struct merge, sink);
    struct inode *upper;
    if (real_find(upper_of(m->dir), name, len, &upper))
        return merge_emit(m, name, len, ino, type, next);
    bool goes_on = true;
    if (!is_whiteout(upper)) {
        struct inode *shown;
        if (overlay_lookup(m->dir, name, len, &shown) == 0) {
            goes_on = merge_emit(m, name, len, shown->ino, (shown->mode & S_IFMT) >> 12, next);
            inode_put(shown);
        }
    }
    inode_put(upper);
    return goes_on;
}

/* The directory above is locked by whoever reads it. */
static bool upper_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
    struct merge *m = container_of(sink, struct merge, sink);
    struct inode *upper = upper_of(m->dir), *found;
    (void)ino;
    if (real_has(node_of(m->dir)->lower, name, len) || upper->ops->lookup(upper, name, len, &found))
        return true;
    bool goes_on = true;
    if (!is_whiteout(found)) {
        struct inode *shown = NULL; /* a merged directory that was renamed has its number from below */
        bool is_dir = S_ISDIR(found->mode) && overlay_of(m->dir->sb)->lower;
        char *path = is_dir ? lower_path_of(m->dir, name, len, found) : NULL;
        if (path && !is_err(path) && real_walk(overlay_of(m->dir->sb)->lower_root, path, &shown))
            shown = NULL;
        if (!is_err(path))
            heap_free(path);
        goes_on = merge_emit(m, name, len, node_ino(overlay_of(m->dir->sb), found, shown), type, next | LOWER_POS_END);
        inode_put(shown);
    }
    inode_put(found);
    return goes_on;
}

/* Entries below, taken with that directory locked, and looked at without: looking locks it again. */
struct batch {
    struct dir_sink sink;
    size_t used;
    char data[PAGE_SIZE - sizeof(struct dir_sink) - sizeof(size_t)];
};

struct batch_entry {
    uint64_t ino, next;
    uint16_t len;
    uint8_t type;
    char name[];
};

static bool batch_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
    struct batch *b = container_of(sink, struct batch, sink);
    struct batch_entry *e = (struct batch_entry *)(b->data + b->used);
    size_t size = align_up(sizeof(*e) + len, sizeof(uint64_t));
    if (size > sizeof(b->data) - b->used)
        return false;
    *e = (struct batch_entry){.ino = ino, .next = next, .len = (uint16_t)len, .type = (uint8_t)type};
    memcpy(e->name, name, len);
    b->used += size;
    return true;
}

static int batch_read(struct batch *b, struct inode *lower, uint64_t pos)
{
    b->used = 0;
    mutex_lock(&lower->lock);
    int err = lower->ops->readdir(lower, &pos, &b->sink);
    mutex_unlock(&lower->lock);
    return err;
}

/* Until there are no more, or *pos is the first that m's sink did not take. */
static int lower_visit(struct inode *lower, uint64_t *pos, struct merge *m)
{
    struct batch *b = lower ? page_alloc(0) : NULL;
    int err = lower && !b ? -ENOMEM : 0;
    if (b)
        b->sink.emit = batch_emit;
    while (b && err == 0 && !m->is_full && (err = batch_read(b, lower, *pos)) == 0 && b->used > 0) {
        for (size_t at = 0; at < b->used && !m->is_full;) {
            const struct batch_entry *e = (const struct batch_entry *)(b->data + at);
            if (lower_emit(&m->sink, e->name, e->len, e->ino, e->type, e->next))
                *pos = e->next;
            at += align_up(sizeof(*e) + e->len, sizeof(uint64_t));
        }
    }
    if (b)
        page_free(b, 0);
    return err;
}

int overlay_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    struct inode *upper = upper_of(dir);
    struct merge m = {.to = sink, .dir = dir};
    int err = 0;
    if (*pos < LOWER_POS_END) {
        err = lower_visit(node_of(dir)->lower, pos, &m);
        if (err || m.is_full)
            return err;
        *pos = LOWER_POS_END;
    }
    if (!upper)
        return 0;
    uint64_t upper_pos = *pos & ~LOWER_POS_END;
    m.sink.emit = upper_emit;
    mutex_lock(&upper->lock);
    err = upper->ops->readdir(upper, &upper_pos, &m.sink);
    mutex_unlock(&upper->lock);
    *pos = upper_pos | LOWER_POS_END;
    return err;
}

static bool refuse_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
    (void)sink, (void)name, (void)len, (void)ino, (void)type, (void)next;
    return false;
}

bool overlay_is_empty(struct inode *dir, int *err)
{
    struct dir_sink none = {refuse_emit};
    struct merge probe = {.to = &none, .dir = dir};
    struct inode *upper = upper_of(dir);
    uint64_t pos = 0;
    *err = lower_visit(node_of(dir)->lower, &pos, &probe);
    if (*err || probe.is_full || !upper)
        return *err == 0 && !probe.is_full;
    pos = 0;
    probe.sink.emit = upper_emit;
    mutex_lock(&upper->lock);
    *err = upper->ops->readdir(upper, &pos, &probe.sink);
    mutex_unlock(&upper->lock);
    return *err == 0 && !probe.is_full;
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

void dir_sync(struct inode *dir)
{
    node_sync(dir);
}

static int dir_up(struct inode *dir)
{
    return upper_of(dir) ? 0 : copy_up(dir);
}

int place_up(const struct place *p, struct inode *inode)
{
    int err = dir_up(p->dir);
    if (err == 0)
        err = copy_up(inode);
    if (err || real_has(upper_of(p->dir), p->name, p->len))
        return err;
    return real_link(upper_of(p->dir), p->name, p->len, upper_of(inode));
}

/* Nothing is seen there: the whiteout, if there is one, goes. *was_hidden: there was. */
static int place_free(const struct place *p, bool *was_hidden)
{
    struct inode *whiteout;
    *was_hidden = false;
    int err = dir_up(p->dir);
    if (err)
        return err;
    err = real_find(upper_of(p->dir), p->name, p->len, &whiteout);
    if (err)
        return err == -ENOENT ? 0 : err;
    *was_hidden = true;
    err = real_remove(upper_of(p->dir), p->name, p->len, whiteout);
    inode_put(whiteout);
    return err;
}

struct making {
    uint32_t mode;
    uint64_t rdev;
    const char *target; /* of a symbolic link */
    struct inode *link; /* the inode above that gets one more name */
};

static int upper_make(struct inode *dir, const struct place *p, const struct making *what, struct inode **made)
{
    if (what->link) {
        *made = what->link;
        inode_get(what->link);
        int err = real_link(dir, p->name, p->len, what->link);
        if (err)
            inode_put(what->link);
        return err;
    }
    mutex_lock(&dir->lock);
    int err = what->target ? dir->ops->symlink(dir, p->name, p->len, what->target, made)
                           : dir->ops->create(dir, p->name, p->len, what->mode, what->rdev, made);
    mutex_unlock(&dir->lock);
    return err;
}

/* Under `change`. */
static int place_make(const struct place *p, const struct making *what, struct inode **result)
{
    struct inode *made;
    bool was_hidden;
    int err = place_free(p, &was_hidden);
    if (err)
        return err;
    err = upper_make(upper_of(p->dir), p, what, &made);
    if (err == 0 && was_hidden && S_ISDIR(what->mode))
        err = real_setxattr(made, XATTR_OPAQUE, "y", 1);
    if (err) {
        if (was_hidden)
            (void)!whiteout_make(upper_of(p->dir), p->name, p->len);
        return err;
    }
    dir_sync(p->dir);
    return node_get(p->dir->sb, made, NULL, p, NULL, result);
}

static int change(const struct place *p, const struct making *what, struct inode **result)
{
    struct overlay *o = overlay_of(p->dir->sb);
    mutex_lock(&o->change);
    int err = place_make(p, what, result);
    mutex_unlock(&o->change);
    return err;
}

static int overlay_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, struct inode **result)
{
    const struct making what = {.mode = mode, .rdev = rdev};
    if (S_ISCHR(mode) && rdev == 0)
        return -EPERM; /* it would be a whiteout */
    return change(&(struct place){dir, name, len}, &what, result);
}

static int overlay_symlink(struct inode *dir, const char *name, size_t len, const char *target, struct inode **result)
{
    const struct making what = {.mode = S_IFLNK | 0777, .target = target};
    return change(&(struct place){dir, name, len}, &what, result);
}

static int overlay_tmpfile(struct inode *dir, uint32_t mode, struct inode **result)
{
    struct overlay *o = overlay_of(dir->sb);
    struct inode *made;
    mutex_lock(&o->change);
    int err = dir_up(dir);
    if (err == 0) {
        struct inode *upper = upper_of(dir);
        mutex_lock(&upper->lock);
        err = upper->ops->tmpfile ? upper->ops->tmpfile(upper, mode, &made) : -EOPNOTSUPP;
        mutex_unlock(&upper->lock);
    }
    mutex_unlock(&o->change);
    return err ? err : node_get(dir->sb, made, NULL, &(struct place){dir, "", 0}, NULL, result);
}

static int overlay_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct overlay *o = overlay_of(dir->sb);
    struct inode *same = NULL;
    mutex_lock(&o->change);
    int err = copy_up(target);
    if (err == 0) {
        const struct making what = {.mode = target->mode, .link = upper_of(target)};
        err = place_make(&(struct place){dir, name, len}, &what, &same);
    }
    if (err == 0) {
        target->nlink++;
        node_sync(target);
    }
    mutex_unlock(&o->change);
    inode_put(same);
    return err;
}

/* ---- removing ---------------------------------------------------------------------------------------------------------- */

struct first_name {
    struct dir_sink sink;
    char name[NAME_MAX + 1];
    size_t len;
};

static bool first_emit(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
    struct first_name *f = container_of(sink, struct first_name, sink);
    (void)ino, (void)type, (void)next;
    memcpy(f->name, name, len);
    f->len = len;
    return false;
}

int whiteouts_clear(struct inode *dir)
{
    for (;;) {
        struct first_name f = {.sink = {first_emit}};
        struct inode *whiteout;
        uint64_t pos = 0;
        mutex_lock(&dir->lock);
        int err = dir->ops->readdir(dir, &pos, &f.sink);
        mutex_unlock(&dir->lock);
        if (err || f.len == 0)
            return err;
        err = real_find(dir, f.name, f.len, &whiteout);
        if (err)
            return err;
        err = is_whiteout(whiteout) ? real_remove(dir, f.name, f.len, whiteout) : -ENOTEMPTY;
        inode_put(whiteout);
        if (err)
            return err;
    }
}

/* Under `change`: the name goes; what is below of that name must not appear again. */
static int place_remove(const struct place *p, struct inode *target)
{
    struct inode *upper;
    int err = dir_up(p->dir);
    if (err)
        return err;
    err = real_find(upper_of(p->dir), p->name, p->len, &upper);
    if (err == 0) {
        err = S_ISDIR(upper->mode) ? whiteouts_clear(upper) : 0;
        if (err == 0)
            err = real_remove(upper_of(p->dir), p->name, p->len, upper);
        inode_put(upper);
    } else if (err == -ENOENT) {
        err = 0;
    }
    if (err == 0 && real_has(node_of(p->dir)->lower, p->name, p->len))
        err = whiteout_make(upper_of(p->dir), p->name, p->len);
    struct node *n = node_of(target);
    if (err == 0 && n->parent == p->dir && strlen(n->name) == p->len && memcmp(n->name, p->name, p->len) == 0)
        node_forget_place(n);
    return err;
}

static int remove_name(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct overlay *o = overlay_of(dir->sb);
    int err = 0;
    mutex_lock(&o->change);
    if (S_ISDIR(target->mode) && !overlay_is_empty(target, &err) && err == 0)
        err = -ENOTEMPTY;
    if (err == 0)
        err = place_remove(&(struct place){dir, name, len}, target);
    if (err == 0) {
        target->nlink = S_ISDIR(target->mode) ? 0 : target->nlink - 1;
        target->ctime = clock_realtime();
        dir_sync(dir);
    }
    mutex_unlock(&o->change);
    return err;
}

/* ---- attributes ---------------------------------------------------------------------------------------------------------- */

static int overlay_make_writable(struct inode *inode)
{
    struct overlay *o = overlay_of(inode->sb);
    if (likely(upper_of(inode) != NULL))
        return 0;
    mutex_lock(&o->change);
    int err = copy_up(inode);
    mutex_unlock(&o->change);
    return err;
}

static int overlay_setattr(struct inode *inode, const struct iattr *attr)
{
    int err = real_setattr(upper_of(inode), attr);
    if (err)
        return err;
    if (attr->valid & IATTR_ATIME)
        inode->atime = attr->atime;
    node_sync(inode);
    return 0;
}

static int64_t overlay_readlink(struct inode *inode, char *buf, size_t size)
{
    struct inode *real = real_of(inode);
    return real->ops->readlink ? real->ops->readlink(real, buf, size) : -EINVAL;
}

static bool is_own_xattr(const char *name)
{
    return str_has_prefix(name, XATTR_PREFIX);
}

static int64_t overlay_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
    return is_own_xattr(name) ? -ENODATA : real_getxattr(real_of(inode), name, buf, size);
}

static int64_t overlay_listxattr(struct inode *inode, char *buf, size_t size)
{
    struct inode *real = real_of(inode);
    int64_t kept = 0;
    if (!real->ops->listxattr)
        return 0;
    mutex_lock(&real->lock);
    int64_t len = real->ops->listxattr(real, buf, size);
    mutex_unlock(&real->lock);
    if (size == 0)
        return len;
    for (int64_t i = 0; i < len;) {
        size_t n = strlen(buf + i) + 1;
        if (!is_own_xattr(buf + i)) {
            memmove(buf + kept, buf + i, n);
            kept += (int64_t)n;
        }
        i += (int64_t)n;
    }
    return len < 0 ? len : kept;
}

static int xattr_change(struct inode *inode, const char *name, const void *value, size_t size, int flags, bool is_removal)
{
    int err = is_own_xattr(name) ? -EPERM : overlay_make_writable(inode);
    if (err)
        return err;
    struct inode *upper = upper_of(inode);
    if (!upper->ops->setxattr || !upper->ops->removexattr)
        return -EOPNOTSUPP;
    mutex_lock(&upper->lock);
    err = is_removal ? upper->ops->removexattr(upper, name) : upper->ops->setxattr(upper, name, value, size, flags);
    mutex_unlock(&upper->lock);
    node_sync(inode);
    return err;
}

static int overlay_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
    return xattr_change(inode, name, value, size, flags, false);
}

static int overlay_removexattr(struct inode *inode, const char *name)
{
    return xattr_change(inode, name, NULL, 0, 0, true);
}

const struct inode_ops overlay_inode_ops = {
    .lookup = overlay_lookup, .create = overlay_create, .tmpfile = overlay_tmpfile, .symlink = overlay_symlink,
    .link = overlay_link, .unlink = remove_name, .rmdir = remove_name, .rename = overlay_rename, .readdir = overlay_readdir,
    .readlink = overlay_readlink, .setattr = overlay_setattr, .refresh = node_sync, .make_writable = overlay_make_writable,
    .getxattr = overlay_getxattr, .setxattr = overlay_setxattr, .listxattr = overlay_listxattr,
    .removexattr = overlay_removexattr, .evict = node_evict, .absence_lasts = true,
};
