/* SPDX-License-Identifier: Apache-2.0 */
/* Renaming: both places are brought up, then it is a rename above, and a whiteout where something below would show again. */
#include <linux/fs.h>
#include <linux/stat.h>
#include "fs/overlay/internal.h"

struct renaming {
    struct place from, to;
    struct inode *source, *target; /* of the overlay; target may be NULL */
    unsigned flags;
};

/* A directory that goes to `to`: what it shows from below goes with it, and what is below of that name is not seen. */
static int identity_keep(struct inode *dir, const struct place *to)
{
    const struct node *n = node_of(dir);
    if (!S_ISDIR(dir->mode))
        return 0;
    if (n->lower)
        return real_setxattr(n->upper, XATTR_REDIRECT, n->lower_path, strlen(n->lower_path));
    return real_has(node_of(to->dir)->lower, to->name, to->len) ? real_setxattr(n->upper, XATTR_OPAQUE, "y", 1) : 0;
}

/* What is above at `to` and not seen, or empty, must not be in the way. */
static int target_clear(const struct renaming *r)
{
    struct inode *upper;
    int err = real_find(upper_of(r->to.dir), r->to.name, r->to.len, &upper);
    if (err)
        return err == -ENOENT ? 0 : err;
    if (is_whiteout(upper))
        err = real_remove(upper_of(r->to.dir), r->to.name, r->to.len, upper);
    else if (S_ISDIR(upper->mode))
        err = whiteouts_clear(upper);
    inode_put(upper);
    return err;
}

static int prepare(const struct renaming *r)
{
    int err = place_up(&r->from, r->source);
    if (err == 0 && !upper_of(r->to.dir))
        err = copy_up(r->to.dir);
    if (err == 0 && (r->flags & RENAME_EXCHANGE)) {
        err = place_up(&r->to, r->target);
        return err ? err : identity_keep(r->target, &r->from);
    }
    if (err == 0 && r->target && S_ISDIR(r->target->mode) && !overlay_is_empty(r->target, &err) && err == 0)
        err = -ENOTEMPTY;
    return err ? err : target_clear(r);
}

static int upper_rename(const struct renaming *r)
{
    struct inode *from = upper_of(r->from.dir), *to = upper_of(r->to.dir);
    mutex_lock(&from->lock); /* `change` keeps others who take two away */
    if (to != from)
        mutex_lock(&to->lock);
    int err = from->ops->rename(from, r->from.name, r->from.len, to, r->to.name, r->to.len, r->flags & RENAME_EXCHANGE);
    if (to != from)
        mutex_unlock(&to->lock);
    mutex_unlock(&from->lock);
    return err;
}

static void attributes_follow(const struct renaming *r)
{
    if (r->target && !(r->flags & RENAME_EXCHANGE)) {
        struct node *n = node_of(r->target);
        r->target->nlink = S_ISDIR(r->target->mode) ? 0 : r->target->nlink - 1;
        if (n->parent == r->to.dir && strlen(n->name) == r->to.len && memcmp(n->name, r->to.name, r->to.len) == 0)
            node_forget_place(n);
    } else if (r->target) {
        node_sync(r->target);
    }
    node_sync(r->source);
    dir_sync(r->from.dir);
    dir_sync(r->to.dir);
}

static int rename_up(const struct renaming *r)
{
    int err = prepare(r);
    if (err == 0)
        err = identity_keep(r->source, &r->to);
    if (err == 0)
        err = upper_rename(r);
    if (err)
        return err;
    if (!(r->flags & RENAME_EXCHANGE) && real_has(node_of(r->from.dir)->lower, r->from.name, r->from.len))
        err = whiteout_make(upper_of(r->from.dir), r->from.name, r->from.len);
    attributes_follow(r);
    return err;
}

int overlay_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir, const char *to,
                   size_t to_len, unsigned flags)
{
    struct overlay *o = overlay_of(from_dir->sb);
    struct renaming r = {.from = {from_dir, from, from_len}, .to = {to_dir, to, to_len}, .flags = flags};
    if (flags & RENAME_WHITEOUT)
        return -EINVAL; /* whiteouts are the overlay's own */
    int err = overlay_lookup(from_dir, from, from_len, &r.source);
    if (err)
        return err;
    err = overlay_lookup(to_dir, to, to_len, &r.target);
    if (err)
        r.target = NULL;
    if (err == 0 || err == -ENOENT) {
        mutex_lock(&o->change);
        err = rename_up(&r);
        mutex_unlock(&o->change);
    }
    inode_put(r.source);
    inode_put(r.target);
    return err;
}
