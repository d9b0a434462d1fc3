/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system of /dev/pts: ptmx, and a node for each terminal by its number. One superblock, made at boot, for all
 * mounts. A node's inode belongs to its terminal, so that its owner and mode live as long.
 */
#include <linux/magic.h>
#include <linux/stat.h>
#include "base/string.h"
#include "time/clock.h"
#include "tty/internal.h"
#include "vfs/device.h"

#define FIRST_POS 3 /* behind "." and ".." */
#define INO_ROOT  1
#define INO_PTMX  2
#define INO_FIRST 3

static struct superblock *devpts;
static struct inode *ptmx_inode;

static int node_setattr(struct inode *inode, const struct iattr *a)
{
    inode_attr_set(inode, a);
    return 0;
}

static const struct inode_ops node_ops = {.setattr = node_setattr, .names_change = true};
static const struct file_ops node_file_ops = {0}; /* opening goes by the device number */

/* Plain decimal, without leading zeros. */
static bool index_parse(const char *name, size_t len, unsigned *idx)
{
    *idx = 0;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9' || *idx >= PTY_MAX)
            return false;
        *idx = *idx * 10 + (unsigned)(name[i] - '0');
    }
    return len == 1 || (len > 0 && name[0] != '0');
}

static int root_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    unsigned idx;
    struct tty *t = NULL;
    (void)dir;
    *result = NULL;
    if (len == 4 && memcmp(name, "ptmx", 4) == 0)
        *result = ptmx_inode;
    else if (index_parse(name, len, &idx))
        t = pty_find(idx);
    if (t && !__atomic_load_n(&t->is_hung_up, __ATOMIC_RELAXED))
        *result = t->inode;
    if (*result)
        inode_get(*result);
    if (t)
        tty_put(t);
    return *result ? 0 : -ENOENT;
}

static int root_readdir(struct file *f, struct dir_sink *sink)
{
    uint64_t pos = MAX(f->pos, (uint64_t)FIRST_POS);
    char name[16];
    if (pos == FIRST_POS) {
        if (!sink->emit(sink, "ptmx", 4, INO_PTMX, S_IFCHR >> 12, pos + 1))
            return 0;
        f->pos = ++pos;
    }
    for (;;) {
        unsigned idx = pty_index_next((unsigned)MIN(pos - FIRST_POS - 1, (uint64_t)PTY_MAX));
        if (idx >= PTY_MAX)
            return 0;
        size_t len = (size_t)format(name, sizeof(name), "%u", idx);
        pos = (uint64_t)idx + FIRST_POS + 2;
        if (!sink->emit(sink, name, len, idx + INO_FIRST, S_IFCHR >> 12, pos))
            return 0;
        f->pos = pos;
    }
}

static int root_readdir_inode(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    struct file f = {.pos = *pos};
    (void)dir;
    int err = root_readdir(&f, sink);
    *pos = f.pos;
    return err;
}

static const struct inode_ops root_ops = {
    .lookup = root_lookup, .readdir = root_readdir_inode, .setattr = node_setattr,
};
static const struct file_ops root_file_ops = {.readdir = root_readdir};

static int devpts_statfs(struct superblock *sb, struct statfs_info *info)
{
    (void)sb;
    *info = (struct statfs_info){.type = DEVPTS_SUPER_MAGIC, .block_size = PAGE_SIZE, .name_max = 255};
    return 0;
}

static const struct super_ops devpts_super_ops = {.statfs = devpts_statfs};

static struct inode *node_create(uint64_t ino, uint32_t mode, uint64_t rdev)
{
    struct inode *inode = inode_create(devpts, ino, mode);
    if (!inode)
        return NULL;
    inode->ops = S_ISDIR(mode) ? &root_ops : &node_ops;
    inode->file_ops = S_ISDIR(mode) ? &root_file_ops : &node_file_ops;
    inode->rdev = rdev;
    inode->nlink = S_ISDIR(mode) ? 2 : 1;
    return inode;
}

struct inode *devpts_inode(unsigned idx, uint32_t uid, uint32_t gid)
{
    struct inode *inode = node_create(idx + INO_FIRST, S_IFCHR | 0620, MAKEDEV(PTY_MAJOR, idx));
    if (inode) {
        inode->uid = uid;
        inode->gid = gid;
    }
    return inode;
}

/* The first call is tty_init's; the static reference keeps it for good. */
int devpts_mount(struct superblock **sb)
{
    if (!devpts) {
        devpts = superblock_create(&devpts_super_ops, "devpts", NULL);
        if (!devpts)
            return -ENOMEM;
        devpts->root = node_create(INO_ROOT, S_IFDIR | 0755, 0);
        ptmx_inode = node_create(INO_PTMX, S_IFCHR | 0666, MAKEDEV(TTY_AUX_MAJOR, 2));
        if (!devpts->root || !ptmx_inode)
            return -ENOMEM;
    }
    ref_get(&devpts->ref);
    *sb = devpts;
    return 0;
}
