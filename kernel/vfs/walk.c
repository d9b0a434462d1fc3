/* SPDX-License-Identifier: Apache-2.0 */
/* Path resolution: path_resolution(7). A walk holds one reference, of where it is. */
#include <linux/capability.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/dentry.h"
#include "vfs/names.h"

#define SYMLINKS_MAX 40

struct walk {
    struct path at, root;
    unsigned flags, symlinks;
    char *link_text; /* the rest of the name after a symbolic link, when it is ours */
    size_t link_size;
};

void path_get(const struct path *p)
{
    if (p->mount)
        ref_get(&p->mount->ref);
    if (p->dentry)
        dentry_get(p->dentry);
}

static void mount_put(struct mount *m)
{
    if (m && ref_put(&m->ref)) {
        dentry_put(m->root);
        superblock_put(m->sb);
        heap_free(m);
    }
}

void path_put(struct path *p)
{
    if (p->dentry)
        dentry_put(p->dentry);
    mount_put(p->mount);
    *p = (struct path){0};
}

bool path_is_equal(const struct path *a, const struct path *b)
{
    return a->mount == b->mount && a->dentry == b->dentry;
}

struct inode *path_inode(const struct path *p)
{
    return p->dentry->inode;
}

/* Takes over the reference of `to`. */
static void path_replace(struct path *p, struct path to)
{
    path_put(p);
    *p = to;
}

void path_descend_mounts(struct path *p)
{
    struct path top;
    while (__atomic_load_n(&p->dentry->mounted, __ATOMIC_ACQUIRE) && mount_enter(p, &top))
        path_replace(p, top);
}

static int step_up(struct walk *w)
{
    if (path_is_equal(&w->at, &w->root))
        return w->flags & WALK_BENEATH ? -EXDEV : 0;
    while (w->at.dentry == w->at.mount->root) {
        struct path up;
        if (!mount_leave(&w->at, &up))
            return 0; /* the first, or one that is mounted no more */
        path_replace(&w->at, up);
        if (path_is_equal(&w->at, &w->root))
            return 0;
    }
    struct path up = {w->at.mount, w->at.dentry->parent};
    path_get(&up);
    path_replace(&w->at, up);
    path_descend_mounts(&w->at);
    return 0;
}

static int to_root(struct walk *w)
{
    if (w->flags & WALK_BENEATH)
        return -EXDEV;
    struct path root = w->root;
    path_get(&root);
    path_replace(&w->at, root);
    return 0;
}

static const char *skip_slashes(const char *s)
{
    while (*s == '/')
        s++;
    return s;
}

/* What link_follow and its callers return beside errors. */
enum { STEP_DONE = 0, STEP_LINK_TEXT = 2 /* go on with w->link_text */ };

static int magic_link_follow(struct walk *w, struct inode *link)
{
    struct path target;
    if (w->flags & (WALK_NO_MAGICLINKS | WALK_BENEATH | WALK_IN_ROOT))
        return -ELOOP;
    int err = link->ops->magic_link(link, &target);
    if (err == 0)
        path_replace(&w->at, target);
    return err;
}

/* The link's text, then what comes after it in the name: empty, or from its slash on. */
static int link_follow(struct walk *w, struct path *link, const char *rest)
{
    struct inode *inode = path_inode(link);
    if (++w->symlinks > SYMLINKS_MAX || w->flags & WALK_NO_SYMLINKS || mount_flags(link->mount) & MOUNT_NOSYMFOLLOW)
        return -ELOOP;
    inode_accessed(inode, link->mount, 0);
    if (inode->ops->magic_link)
        return magic_link_follow(w, inode);
    size_t rest_len = strlen(rest);
    char *text = heap_alloc(PATH_MAX + rest_len);
    if (!text)
        return -ENOMEM;
    int64_t len = inode->ops->readlink ? inode->ops->readlink(inode, text, PATH_MAX - 1) : -EINVAL;
    if (len <= 0) {
        heap_free(text);
        return len ? (int)len : -ENOENT;
    }
    memcpy(text + len, rest, rest_len + 1);
    heap_free(w->link_text);
    w->link_text = text;
    w->link_size = (size_t)len + rest_len + 1;
    return STEP_LINK_TEXT;
}

static size_t component_len(const char *s)
{
    size_t n = 0;
    while (s[n] && s[n] != '/')
        n++;
    return n;
}

static int step_down(struct walk *w, const char *name, size_t len, bool is_last, const char *rest)
{
    struct path next = {w->at.mount, NULL};
    int err = dentry_lookup(w->at.dentry, name, len, &next.dentry);
    if (err)
        return err;
    ref_get(&next.mount->ref);
    path_descend_mounts(&next);
    if (w->flags & WALK_NO_XDEV && next.mount != w->at.mount) {
        path_put(&next);
        return -EXDEV;
    }
    bool is_link = S_ISLNK(path_inode(&next)->mode);
    if (is_link && (!is_last || w->flags & WALK_FOLLOW || *rest == '/')) {
        err = link_follow(w, &next, rest);
        path_put(&next);
        return err;
    }
    path_replace(&w->at, next);
    return 0;
}

static enum path_last last_type(const char *name, size_t len)
{
    if (len == 1 && name[0] == '.')
        return PATH_LAST_DOT;
    return len == 2 && name[0] == '.' && name[1] == '.' ? PATH_LAST_DOTDOT : PATH_LAST_NORMAL;
}

static int dir_check(struct walk *w)
{
    struct inode *inode = path_inode(&w->at);
    return S_ISDIR(inode->mode) ? vfs_access(inode, 1) : -ENOTDIR;
}

/* The last component of a name whose directory is wanted: is it a link to follow? */
static int last_follow(struct walk *w, const char *name, size_t len, const char *rest, struct path_parent *parent)
{
    struct path entry = {w->at.mount, NULL};
    int err = dentry_lookup(w->at.dentry, name, len, &entry.dentry);
    if (err)
        return err == -ENOENT ? STEP_DONE : err;
    if (S_ISLNK(path_inode(&entry)->mode)) {
        err = link_follow(w, &entry, rest);
        parent->last_type = err == STEP_DONE ? PATH_LAST_HERE : PATH_LAST_NORMAL;
    }
    dentry_put(entry.dentry);
    return err;
}

/* Following a link of the walk's own text frees that text: what is needed of it is taken before. */
static int last_set(struct walk *w, const char *name, size_t len, const char *rest, struct path_parent *parent)
{
    parent->last_type = last_type(name, len);
    parent->last = name;
    parent->last_len = len;
    parent->is_dir_required = *rest == '/';
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    bool may_follow = (w->flags & WALK_FOLLOW) && parent->last_type == PATH_LAST_NORMAL;
    return may_follow ? last_follow(w, name, len, rest, parent) : 0;
}

static int names_walk(struct walk *w, const char *name, struct path_parent *parent)
{
    int err = 0;
    if (*name == '/')
        err = to_root(w);
    for (name = skip_slashes(name); *name && err >= 0; name = skip_slashes(name)) {
        size_t len = component_len(name);
        const char *rest = name + len;
        bool is_last = !*skip_slashes(rest);
        enum path_last type = last_type(name, len);
        err = dir_check(w);
        if (err)
            break;
        if (is_last && parent) {
            err = last_set(w, name, len, rest, parent);
            if (err != STEP_LINK_TEXT)
                return err;
        } else if (type == PATH_LAST_DOTDOT) {
            err = step_up(w);
        } else if (type == PATH_LAST_NORMAL) {
            err = step_down(w, name, len, is_last, rest);
        }
        if (err == STEP_LINK_TEXT) {
            name = w->link_text;
            err = *name == '/' ? to_root(w) : 0;
            continue;
        }
        name = rest;
        if (is_last && *rest == '/' && err >= 0 && !S_ISDIR(path_inode(&w->at)->mode))
            err = -ENOTDIR;
    }
    if (err >= 0 && parent)
        parent->last_type = PATH_LAST_ROOT;
    return err < 0 ? err : 0;
}

static int walk_begin(struct walk *w, const struct path *start, const char *name, unsigned flags)
{
    struct fs_context *fs = thread_current()->fs;
    *w = (struct walk){.flags = flags};
    if (!*name && !(flags & WALK_EMPTY))
        return -ENOENT;
    if (start) {
        w->at = *start;
        path_get(&w->at);
    } else {
        fs_context_cwd(fs, &w->at);
    }
    if (flags & (WALK_BENEATH | WALK_IN_ROOT)) {
        w->root = w->at;
        path_get(&w->root);
    } else {
        fs_context_root(fs, &w->root);
    }
    return 0;
}

static void walk_end(struct walk *w)
{
    path_put(&w->root);
    heap_free(w->link_text);
}

int path_walk(const struct path *start, const char *name, unsigned flags, struct path *result)
{
    struct walk w;
    int err = walk_begin(&w, start, name, flags);
    if (err)
        return err;
    err = names_walk(&w, name, NULL);
    if (err == 0 && (flags & WALK_DIRECTORY) && !S_ISDIR(path_inode(&w.at)->mode))
        err = -ENOTDIR;
    if (err)
        path_put(&w.at);
    else
        *result = w.at;
    walk_end(&w);
    return err;
}

/* The last component may lie in a link's text, which must live on: it is copied behind `name`'s own memory. */
int path_walk_parent(const struct path *start, const char *name, unsigned flags, struct path_parent *result)
{
    struct walk w;
    int err = walk_begin(&w, start, name, flags);
    if (err)
        return err;
    *result = (struct path_parent){0};
    err = names_walk(&w, name, result);
    if (err == 0 && w.link_text && result->last >= w.link_text && result->last < w.link_text + w.link_size) {
        str_copy(result->name_copy, result->last, sizeof(result->name_copy));
        result->name_copy[MIN(result->last_len, sizeof(result->name_copy) - 1)] = 0;
        result->last = result->name_copy;
    }
    if (err)
        path_put(&w.at);
    else
        result->dir = w.at;
    walk_end(&w);
    return err;
}

bool path_is_reachable(const struct path *p)
{
    struct path root, at = *p;
    bool is_found;
    fs_context_root(thread_current()->fs, &root);
    spin_lock(&mount_lock);
    spin_lock(&dentry_lock);
    while (!(is_found = path_is_equal(&at, &root))) {
        if (at.dentry != at.mount->root)
            at.dentry = at.dentry->parent;
        else if (at.mount->parent)
            at = (struct path){at.mount->parent, at.mount->at};
        else
            break;
    }
    spin_unlock(&dentry_lock);
    spin_unlock(&mount_lock);
    path_put(&root);
    return is_found;
}

/* From the end of the buffer backwards, up to the thread's root. */
int64_t path_name(const struct path *p, char *buf, size_t size)
{
    struct path root, at = *p;
    char *end = buf + size, *s = end;
    bool is_cut = false;
    fs_context_root(thread_current()->fs, &root);
    *--s = 0;
    spin_lock(&mount_lock);
    spin_lock(&dentry_lock);
    if (at.dentry->is_unlinked && size > 11) {
        s -= 10;
        memcpy(s, " (deleted)", 10);
    }
    char *tail = s;
    while (!path_is_equal(&at, &root)) {
        if (at.dentry == at.mount->root) {
            if (!at.mount->parent)
                break;
            at = (struct path){at.mount->parent, at.mount->at};
            continue;
        }
        if ((size_t)(s - buf) < (size_t)at.dentry->len + 1) {
            is_cut = true;
            break;
        }
        s -= at.dentry->len;
        memcpy(s, at.dentry->name, at.dentry->len);
        *--s = '/';
        at.dentry = at.dentry->parent;
    }
    spin_unlock(&dentry_lock);
    spin_unlock(&mount_lock);
    path_put(&root);
    if (is_cut || s == buf)
        return -ENAMETOOLONG;
    if (s == tail)
        *--s = '/';
    memmove(buf, s, (size_t)(end - s));
    return end - s - 1;
}
