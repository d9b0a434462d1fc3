/* SPDX-License-Identifier: Apache-2.0 */
/* Root, working directory and umask; CLONE_FS shares them. */
#include "base/refcount.h"
#include "base/spinlock.h"
#include "heap/heap.h"
#include "vfs/path.h"

struct fs_context {
    struct refcount ref;
    struct spinlock lock; /* guards the rest */
    struct path root, cwd;
    unsigned umask;
};

int fs_context_create(const struct path *root, struct fs_context **result)
{
    struct fs_context *fs = heap_zalloc(sizeof(*fs));
    if (!fs)
        return -ENOMEM;
    ref_init(&fs->ref, 1);
    fs->root = fs->cwd = *root;
    path_get(root);
    path_get(root);
    fs->umask = 022;
    *result = fs;
    return 0;
}

int fs_context_copy(struct fs_context *from, struct fs_context **result)
{
    struct path root, cwd;
    fs_context_root(from, &root);
    int err = fs_context_create(&root, result);
    path_put(&root);
    if (err)
        return err;
    fs_context_cwd(from, &cwd);
    fs_context_set_cwd(*result, &cwd);
    path_put(&cwd);
    (*result)->umask = fs_context_umask(from);
    return 0;
}

void fs_context_get(struct fs_context *fs)
{
    ref_get(&fs->ref);
}

void fs_context_put(struct fs_context *fs)
{
    if (!ref_put(&fs->ref))
        return;
    path_put(&fs->root);
    path_put(&fs->cwd);
    heap_free(fs);
}

static void take(struct fs_context *fs, const struct path *from, struct path *to)
{
    spin_lock(&fs->lock);
    *to = *from;
    path_get(to);
    spin_unlock(&fs->lock);
}

static void set(struct fs_context *fs, struct path *field, const struct path *value)
{
    path_get(value);
    spin_lock(&fs->lock);
    struct path old = *field;
    *field = *value;
    spin_unlock(&fs->lock);
    path_put(&old);
}

void fs_context_root(struct fs_context *fs, struct path *root)
{
    take(fs, &fs->root, root);
}

void fs_context_cwd(struct fs_context *fs, struct path *cwd)
{
    take(fs, &fs->cwd, cwd);
}

void fs_context_set_root(struct fs_context *fs, const struct path *root)
{
    set(fs, &fs->root, root);
}

void fs_context_set_cwd(struct fs_context *fs, const struct path *cwd)
{
    set(fs, &fs->cwd, cwd);
}

unsigned fs_context_umask(struct fs_context *fs)
{
    return __atomic_load_n(&fs->umask, __ATOMIC_RELAXED);
}

unsigned fs_context_set_umask(struct fs_context *fs, unsigned mask)
{
    return __atomic_exchange_n(&fs->umask, mask & 0777, __ATOMIC_RELAXED);
}
