/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mkfs.erofs writes without compression: compact and extended inodes, plain and inline (tail-packed) data.
 * Metadata is read through a page cache of the device, data straight into the file's own pages. Content is
 * verified before it comes here, but offsets are checked all the same: the builder may be wrong.
 */
#include "fs/erofs/erofs.h"
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "naos/erofs.h"
#include "vfs/callsites.h"

#define BLOCK 4096u
#define INODE_BUCKETS 1024

struct erofs {
    struct verity *verity;
    struct pagecache *device;
    uint64_t meta_off, size, files;
    ns_t build_time;
    const struct callsite_file *callsites; /* NULL: it has none */
    struct spinlock lock; /* guards the inode cache */
    struct list buckets[INODE_BUCKETS];
};

struct erofs_node { /* inode->data */
    struct list bucket_node;
    struct inode *inode;
    uint64_t data_off;   /* of the full blocks */
    uint64_t tail_off;   /* of the inline tail; 0: none */
};

static const struct inode_ops erofs_inode_ops;
static const struct file_ops erofs_file_ops;

static struct erofs *erofs_of(struct superblock *sb)
{
    return sb->data;
}

static int device_fill(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    struct erofs *fs = pc->owner;
    return verity_read(fs->verity, idx, pages, count);
}

static const struct pagecache_ops device_ops = {.fill = device_fill, .can_refill = true};

/* Up to the year 2242; no image makes it overflow. */
static ns_t time_of(uint64_t seconds, uint32_t ns)
{
    return (ns_t)(seconds & 0x1ffffffffULL) * NS_PER_S + ns % NS_PER_S;
}

static int device_read(struct erofs *fs, uint64_t off, void *buf, size_t size)
{
    int64_t n = pagecache_read(fs->device, off, buf, size);
    return n < 0 ? (int)n : (size_t)n == size ? 0 : -EIO;
}

/* ---- file data ------------------------------------------------------------------------------------------------ */

static uint64_t inline_start(const struct inode *inode)
{
    const struct erofs_node *n = inode->data;
    return n->tail_off ? align_down(inode->size, BLOCK) : UINT64_MAX;
}

static int data_fill(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count)
{
    struct inode *inode = pc->owner;
    const struct erofs_node *n = inode->data;
    struct erofs *fs = erofs_of(inode->sb);
    uint64_t tail_page = inline_start(inode) / BLOCK;
    size_t full = idx >= tail_page ? 0 : MIN(count, tail_page - idx);
    int err = full ? verity_read(fs->verity, n->data_off / BLOCK + idx, pages, full) : 0;
    for (size_t i = full; i < count && err == 0; i++) {
        memset(pages[i], 0, BLOCK);
        if (idx + i == tail_page)
            err = device_read(fs, n->tail_off, pages[i], inode->size % BLOCK);
    }
    if (err == 0 && (idx + count) * BLOCK > inode->size && full == count && inode->size % BLOCK)
        memset((char *)pages[count - 1] + inode->size % BLOCK, 0, BLOCK - inode->size % BLOCK);
    return err;
}

static const struct pagecache_ops data_ops = {.fill = data_fill, .can_refill = true};

/* ---- inodes ------------------------------------------------------------------------------------------------------ */

struct raw_inode {
    uint16_t format, xattr_count, mode;
    uint32_t block, uid, gid, nlink;
    uint64_t size, header_size;
    ns_t mtime;
};

static int raw_read(struct erofs *fs, uint64_t off, struct raw_inode *raw)
{
    struct erofs_inode_extended x;
    struct erofs_inode_compact c;
    int err = device_read(fs, off, &c, sizeof(c));
    if (err)
        return err;
    if (!(c.format & 1)) {
        *raw = (struct raw_inode){c.format, c.xattr_count, c.mode, c.block, c.uid, c.gid, c.nlink, c.size, sizeof(c), fs->build_time};
        return 0;
    }
    err = device_read(fs, off, &x, sizeof(x));
    ns_t mtime = time_of(x.mtime, x.mtime_ns);
    *raw = (struct raw_inode){x.format, x.xattr_count, x.mode, x.block, x.uid, x.gid, x.nlink, x.size, sizeof(x), mtime};
    return err;
}

static int layout_check(struct erofs *fs, const struct raw_inode *raw, uint64_t off, struct erofs_node *n)
{
    unsigned layout = (raw->format >> 1) & 7;
    bool has_data = S_ISREG(raw->mode) || S_ISDIR(raw->mode) || S_ISLNK(raw->mode);
    uint64_t xattr_size = raw->xattr_count ? (raw->xattr_count - 1U) * 4 + 12 : 0;
    if (!has_data)
        return 0;
    if (layout != EROFS_LAYOUT_PLAIN && layout != EROFS_LAYOUT_INLINE)
        return -EOPNOTSUPP;
    n->data_off = (uint64_t)raw->block * BLOCK;
    uint64_t full = raw->size;
    if (layout == EROFS_LAYOUT_INLINE && raw->size % BLOCK) {
        n->tail_off = off + raw->header_size + xattr_size;
        full = align_down(raw->size, BLOCK);
        if (n->tail_off / BLOCK != (n->tail_off + raw->size % BLOCK - 1) / BLOCK)
            return -EIO; /* a tail never crosses a block */
    }
    return full && (n->data_off > fs->size || full > fs->size - n->data_off) ? -EIO : 0;
}

static struct inode *inode_build(struct superblock *sb, uint64_t nid)
{
    struct erofs *fs = erofs_of(sb);
    uint64_t off = fs->meta_off + nid * EROFS_SLOT;
    struct raw_inode raw;
    if (nid > fs->size / EROFS_SLOT || off > fs->size - sizeof(struct erofs_inode_extended))
        return err_ptr(-EIO);
    int err = raw_read(fs, off, &raw);
    if (err)
        return err_ptr(err);
    struct erofs_node *n = heap_zalloc(sizeof(*n));
    struct inode *inode = n ? inode_create(sb, nid, raw.mode) : NULL;
    if (!inode) {
        heap_free(n);
        return err_ptr(-ENOMEM);
    }
    list_init(&n->bucket_node);
    n->inode = inode;
    inode->data = n;
    inode->ops = &erofs_inode_ops;
    inode->file_ops = &erofs_file_ops;
    inode->uid = raw.uid;
    inode->gid = raw.gid;
    inode->nlink = raw.nlink;
    inode->size = raw.size;
    inode->blocks = (raw.size + 511) / 512;
    inode->atime = inode->mtime = inode->ctime = inode->btime = raw.mtime;
    bool is_device = S_ISCHR(raw.mode) || S_ISBLK(raw.mode);
    inode->rdev = is_device ? raw.block : 0;
    inode->callsites = callsites_find(fs->callsites, nid);
    inode->size = is_device ? 0 : raw.size;
    err = layout_check(fs, &raw, off, n);
    if (err == 0 && (S_ISREG(raw.mode) || S_ISDIR(raw.mode)))
        err = pagecache_create(&data_ops, inode, inode->size, &inode->pages);
    if (err) {
        log_error("image: inode %llu cannot be used (%d)", (unsigned long long)nid, err);
        inode_put(inode);
        return err_ptr(err);
    }
    return inode;
}

static struct inode *find_locked(struct erofs *fs, uint64_t nid)
{
    struct erofs_node *n;
    list_for_each (n, &fs->buckets[nid % INODE_BUCKETS], bucket_node) {
        if (n->inode->ino == nid)
            return n->inode;
    }
    return NULL;
}

/* Inodes stay for good once they are there: their pages are what everybody above shares. */
static int inode_get_by_nid(struct superblock *sb, uint64_t nid, struct inode **result)
{
    struct erofs *fs = erofs_of(sb);
    spin_lock(&fs->lock);
    struct inode *found = find_locked(fs, nid), *made = NULL;
    spin_unlock(&fs->lock);
    if (!found) {
        made = inode_build(sb, nid);
        if (is_err(made))
            return ptr_err(made);
        spin_lock(&fs->lock);
        found = find_locked(fs, nid); /* another may have been faster */
        if (!found)
            list_push_front(&fs->buckets[nid % INODE_BUCKETS], &((struct erofs_node *)made->data)->bucket_node);
        spin_unlock(&fs->lock);
    }
    if (found && made)
        inode_put(made);
    found = found ? found : made;
    inode_get(found);
    *result = found;
    return 0;
}

/* ---- directories --------------------------------------------------------------------------------------------------- */

/* A block of a directory: entries, then names. Visits those from *pos on (a byte position of the entry). */
static int block_visit(const char *block, size_t size, uint64_t base, uint64_t *pos,
                       bool (*visit)(void *arg, const char *name, size_t len, uint64_t nid, unsigned type, uint64_t next), void *arg)
{
    const struct erofs_dirent *e = (const struct erofs_dirent *)block;
    size_t count = size >= sizeof(*e) ? e[0].name_off / sizeof(*e) : 0;
    if (count == 0 || count * sizeof(*e) > size)
        return -EIO;
    for (size_t i = (*pos - base) / sizeof(*e); i < count; i++) {
        size_t end = i + 1 < count ? e[i + 1].name_off : size;
        if (e[i].name_off < count * sizeof(*e) || e[i].name_off >= end || end > size)
            return -EIO;
        size_t len = strnlen(block + e[i].name_off, end - e[i].name_off);
        uint64_t next = base + (i + 1) * sizeof(*e);
        if (len == 0 || len > NAME_MAX || memchr(block + e[i].name_off, '/', len))
            return -EIO;
        if (!visit(arg, block + e[i].name_off, len, e[i].nid, e[i].type, next))
            return 1;
        *pos = next;
    }
    *pos = base + BLOCK;
    return 0;
}

static int dir_visit(struct inode *dir, uint64_t *pos,
                     bool (*visit)(void *arg, const char *name, size_t len, uint64_t nid, unsigned type, uint64_t next), void *arg)
{
    int err = 0;
    while (*pos < dir->size && err == 0) {
        uint64_t base = align_down(*pos, BLOCK);
        void *block;
        err = pagecache_pin(dir->pages, base / BLOCK, false, &block);
        if (err)
            break;
        err = block_visit(block, MIN((uint64_t)BLOCK, dir->size - base), base, pos, visit, arg);
        pagecache_unpin(dir->pages);
    }
    return err < 0 ? err : 0;
}

struct search {
    const char *name;
    size_t len;
    uint64_t nid;
    bool is_found;
};

static bool search_visit(void *arg, const char *name, size_t len, uint64_t nid, unsigned type, uint64_t next)
{
    struct search *s = arg;
    (void)type, (void)next;
    s->is_found = len == s->len && memcmp(name, s->name, len) == 0;
    s->nid = nid;
    return !s->is_found;
}

static int erofs_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    struct search s = {.name = name, .len = len};
    uint64_t pos = 0;
    int err = dir_visit(dir, &pos, search_visit, &s);
    if (err)
        return err;
    return s.is_found ? inode_get_by_nid(dir->sb, s.nid, result) : -ENOENT;
}

static bool emit_visit(void *arg, const char *name, size_t len, uint64_t nid, unsigned type, uint64_t next)
{
    static const uint8_t types[] = {0, 8, 4, 2, 6, 1, 12, 10}; /* DT_* */
    struct dir_sink *sink = arg;
    if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
        return true;
    return sink->emit(sink, name, len, nid, type < sizeof(types) ? types[type] : 0, next);
}

static int erofs_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    return dir_visit(dir, pos, emit_visit, sink);
}

static int64_t erofs_readlink(struct inode *inode, char *buf, size_t size)
{
    const struct erofs_node *n = inode->data;
    if (!S_ISLNK(inode->mode))
        return -EINVAL;
    size_t len = MIN(size, inode->size);
    int err = device_read(erofs_of(inode->sb), n->tail_off ? n->tail_off : n->data_off, buf, len);
    return err ? err : (int64_t)len;
}

static void erofs_evict(struct inode *inode)
{
    heap_free(inode->data);
}

static const struct inode_ops erofs_inode_ops = {
    .lookup = erofs_lookup, .readdir = erofs_readdir, .readlink = erofs_readlink, .evict = erofs_evict,
};

static int64_t file_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    (void)nonblock;
    return S_ISDIR(f->inode->mode) ? -EISDIR : pagecache_read_iter(f->inode->pages, off, to);
}

static int file_readdir(struct file *f, struct dir_sink *sink)
{
    return erofs_readdir(f->inode, &f->pos, sink);
}

static const struct file_ops erofs_file_ops = {.read = file_read, .readdir = file_readdir, .mmap = vfs_file_mmap};

/* ---- the superblock -------------------------------------------------------------------------------------------------- */

static int erofs_statfs(struct superblock *sb, struct statfs_info *info)
{
    struct erofs *fs = erofs_of(sb);
    *info = (struct statfs_info){.type = EROFS_SUPER_MAGIC_V1, .block_size = BLOCK, .blocks = fs->size / BLOCK,
                                 .files = fs->files, .name_max = 255};
    return 0;
}

static void erofs_unmount(struct superblock *sb)
{
    struct erofs *fs = erofs_of(sb);
    struct erofs_node *n, *after;
    for (size_t i = 0; i < INODE_BUCKETS; i++) {
        list_for_each_safe (n, after, &fs->buckets[i], bucket_node)
            inode_put(n->inode);
    }
    if (fs->device)
        pagecache_put(fs->device);
    heap_free((void *)(uintptr_t)fs->callsites);
    heap_free(fs);
}

static const struct super_ops erofs_super_ops = {.statfs = erofs_statfs, .unmount = erofs_unmount};

static int super_read(struct erofs *fs, struct erofs_super *super)
{
    int err = pagecache_create(&device_ops, fs, fs->size, &fs->device);
    if (err == 0)
        err = device_read(fs, EROFS_SUPER_OFF, super, sizeof(*super));
    return err == 0 && (super->magic != EROFS_MAGIC || super->block_bits != 12) ? -EINVAL : err;
}

int erofs_mount(struct verity *v, struct superblock **result)
{
    struct erofs_super super;
    struct erofs *fs = heap_zalloc(sizeof(*fs));
    struct superblock *sb = fs ? superblock_create(&erofs_super_ops, "erofs", fs) : NULL;
    if (!sb) {
        heap_free(fs);
        return -ENOMEM;
    }
    for (size_t i = 0; i < INODE_BUCKETS; i++)
        list_init(&fs->buckets[i]);
    sb->is_read_only = true;
    sb->id = verity_id(v);
    fs->verity = v;
    fs->size = verity_blocks(v) * VERITY_BLOCK;
    int err = super_read(fs, &super);
    if (err == 0) {
        fs->meta_off = (uint64_t)super.meta_block * BLOCK;
        fs->files = super.inodes;
        fs->build_time = time_of(super.build_time, super.build_time_ns);
        err = inode_get_by_nid(sb, super.root_nid, &sb->root);
    }
    if (err == 0 && !S_ISDIR(sb->root->mode))
        err = -EINVAL;
    if (err == 0)
        fs->callsites = callsites_load(sb);
    if (err)
        superblock_put(sb);
    else
        *result = sb;
    return err;
}
