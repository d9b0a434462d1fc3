/* SPDX-License-Identifier: Apache-2.0 */
/* Where the dynamic linker finds a library under a root directory, and whether an image has all that it needs. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/file.h"
#include "elf_needs.h"

/* A file tree seen as if it were the root: links stay inside. */
struct root {
    int fd;
    char **dirs; /* what /etc/ld.so.conf adds, then the defaults */
    size_t dir_count;
};
int root_open(const char *path, struct root *root, struct error *err);
void root_close(struct root *root);
/* O_PATH descriptor of an absolute path in it, links followed; -1 with errno. */
int root_lookup(const struct root *root, const char *path);
/* Maps a regular file; false if it is not one. Unmap with file_unmap. */
bool root_map(const struct root *root, const char *path, struct bytes *file);
void file_unmap(struct bytes *file);

/* The path of library `name` as needed by the program at `user` (absolute in the root). False: it is nowhere. */
bool library_find(const struct root *root, const char *user, const struct elf_needs *needs,
                  const char *name, char *path, size_t size);

/* Does the dynamic linker find it only because /etc/ld.so.conf, and so ld.so.cache, says so? */
bool library_is_configured(const struct root *root, const char *path);

/* Each program of dir must find its interpreter and libraries in dir. */
int closure_check(const char *dir, struct error *err);
