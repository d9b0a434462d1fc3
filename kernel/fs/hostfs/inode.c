/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and names. Each reply was checked against hostcall.tab; here it is checked for sense. */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include "fs/hostfs/internal.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "time/clock.h"

static struct hostfs *hostfs_of(const struct superblock *sb)
{
    return sb->data;
}

void hostfs_fd_close(int fd)
{
    int err = fd >= 0 ? (int)hostcall_close(fd) : 0;
    (void)err; /* the host may keep it if it likes */
}

int hostfs_stat(int fd, struct hostcall_file_stat *st)
{
    int64_t n = hostcall_file_get(fd, HOSTCALL_FILE_STAT, 0, st, sizeof(*st));
    if (n != sizeof(*st))
        return n < 0 ? (int)n : -EIO;
    unsigned type = st->mode & S_IFMT;
    bool is_type = type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFIFO || type == S_IFSOCK || type == S_IFCHR || type == S_IFBLK;
    return is_type && st->size <= INT64_MAX ? 0 : -EIO;
}

/* Set-id bits are the host's, and mean nothing here. */
static void attributes_take(struct inode *inode, const struct hostcall_file_stat *st)
{
    inode->mode = (st->mode & S_IFMT) | (st->mode & 01777);
    inode->uid = st->uid;
    inode->gid = st->gid;
    inode->nlink = st->nlink;
    inode->size = st->size;
    inode->blocks = st->blocks;
    inode->atime = st->atime;
    inode->mtime = st->mtime;
    inode->ctime = st->ctime;
}

/* A file that became another kind of thing stays what it was. */
void hostfs_refresh(struct inode *inode)
{
    struct hostcall_file_stat st;
    if (hostfs_stat(node_of(inode)->fd, &st) == 0 && (st.mode & S_IFMT) == (inode->mode & S_IFMT))
        attributes_take(inode, &st);
}

static struct inode *find_locked(struct hostfs *fs, uint64_t dev, uint64_t ino)
{
    struct node *n;
    list_for_each (n, &fs->buckets[ino % HOSTFS_BUCKETS], bucket_node) {
        if (n->dev == dev && n->ino == ino && ref_get_unless_zero(&n->self->ref))
            return n->self;
    }
    return NULL;
}

static struct inode *inode_make(struct superblock *sb, const struct hostcall_file_stat *st, int fd)
{
    struct node *n = heap_zalloc(sizeof(*n));
    struct inode *inode = n ? inode_create(sb, st->ino, st->mode) : NULL;
    if (!inode) {
        heap_free(n);
        return NULL;
    }
    *n = (struct node){.self = inode, .dev = st->dev, .ino = st->ino, .fd = fd, .data_fd = -1};
    list_init(&n->bucket_node);
    inode->data = n;
    inode->ops = &hostfs_inode_ops;
    inode->file_ops = &hostfs_file_ops;
    attributes_take(inode, st);
    return inode;
}

int hostfs_inode(struct superblock *sb, int fd, struct inode **result)
{
    struct hostfs *fs = hostfs_of(sb);
    struct hostcall_file_stat st;
    int err = hostfs_stat(fd, &st);
    struct inode *made = err ? NULL : inode_make(sb, &st, fd);
    if (!made) {
        hostfs_fd_close(fd);
        return err ? err : -ENOMEM;
    }
    spin_lock(&fs->lock);
    struct inode *found = find_locked(fs, st.dev, st.ino);
    if (found && (found->mode & S_IFMT) != (made->mode & S_IFMT)) { /* the host gave the number to something else */
        spin_unlock(&fs->lock);
        inode_put(found);
        spin_lock(&fs->lock);
        found = NULL;
    }
    if (!found)
        list_push_front(&fs->buckets[st.ino % HOSTFS_BUCKETS], &node_of(made)->bucket_node);
    spin_unlock(&fs->lock);
    if (found) {
        inode_put(made);
        attributes_take(found, &st);
    }
    *result = found ? found : made;
    return 0;
}

static void hostfs_evict(struct inode *inode)
{
    struct node *n = node_of(inode);
    spin_lock(&hostfs_of(inode->sb)->lock);
    list_remove(&n->bucket_node);
    spin_unlock(&hostfs_of(inode->sb)->lock);
    hostfs_fd_close(n->fd);
    hostfs_fd_close(n->data_fd);
    heap_free(n);
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static int hostfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    int64_t fd = hostcall_file_open(node_of(dir)->fd, 0, 0, name, len);
    return fd < 0 ? (int)fd : hostfs_inode(dir->sb, (int)fd, result);
}

/* Two names, the second may be anything up to PATH_MAX. */
static int change(enum hostcall_file_change what, struct inode *dir, const char *name, size_t len, int to, const char *other,
                  size_t other_len, unsigned mode)
{
    size_t size = len + other_len + 2;
    char *names = heap_alloc(size);
    if (!names)
        return -ENOMEM;
    memcpy(names, name, len);
    names[len] = 0;
    memcpy(names + len + 1, other, other_len);
    names[size - 1] = 0;
    int err = (int)hostcall_file_change(what, node_of(dir)->fd, to, mode, names, size);
    heap_free(names);
    if (err == 0)
        hostfs_refresh(dir);
    return err;
}

/* What was made belongs to whom it would belong to here, if the host lets it. */
static int made_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    const struct cred *cred = thread_current()->cred;
    int err = hostfs_lookup(dir, name, len, result);
    hostfs_refresh(dir);
    if (err || ((*result)->uid == cred->fsuid && (*result)->gid == cred->fsgid))
        return err;
    const struct iattr attr = {.valid = IATTR_UID | IATTR_GID, .uid = cred->fsuid, .gid = cred->fsgid};
    (void)!(*result)->ops->setattr(*result, &attr);
    return 0;
}

static int hostfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, struct inode **result)
{
    int64_t err;
    (void)rdev;
    if (S_ISDIR(mode)) {
        err = change(HOSTCALL_FILE_MKDIR, dir, name, len, 0, "", 0, mode & 07777);
    } else if (S_ISREG(mode)) {
        err = hostcall_file_open(node_of(dir)->fd, HOSTCALL_FILE_WRITE | HOSTCALL_FILE_CREATE, mode & 0777, name, len);
        hostfs_fd_close((int)err);
        err = MIN(err, 0);
    } else {
        return -EPERM; /* no devices, FIFOs and sockets for the host */
    }
    return err ? (int)err : made_lookup(dir, name, len, result);
}

static int hostfs_symlink(struct inode *dir, const char *name, size_t len, const char *target, struct inode **result)
{
    int err = change(HOSTCALL_FILE_SYMLINK, dir, name, len, 0, target, strlen(target), 0);
    return err ? err : made_lookup(dir, name, len, result);
}

static int hostfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int err = change(HOSTCALL_FILE_LINK_TO, dir, name, len, node_of(target)->fd, "", 0, 0);
    hostfs_refresh(target);
    return err;
}

static int hostfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int err = change(HOSTCALL_FILE_UNLINK, dir, name, len, 0, "", 0, 0);
    hostfs_refresh(target);
    return err;
}

static int hostfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
    int err = change(HOSTCALL_FILE_RMDIR, dir, name, len, 0, "", 0, 0);
    hostfs_refresh(target);
    return err;
}

static int hostfs_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir, const char *to,
                         size_t to_len, unsigned flags)
{
    if (flags & RENAME_WHITEOUT)
        return -EINVAL;
    int err = change(HOSTCALL_FILE_RENAME, from_dir, from, from_len, node_of(to_dir)->fd, to, to_len, flags);
    hostfs_refresh(to_dir);
    return err;
}

static int64_t hostfs_readlink(struct inode *inode, char *buf, size_t size)
{
    int64_t len = hostcall_file_get(node_of(inode)->fd, HOSTCALL_FILE_LINK, 0, buf, MIN(size, (size_t)PATH_MAX - 1));
    return len > 0 && memchr(buf, 0, (size_t)len) ? -EIO : len;
}

static int hostfs_setattr(struct inode *inode, const struct iattr *a)
{
    struct hostcall_file_attr attr = {
        .valid = (a->valid & IATTR_MODE ? 1 : 0) | (a->valid & IATTR_UID ? 2 : 0) | (a->valid & IATTR_GID ? 4 : 0) |
                 (a->valid & IATTR_SIZE ? 8 : 0) | (a->valid & IATTR_ATIME ? 16 : 0) | (a->valid & IATTR_MTIME ? 32 : 0),
        .mode = a->mode & 01777, .uid = a->uid, .gid = a->gid, .size = a->size, .atime = a->atime, .mtime = a->mtime,
    };
    int64_t n = hostcall_file_set(node_of(inode)->fd, HOSTCALL_FILE_ATTR, 0, &attr, sizeof(attr));
    hostfs_refresh(inode);
    return n < 0 ? (int)n : 0;
}

static int entry_check(const struct hostcall_file_entry *e, const char *name, size_t left)
{
    if (e->name_size == 0 || e->name_size > NAME_MAX || e->name_size > left || e->next > INT64_MAX)
        return -EIO;
    return memchr(name, '/', e->name_size) || memchr(name, 0, e->name_size) ? -EIO : 0;
}

static bool is_dots(const char *name, size_t len)
{
    return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* Positions are the host's, plus 3 for "." and "..", which are ours. *is_full: the sink takes no more. */
static int entries_emit(const char *data, size_t size, uint64_t *pos, struct dir_sink *sink, bool *is_full)
{
    for (size_t at = 0; at < size && !*is_full;) {
        struct hostcall_file_entry e;
        if (size - at < sizeof(e))
            return -EIO;
        memcpy(&e, data + at, sizeof(e));
        const char *name = data + at + sizeof(e);
        int err = entry_check(&e, name, size - at - sizeof(e));
        if (err)
            return err;
        if (!is_dots(name, e.name_size))
            *is_full = !sink->emit(sink, name, e.name_size, e.ino, e.type & 15, e.next + 3);
        if (!*is_full)
            *pos = e.next + 3;
        at += sizeof(e) + e.name_size;
    }
    return 0;
}

static int hostfs_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    const size_t size = PAGE_SIZE << 2;
    char *data = page_alloc(2);
    bool is_full = false;
    int64_t fd = data ? hostfs_open_data(dir, HOSTCALL_FILE_READ) : -ENOMEM, n = fd < 0 ? fd : 1;
    while (n > 0 && !is_full) {
        n = hostcall_file_get((int)fd, HOSTCALL_FILE_ENTRIES, *pos > 3 ? *pos - 3 : 0, data, size);
        if (n > 0) {
            int err = entries_emit(data, (size_t)n, pos, sink, &is_full);
            n = err ? err : n;
        }
    }
    hostfs_fd_close((int)fd);
    if (data)
        page_free(data, 2);
    return n < 0 ? (int)n : 0;
}

const struct inode_ops hostfs_inode_ops = {
    .lookup = hostfs_lookup, .create = hostfs_create, .symlink = hostfs_symlink, .link = hostfs_link, .unlink = hostfs_unlink,
    .rmdir = hostfs_rmdir, .rename = hostfs_rename, .readdir = hostfs_readdir, .readlink = hostfs_readlink,
    .setattr = hostfs_setattr, .refresh = hostfs_refresh, .evict = hostfs_evict, .names_change = true,
};

/* ---- the superblock ---------------------------------------------------------------------------------------------------- */

static int hostfs_statfs(struct superblock *sb, struct statfs_info *info)
{
    (void)sb;
    *info = (struct statfs_info){.type = V9FS_MAGIC, .block_size = PAGE_SIZE, .name_max = 255};
    return 0;
}

static void hostfs_unmount(struct superblock *sb)
{
    heap_free(sb->data);
}

static const struct super_ops hostfs_super_ops = {.statfs = hostfs_statfs, .unmount = hostfs_unmount};

int hostfs_mount(const char *path, bool is_read_only, struct superblock **result)
{
    struct hostfs *fs = heap_zalloc(sizeof(*fs));
    struct superblock *sb = fs ? superblock_create(&hostfs_super_ops, "host", fs) : NULL;
    if (!sb) {
        heap_free(fs);
        return -ENOMEM;
    }
    for (size_t i = 0; i < HOSTFS_BUCKETS; i++)
        list_init(&fs->buckets[i]);
    sb->is_read_only = is_read_only;
    int64_t fd = hostcall_file_open(0, HOSTCALL_FILE_ROOT, 0, path, strlen(path));
    int err = fd < 0 ? (int)fd : hostfs_inode(sb, (int)fd, &sb->root);
    if (err == 0 && !S_ISDIR(sb->root->mode))
        err = -ENOTDIR;
    if (err)
        superblock_put(sb);
    else
        *result = sb;
    return err;
}
