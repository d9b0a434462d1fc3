/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an image file: any bytes, checked as they are read. Kinds of inodes and layouts as the kernel takes them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

struct erofs_image {
    const uint8_t *data;
    size_t size, mapped_size;
    uint64_t meta_off, root_nid;
};

struct erofs_file {
    char path[4096];
    mode_t mode;
    uint64_t size, ino;
    int64_t mtime;
    uint32_t mtime_ns, rdev;
    const uint8_t *whole, *tail; /* content: whole_size bytes, then the rest of size */
    uint64_t whole_size;
};

/* key: 32 bytes for an encrypted image; NULL: none is at hand. */
int erofs_open(const char *path, const uint8_t *key, struct erofs_image *image, struct error *err);
void erofs_close(struct erofs_image *image);
/* Calls visit for all, in order, folders before what is in them; -1 from it ends the walk. */
int erofs_walk(const struct erofs_image *image, int (*visit)(void *context, const struct erofs_file *file, struct error *err),
               void *context, struct error *err);
