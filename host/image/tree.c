/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct link_seen { /* a file with several names */
    dev_t dev;
    ino_t ino;
    struct tree_node *node;
};

struct reading {
    const char *dir;
    void *links; /* tree of struct link_seen */
    struct error *err;
};

static struct tree_node *node_create(const char *name, mode_t mode)
{
    struct tree_node *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    n->name = strdup(name);
    n->mode = mode;
    n->nlink = 1;
    return n;
}

static bool child_append(struct tree_node *dir, struct tree_node *child)
{
    if (dir->child_count == dir->child_room) {
        size_t room = dir->child_room ? 2 * dir->child_room : 16;
        struct tree_node **grown = realloc(dir->children, room * sizeof(struct tree_node *));
        if (!grown)
            return false;
        dir->children = grown;
        dir->child_room = room;
    }
    child->parent = dir;
    dir->children[dir->child_count++] = child;
    return true;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct tree_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void children_sort(struct tree_node *dir)
{
    if (dir->child_count > 1)
        qsort(dir->children, dir->child_count, sizeof(struct tree_node *), compare_nodes);
}

const char *tree_path(const struct tree_node *node, char *buf)
{
    char *at = buf + PATH_MAX - 1;
    *at = 0;
    for (; node->parent; node = node->parent) {
        size_t len = strlen(node->name);
        if ((size_t)(at - buf) < len + 1)
            break;
        at -= len;
        memcpy(at, node->name, len);
        *--at = '/';
    }
    return *at ? at : "/";
}

/* ---- links -------------------------------------------------------------------------------------------------------------- */

static int compare_links(const void *a, const void *b)
{
    const struct link_seen *x = a, *y = b;
    return x->dev != y->dev ? (x->dev < y->dev ? -1 : 1) : (x->ino > y->ino) - (x->ino < y->ino);
}

/* A second name of a file is the file again. */
static int hard_link(struct reading *r, struct tree_node *n, const struct stat *st)
{
    struct link_seen *l = malloc(sizeof(*l));
    if (!l)
        return -1;
    *l = (struct link_seen){st->st_dev, st->st_ino, n};
    struct link_seen **found = tsearch(l, &r->links, compare_links);
    if (!found)
        return -1;
    if (*found != l) {
        n->same = (*found)->node;
        n->same->nlink++;
        free(l);
    }
    return 0;
}

static int link_read(struct tree_node *n, int dir)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(dir, n->name, target, sizeof(target));
    if (size <= 0)
        return -1;
    n->size = (uint64_t)size;
    n->data = memcpy(malloc((size_t)size), target, (size_t)size);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

static int node_errno(struct reading *r, const struct tree_node *n)
{
    char path[PATH_MAX];
    int saved = errno;
    const char *text = tree_path(n, path);
    errno = saved;
    return error_errno(r->err, "%s%s", r->dir, text);
}

static int dir_read(struct reading *r, struct tree_node *dir, int fd);

static int node_fill(struct reading *r, struct tree_node *n, int dir, const struct stat *st)
{
    n->rdev = st->st_rdev;
    if (S_ISDIR(st->st_mode)) {
        int fd = openat(dir, n->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? node_errno(r, n) : dir_read(r, n, fd);
    }
    if (S_ISLNK(st->st_mode))
        return link_read(n, dir) < 0 ? node_errno(r, n) : 0;
    n->mtime = st->st_mtim.tv_sec;
    n->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
    n->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
    return st->st_nlink > 1 && hard_link(r, n, st) < 0 ? node_errno(r, n) : 0;
}

static int child_read(struct reading *r, struct tree_node *dir, int fd, const char *name)
{
    struct stat st;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return node_errno(r, dir);
    struct tree_node *n = node_create(name, st.st_mode);
    if (!n || !n->name || !child_append(dir, n))
        return error_set(r->err, "out of memory");
    return 0;
}

/* Names first, sorted; then what is below, so that of several names of a file the first in order is the file. Takes fd. */
static int dir_read(struct reading *r, struct tree_node *dir, int fd)
{
    struct dirent *e;
    int result = 0;
    DIR *d = fdopendir(fd);
    if (!d)
        return node_errno(r, dir);
    while (result == 0 && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            result = child_read(r, dir, fd, e->d_name);
    }
    children_sort(dir);
    for (size_t i = 0; i < dir->child_count && result == 0; i++) {
        struct stat st;
        result = fstatat(fd, dir->children[i]->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? node_errno(r, dir->children[i])
                                                                                   : node_fill(r, dir->children[i], fd, &st);
    }
    closedir(d);
    return result;
}

struct tree_node *tree_read(const char *dir, struct error *err)
{
    struct reading r = {.dir = dir, .err = err};
    struct stat st;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_errno(err, "%s", dir);
        return NULL;
    }
    struct tree_node *root = node_create("", st.st_mode);
    if (root && dir_read(&r, root, fd) == 0) {
        tdestroy(r.links, free);
        return root;
    }
    tree_free(root);
    return NULL;
}

struct tree_node *tree_add(struct tree_node *dir, const char *name, mode_t mode, const void *data, uint64_t size)
{
    for (size_t i = 0; i < dir->child_count; i++) {
        if (strcmp(dir->children[i]->name, name) == 0)
            return NULL;
    }
    struct tree_node *n = node_create(name, mode);
    if (!n || !child_append(dir, n))
        return NULL;
    n->data = data;
    n->size = size;
    children_sort(dir);
    return n;
}

static struct tree_node *child_find(struct tree_node *dir, const char *name, size_t len)
{
    size_t low = 0, high = dir->child_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strncmp(dir->children[mid]->name, name, len);
        if (order == 0)
            order = dir->children[mid]->name[len] ? 1 : 0;
        if (order == 0)
            return dir->children[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

struct tree_node *tree_find(struct tree_node *n, const char *path)
{
    while (n && *path) {
        path += *path == '/';
        size_t len = strcspn(path, "/");
        n = child_find(n, path, len);
        path += len;
    }
    return n;
}

void tree_free(struct tree_node *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->child_count; i++)
        tree_free(n->children[i]);
    if (S_ISLNK(n->mode))
        free((void *)n->data);
    free(n->children);
    free(n->name);
    free(n);
}
