/* SPDX-License-Identifier: Apache-2.0 */
/* EROFS on disk: Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h of Linux. Little-endian. */
#pragma once
#include <stdint.h>

#define EROFS_MAGIC     0xe0f5e1e2u
#define EROFS_SUPER_OFF 1024u
#define EROFS_COMPAT_MTIME 2u /* an inode's time is that of its last change */
#define EROFS_SLOT      32u /* inode numbers (nid) count these */

struct erofs_super {
    uint32_t magic, checksum, feature_compat; /* EROFS_COMPAT_* */
    uint8_t block_bits, ext_slots;
    uint16_t root_nid;
    uint64_t inodes, build_time;
    uint32_t build_time_ns, blocks, meta_block, xattr_block;
    uint8_t uuid[16], volume_name[16];
    uint32_t feature_incompat;
    uint8_t reserved[44];
};
_Static_assert(sizeof(struct erofs_super) == 128, "EROFS superblock");

enum { EROFS_LAYOUT_PLAIN = 0, EROFS_LAYOUT_INLINE = 2 };

struct erofs_inode_compact {
    uint16_t format, xattr_count, mode, nlink;
    uint32_t size, reserved, block, ino;
    uint16_t uid, gid;
    uint32_t reserved2;
};
struct erofs_inode_extended {
    uint16_t format, xattr_count, mode, reserved;
    uint64_t size;
    uint32_t block, ino, uid, gid;
    uint64_t mtime;
    uint32_t mtime_ns, nlink;
    uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode_compact) == 32 && sizeof(struct erofs_inode_extended) == 64, "EROFS inodes");

struct erofs_dirent {
    uint64_t nid;
    uint16_t name_off;
    uint8_t type, reserved; /* type: 1 regular, 2 directory, 3 char, 4 block, 5 fifo, 6 socket, 7 symlink */
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_dirent) == 12, "EROFS directory entry");
