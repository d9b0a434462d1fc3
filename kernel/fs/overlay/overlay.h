/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writable file system over one that never changes: what is there below is seen until it is changed, and then it is
 * above. What is kept above follows Linux' overlayfs: whiteouts (character devices 0/0), trusted.overlay.opaque and
 * .redirect. docs/design.md 6.8 says how.
 */
#pragma once
#include "vfs/inode.h"

/*
 * Two directories; nobody else may change them meanwhile. upper: on a file system with tmpfile, link and trusted attributes
 * (-EINVAL).
 */
nodiscard int overlay_mount(struct inode *upper, struct inode *lower, struct superblock **sb);
