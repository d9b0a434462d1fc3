/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev: a tree in memory with the usual nodes and links, and the devices of major 1 (null, zero, full, random, urandom).
 * Terminals belong to tty/. The folders pts and shm are for mounts of devpts and tmpfs.
 */
#pragma once
#include "vfs/inode.h"

nodiscard int devfs_mount(struct superblock **sb);
