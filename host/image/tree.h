/* SPDX-License-Identifier: Apache-2.0 */
/* A file tree as it will be in the image: read from a folder, sorted by name, with what naos adds. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "base/error.h"

struct tree_node {
    char *name;
    struct tree_node *parent;
    struct tree_node **children; /* of a directory, sorted by name */
    size_t child_count, child_room;
    struct tree_node *same; /* another name of this file: the first one met */
    mode_t mode;
    dev_t rdev;
    uint64_t size; /* of a file or a link's target */
    int64_t mtime;
    uint32_t mtime_ns, nlink;
    const void *data; /* of a link, or of what naos adds; NULL: the file in the folder */

    /* Where erofs_write puts it. */
    uint64_t nid, block;
    uint32_t ino;
    unsigned layout;
};

/* Times of directories and links are 0: they say only when somebody made them. NULL with err. */
struct tree_node *tree_read(const char *dir, struct error *err);
/* A file or directory (data NULL) below dir, with time 0. NULL: there is one of that name, or no memory. */
struct tree_node *tree_add(struct tree_node *dir, const char *name, mode_t mode, const void *data, uint64_t size);
/* A path below dir; "" is dir itself. NULL: there is none such. */
struct tree_node *tree_find(struct tree_node *dir, const char *path);
/* The node's path from the root, with its slash; buf has PATH_MAX bytes. */
const char *tree_path(const struct tree_node *node, char *buf);
void tree_free(struct tree_node *root);
