/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/device.h"

#define MAJOR_MAX 256
static device_open_fn *devices[MAJOR_MAX];

void device_register(unsigned major, device_open_fn *open)
{
    CHECK(major < MAJOR_MAX);
    devices[major] = open;
}

int device_open(struct inode *inode, struct file *f)
{
    unsigned major = MAJOR(inode->rdev);
    return major < MAJOR_MAX && devices[major] ? devices[major](inode, f) : -ENXIO;
}
