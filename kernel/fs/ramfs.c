/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory is two trees over the same entries: by name, and by cookie, which readdir uses as a position that stays
 * valid whatever else changes.
 *
 * Locks: a directory's entries are guarded by its inode's lock, as vfs.h says; superblock counters are atomic.
 */
#include "fs/ramfs.h"
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <linux/xattr.h>
#include "base/string.h"
#include "base/tree.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "time/clock.h"

#define FILES_MAX    (1UL << 20) /* as statfs shows it: inodes are not limited */
#define XATTRS_MAX   (1U << 20) /* of one inode */
#define FIRST_COOKIE 3 /* "." and ".." are vfs' */

struct entry {
    struct tree_node by_name, by_cookie;
    struct inode *inode;
    uint64_t cookie;
    uint32_t hash;
    uint8_t type;        /* DT_* */
    uint8_t len;
    char name[];
};

struct xattr {
    struct list node;
    size_t size;
    char *value;
    char name[];
};

/* inode->data */
struct node {
    struct tree names, cookies;
    uint64_t next_cookie;
    struct inode *source; /* whose content this has, page by page as it is needed; NULL: its own */
    uint64_t source_end;  /* bytes of it that count: what was cut off does not come back */
    char *link;           /* of a symbolic link */
    struct list xattrs;
    size_t xattr_size;    /* of all names and values */
};

struct ramfs {
    struct page_quota quota;
    uint64_t next_ino;
    uint64_t inodes;
};

static const struct inode_ops ramfs_inode_ops;
static const struct file_ops ramfs_file_ops;

static struct node *node_of(struct inode *inode)
{
    return inode->data;
}

static struct ramfs *ramfs_of(struct superblock *sb)
{
    return sb->data;
}

/* ---- inodes -------------------------------------------------------------------------------------------------- */

static struct inode *ramfs_inode(struct superblock *sb, uint32_t mode)
{
    struct ramfs *fs = ramfs_of(sb);
    struct node *n = heap_zalloc(sizeof(*n));
    struct inode *inode = n ? inode_create(sb, __atomic_add_fetch(&fs->next_ino, 1, __ATOMIC_RELAXED), mode) : NULL;
    if (!inode) {
        heap_free(n);
        return NULL;
    }
    n->next_cookie = FIRST_COOKIE;
    list_init(&n->xattrs);
    inode->ops = &ramfs_inode_ops;
    inode->file_ops = &ramfs_file_ops;
    inode->data = n;
    inode->nlink = S_ISDIR(mode) ? 2 : 1;
    inode->seals = F_SEAL_SEAL; /* but for memfds that ask for seals */
    __atomic_fetch_add(&fs->inodes, 1, __ATOMIC_RELAXED);
    if (S_ISREG(mode) && pagecache_create(NULL, inode, 0, &inode->pages)) {
        inode_put(inode);
        return NULL;
    }
    if (inode->pages)
        inode->pages->quota = &fs->quota;
    return inode;
}

static int source_fill(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    struct node *n_of = node_of(pc->owner);
    for (size_t i = 0; i < count; i++) {
        uint64_t off = (idx + i) << PAGE_SHIFT, end = __atomic_load_n(&n_of->source_end, __ATOMIC_RELAXED);
        int64_t n = off < end ? pagecache_read(n_of->source->pages, off, pages[i], MIN(PAGE_SIZE, end - off)) : 0;
        if (n < 0)
            return (int)n;
        memset((char *)pages[i] + n, 0, PAGE_SIZE - (size_t)n);
    }
    return 0;
}

static const struct pagecache_ops source_ops = {.fill = source_fill};

static int ramfs_adopt(struct inode *inode, struct inode *source)
{
    struct pagecache *pages;
    int err = pagecache_create(&source_ops, inode, source->size, &pages);
    if (err)
        return err;
    node_of(inode)->source = source;
    node_of(inode)->source_end = source->size;
    inode_get(source);
    pages->quota = inode->pages->quota;
    pagecache_put(inode->pages);
    inode->pages = pages;
    inode->size = source->size;
    return 0;
}

static void xattrs_free(struct node *n)
{
    struct xattr *x, *after;
    list_for_each_safe (x, after, &n->xattrs, node) {
        heap_free(x->value);
        heap_free(x);
    }
}

static void cookie_insert(struct node *dir, struct entry *e);

/* All of `from` becomes `to`'s, whose names do not matter any more. */
static void entries_move(struct node *from, struct node *to)
{
    struct tree_node *t;
    while ((t = tree_first(&from->cookies))) {
        struct entry *e = tree_entry(t, struct entry, by_cookie);
        tree_remove(&from->cookies, t);
        e->cookie = to->next_cookie++;
        cookie_insert(to, e);
    }
}

/* A directory that goes with entries in it: the file system is unmounted. A tree may be deep: it is flattened, not descended. */
static void ramfs_evict(struct inode *inode)
{
    struct node *n = node_of(inode);
    struct tree_node *t;
    while ((t = tree_first(&n->cookies))) {
        struct entry *e = tree_entry(t, struct entry, by_cookie);
        tree_remove(&n->cookies, t);
        if (S_ISDIR(e->inode->mode))
            entries_move(node_of(e->inode), n);
        inode_put(e->inode);
        heap_free(e);
    }
    xattrs_free(n);
    heap_free(n->link);
    inode_put(n->source);
    __atomic_fetch_sub(&ramfs_of(inode->sb)->inodes, 1, __ATOMIC_RELAXED);
    heap_free(n);
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static uint32_t hash_name(const char *name, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return h;
}

static int entry_compare(const struct entry *e, uint32_t hash, const char *name, size_t len)
{
    if (hash != e->hash)
        return hash < e->hash ? -1 : 1;
    if (len != e->len)
        return len < e->len ? -1 : 1;
    return memcmp(name, e->name, len);
}

/* The entry, or where it would be linked. */
static struct entry *entry_find(struct node *dir, const char *name, size_t len, struct tree_node **parent, struct tree_node ***link)
{
    uint32_t hash = hash_name(name, len);
    struct tree_node **at = &dir->names.root, *above = NULL;
    while (*at) {
        struct entry *e = tree_entry(*at, struct entry, by_name);
        int c = entry_compare(e, hash, name, len);
        if (c == 0)
            return e;
        above = *at;
        at = c < 0 ? &above->left : &above->right;
    }
    if (parent) {
        *parent = above;
        *link = at;
    }
    return NULL;
}

static void cookie_insert(struct node *dir, struct entry *e)
{
    struct tree_node **link = &dir->cookies.root, *parent = NULL;
    while (*link) {
        parent = *link;
        link = e->cookie < tree_entry(parent, struct entry, by_cookie)->cookie ? &parent->left : &parent->right;
    }
    tree_insert(&dir->cookies, &e->by_cookie, parent, link);
}

static struct entry *entry_add(struct node *dir, const char *name, size_t len, struct inode *inode, unsigned type)
{
    struct tree_node *parent, **link;
    struct entry *e = heap_alloc(sizeof(*e) + len + 1);
    if (!e)
        return NULL;
    CHECK(!entry_find(dir, name, len, &parent, &link));
    *e = (struct entry){.inode = inode, .cookie = dir->next_cookie++, .hash = hash_name(name, len), .type = (uint8_t)type,
                        .len = (uint8_t)len};
    memcpy(e->name, name, len);
    e->name[len] = 0;
    inode_get(inode);
    tree_insert(&dir->names, &e->by_name, parent, link);
    cookie_insert(dir, e);
    return e;
}

static void entry_remove(struct node *dir, struct entry *e)
{
    tree_remove(&dir->names, &e->by_name);
    tree_remove(&dir->cookies, &e->by_cookie);
    inode_put(e->inode);
    heap_free(e);
}

static int entry_get(struct inode *dir, const char *name, size_t len, struct entry **result)
{
    *result = entry_find(node_of(dir), name, len, NULL, NULL);
    return *result ? 0 : -ENOENT;
}

/* ---- directory operations ------------------------------------------------------------------------------------------ */

static void dir_changed(struct inode *dir)
{
    dir->mtime = dir->ctime = clock_realtime();
}

static int ramfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    struct entry *e;
    int err = entry_get(dir, name, len, &e);
    if (err)
        return err;
    *result = e->inode;
    inode_get(e->inode);
    return 0;
}

static int make(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **result)
{
    struct inode *inode = ramfs_inode(dir->sb, mode);
    if (!inode)
        return -ENOMEM;
    inode_init_owner(inode, dir);
    if (!entry_add(node_of(dir), name, len, inode, (mode & S_IFMT) >> 12)) {
        inode_put(inode);
        return -ENOMEM;
    }
    dir->size += 20;
    dir_changed(dir);
    *result = inode;
    return 0;
}

static int ramfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, struct inode **result)
{
    int err = make(dir, name, len, mode, result);
    if (err)
        return err;
    (*result)->rdev = rdev;
    if (S_ISDIR(mode))
        dir->nlink++;
    return 0;
}

static int ramfs_tmpfile(struct inode *dir, uint32_t mode, struct inode **result)
{
    struct inode *inode = ramfs_inode(dir->sb, mode);
    if (!inode)
        return -ENOMEM;
    inode_init_owner(inode, dir);
    inode->nlink = 0;
    *result = inode;
    return 0;
}

static int ramfs_symlink(struct inode *dir, const char *name, size_t len, const char *target, struct inode **result)
{
    size_t size = strlen(target);
    char *link = heap_alloc(size + 1);
    if (!link)
        return -ENOMEM;
    int err = make(dir, name, len, S_IFLNK | 0777, result);
    if (err) {
        heap_free(link);
        return err;
    }
    memcpy(link, target, size + 1);
    node_of(*result)->link = link;
    (*result)->size = size;
    return 0;
}

static int64_t ramfs_readlink(struct inode *inode, char *buf, size_t size)
{
    struct node *n = node_of(inode);
    if (!S_ISLNK(inode->mode))
        return -EINVAL;
    size_t len = MIN(size, inode->size);
    memcpy(buf, n->link, len);
    return (int64_t)len;
}

static int ramfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    if (!entry_add(node_of(dir), name, len, target, (target->mode & S_IFMT) >> 12))
        return -ENOMEM;
    __atomic_fetch_add(&target->nlink, 1, __ATOMIC_RELAXED);
    target->ctime = clock_realtime();
    dir_changed(dir);
    return 0;
}

/* dir no longer has this name of target. */
static void name_lost(struct inode *dir, struct inode *target)
{
    bool is_dir = S_ISDIR(target->mode);
    __atomic_fetch_sub(&target->nlink, is_dir ? 2 : 1, __ATOMIC_RELAXED); /* two directories may lose names of it at once */
    target->ctime = clock_realtime();
    if (is_dir)
        dir->nlink--;
    dir->size -= MIN(dir->size, 20UL);
    dir_changed(dir);
}

static void unlinked(struct inode *dir, struct entry *e)
{
    name_lost(dir, e->inode);
    entry_remove(node_of(dir), e);
}

static int ramfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct entry *e;
    (void)target;
    int err = entry_get(dir, name, len, &e);
    if (err == 0)
        unlinked(dir, e);
    return err;
}

static int empty_check(struct inode *dir)
{
    return tree_first(&node_of(dir)->cookies) ? -ENOTEMPTY : 0;
}

static int ramfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    struct entry *e;
    int err = empty_check(target);
    if (err == 0)
        err = entry_get(dir, name, len, &e);
    if (err == 0)
        unlinked(dir, e);
    return err;
}

static void entries_exchange(struct inode *from_dir, struct entry *a, struct inode *to_dir, struct entry *b)
{
    struct inode *inode = a->inode;
    uint8_t type = a->type;
    int delta = S_ISDIR(b->inode->mode) - S_ISDIR(inode->mode);
    a->inode = b->inode;
    a->type = b->type;
    b->inode = inode;
    b->type = type;
    if (from_dir != to_dir) {
        from_dir->nlink += (unsigned)delta;
        to_dir->nlink -= (unsigned)delta;
    }
    inode->ctime = a->inode->ctime = clock_realtime();
    dir_changed(from_dir);
    dir_changed(to_dir);
}

/* The entry leads to another inode from now on. */
static void entry_set(struct entry *e, struct inode *inode)
{
    inode_get(inode);
    inode_put(e->inode);
    e->inode = inode;
    e->type = (uint8_t)((inode->mode & S_IFMT) >> 12);
}

/* What a rename puts at its old place: nothing, or with RENAME_WHITEOUT a whiteout. */
static int place_leave(struct inode *dir, struct entry *e, unsigned flags)
{
    if (!(flags & RENAME_WHITEOUT)) {
        entry_remove(node_of(dir), e);
        dir->size -= MIN(dir->size, 20UL);
        return 0;
    }
    struct inode *whiteout = ramfs_inode(dir->sb, S_IFCHR);
    if (!whiteout)
        return -ENOMEM;
    inode_init_owner(whiteout, dir);
    entry_set(e, whiteout);
    inode_put(whiteout);
    return 0;
}

/* inode gets the name `to`, whose entry is target or none yet. */
static int place_take(struct inode *dir, const char *to, size_t len, struct entry *target, struct inode *inode)
{
    if (target) {
        name_lost(dir, target->inode);
        entry_set(target, inode);
    } else if (!entry_add(node_of(dir), to, len, inode, (inode->mode & S_IFMT) >> 12)) {
        return -ENOMEM;
    }
    dir->size += 20;
    return 0;
}

static void renamed(struct inode *inode, struct inode *from_dir, struct inode *to_dir)
{
    if (S_ISDIR(inode->mode) && from_dir != to_dir) {
        from_dir->nlink--;
        to_dir->nlink++;
    }
    inode->ctime = clock_realtime();
    dir_changed(from_dir);
    dir_changed(to_dir);
}

static int ramfs_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir, const char *to,
                        size_t to_len, unsigned flags)
{
    struct entry *source, *target = NULL;
    int err = entry_get(from_dir, from, from_len, &source);
    if (err)
        return err;
    err = entry_get(to_dir, to, to_len, &target);
    if (flags & RENAME_EXCHANGE) {
        if (err == 0)
            entries_exchange(from_dir, source, to_dir, target);
        return err;
    }
    if (target && S_ISDIR(target->inode->mode) && empty_check(target->inode))
        return -ENOTEMPTY;
    struct inode *inode = source->inode;
    inode_get(inode);
    err = place_take(to_dir, to, to_len, target, inode);
    if (err == 0)
        err = place_leave(from_dir, source, flags);
    if (err == 0)
        renamed(inode, from_dir, to_dir);
    inode_put(inode);
    return err;
}

static struct entry *entry_from_cookie(struct node *dir, uint64_t cookie)
{
    struct tree_node *t = dir->cookies.root;
    struct entry *best = NULL;
    while (t) {
        struct entry *e = tree_entry(t, struct entry, by_cookie);
        if (e->cookie >= cookie) {
            best = e;
            t = t->left;
        } else {
            t = t->right;
        }
    }
    return best;
}

static int ramfs_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    struct entry *e = entry_from_cookie(node_of(dir), MAX(*pos, (uint64_t)FIRST_COOKIE));
    while (e) {
        if (!sink->emit(sink, e->name, e->len, e->inode->ino, e->type, e->cookie + 1))
            break;
        *pos = e->cookie + 1;
        struct tree_node *next = tree_next(&e->by_cookie);
        e = next ? tree_entry(next, struct entry, by_cookie) : NULL;
    }
    return 0;
}

/* ---- attributes -------------------------------------------------------------------------------------------------------- */

static int ramfs_truncate(struct inode *inode, uint64_t size)
{
    struct node *n = node_of(inode);
    uint32_t forbids = size < inode->pages->size ? F_SEAL_SHRINK : size > inode->pages->size ? F_SEAL_GROW : 0;
    if (inode->seals & forbids)
        return -EPERM;
    if (size < n->source_end)
        __atomic_store_n(&n->source_end, size, __ATOMIC_RELAXED);
    int err = pagecache_truncate(inode->pages, size);
    if (err == 0) {
        inode->size = size;
        inode->mtime = inode->ctime = clock_realtime();
    }
    return err;
}

static int ramfs_setattr(struct inode *inode, const struct iattr *a)
{
    if (a->valid & IATTR_SIZE) {
        int err = ramfs_truncate(inode, a->size);
        if (err)
            return err;
    }
    inode_attr_set(inode, a);
    return 0;
}

static void ramfs_refresh(struct inode *inode)
{
    if (!inode->pages)
        return;
    inode->size = __atomic_load_n(&inode->pages->size, __ATOMIC_RELAXED);
    inode->blocks = node_of(inode)->source ? (inode->size + 511) / 512 : inode->pages->present * (PAGE_SIZE / 512);
}

static struct xattr *xattr_find(struct node *n, const char *name)
{
    struct xattr *x;
    list_for_each (x, &n->xattrs, node) {
        if (strcmp(x->name, name) == 0)
            return x;
    }
    return NULL;
}

static int64_t ramfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
    struct xattr *x = xattr_find(node_of(inode), name);
    if (!x)
        return -ENODATA;
    if (size == 0)
        return (int64_t)x->size;
    if (size < x->size)
        return -ERANGE;
    memcpy(buf, x->value, x->size);
    return (int64_t)x->size;
}

static int ramfs_removexattr(struct inode *inode, const char *name)
{
    struct xattr *x = xattr_find(node_of(inode), name);
    if (!x)
        return -ENODATA;
    node_of(inode)->xattr_size -= x->size + strlen(name) + 1;
    list_remove(&x->node);
    heap_free(x->value);
    heap_free(x);
    inode->ctime = clock_realtime();
    return 0;
}

static int ramfs_setxattr(struct inode *inode, const char *name, const void *value, size_t size, int flags)
{
    struct xattr *old = xattr_find(node_of(inode), name);
    if (old && (flags & XATTR_CREATE))
        return -EEXIST;
    if (!old && (flags & XATTR_REPLACE))
        return -ENODATA;
    size_t len = strlen(name);
    if (node_of(inode)->xattr_size + len + 1 + size > XATTRS_MAX)
        return -ENOSPC;
    struct xattr *x = heap_alloc(sizeof(*x) + len + 1);
    char *copy = heap_alloc(size + 1);
    if (!x || !copy) {
        heap_free(x);
        heap_free(copy);
        return -ENOMEM;
    }
    memcpy(copy, value, size);
    memcpy(x->name, name, len + 1);
    x->size = size;
    x->value = copy;
    if (old)
        (void)!ramfs_removexattr(inode, name);
    list_push_back(&node_of(inode)->xattrs, &x->node);
    node_of(inode)->xattr_size += len + 1 + size;
    inode->ctime = clock_realtime();
    return 0;
}

static int64_t ramfs_listxattr(struct inode *inode, char *buf, size_t size)
{
    struct xattr *x;
    size_t len = 0;
    list_for_each (x, &node_of(inode)->xattrs, node) {
        size_t n = strlen(x->name) + 1;
        if (size && len + n > size)
            return -ERANGE;
        if (size)
            memcpy(buf + len, x->name, n);
        len += n;
    }
    return (int64_t)len;
}

static const struct inode_ops ramfs_inode_ops = {
    .lookup = ramfs_lookup, .create = ramfs_create, .tmpfile = ramfs_tmpfile, .symlink = ramfs_symlink, .link = ramfs_link,
    .unlink = ramfs_unlink, .rmdir = ramfs_rmdir, .rename = ramfs_rename, .readdir = ramfs_readdir,
    .readlink = ramfs_readlink, .setattr = ramfs_setattr, .refresh = ramfs_refresh, .adopt = ramfs_adopt,
    .getxattr = ramfs_getxattr, .setxattr = ramfs_setxattr, .listxattr = ramfs_listxattr,
    .removexattr = ramfs_removexattr, .evict = ramfs_evict,
};

/* ---- files ---------------------------------------------------------------------------------------------------------------- */

static int64_t file_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    (void)nonblock;
    if (S_ISDIR(f->inode->mode))
        return -EISDIR;
    return pagecache_read_iter(__atomic_load_n(&f->inode->pages, __ATOMIC_ACQUIRE), off, to);
}

/* How many of the last bytes of a write the seals forbid. A file that must not grow still takes what fits, page by page. */
static uint64_t sealed_away(const struct inode *inode, uint64_t off, uint64_t size)
{
    uint64_t end = inode->pages->size;
    if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return size;
    if (!(inode->seals & F_SEAL_GROW) || off + size <= end)
        return 0;
    uint64_t whole = align_down(end, PAGE_SIZE);
    return whole > off ? off + size - whole : size;
}

static int64_t file_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct inode *inode = f->inode;
    (void)nonblock;
    mutex_lock(&inode->lock);
    if (f->flags & O_APPEND)
        off = inode->pages->size;
    uint64_t cut = sealed_away(inode, off, from->left);
    bool is_sealed = cut && cut == from->left;
    from->left -= cut;
    int64_t n = is_sealed ? -EPERM : pagecache_write_iter(inode->pages, off, from);
    from->left += cut;
    if (n > 0) {
        inode->size = inode->pages->size;
        inode->mtime = inode->ctime = clock_realtime();
    }
    mutex_unlock(&inode->lock);
    return n == -ENOMEM ? -ENOSPC : n;
}

static int64_t file_seek(struct file *f, int64_t off, int whence)
{
    uint64_t at;
    if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !f->inode->pages)
        return -EINVAL;
    int err = pagecache_seek(f->inode->pages, (uint64_t)off, whence == SEEK_DATA, &at);
    return err ? err : (int64_t)at;
}

static int file_readdir(struct file *f, struct dir_sink *sink)
{
    if (!S_ISDIR(f->inode->mode))
        return -ENOTDIR;
    mutex_lock(&f->inode->lock);
    int err = ramfs_readdir(f->inode, &f->pos, sink);
    mutex_unlock(&f->inode->lock);
    return err;
}

static int file_truncate(struct file *f, uint64_t size)
{
    mutex_lock(&f->inode->lock);
    int err = ramfs_truncate(f->inode, size);
    mutex_unlock(&f->inode->lock);
    return err;
}

/* A hole; in a file that has a source, pages that hide it. */
static int range_clear(struct inode *inode, uint64_t off, uint64_t end)
{
    int err = 0;
    if (!node_of(inode)->source) {
        pagecache_punch(inode->pages, off, end - off);
        return 0;
    }
    while (off < end && err == 0) {
        char *page;
        size_t n = MIN(end - off, PAGE_SIZE - (off & PAGE_MASK));
        err = pagecache_pin(inode->pages, off >> PAGE_SHIFT, true, (void **)&page);
        if (err == 0) {
            memset(page + (off & PAGE_MASK), 0, n);
            pagecache_unpin(inode->pages);
        }
        off += n;
    }
    return err;
}

/* Pages in [first, end) that are not there yet; those kept behind the end of the file count as such. */
static uint64_t pages_absent(struct pagecache *pc, uint64_t first, uint64_t end)
{
    uint64_t absent = 0, at;
    while (first < end) {
        uint64_t data = pagecache_seek(pc, first << PAGE_SHIFT, true, &at) ? end : MIN(at >> PAGE_SHIFT, end);
        absent += data - first;
        first = data;
        if (first < end && pagecache_seek(pc, first << PAGE_SHIFT, false, &at) == 0)
            first = align_up(at, PAGE_SIZE) >> PAGE_SHIFT;
    }
    return absent;
}

/* Pages of its own for the whole range, as long as they last. */
static int pages_allocate(struct inode *inode, uint64_t off, uint64_t size)
{
    const struct page_quota *quota = &ramfs_of(inode->sb)->quota;
    uint64_t end = align_up(off + size, PAGE_SIZE) >> PAGE_SHIFT;
    void *page;
    uint64_t used = __atomic_load_n(&quota->used, __ATOMIC_RELAXED), absent = pages_absent(inode->pages, off >> PAGE_SHIFT, end);
    int err = absent > quota->limit - MIN(used, quota->limit) ? -ENOSPC : 0; /* all or nothing */
    for (uint64_t idx = off >> PAGE_SHIFT; idx < end && err == 0; idx++) {
        err = pagecache_pin(inode->pages, idx, true, &page);
        if (err == 0)
            pagecache_unpin(inode->pages);
    }
    return err == -ENOMEM ? -ENOSPC : err;
}

static int fallocate_check(const struct inode *inode, bool is_punch, uint64_t end)
{
    uint32_t forbids = is_punch ? F_SEAL_WRITE | F_SEAL_FUTURE_WRITE : end > inode->pages->size ? F_SEAL_GROW : 0;
    return inode->seals & forbids ? -EPERM : 0;
}

static int file_fallocate(struct file *f, int mode, uint64_t off, uint64_t size)
{
    struct inode *inode = f->inode;
    bool is_punch = mode & FALLOC_FL_PUNCH_HOLE;
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) || (is_punch && !(mode & FALLOC_FL_KEEP_SIZE)))
        return -EOPNOTSUPP;
    mutex_lock(&inode->lock);
    int err = fallocate_check(inode, is_punch, off + size);
    if (err == 0 && (is_punch || mode & FALLOC_FL_ZERO_RANGE) && off < inode->pages->size)
        err = range_clear(inode, off, MIN(off + size, inode->pages->size));
    if (err == 0 && !is_punch)
        err = pages_allocate(inode, off, size);
    if (err == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && off + size > inode->pages->size)
        err = ramfs_truncate(inode, off + size);
    if (err == 0)
        inode->mtime = inode->ctime = clock_realtime();
    mutex_unlock(&inode->lock);
    return err;
}

static int file_sync(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0; /* memory is all there is */
}

/* ---- seals (memfd_create(2), fcntl(2)) -------------------------------------------------------------------------------------- */

#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static int file_mmap(struct file *f, struct vm_map_request *req)
{
    uint32_t seals = __atomic_load_n(&f->inode->seals, __ATOMIC_RELAXED);
    bool is_writing = req->is_shared && (req->prot & VM_WRITE);
    if ((req->is_shared && (seals & F_SEAL_WRITE)) || (is_writing && (seals & F_SEAL_FUTURE_WRITE)))
        return -EPERM;
    req->no_write = req->is_shared && (seals & F_SEAL_FUTURE_WRITE);
    return vfs_file_mmap(f, req);
}

static int seals_add(struct inode *inode, uint32_t seals)
{
    bool is_new_write = (seals & F_SEAL_WRITE) && !(inode->seals & F_SEAL_WRITE);
    if (seals & ~(uint32_t)SEALS_KNOWN)
        return -EINVAL;
    if (inode->seals & F_SEAL_SEAL)
        return -EPERM;
    if (is_new_write && __atomic_load_n(&inode->pages->shared_areas, __ATOMIC_RELAXED))
        return -EBUSY;
    inode->seals |= seals;
    return 0;
}

static int64_t file_fcntl(struct file *f, unsigned cmd, uint64_t arg)
{
    if (!S_ISREG(f->inode->mode) || (cmd != F_ADD_SEALS && cmd != F_GET_SEALS))
        return -EINVAL;
    if (cmd == F_ADD_SEALS && !(f->mode & FMODE_WRITE))
        return -EPERM;
    mutex_lock(&f->inode->lock);
    int64_t result = cmd == F_GET_SEALS ? (int64_t)f->inode->seals : seals_add(f->inode, (uint32_t)arg);
    mutex_unlock(&f->inode->lock);
    return result;
}

static const struct file_ops ramfs_file_ops = {
    .read = file_read, .write = file_write, .seek = file_seek, .readdir = file_readdir, .mmap = file_mmap, .fcntl = file_fcntl,
    .sync = file_sync, .truncate = file_truncate, .fallocate = file_fallocate,
};

/* ---- the superblock ---------------------------------------------------------------------------------------------------------- */

static int ramfs_statfs(struct superblock *sb, struct statfs_info *info)
{
    struct ramfs *fs = ramfs_of(sb);
    struct memory_stats m;
    memory_stats(&m);
    uint64_t used = __atomic_load_n(&fs->quota.used, __ATOMIC_RELAXED), limit = MIN(fs->quota.limit, m.total >> PAGE_SHIFT);
    *info = (struct statfs_info){
        .type = strcmp(sb->type, "sysfs") == 0 ? SYSFS_MAGIC : TMPFS_MAGIC, .block_size = PAGE_SIZE, .blocks = limit, .free = limit - MIN(used, limit),
        .files = FILES_MAX, .files_free = FILES_MAX - MIN(fs->inodes, FILES_MAX), .name_max = 255,
    };
    info->available = info->free;
    return 0;
}

static void ramfs_unmount(struct superblock *sb)
{
    heap_free(sb->data);
}

static const struct super_ops ramfs_super_ops = {.statfs = ramfs_statfs, .unmount = ramfs_unmount};

int ramfs_mount(const char *type, uint64_t limit, struct superblock **result)
{
    struct memory_stats m;
    struct ramfs *fs = heap_zalloc(sizeof(*fs));
    struct superblock *sb = fs ? superblock_create(&ramfs_super_ops, type, fs) : NULL;
    if (!sb) {
        heap_free(fs);
        return -ENOMEM;
    }
    memory_stats(&m);
    fs->quota.limit = (limit ? limit : m.total / 2) >> PAGE_SHIFT;
    sb->root = ramfs_inode(sb, S_IFDIR | 01777);
    if (!sb->root) {
        superblock_put(sb);
        return -ENOMEM;
    }
    *result = sb;
    return 0;
}

int ramfs_create_file(struct superblock *sb, uint32_t mode, struct inode **result)
{
    *result = ramfs_inode(sb, S_IFREG | mode);
    return *result ? 0 : -ENOMEM;
}
