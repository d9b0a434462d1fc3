/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes are plain entries of a ramfs: what makes them devices is their number, so mknod(2) elsewhere works too. */
#include "fs/devfs.h"
#include <linux/major.h>
#include <linux/random.h>
#include <linux/stat.h>
#include "base/string.h"
#include "crypto/random.h"
#include "fs/ramfs.h"
#include "heap/heap.h"
#include "proc/process.h"
#include "vfs/device.h"

#define CHUNK_SIZE (64UL << 10) /* between two looks for signals */

/* ---- the devices of major 1 ------------------------------------------------------------------------------------- */

enum { MINOR_NULL = 3, MINOR_ZERO = 5, MINOR_FULL = 7, MINOR_RANDOM = 8, MINOR_URANDOM = 9 };

static int64_t null_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    (void)f, (void)to, (void)off, (void)nonblock;
    return 0;
}

/* Also for the random devices: the generator needs nothing from programs. */
static int64_t null_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    (void)f, (void)off, (void)nonblock;
    return (int64_t)from->left;
}

static int64_t full_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    (void)f, (void)from, (void)off, (void)nonblock;
    return -ENOSPC;
}

static int64_t null_seek(struct file *f, int64_t off, int whence)
{
    (void)f, (void)off, (void)whence;
    return 0;
}

/* Large reads end early for a signal, as those of /dev/urandom do in Linux. */
static int64_t zero_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    int64_t done = 0;
    (void)f, (void)off, (void)nonblock;
    while (to->left > 0 && !(done && signal_is_pending(thread_current()))) {
        int64_t n = iov_zero(to, MIN(to->left, CHUNK_SIZE));
        if (n <= 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

static int64_t random_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    uint8_t chunk[256];
    int64_t done = 0, n = 0;
    (void)f, (void)off, (void)nonblock;
    while (to->left > 0) {
        size_t size = MIN(to->left, sizeof(chunk));
        random_bytes(chunk, size);
        n = iov_copy_to(to, chunk, size);
        done += MAX(n, 0);
        if (n < (int64_t)size || (done % (int64_t)CHUNK_SIZE == 0 && signal_is_pending(thread_current())))
            break;
    }
    mem_wipe(chunk, sizeof(chunk));
    return done ? done : n;
}

static int64_t random_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    (void)f;
    return cmd == RNDGETENTCNT ? put_user(arg, (int)256) : -ENOTTY;
}

/* What /dev/zero maps is memory without a file, shared or not. */
static int zero_mmap(struct file *f, struct vm_map_request *req)
{
    (void)f;
    req->offset = 0;
    return 0;
}

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = null_seek};
static const struct file_ops zero_ops = {.read = zero_read, .write = null_write, .seek = null_seek, .mmap = zero_mmap};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = null_seek};
static const struct file_ops random_ops = {
    .read = random_read, .write = null_write, .seek = null_seek, .ioctl = random_ioctl,
};

static int mem_open(struct inode *inode, struct file *f)
{
    switch (MINOR(inode->rdev)) {
    case MINOR_NULL:
        f->ops = &null_ops;
        return 0;
    case MINOR_ZERO:
        f->ops = &zero_ops;
        return 0;
    case MINOR_FULL:
        f->ops = &full_ops;
        return 0;
    case MINOR_RANDOM:
    case MINOR_URANDOM:
        f->ops = &random_ops;
        return 0;
    default:
        return -ENXIO;
    }
}

/* ---- the tree ------------------------------------------------------------------------------------------------------ */

#define DEVICE(perm, major, minor) S_IFCHR | (perm), NULL, MAKEDEV(major, minor)
#define FOLDER(perm)               S_IFDIR | (perm), NULL, 0
#define LINK(target)               S_IFLNK | 0777, target, 0

static const struct {
    const char *name;
    uint32_t mode;
    const char *target;
    uint64_t rdev;
} nodes[] = {
    {"null", DEVICE(0666, MEM_MAJOR, MINOR_NULL)},
    {"zero", DEVICE(0666, MEM_MAJOR, MINOR_ZERO)},
    {"full", DEVICE(0666, MEM_MAJOR, MINOR_FULL)},
    {"random", DEVICE(0666, MEM_MAJOR, MINOR_RANDOM)},
    {"urandom", DEVICE(0666, MEM_MAJOR, MINOR_URANDOM)},
    {"tty", DEVICE(0666, TTYAUX_MAJOR, 0)},
    {"console", DEVICE(0620, TTYAUX_MAJOR, 1)},
    {"ptmx", DEVICE(0666, TTYAUX_MAJOR, 2)},
    {"pts", FOLDER(0755)},
    {"shm", FOLDER(01777)},
    {"fd", LINK("/proc/self/fd")},
    {"stdin", LINK("/proc/self/fd/0")},
    {"stdout", LINK("/proc/self/fd/1")},
    {"stderr", LINK("/proc/self/fd/2")},
};

static int node_make(struct inode *dir, size_t idx)
{
    const char *name = nodes[idx].name;
    size_t len = strlen(name);
    struct inode *inode;
    int err = nodes[idx].target ? dir->ops->symlink(dir, name, len, nodes[idx].target, &inode)
                                : dir->ops->create(dir, name, len, nodes[idx].mode, nodes[idx].rdev, &inode);
    if (err == 0)
        inode_put(inode);
    return err;
}

int devfs_mount(struct superblock **sb)
{
    int err = ramfs_mount("devtmpfs", 0, sb);
    if (err)
        return err;
    struct inode *root = (*sb)->root;
    root->mode = S_IFDIR | 0755;
    mutex_lock(&root->lock);
    for (size_t i = 0; i < ARRAY_COUNT(nodes) && err == 0; i++)
        err = node_make(root, i);
    mutex_unlock(&root->lock);
    if (err)
        superblock_put(*sb);
    else
        device_register(MEM_MAJOR, mem_open);
    return err;
}
