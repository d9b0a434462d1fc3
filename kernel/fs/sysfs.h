/* SPDX-License-Identifier: Apache-2.0 */
/* /sys: the little that C libraries and language run times read to learn about processors. Read-only. */
#pragma once
#include "vfs/inode.h"

nodiscard int sysfs_mount(struct superblock **sb);
