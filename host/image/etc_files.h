/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/hostname, /etc/hosts and /etc/resolv.conf of the root image, written from naos.json unless the folder has its own. An empty file counts
 * as none: images made for containers have those as places to mount over.
 */
#pragma once
#include "app.h"
#include "tree.h"

#define ETC_FILE_COUNT 3

/* The texts, freed with etc_files_free after the image was written. */
struct etc_files {
    char *text[ETC_FILE_COUNT];
};

/* Puts into the tree those that are missing; what naos.json says in vain is told on stderr. */
int etc_files_put(struct tree_node *root, const struct app *app, struct etc_files *files, struct error *err);
void etc_files_free(struct etc_files *files);
/* Was it written this way? tree: the folder. */
bool etc_file_is_ours(struct tree_node *root, const char *path);
