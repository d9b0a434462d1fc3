/* SPDX-License-Identifier: Apache-2.0 */
/* Character devices by number, and what else open(2) leaves to others. */
#pragma once
#include "vfs/inode.h"

#define MAJOR(rdev) ((unsigned)(((rdev) >> 8) & 0xfff))
#define MINOR(rdev) ((unsigned)(((rdev) & 0xff) | (((rdev) >> 12) & 0xfff00)))
#define MAKEDEV(major, minor) ((uint64_t)((((minor) & 0xffU) | ((major) & 0xfffU) << 8) | ((uint64_t)((minor) & ~0xffU) << 12)))

/* Opens a device of `major`: sets f->ops and f->data. */
typedef int device_open_fn(struct inode *inode, struct file *f);
void device_register(unsigned major, device_open_fn *open); /* at boot only */
nodiscard int device_open(struct inode *inode, struct file *f); /* -ENXIO: no such device */

/* Filled by init. */
struct vfs_special_ops {
    int (*fifo_open)(struct inode *inode, struct file *f); /* may sleep until the other end is there */
    void (*watchers_release)(struct file *f); /* the last reference goes of a file that was in an epoll set */
};
extern const struct vfs_special_ops vfs_special_ops;
