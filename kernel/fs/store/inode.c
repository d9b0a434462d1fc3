/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes, what belongs to one alone: attributes, the targets of symbolic links, extended attributes. */
#include "fs/store/internal.h"
#include <linux/limits.h>
#include <linux/xattr.h>

int store_inode_get(struct store *st, uint64_t ino, struct store_inode *inode)
{
    return btree_get(st, key_of(ino, STORE_INODE, 0), inode, sizeof(*inode));
}

int store_inode_put(struct store *st, uint64_t ino, const struct store_inode *inode)
{
    int err = change_begin(st, 0);
    return err ? err : btree_put(st, key_of(ino, STORE_INODE, 0), inode, sizeof(*inode));
}

int inode_new(struct store *st, const struct store_inode *init, uint64_t *ino)
{
    int err = btree_put(st, key_of(st->root.next_ino, STORE_INODE, 0), init, sizeof(*init));
    if (err)
        return err;
    *ino = st->root.next_ino++;
    st->root.inodes++;
    return 0;
}

int items_delete(struct store *st, uint64_t ino, enum store_type type, uint64_t lo_first, uint64_t lo_last)
{
    const struct key first = key_of(ino, type, lo_first);
    for (;;) {
        struct path path;
        int err = btree_seek(st, first, &path);
        if (err == -ENOENT || (err == 0 && (path_key(&path).hi != first.hi || path_key(&path).lo > lo_last)))
            return 0;
        if (err == 0)
            err = btree_delete(st, path_key(&path));
        if (err)
            return err;
    }
}

int inode_delete(struct store *st, uint64_t ino)
{
    int err = extents_free(st, ino);
    if (err == 0)
        err = items_delete(st, ino, STORE_LINK, 0, UINT64_MAX);
    if (err == 0)
        err = items_delete(st, ino, STORE_XATTR, 0, UINT64_MAX);
    if (err == 0)
        err = btree_delete(st, key_of(ino, STORE_INODE, 0));
    if (err == 0)
        st->root.inodes--;
    return err;
}

static const uint8_t orphan_mark = 1;

int store_tmpfile(struct store *st, const struct store_inode *init, uint64_t *ino)
{
    struct store_inode inode = *init;
    inode.nlink = 0;
    int err = change_begin(st, 2);
    if (err == 0)
        err = inode_new(st, &inode, ino);
    return err ? err : btree_put(st, key_of(0, STORE_ORPHAN, *ino), &orphan_mark, sizeof(orphan_mark));
}

int store_orphan_free(struct store *st, uint64_t ino)
{
    int err = change_begin(st, 0);
    if (err == 0)
        err = inode_delete(st, ino);
    return err && err != -ENOENT ? err : btree_delete(st, key_of(0, STORE_ORPHAN, ino));
}

/* ---- values that take several items --------------------------------------------------------------------------------- */

static int parts_put(struct store *st, uint64_t ino, enum store_type type, uint64_t lo, const char *data, size_t size)
{
    int err = 0;
    for (size_t done = 0; done < size && err == 0; done += STORE_PART)
        err = btree_put(st, key_of(ino, type, lo + done / STORE_PART), data + done, MIN(size - done, STORE_PART));
    return err;
}

/* From the part that the path points to on; the size of all, of which at most `room` bytes are copied. */
static int64_t parts_get(struct store *st, struct path *path, char *buf, size_t room)
{
    const struct key first = path_key(path);
    size_t size = 0;
    for (uint64_t part = 0;; part++) {
        size_t n = path_size(path);
        if (size < room)
            memcpy(buf + size, path_value(path), MIN(n, room - size));
        size += n;
        int err = n < STORE_PART ? -ENOENT : btree_next(st, path);
        if (err == 0 && !key_equal(path_key(path), (struct key){first.hi, first.lo + part + 1}))
            err = -ENOENT;
        if (err)
            return err == -ENOENT ? (int64_t)size : err;
    }
}

int64_t store_readlink(struct store *st, uint64_t ino, char *buf, size_t size)
{
    struct path path;
    int err = btree_find(st, key_of(ino, STORE_LINK, 0), &path);
    if (err)
        return err == -ENOENT ? -EINVAL : err;
    int64_t len = parts_get(st, &path, buf, size);
    return len < 0 ? len : MIN(len, (int64_t)size);
}

int store_symlink(struct store *st, uint64_t dir, const char *name, size_t len, const struct store_inode *init,
                  const char *target, uint64_t *ino)
{
    struct store_inode inode = *init;
    inode.size = strlen(target);
    if (inode.size == 0 || inode.size >= PATH_MAX)
        return inode.size ? -ENAMETOOLONG : -ENOENT;
    int err = store_create(st, dir, name, len, &inode, ino);
    return err ? err : parts_put(st, *ino, STORE_LINK, 0, target, inode.size);
}

/* ---- extended attributes: name length, name, value; the id tells those of an inode apart ----------------------------- */

#define XATTR_PARTS 256u

static bool is_xattr(const struct path *path, const char *name, size_t len)
{
    const uint8_t *v = path_value(path);
    return path_size(path) >= 1 + len && v[0] == len && memcmp(v + 1, name, len) == 0;
}

/* The first part of the attribute; *free_id: one that is not taken. */
static int xattr_find(struct store *st, uint64_t ino, const char *name, struct path *path, uint64_t *free_id)
{
    const struct key first = key_of(ino, STORE_XATTR, 0);
    size_t len = strlen(name);
    uint64_t id = 0;
    int err = btree_seek(st, first, path);
    for (; err == 0 && path_key(path).hi == first.hi; err = btree_next(st, path)) {
        if (path_key(path).lo % XATTR_PARTS)
            continue;
        if (is_xattr(path, name, len))
            return 0;
        if (path_key(path).lo / XATTR_PARTS == id)
            id++;
    }
    if (free_id)
        *free_id = id;
    return err == 0 || err == -ENOENT ? -ENODATA : err;
}

int64_t store_getxattr(struct store *st, uint64_t ino, const char *name, void *buf, size_t size)
{
    struct path path;
    size_t head = 1 + strlen(name), room = head + size;
    int err = xattr_find(st, ino, name, &path, NULL);
    if (err)
        return err;
    char *all = heap_alloc(room);
    if (!all)
        return -ENOMEM;
    int64_t n = parts_get(st, &path, all, room);
    if (n >= 0) {
        n -= (int64_t)head;
        if (size > 0 && (uint64_t)n > size)
            n = -ERANGE;
        else if (size > 0)
            memcpy(buf, all + head, (size_t)n);
    }
    heap_free(all);
    return n;
}

static int xattr_delete(struct store *st, uint64_t ino, uint64_t lo)
{
    return items_delete(st, ino, STORE_XATTR, lo, lo + XATTR_PARTS - 1);
}

int store_setxattr(struct store *st, uint64_t ino, const char *name, const void *value, size_t size, int flags)
{
    struct path path;
    uint64_t id = 0;
    size_t len = strlen(name);
    if (len > XATTR_NAME_MAX || size > XATTR_SIZE_MAX)
        return len > XATTR_NAME_MAX ? -ERANGE : -E2BIG;
    int err = change_begin(st, size / STORE_BLOCK + 2);
    if (err)
        return err;
    err = xattr_find(st, ino, name, &path, &id);
    if (err == 0 && (flags & XATTR_CREATE))
        return -EEXIST;
    if (err && (err != -ENODATA || (flags & XATTR_REPLACE)))
        return err;
    char *all = heap_alloc(1 + len + size);
    if (!all)
        return -ENOMEM;
    all[0] = (char)len;
    memcpy(all + 1, name, len);
    memcpy(all + 1 + len, value, size);
    if (err == 0) {
        id = path_key(&path).lo / XATTR_PARTS;
        err = xattr_delete(st, ino, id * XATTR_PARTS);
    } else {
        err = 0;
    }
    if (err == 0)
        err = parts_put(st, ino, STORE_XATTR, id * XATTR_PARTS, all, 1 + len + size);
    heap_free(all);
    return err;
}

int64_t store_listxattr(struct store *st, uint64_t ino, char *buf, size_t size)
{
    const struct key first = key_of(ino, STORE_XATTR, 0);
    struct path path;
    size_t total = 0;
    int err = btree_seek(st, first, &path);
    for (; err == 0 && path_key(&path).hi == first.hi; err = btree_next(st, &path)) {
        const uint8_t *v = path_value(&path);
        if (path_key(&path).lo % XATTR_PARTS || path_size(&path) < 1u + v[0])
            continue;
        if (size > 0 && total + v[0] + 1 > size)
            return -ERANGE;
        if (size > 0) {
            memcpy(buf + total, v + 1, v[0]);
            buf[total + v[0]] = 0;
        }
        total += v[0] + 1u;
    }
    return err == 0 || err == -ENOENT ? (int64_t)total : err;
}

int store_removexattr(struct store *st, uint64_t ino, const char *name)
{
    struct path path;
    int err = change_begin(st, 0);
    if (err == 0)
        err = xattr_find(st, ino, name, &path, NULL);
    return err ? err : xattr_delete(st, ino, path_key(&path).lo);
}
